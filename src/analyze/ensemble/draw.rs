//! From what was said at the lead times to a forecast with a path, bands and peaks.

use std::sync::Arc;
use std::time::Duration;

use super::lane::Said;
use super::{AUTO, Other, Wanted, calibrate};
use crate::analyze::models::built_in::{self, Start};
use crate::analyze::models::{Look, NAIVE};
use crate::analyze::stats::interpolate;
use crate::analyze::{ForecastInput, ModelError};
use crate::domain::{DEFAULT_LEVELS, Forecast, ForecastError, Quantile, Timestamp, Track};

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
    let offsets = path_offsets(it.track, it.units);
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
    let history = &it.input.history.series;
    let frame = Frame {
        name: &name,
        end: history.time_of(history.len().saturating_sub(1)),
        step: history.step(),
        age: it.start.age,
        aheads: it.look.knots,
        levels: &levels,
        floor: built_in::floor(it.look.view),
    };
    frame.forecast(&path, &offsets, it.track, &published, it.units)
}

/// What a trial of a fit would have forecast: the same, but for a path that is straight between the lead times. `None`
/// before anything has come true.
pub(super) fn sketch(
    frame: &Frame<'_>,
    track: &Track,
    said: &[Said],
    units: &[calibrate::Units],
    (last, steps): (f64, usize),
) -> Option<Forecast> {
    let published: Vec<f64> = said.iter().map(|said| said.finals[2]).collect();
    let offsets = path_offsets(track, units)?;
    let knots: Vec<u32> = [0].iter().chain(frame.aheads).copied().collect();
    let points: Vec<f64> = [last].iter().chain(&published).copied().collect();
    let path: Vec<f64> = (1..=steps)
        .map(|step| interpolate(&knots, &points, step as f64))
        .collect();
    let forecast = frame.forecast(&path, &offsets, track, &published, units);
    forecast.ok()
}

/// By lead time: how far each level is from the path, in the metric's own unit.
fn path_offsets(track: &Track, units: &[calibrate::Units]) -> Option<Vec<[f64; 9]>> {
    let each = track.lanes.iter().zip(units).map(|(lane, units)| {
        let units = (&units.path, &calibrate::CENTRED);
        calibrate::offsets(&lane.path, units).map(calibrate::centred)
    });
    each.collect()
}

/// What a forecast is, beside its numbers.
pub(super) struct Frame<'a> {
    pub(super) name: &'a Arc<str>,
    /// Time of the last step of the history.
    pub(super) end: Timestamp,
    pub(super) step: Duration,
    /// Steps since the newest value.
    pub(super) age: usize,
    /// The lead times in steps, rising.
    pub(super) aheads: &'a [u32],
    pub(super) levels: &'a [Quantile],
    pub(super) floor: Option<f32>,
}

impl Frame<'_> {
    /// Bands around `path`, and quantiles of the highest value up to each lead time.
    fn forecast(
        &self,
        path: &[f64],
        offsets: &[[f64; 9]],
        track: &Track,
        published: &[f64],
        units: &[calibrate::Units],
    ) -> Result<Forecast, ModelError> {
        let wrong = |error: ForecastError| ModelError(format!("model `{}`: {error}", self.name));
        let forecast = self.bands(path, offsets).map_err(wrong)?;
        self.with_peaks(forecast, track, published, units)
            .map_err(wrong)
    }

    fn bands(&self, path: &[f64], offsets: &[[f64; 9]]) -> Result<Forecast, ForecastError> {
        let by_level = self.levels.iter().map(|level| {
            let at = |offsets: &[f64; 9]| level.among(&DEFAULT_LEVELS, |place| offsets[place]);
            offsets.iter().map(at).collect::<Vec<f64>>()
        });
        let last = self.aheads.last().map_or(1.0, |last| f64::from(*last));
        let values = by_level.flat_map(|offsets| {
            path.iter().enumerate().map(move |(step, point)| {
                let ahead = (step + 1 + self.age) as f64;
                let beyond = (ahead / last).max(1.0).sqrt();
                (point + interpolate(self.aheads, &offsets, ahead) * beyond).clamp(-1e35, 1e35)
                    as f32
            })
        });
        Forecast::new(
            Arc::clone(self.name),
            self.end,
            self.step,
            self.levels.to_vec(),
            values.collect(),
            self.floor,
        )
    }

    fn with_peaks(
        &self,
        forecast: Forecast,
        track: &Track,
        published: &[f64],
        units: &[calibrate::Units],
    ) -> Result<Forecast, ForecastError> {
        let last = self.aheads.last();
        let within = last.is_some_and(|last| *last as usize <= forecast.steps());
        let mut peak = f64::NEG_INFINITY;
        let peaks: Vec<f64> = published
            .iter()
            .map(|point| {
                peak = peak.max(*point);
                peak
            })
            .collect();
        let each = track.lanes.iter().zip(units).zip(&peaks);
        let offsets: Option<Vec<[f64; 9]>> = each
            .map(|((lane, units), peak)| {
                calibrate::offsets(&lane.peak, (&units.peak, &units.shifts(*peak)))
            })
            .collect();
        let Some(offsets) = offsets.filter(|_| self.age == 0 && within) else {
            return Ok(forecast);
        };
        let values = self.levels.iter().flat_map(|level| {
            peaks.iter().zip(&offsets).map(|(peak, offsets)| {
                (peak + level.among(&DEFAULT_LEVELS, |place| offsets[place])).clamp(-1e35, 1e35)
                    as f32
            })
        });
        let values = values
            .map(|value| self.floor.map_or(value, |floor| value.max(floor)))
            .collect();
        forecast.with_peaks(self.aheads.to_vec(), values)
    }
}
