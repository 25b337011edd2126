//! From competing models to one calibrated forecast: what happens at every refresh, between two fits.
//!
//! The models' points at each lead time are aggregated online (`aggregate`), corrected for what they are all wrong about
//! (`stack`), refused where the naive model has been as good (`lane`), given bands that have covered as often as they
//! should (`calibrate`), and scored against what a reactive scaler would have gone by (`watch`). All memory is in the
//! workload's [`Track`]; what is learned from a forecast is learned when its time has come, never before.

mod aggregate;
mod calibrate;
mod days;
mod draw;
mod lane;
mod stack;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use super::bands;
use super::boosted::{self, BOOSTED, Foreseen};
use super::fitting;
use super::models::built_in::{self, Start};
use super::models::{Look, MEMBERS, Member, NAIVE};
use super::view::View;
use super::{ForecastInput, ModelError};
use crate::domain::{
    DEFAULT_LEVELS, ExpertStanding, Fit, Forecast, Issued, Lane, Quantile, Regret, Standing,
    Timestamp, Track,
};
use calibrate::Units;
use days::Days;
use lane::Said;

/// The place of the restlessness among [`bands::units`].
const SPREAD_UNIT: usize = 2;

/// The name of forecasts that are made here from all models.
pub const AUTO: &str = "auto";

/// Levels between which a network's own spread is taken.
const SPREAD: [f64; 2] = [0.1, 0.9];

/// Another model's forecast for the workload: a network's, or that of the model that was asked for.
#[derive(Clone, Debug)]
pub struct Other {
    /// The model.
    pub model: Arc<str>,
    /// What it says from the same origin.
    pub forecast: Forecast,
}

/// What was said in a trial of a fit.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    /// The step from which it was said.
    pub(crate) origin: usize,
    /// By member and lead time.
    pub(crate) points: Vec<Vec<f64>>,
    /// By lead time, what trees saw of the peak.
    pub(crate) foreseen: Vec<Option<Foreseen>>,
}

/// Which forecast is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What all models make of it together.
    Auto,
    /// That of the first of the others; the naive model is its only competitor.
    First,
}

/// What a refresh gives.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The calibrated forecast.
    pub forecast: Forecast,
    /// What is to be remembered until the next one.
    pub track: Track,
    /// How forecasts have done.
    pub standing: Standing,
}

/// One refresh: learns from the forecasts whose time has come, makes the next one and remembers it.
///
/// # Errors
/// When there is no value to start from, the newest one is too old, or the model that was asked for gave no answer.
pub fn turn(
    input: &ForecastInput,
    wanted: Wanted,
    others: &[Other],
    track: Option<&Track>,
) -> Result<Turn, ModelError> {
    let view = View::from_few(&input.history, input.horizon_steps, &input.timezone);
    let start = built_in::start(&view)?;
    let fit = input.fit.as_deref();
    let knots = fitting::knots(&view, input.horizon_steps);
    let look = Look {
        view: &view,
        profile: fit.and_then(|fit| fit.profile.as_ref()),
        knots: &knots,
    };
    let mut track = track.cloned().unwrap_or_default();
    let names = experts(wanted, others);
    arrange(&mut track, &names, &knots);
    take_in(&mut track, &view, start.origin);
    let points = points(&look, fit, wanted, others, &start);
    let origin = input.history.series.time_of(start.origin);
    let said = say(&track, &points, wanted, origin, view.step_secs);
    let network = |knot| spread_by_network(others, &start, knot);
    let fresh = wanted == Wanted::Auto && !start.is_stale(&view);
    let trees = fit.and_then(|fit| fit.coefficients_of(BOOSTED));
    let trees = trees.filter(|_| fresh).unwrap_or_default();
    let foreseen = boosted::foresee(&look, trees, start.origin);
    let units = units(&view, start.origin, &knots, network, &foreseen);
    remember(&mut track, &view, origin, &points, &said, &units);
    track.trust = watch::judge(&track, origin);
    let forecast = draw::draw(&draw::Drawing {
        input,
        look: &look,
        start: &start,
        track: &track,
        wanted,
        others,
        said: &said,
        units: &units,
    })?;
    let standing = standing(&track, &said, origin, view.step_secs);
    Ok(Turn {
        forecast,
        track,
        standing,
    })
}

/// A track that has lived through the trials of a fit: each trial in order of time, as if it had been a refresh. What would
/// have been forecast there goes into `said`, over `horizon` steps.
pub(crate) fn seed(
    view: &View<'_>,
    knots: &[u32],
    trials: &[Tried],
    mut said: Option<(&mut Vec<Forecast>, usize)>,
) -> Track {
    let mut track = Track::default();
    arrange(&mut track, &experts(Wanted::Auto, &[]), knots);
    let name = Arc::from(AUTO);
    let floor = built_in::floor(view);
    for tried in trials {
        let origin = tried.origin;
        take_in(&mut track, view, origin);
        let points = turned(&tried.points, knots.len());
        let time = Timestamp::from_secs(view.calendar.at(origin));
        let each = say(&track, &points, Wanted::Auto, time, view.step_secs);
        let units = units(view, origin, knots, |_| [f32::NAN; 2], &tried.foreseen);
        if let Some((said, horizon)) = &mut said {
            let frame = draw::Frame {
                name: &name,
                end: time,
                step: Duration::from_secs_f64(view.step_secs),
                age: 0,
                aheads: knots,
                levels: &DEFAULT_LEVELS,
                floor,
            };
            let last = (view.seen[origin], *horizon);
            said.extend(draw::sketch(&frame, &track, &each, &units, last));
        }
        remember(&mut track, view, time, &points, &each, &units);
    }
    let end = view.len().saturating_sub(1);
    take_in(&mut track, view, end);
    track.trust = watch::judge(&track, Timestamp::from_secs(view.calendar.at(end)));
    track
}

/// The built-in models that compete; the naive one comes first.
fn members(wanted: Wanted) -> &'static [&'static dyn Member] {
    match wanted {
        Wanted::Auto => MEMBERS,
        Wanted::First => &MEMBERS[..1],
    }
}

fn experts(wanted: Wanted, others: &[Other]) -> Vec<Arc<str>> {
    let members = members(wanted)
        .iter()
        .map(|member| Arc::from(member.name()));
    members
        .chain(others.iter().map(|other| Arc::clone(&other.model)))
        .collect()
}

/// Brings the track into the order of `names` and `knots`; what is known of those that stay is kept. Who is new among
/// experts with a record is taken for as good as the naive one has been: with an empty record its learning rate, and so
/// its weight, would be far above theirs before it has shown anything.
fn arrange(track: &mut Track, names: &[Arc<str>], knots: &[u32]) {
    if track.experts != names {
        let from: Vec<Option<usize>> = names
            .iter()
            .map(|name| track.experts.iter().position(|known| known == name))
            .collect();
        for lane in &mut track.lanes {
            let naive = lane.experts.first().copied().map(aggregate::newcomer);
            lane.experts = reordered(&lane.experts, &from, naive.unwrap_or_default());
            lane.stack = stack::reordered(&lane.stack, &from);
            for issued in &mut lane.issued {
                issued.points = reordered(&issued.points, &from, f32::NAN);
            }
        }
        track.experts = names.to_vec();
    }
    if !track
        .lanes
        .iter()
        .map(|lane| lane.ahead)
        .eq(knots.iter().copied())
    {
        let mut old = std::mem::take(&mut track.lanes);
        track.lanes = knots
            .iter()
            .map(|ahead| {
                let known = old.iter().position(|lane| lane.ahead == *ahead);
                let fresh = || Lane {
                    ahead: *ahead,
                    experts: vec![Regret::default(); names.len()],
                    ..Lane::default()
                };
                known.map_or_else(fresh, |place| old.swap_remove(place))
            })
            .collect();
    }
}

/// What stood at each of the places `from`; `unknown` where nothing did.
fn reordered<T: Copy>(old: &[T], from: &[Option<usize>], unknown: T) -> Vec<T> {
    let at = |place: &Option<usize>| place.and_then(|place| old.get(place).copied());
    from.iter()
        .map(|place| at(place).unwrap_or(unknown))
        .collect()
}

/// Learns from the forecasts whose time has come by `now`.
fn take_in(track: &mut Track, view: &View<'_>, now: usize) {
    let watched = watched(track, view.step_secs);
    for place in 0..track.lanes.len() {
        for outcome in lane::come_true(&mut track.lanes[place], view, now) {
            if place == watched {
                let units = Units::of(&outcome.issued).path;
                let units = (&units, &calibrate::CENTRED);
                let offsets = calibrate::offsets(&track.lanes[place].path, units);
                if let Some(offsets) = offsets.map(calibrate::centred) {
                    watch::learn(track, view, &outcome, &offsets);
                }
            }
            lane::learn(&mut track.lanes[place], &outcome, view.step_secs);
        }
    }
}

/// The lane that score is kept for.
fn watched(track: &Track, step_secs: f64) -> usize {
    let far = |lane: &Lane| (f64::from(lane.ahead) * step_secs / 60.0 - watch::LEAD_MINUTES).abs();
    let each = track.lanes.iter().enumerate();
    each.min_by(|a, b| far(a.1).total_cmp(&far(b.1)))
        .map_or(0, |(place, _)| place)
}

/// By lead time, what each expert says.
fn points(
    look: &Look<'_>,
    fit: Option<&Fit>,
    wanted: Wanted,
    others: &[Other],
    start: &Start,
) -> Vec<Vec<f32>> {
    let nothing = || vec![f64::NAN; look.knots.len()];
    let of_members = members(wanted).iter().map(|member| {
        let stale = start.is_stale(look.view) && member.name() != NAIVE;
        let said = (!stale).then(|| built_in::points_of(*member, look, fit, start.origin));
        said.flatten().unwrap_or_else(nothing)
    });
    let of_others = others.iter().map(|other| {
        let at = |knot: &u32| {
            let step = (*knot as usize).checked_sub(1 + start.age);
            step.filter(|step| *step < other.forecast.steps())
                .map_or(f64::NAN, |step| {
                    other.forecast.quantile(Quantile::MEDIAN, step)
                })
        };
        look.knots.iter().map(at).collect()
    });
    let all: Vec<Vec<f64>> = of_members.chain(of_others).collect();
    turned(&all, look.knots.len())
}

/// From lists by expert to lists by lead time.
fn turned(by_expert: &[Vec<f64>], knots: usize) -> Vec<Vec<f32>> {
    (0..knots)
        .map(|knot| {
            by_expert
                .iter()
                .map(|points| points.get(knot).map_or(f32::NAN, |v| *v as f32))
                .collect()
        })
        .collect()
}

fn say(
    track: &Track,
    points: &[Vec<f32>],
    wanted: Wanted,
    origin: Timestamp,
    step_secs: f64,
) -> Vec<Said> {
    let each = track.lanes.iter().zip(points).map(|(lane, points)| {
        let mut said = lane::say(lane, points, origin, step_secs);
        if wanted == Wanted::First {
            let asked = points.get(1).copied().filter(|p| p.is_finite());
            if let Some(asked) = asked.map(f64::from) {
                said.finals = [asked; 4];
                said.weights = vec![0.0, 1.0];
                said.refused = false;
            }
        }
        said
    });
    each.collect()
}

/// By lead time: the units of bands; `network` says what one thinks of the spread of path and peak.
fn units(
    view: &View<'_>,
    origin: usize,
    knots: &[u32],
    network: impl Fn(u32) -> [f32; 2],
    foreseen: &[Option<Foreseen>],
) -> Vec<Units> {
    let shared = bands::units(view, origin);
    let days = Days::before(view, origin, shared[SPREAD_UNIT]);
    let shared = shared.map(|unit| unit as f32);
    let each = knots.iter().zip(foreseen).map(|(knot, foreseen)| {
        let moves = days.moves(*knot as usize);
        let moves = moves.map_or([f32::NAN; 2], |moves| [moves.either, moves.up]);
        let wide = |spread| positive(spread, shared[1]);
        let foreseen =
            foreseen.map_or([f32::NAN; 2], |it| [it.middle as f32, wide(it.band as f32)]);
        Units::new(shared, network(*knot).map(wide), moves.map(wide), foreseen)
    });
    each.collect()
}

/// How far apart the first network's levels of path and peak are at `knot`; not a number without one.
fn spread_by_network(others: &[Other], start: &Start, knot: u32) -> [f32; 2] {
    let level = |level: f64| Quantile::new(level).unwrap_or(Quantile::MEDIAN);
    let [low, high] = SPREAD.map(level);
    let step = (knot as usize).checked_sub(1 + start.age);
    let network = others.first().map(|other| &other.forecast);
    let Some((forecast, step)) = network.zip(step).filter(|(it, step)| *step < it.steps()) else {
        return [f32::NAN; 2];
    };
    let path = forecast.quantile(high, step) - forecast.quantile(low, step);
    let peak = forecast.peak(high, step + 1) - forecast.peak(low, step + 1);
    [path as f32, peak as f32]
}

/// A spread that no band collapses in.
fn positive(spread: f32, level: f32) -> f32 {
    if spread.is_nan() {
        spread
    } else {
        spread.max(1e-3 * level)
    }
}

/// Remembers what was said, once in a stride of time. What was said in a time to come, by a clock that ran ahead, is
/// forgotten: nothing would be remembered until then.
fn remember(
    track: &mut Track,
    view: &View<'_>,
    origin: Timestamp,
    points: &[Vec<f32>],
    said: &[Said],
    units: &[Units],
) {
    let stride = lane::stride(view.step_secs);
    let slot = |at: Timestamp| at.as_secs().div_euclid(stride as i64);
    if track.at.is_some_and(|at| slot(at) > slot(origin)) {
        let mut last = None;
        for lane in &mut track.lanes {
            lane.issued.retain(|issued| issued.origin <= origin);
            last = last.max(lane.issued.back().map(|issued| issued.origin));
        }
        track.at = last;
    }
    if track.at.is_some_and(|at| slot(at) == slot(origin)) {
        return;
    }
    track.at = Some(origin);
    let mut peak = f64::NEG_INFINITY;
    let each = track
        .lanes
        .iter_mut()
        .zip(points)
        .zip(said.iter().zip(units));
    for ((lane, points), (said, units)) in each {
        let [constant, level, spread, both, network, either, _] = units.path;
        let [.., peak_spread, up, band] = units.peak;
        peak = peak.max(said.finals[2]);
        lane.issued.push_back(Issued {
            origin,
            points: points.clone(),
            lags: said.lags,
            finals: said.finals.map(|value| value as f32),
            peak: peak as f32,
            units: [constant, level, spread, both, network],
            peak_spread,
            moves: [either, up],
            foreseen: [units.middle, band],
        });
    }
}

fn standing(track: &Track, said: &[Said], at: Timestamp, step_secs: f64) -> Standing {
    let weight = |expert: usize| {
        said.iter()
            .map(|said| said.weights.get(expert).map_or(0.0, |w| *w as f32))
            .collect::<Vec<f32>>()
    };
    let error = |expert: usize| {
        track.lanes.iter().map(move |lane| {
            let known = lane.experts.get(expert).and_then(aggregate::relative_error);
            known.map_or(f32::NAN, |ratio| ratio as f32)
        })
    };
    let mut experts: Vec<ExpertStanding> = track
        .experts
        .iter()
        .enumerate()
        .map(|(place, model)| ExpertStanding {
            model: Arc::clone(model),
            weights: weight(place),
            relative_errors: error(place).collect(),
        })
        .collect();
    let total = |expert: &ExpertStanding| expert.weights.iter().sum::<f32>();
    experts.sort_by(|a, b| total(b).total_cmp(&total(a)));
    Standing {
        at,
        leads: track
            .lanes
            .iter()
            .map(|lane| (f64::from(lane.ahead) * step_secs) as u32)
            .collect(),
        experts,
        score: watch::score(track),
        trust: track.trust.clone(),
    }
}
