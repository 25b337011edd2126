//! Prophet, native: a piecewise-linear trend and Fourier seasons of local time (Taylor and Letham 2018), with the
//! posterior of the upstream package and its maximum found exactly.
//!
//! The package hands each fit to a general optimiser that passes over the whole history at every step. Here one pass
//! makes sums ([`Gram`]), and the maximum is found from the sums alone (`map`): a convex problem of some
//! fifty numbers. Seasons that multiply the trend make the model nonlinear and need a few passes (`scaled`).
//!
//! A forecast is the curve: it knows nothing of the last hour. The hybrid network adds that.

mod curve;
mod design;
mod gram;
mod grid;
mod lasso;
mod map;
mod matrix;
mod member;
mod scaled;
mod seasons;
#[cfg(test)]
mod tests;

pub use curve::Curve;
pub use design::Design;
pub use gram::Gram;
pub(super) use member::Prophet;
pub(crate) use member::learn;
pub use seasons::{Order, Season, choose};

use map::{Priors, Solution};

use crate::domain::EventTimes;

/// A prior as narrow as this holds a number at 0.
const HELD: f64 = 1e18;

/// What is fitted, with upstream's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether the trend has a slope at all.
    pub growth: Growth,
    /// How many places the trend may bend at.
    pub changepoints: usize,
    /// They lie in this first share of the samples.
    pub changepoint_range: f64,
    /// Scale of the Laplace prior of each change of the slope.
    pub changepoint_prior_scale: f64,
    /// Scale of the normal prior of each season's coefficients.
    pub seasonality_prior_scale: f64,
    /// Scale of the normal prior of each event's effect.
    pub events_prior_scale: f64,
    /// Sines and cosines of the year.
    pub yearly: Order,
    /// Sines and cosines of the week.
    pub weekly: Order,
    /// Sines and cosines of the day.
    pub daily: Order,
    /// Whether seasons and events add to the trend or multiply it.
    pub mode: Mode,
}

/// The shape of the trend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// Piecewise linear.
    #[default]
    Linear,
    /// One level.
    Flat,
}

/// How seasons and events act on the trend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `trend + seasons`.
    #[default]
    Additive,
    /// `trend * (1 + seasons)`.
    Multiplicative,
}

/// A sample to fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds since the epoch.
    pub at: i64,
    /// The same moment in seconds of local time.
    pub local: i64,
    /// In the metric's own unit; finite.
    pub value: f64,
}

/// A fit: the numbers at the maximum of the posterior, in upstream's scaling (time from 0 to 1 over the history, the
/// largest value 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The first sample, in seconds.
    pub start: i64,
    /// Seconds from the first sample to the last.
    pub span: f64,
    /// The largest value by size.
    pub unit: f64,
    /// The columns that `beta` belongs to.
    pub design: Design,
    /// How the columns act.
    pub mode: Mode,
    /// Slope at the start.
    pub k: f64,
    /// Level at the start.
    pub m: f64,
    /// Where the slope may change, in seconds.
    pub changepoints: Vec<i64>,
    /// By how much it does.
    pub delta: Vec<f64>,
    /// Coefficients of the columns.
    pub beta: Vec<f64>,
    /// Noise.
    pub sigma: f64,
    /// The log posterior, without constants.
    pub log_posterior: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            growth: Growth::Linear,
            changepoints: 25,
            changepoint_range: 0.8,
            changepoint_prior_scale: 0.05,
            seasonality_prior_scale: 10.0,
            events_prior_scale: 10.0,
            yearly: Order::Auto(10),
            weekly: Order::Auto(3),
            daily: Order::Auto(4),
            mode: Mode::Additive,
        }
    }
}

/// Fits `points`, which are in order of time; `None` when there are fewer than two moments.
pub fn fit(points: &[Point], settings: &Settings) -> Option<Fitted> {
    fit_with(points, settings, Vec::new())
}

/// The same with known events, each of which is one more column.
pub fn fit_with(points: &[Point], settings: &Settings, events: Vec<EventTimes>) -> Option<Fitted> {
    let (first, last) = (points.first()?, points.last()?);
    let step = points
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .filter(|step| *step > 0)
        .min()?;
    let seasons = choose(settings, last.at - first.at, step);
    let design = Design::new(seasons).with_events(events);
    fit_design(points, settings, design)
}

/// Fits `points` with the columns of `design`.
pub fn fit_design(points: &[Point], settings: &Settings, design: Design) -> Option<Fitted> {
    let changepoints = changepoints(points, settings);
    let gram = summed(points, &design, &changepoints);
    let columns: Vec<usize> = (0..design.width()).collect();
    let data = gram.quadratic(&changepoints, &columns)?;
    let priors = priors(settings, &design);
    let solution = match (flat(points), settings.mode) {
        (Some(level), _) => constant(level / gram.unit(), data.moments.len()),
        (None, Mode::Additive) => map::maximise(&data, &priors)?,
        (None, Mode::Multiplicative) => {
            let rows = scaled::Rows::new(points, &design, &changepoints, gram.unit());
            scaled::maximise(&rows, &data, &priors)?
        }
    };
    let (start, end) = gram.ends()?;
    let scales = (start, (end - start) as f64, gram.unit());
    Some(Fitted::new(
        &solution,
        scales,
        design,
        settings.mode,
        changepoints,
    ))
}

/// Fits what `gram` has summed up, with the seasons that its span can tell; changepoints are put at those of its cuts
/// that are nearest to upstream's places. Additive seasons only: sums know nothing of products.
pub fn fit_gram(gram: &Gram, settings: &Settings, design: &Design, step: i64) -> Option<Fitted> {
    let (start, end) = gram.ends()?;
    let chosen = choose(settings, end - start, step);
    let (part, columns) = design.part(&chosen);
    let changepoints = gram.changepoints(settings);
    let data = gram.quadratic(&changepoints, &columns)?;
    let solution = map::maximise(&data, &priors(settings, &part))?;
    let scales = (start, (end - start) as f64, gram.unit());
    Some(Fitted::new(
        &solution,
        scales,
        part,
        Mode::Additive,
        changepoints,
    ))
}

/// The sums of `points`, with a cut at each changepoint.
pub fn summed(points: &[Point], design: &Design, changepoints: &[i64]) -> Gram {
    let mut gram = Gram::new(design.width());
    let mut rest = points;
    for at in changepoints {
        let (before, after) = rest.split_at(rest.partition_point(|point| point.at < *at));
        gram.extend(design, before);
        // The first stretch begins with the first sample, not with a changepoint.
        if gram.ends().is_some() {
            gram.cut(*at);
        }
        rest = after;
    }
    gram.extend(design, rest);
    gram
}

/// Upstream's changepoints: at evenly spread samples of the first part of the history, the first sample left out.
pub fn changepoints(points: &[Point], settings: &Settings) -> Vec<i64> {
    let ranks = ranks(points.len(), settings);
    ranks.into_iter().map(|rank| points[rank].at).collect()
}

/// The ranks of the samples at which the trend may bend.
fn ranks(samples: usize, settings: &Settings) -> Vec<usize> {
    let first = (samples as f64 * settings.changepoint_range).floor() as usize;
    let last = first.saturating_sub(1);
    let count = match settings.growth {
        Growth::Linear => settings.changepoints.min(last),
        Growth::Flat => 0,
    };
    (1..=count)
        .map(|i| (i as f64 * last as f64 / count as f64).round_ties_even() as usize)
        .collect()
}

fn priors(settings: &Settings, design: &Design) -> Priors {
    // Slope and offset have a normal prior of scale 5.
    let mut precision = vec![5.0_f64.powi(-2); 2];
    if settings.growth == Growth::Flat {
        precision[0] = HELD;
    }
    precision.extend(design.scales(settings).map(|scale| scale.powi(-2)));
    Priors {
        precision,
        rate: 1.0 / settings.changepoint_prior_scale,
    }
}

/// The value of all points, if it is the same.
fn flat(points: &[Point]) -> Option<f64> {
    let first = points.first()?.value;
    points
        .iter()
        .all(|point| point.value.to_bits() == first.to_bits())
        .then_some(first)
}

/// Without noise there is no maximum; upstream, too, takes the level itself.
fn constant(level: f64, size: usize) -> Solution {
    let mut values = vec![0.0; size];
    values[1] = level;
    Solution {
        values,
        sigma: 1e-9,
        energy: f64::NEG_INFINITY,
    }
}

// === impl Fitted ===

impl Fitted {
    fn new(
        solution: &Solution,
        (start, span, unit): (i64, f64, f64),
        design: Design,
        mode: Mode,
        changepoints: Vec<i64>,
    ) -> Self {
        let smooth = 2 + design.width();
        Self {
            start,
            span,
            unit,
            mode,
            k: solution.values[0],
            m: solution.values[1],
            delta: solution.values[smooth..].to_vec(),
            beta: solution.values[2..smooth].to_vec(),
            sigma: solution.sigma,
            log_posterior: -solution.energy,
            design,
            changepoints,
        }
    }
}
