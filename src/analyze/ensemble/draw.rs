//! From what was said at the lead times to a forecast with a path, bands and peaks.

use std::sync::Arc;

use super::lane::Said;
use super::{AUTO, Other, Wanted, calibrate};
use crate::analyze::models::built_in::{self, Start};
use crate::analyze::models::{Look, NAIVE};
use crate::analyze::stats::interpolate;
use crate::analyze::{ForecastInput, ModelError};
use crate::domain::{DEFAULT_LEVELS, Forecast, ForecastError, Quantile, Track};

/// What a forecast is drawn from.
pub(super) struct Drawing<'a> {
    pub(super) input: &'a ForecastInput,
    pub(super) look: &'a Look<'a>,
    pub(super) start: &'a Start,
    pub(super) track: &'a Track,
    pub(super) wanted: Wanted,
    pub(super) others: &'a [Other],
    pub(super) said: &'a [Said],
    pub(super) units: &'a [calibrate::Units],
}

/// Path and bands at every step, peaks at every lead time.
pub(super) fn draw(it: &Drawing<'_>) -> Result<Forecast, ModelError> {
    let asked = it.others.first().filter(|_| it.wanted == Wanted::First);
    let refused = it.said.iter().all(|said| said.refused);
    let name = match asked {
        Some(other) => Arc::clone(&other.model),
        None if refused => Arc::from(NAIVE),
        None => Arc::from(AUTO),
    };
    let published: Vec<f64> = it.said.iter().map(|said| said.finals[2]).collect();
    let offsets: Option<Vec<[f64; 9]>> = it
        .track
        .lanes
        .iter()
        .zip(it.units)
        .map(|(lane, units)| calibrate::offsets(&lane.path, &units.path).map(calibrate::centred))
        .collect();
    // Before anything has come true, bands are those of the fit or the model's own.
    let Some(offsets) = offsets else {
        return match asked {
            Some(other) => Ok(other.forecast.clone()),
            None => built_in::by_fit(it.input),
        };
    };
    let path: Vec<f64> = match asked {
        Some(other) => (0..other.forecast.steps())
            .map(|step| other.forecast.quantile(Quantile::MEDIAN, step))
            .collect(),
        None => built_in::path(
            it.look,
            it.input.fit.as_deref(),
            it.start,
            &published,
            it.input.horizon_steps,
            &name,
        ),
    };
    let levels = built_in::levels(&it.input.levels);
    let aheads: Vec<u32> = it.look.knots.to_vec();
    let by_level: Vec<Vec<f64>> = levels
        .iter()
        .map(|level| {
            offsets
                .iter()
                .map(|offsets| level.among(&DEFAULT_LEVELS, |place| offsets[place]))
                .collect()
        })
        .collect();
    let last = aheads.last().map_or(1.0, |last| f64::from(*last));
    let values = by_level.iter().flat_map(|offsets| {
        let aheads = &aheads;
        path.iter().enumerate().map(move |(step, point)| {
            let ahead = (step + 1 + it.start.age) as f64;
            let beyond = (ahead / last).max(1.0).sqrt();
            (point + interpolate(aheads, offsets, ahead) * beyond).clamp(-1e35, 1e35) as f32
        })
    });
    let history = &it.input.history.series;
    let end = history.time_of(history.len().saturating_sub(1));
    let floor = built_in::floor(it.look.view);
    let wrong = |error: ForecastError| ModelError(format!("model `{name}`: {error}"));
    let forecast = Forecast::new(
        Arc::clone(&name),
        end,
        history.step(),
        levels.clone(),
        values.collect(),
        floor,
    )
    .map_err(wrong)?;
    with_peaks(it, forecast, &published, &levels, floor).map_err(wrong)
}

fn with_peaks(
    it: &Drawing<'_>,
    forecast: Forecast,
    published: &[f64],
    levels: &[Quantile],
    floor: Option<f32>,
) -> Result<Forecast, ForecastError> {
    let offsets: Option<Vec<[f64; 9]>> = it
        .track
        .lanes
        .iter()
        .zip(it.units)
        .map(|(lane, units)| calibrate::offsets(&lane.peak, &units.peak))
        .collect();
    let within = it
        .look
        .knots
        .last()
        .is_some_and(|last| *last as usize <= forecast.steps());
    let Some(offsets) = offsets.filter(|_| it.start.age == 0 && within) else {
        return Ok(forecast);
    };
    let mut peak = f64::NEG_INFINITY;
    let peaks: Vec<f64> = published
        .iter()
        .map(|point| {
            peak = peak.max(*point);
            peak
        })
        .collect();
    let values = levels.iter().flat_map(|level| {
        peaks.iter().zip(&offsets).map(|(peak, offsets)| {
            (peak + level.among(&DEFAULT_LEVELS, |place| offsets[place])).clamp(-1e35, 1e35) as f32
        })
    });
    let values = values
        .map(|value| floor.map_or(value, |floor| value.max(floor)))
        .collect();
    forecast.with_peaks(it.look.knots.to_vec(), values)
}
