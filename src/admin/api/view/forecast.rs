//! A forecast as the API shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::{Forecast, Quantile, StandIn, Timestamp};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ForecastView {
    origin: Timestamp,
    step_seconds: u64,
    levels: Vec<Quantile>,
    paths: BTreeMap<String, Vec<f32>>,
    peaks: Option<PeaksView>,
    model: Arc<str>,
    stand_in: Option<StandIn>,
}

/// Quantiles of the highest value between the origin and each lead time.
#[derive(Debug, Serialize)]
struct PeaksView {
    /// Lead times in seconds.
    leads: Vec<u64>,
    /// One value for each lead time, by level.
    values: BTreeMap<String, Vec<f32>>,
}

impl From<&Forecast> for ForecastView {
    fn from(forecast: &Forecast) -> Self {
        let path = |(index, level): (usize, &Quantile)| {
            (level.get().to_string(), forecast.path(index).to_vec())
        };
        Self {
            origin: forecast.origin(),
            step_seconds: forecast.step().as_secs(),
            levels: forecast.levels().to_vec(),
            paths: forecast.levels().iter().enumerate().map(path).collect(),
            peaks: PeaksView::of(forecast),
            model: Arc::clone(&forecast.model),
            stand_in: forecast.stand_in.clone(),
        }
    }
}

impl PeaksView {
    /// What the model says of the highest value; `None` when it says nothing, for the paths alone can't tell.
    fn of(forecast: &Forecast) -> Option<Self> {
        let leads = forecast.peak_leads();
        if leads.is_empty() {
            return None;
        }
        let values = |level: &Quantile| {
            let at = |lead: &u32| forecast.peak(*level, *lead as usize) as f32;
            (level.get().to_string(), leads.iter().map(at).collect())
        };
        let step = forecast.step().as_secs();
        Some(Self {
            leads: leads.iter().map(|lead| u64::from(*lead) * step).collect(),
            values: forecast.levels().iter().map(values).collect(),
        })
    }
}
