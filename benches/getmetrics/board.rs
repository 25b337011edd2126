//! A board as it is after two weeks: every workload with a full history, a forecast and a plan.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use forescale::analyze;
use forescale::domain::{
    Basis, Clock, DEFAULT_LEVELS, Fit, Forecast, HumanDuration, LeadSource, Limit, Metadata, Mode,
    PastPlan, Plan, Quantile, Reason, Sample, SystemClock, Timestamp, WorkloadKey,
};
use forescale::execute::keda::proto::{GetMetricsRequest, ScaledObjectRef};
use forescale::execute::keda::{METRIC_NAME, parse_metadata};
use forescale::knowledge::{Board, Health, Published, Workload};

/// Steps of 60 s in 14 days.
const STEPS: i64 = 14 * 1440;

/// A filled board and the requests that KEDA would ask about it.
pub(crate) struct Filled {
    pub(crate) board: Arc<Board>,
    pub(crate) requests: Arc<[GetMetricsRequest]>,
    /// Growth of the process's resident memory by filling the board; `None` where it is too small to be measured so.
    pub(crate) bytes_per_workload: Option<u64>,
}

impl Filled {
    pub(crate) fn new(workloads: usize) -> Self {
        let before = resident_bytes();
        let board = Board::new(workloads);
        let now = SystemClock.now();
        let mut fit = None;
        for index in 0..workloads {
            let workload = register(&board, index, now);
            remember(&workload, index, now);
            let fit = fit.get_or_insert_with(|| fitted(&workload, now));
            // A copy of its own for each, as in life: what is shared takes no memory.
            workload.learned().fit = Some(Arc::new(fit.clone()));
            workload.publish(published(&workload, now));
        }
        let grown = resident_bytes().saturating_sub(before);
        Self {
            board: Arc::new(board),
            requests: (0..workloads).map(request).collect(),
            bytes_per_workload: (workloads >= 100).then(|| grown / workloads as u64),
        }
    }
}

/// Metadata of the size that real triggers have.
fn metadata(index: usize) -> Metadata {
    let query = format!(
        "sum(rate(http_requests_total{{namespace=\"team-{}\",app=\"web-{index}\"}}[2m]))",
        index % 50
    );
    [
        ("query", query.as_str()),
        ("threshold", "100"),
        ("activationThreshold", "5"),
        ("horizon", "30m"),
        ("history", "14d"),
        ("step", "60s"),
        ("leadTime", "120s"),
        ("quantile", "0.95"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

fn names(index: usize) -> (String, String) {
    (format!("team-{}", index % 50), format!("web-{index}"))
}

fn request(index: usize) -> GetMetricsRequest {
    let (namespace, name) = names(index);
    let scaler_metadata: HashMap<String, String> = metadata(index).into_iter().collect();
    GetMetricsRequest {
        scaled_object_ref: Some(ScaledObjectRef {
            name,
            namespace,
            scaler_metadata,
        }),
        metric_name: METRIC_NAME.to_owned(),
    }
}

fn register(board: &Board, index: usize, now: Timestamp) -> Arc<Workload> {
    let (namespace, name) = names(index);
    let metadata = metadata(index);
    let parsed = parse_metadata(&metadata).expect("the metadata above is valid");
    let key = WorkloadKey::new(&namespace, &name, metadata);
    board
        .register(key, parsed.spec, parsed.warnings, now)
        .expect("the board has room for all")
}

/// What fitting learns of two weeks.
fn fitted(workload: &Workload, now: Timestamp) -> Fit {
    let history = workload.learned().history.series();
    let spec = &workload.spec;
    analyze::fit(
        &analyze::prepare(&history),
        spec.horizon_steps(),
        &spec.timezone,
        now,
    )
}

/// A load with a daily shape and noise, so that packing finds nothing easier than in life.
fn remember(workload: &Workload, index: usize, now: Timestamp) {
    let end = now.as_secs() / 60;
    let mut learned = workload.learned();
    let mut noise = index as u64 + 1;
    for minute in end - STEPS..end {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let jitter = 1.0 + 0.1 * ((noise >> 11) as f64 / (1_u64 << 53) as f64 - 0.5);
        let day = (minute as f64 / 1440.0 * std::f64::consts::TAU).sin();
        let value = 1000.0 * (1.2 + day) * jitter;
        learned
            .history
            .record(Timestamp::from_secs(minute * 60), value);
    }
    learned.live = learned.history.last();
    // The planner's memory of the scale-down window.
    learned.memory.recent = (0..20)
        .map(|plan| PastPlan {
            at: now - Duration::from_secs(15 * plan),
            raw: 15,
            planned: 15,
        })
        .collect();
}

fn published(workload: &Workload, now: Timestamp) -> Published {
    let spec = &workload.spec;
    let steps = spec.horizon_steps();
    let values = vec![1500.0_f32; DEFAULT_LEVELS.len() * steps];
    let forecast = Forecast::new(
        "seasonal-naive",
        now,
        spec.step(),
        DEFAULT_LEVELS.to_vec(),
        values,
        Some(0.0),
    )
    .expect("the paths are finite and rise");
    Published {
        plan: Arc::new(plan(workload, now)),
        forecast: Some(Arc::new(forecast)),
        standing: None,
        anomalies: Arc::default(),
        health: Health {
            last_success: Some(now),
            backfilled: true,
            ..Health::default()
        },
    }
}

fn plan(workload: &Workload, now: Timestamp) -> Plan {
    let reason = |limit, from, to, text: &str| Reason {
        limit,
        from,
        to,
        text: text.to_owned(),
    };
    Plan {
        at: now,
        mode: Mode::Predictive,
        basis: Basis::Forecast,
        replicas: 15,
        planned: 15,
        reactive: Some(12),
        active: true,
        served: forescale::plan::serve(15, workload.spec.threshold),
        observed: Some(Sample {
            at: now,
            value: 1200.0,
        }),
        peak: None,
        quantile: Quantile::new(0.95).expect("between 0 and 1"),
        lead_time: HumanDuration::from_secs(120),
        lead_source: LeadSource::Given,
        capacity: None,
        vertical: None,
        model: Some("seasonal-naive".into()),
        chosen: None,
        authority: None,
        reasons: vec![
            reason(
                Limit::Forecast,
                0,
                15,
                "the 0.95 path peaks at 1500 within 2m, 15 replicas at 100 each",
            ),
            reason(
                Limit::ScaleDownWindow,
                15,
                15,
                "15 were planned within the last 5m",
            ),
        ],
    }
}

/// Memory of this process that lies in RAM.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.unwrap_or(0) * 1024
}
