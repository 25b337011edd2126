//! What is written for each workload.
//!
//! Each record is a version byte and a `MessagePack` map with named fields. A field added later has a default, so that
//! old records stay readable and old programs skip what they don't know; a change of meaning takes a new version, and a
//! reader leaves out versions that it doesn't know.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Restored;
use crate::domain::{
    Fit, Forecast, Plan, PlanMemory, Sample, Standing, Timestamp, Track, WorkloadKey,
};
use crate::knowledge::history::{BlockRecord, OlderRecord, Part};
use crate::knowledge::{Health, History, Learned, Published, Side, Workload};

const VERSION: u8 = 1;

/// A head begins with the time of its save, which is no part of what is compared.
const STAMP: usize = size_of::<i64>();

/// A workload without the sealed part of its history and without its fit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    key: WorkloadKey,
    registered_at: Timestamp,
    last_asked: Timestamp,
    step_millis: u64,
    capacity: u64,
    open_blocks: Vec<BlockRecord>,
    /// What of the older part is not in sealed blocks.
    #[serde(default)]
    older: Option<OlderRecord>,
    #[serde(default)]
    live: Option<Sample>,
    #[serde(default)]
    track: Option<Arc<Track>>,
    #[serde(default)]
    fit_since: Option<Timestamp>,
    #[serde(default)]
    backfilled: bool,
    #[serde(default)]
    memory: PlanMemory,
    #[serde(default)]
    plan: Option<Arc<Plan>>,
    #[serde(default)]
    forecast: Option<Arc<Forecast>>,
    #[serde(default)]
    standing: Option<Arc<Standing>>,
    #[serde(default)]
    health: Health,
}

/// A record that can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("it is empty or cut off")]
    Short,
    #[error("it has format {found}, this version reads {VERSION}")]
    Version { found: u8 },
    #[error("{0}")]
    Content(#[from] rmp_serde::decode::Error),
}

/// A head with the time of its save.
#[derive(Debug)]
pub(super) struct Stamped {
    saved_at: Timestamp,
    head: Head,
}

/// A record.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    rmp_serde::encode::write_named(&mut bytes, value)
        .expect("our own types have no map key or number that MessagePack can't hold, and memory takes any write");
    bytes
}

/// Reads what [`encode`] wrote.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    match bytes.split_first() {
        None => Err(RecordError::Short),
        Some((&VERSION, body)) => Ok(rmp_serde::from_slice(body)?),
        Some((&found, _)) => Err(RecordError::Version { found }),
    }
}

/// A head as it is stored.
pub(super) fn stamp(saved_at: Timestamp, head: &[u8]) -> Vec<u8> {
    [&saved_at.as_millis().to_le_bytes(), head].concat()
}

pub(super) fn decode_head(bytes: &[u8]) -> Result<Stamped, RecordError> {
    let (stamp, body) = bytes
        .split_first_chunk::<STAMP>()
        .ok_or(RecordError::Short)?;
    Ok(Stamped {
        saved_at: Timestamp::from_millis(i64::from_le_bytes(*stamp)),
        head: decode(body)?,
    })
}

/// The key alone of a head.
pub(super) fn decode_key(bytes: &[u8]) -> Result<WorkloadKey, RecordError> {
    #[derive(Deserialize)]
    struct KeyOnly {
        key: WorkloadKey,
    }
    let body = bytes.get(STAMP..).ok_or(RecordError::Short)?;
    Ok(decode::<KeyOnly>(body)?.key)
}

impl Head {
    pub(super) fn of(workload: &Workload, learned: &Learned) -> Self {
        let published = workload.published();
        let published = published.as_deref();
        Self {
            key: workload.key.clone(),
            registered_at: workload.registered_at,
            last_asked: workload.last_asked(),
            step_millis: learned.history.step().as_millis() as u64,
            capacity: learned.history.capacity() as u64,
            open_blocks: learned.history.open_blocks(),
            older: learned.history.older_record(),
            live: learned.live,
            track: learned.track.clone(),
            fit_since: learned.fit_since,
            backfilled: learned.backfilled,
            memory: learned.memory.clone(),
            plan: published.map(|published| Arc::clone(&published.plan)),
            forecast: published.and_then(|published| published.forecast.clone()),
            standing: published.and_then(|published| published.standing.clone()),
            health: published
                .map(|published| published.health.clone())
                .unwrap_or_default(),
        }
    }
}

impl Stamped {
    /// The workload, put together from its records. The head's own blocks come last: of a block that was open for late
    /// samples they are the newer version.
    pub(super) fn restore(
        self,
        sealed: Vec<BlockRecord>,
        older_sealed: Vec<(Part, Vec<BlockRecord>)>,
        fit: Option<Arc<Fit>>,
    ) -> Restored {
        let Head {
            key,
            registered_at,
            last_asked,
            step_millis,
            capacity,
            open_blocks,
            mut older,
            live,
            track,
            fit_since,
            backfilled,
            memory,
            plan,
            forecast,
            standing,
            health,
        } = self.head;
        let blocks = sealed.into_iter().chain(open_blocks);
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        if let Some(older) = &mut older {
            for (part, sealed) in older_sealed {
                older.add_sealed(part, sealed);
            }
        }
        let step = Duration::from_millis(step_millis);
        let history = History::from_blocks(step, capacity, blocks, older);
        // A forecast without a path would break its readers, whatever has written it.
        let forecast =
            forecast.filter(|forecast| !forecast.levels().is_empty() && forecast.steps() > 0);
        Restored {
            key,
            saved_at: self.saved_at,
            registered_at,
            last_asked,
            learned: Learned {
                history,
                live,
                in_part_since: None,
                side: Side::default(),
                fit,
                track,
                fit_since,
                backfilled,
                memory,
                decision: None,
            },
            published: plan.map(|plan| Published {
                plan,
                forecast,
                standing,
                // Found again in the history at the first refresh.
                anomalies: Arc::default(),
                health,
            }),
        }
    }
}
