//! Fitting: what the models learn from a workload's history, how good they are on it, and how wide their bands must be.
//!
//! The history is cut several times. Before each cut the models learn; on the stretch after it they forecast from many
//! origins and are compared with what came (rolling origin). What they missed there makes the bands, the scores and
//! the weights of the mix. In the end they learn once more from all of it. Origins are sparse, so that two weeks of
//! minutes take milliseconds.

mod asked;
mod kind;
mod mix;
#[cfg(test)]
mod tests;
mod trials;

pub(crate) use mix::blend;
pub use trials::LONGEST_TRIED;

use super::bands;
use super::boosted::{self, BOOSTED};
use super::ensemble;
use super::models::{HYBRID, Look, MEMBERS, MIX, NAIVE, prophet};
use super::preprocess::Prepared;
use super::profile::Cells;
use super::view::View;
use crate::domain::{
    BandSet, Coefficients, Fit, Forecast, MixWeights, ModelChoice, ModelScore, Quantile, Timestamp,
    Track,
};
use trials::Trials;

/// Minutes ahead at which models are fitted and scored; the horizon itself comes on top.
const KNOTS: [f64; 9] = [1.0, 3.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 240.0];

/// `auto` leaves the naive model only for one that does better than it by this much, on enough origins.
const MARGIN: f32 = 0.98;
const FEWEST_ORIGINS: u32 = 100;

/// The mix ranks above a single model that is better by less than this: it was not picked in hindsight, and it follows
/// when another model becomes the better one.
const MIX_BONUS: f32 = 0.95;

/// Lead times, in minutes, that scores are about.
const LEAD: std::ops::RangeInclusive<f64> = 3.0..=15.0;

/// A loss this much older counts half in the score.
const SCORE_HALF_LIFE_HOURS: f64 = 36.0;

/// The hybrid network looks at the residuals of a curve over the newest minutes of the history. So that they are those
/// of a forecast and not of a fit, that curve knows nothing of these minutes.
const HYBRID_MINUTES: f64 = 180.0;

/// Fits profiles, bands and scores on prepared history. `now` is only noted down.
pub fn fit(history: &Prepared, horizon_steps: usize, timezone: &str, now: Timestamp) -> Fit {
    fit_and_track(history, horizon_steps, timezone, now, &[]).0
}

/// As [`fit`], and a track that has lived through the trials, so that a workload's forecasts are weighed and calibrated
/// from the first one on. Models that are fitted on request only are, when they are among `wanted`; names that mean none
/// are passed over. The trees that forecast the peak, half of the work, are learned for `auto` alone: where it is among `wanted`, or
/// nothing is.
pub fn fit_and_track(
    history: &Prepared,
    horizon_steps: usize,
    timezone: &str,
    now: Timestamp,
    wanted: &[&str],
) -> (Fit, Track) {
    fit_and_say(history, horizon_steps, timezone, now, wanted, None)
}

/// As [`fit_and_track`], and what `auto` would have forecast in the trials, oldest first: each time knowing only what was
/// known then. What these forecasts would have been worth can be judged on the history.
pub fn fit_and_rehearse(
    history: &Prepared,
    horizon_steps: usize,
    timezone: &str,
    now: Timestamp,
    wanted: &[&str],
) -> (Fit, Track, Vec<Forecast>) {
    let mut said = Vec::new();
    let into = Some(&mut said);
    let (fit, track) = fit_and_say(history, horizon_steps, timezone, now, wanted, into);
    (fit, track, said)
}

fn fit_and_say(
    history: &Prepared,
    horizon_steps: usize,
    timezone: &str,
    now: Timestamp,
    wanted: &[&str],
    said: Option<&mut Vec<Forecast>>,
) -> (Fit, Track) {
    let view = View::new(history, horizon_steps, timezone);
    let knots = knots(&view, horizon_steps);
    let cells = Cells::new(&view, history.series.step());
    let cuts = trials::cuts(&view);
    let kind = kind::choose(&cells, &view, &cuts);
    let profile_until = |until| kind.and_then(|kind| cells.profile(kind, until, &view));

    let auto = ModelChoice::Auto.to_string();
    let has_trees = wanted.is_empty() || wanted.contains(&auto.as_str());
    let mut trials = Trials::new(&view, &knots, &cuts);
    let mut trees = (!has_trees).then(Vec::new);
    for cut in &cuts {
        let profile = profile_until(cut.at);
        let look = Look {
            view: &view,
            profile: profile.as_ref(),
            knots: &knots,
        };
        // They take longer to learn than all others together: what they learned before the first cut does for all.
        let trees = trees.get_or_insert_with(|| boosted::learn(&look, cut.at).unwrap_or_default());
        trials.run(&look, cut, MEMBERS, trees);
    }
    let said = said.map(|said| (said, horizon_steps.max(1)));
    let track = ensemble::seed(&view, &knots, &trials.said(MEMBERS.len()), said);
    let weights = mix::weigh(&mut trials);
    let names = MEMBERS.iter().map(|member| member.name()).chain([MIX]);
    let (bands, scores) = judge(&trials, &knots, view.step_secs, names);

    let profile = profile_until(view.len());
    let look = Look {
        view: &view,
        profile: profile.as_ref(),
        knots: &knots,
    };
    let coefficients = coefficients(&look, has_trees);
    let mix = MEMBERS
        .iter()
        .zip(weights)
        .map(|(member, weights)| MixWeights {
            model: member.name().into(),
            weights,
        });
    let mut fit = Fit {
        at: now,
        mix: mix.collect(),
        profile,
        bands,
        scores,
        coefficients,
        knots,
    };
    asked::add(&mut fit, history, horizon_steps, timezone, wanted);
    (fit, track)
}

/// What each model learns from the whole history, and the curve under the hybrid network: that of Prophet, from all
/// but the newest minutes. Trees where they are wanted.
fn coefficients(look: &Look<'_>, has_trees: bool) -> Vec<Coefficients> {
    let learned = MEMBERS
        .iter()
        .filter_map(|member| Some((member.name(), member.learn(look, look.view.len())?)));
    let newest = look.view.steps(HYBRID_MINUTES);
    let before = look.view.len().saturating_sub(newest);
    let curve = prophet::learn(look, before).map(|values| (HYBRID, values));
    let trees = has_trees.then(|| boosted::learn(look, look.view.len()));
    let trees = trees.flatten().map(|values| (BOOSTED, values));
    learned
        .chain(curve)
        .chain(trees)
        .filter(|(_, values)| !values.is_empty())
        .map(|(model, values)| Coefficients {
            model: model.into(),
            values,
        })
        .collect()
}

/// The model that `auto` means: the best one, if it is better than the naive one by a margin and on enough origins.
pub(crate) fn best(fit: Option<&Fit>) -> &str {
    fit.and_then(|fit| fit.scores.first())
        .filter(|score| score.relative_loss <= MARGIN && score.origins >= FEWEST_ORIGINS)
        .map_or(NAIVE, |score| &score.model)
}

/// The steps ahead at which models are fitted: rising, at least one.
pub(crate) fn knots(view: &View<'_>, horizon_steps: usize) -> Vec<u32> {
    let horizon = horizon_steps.clamp(1, 100_000);
    let mut knots: Vec<u32> = KNOTS
        .iter()
        .map(|minutes| view.steps(*minutes).min(horizon) as u32)
        .chain([horizon as u32])
        .collect();
    knots.sort_unstable();
    knots.dedup();
    knots
}

/// Up to `most` measured steps between `skip` steps after the first value and `until`, evenly spread, none of them in
/// the coarse part: what came after a mean says little about what comes after a value. The spacing shares no factor with
/// an hour, so that all minutes of the hour are among them.
pub(crate) fn origins(view: &View<'_>, skip: usize, until: usize, most: usize) -> Vec<usize> {
    let until = until.min(view.len());
    let from = (view.first_fine() + skip).min(until);
    let spacing = spacing(until - from, most);
    (from..until)
        .rev()
        .step_by(spacing)
        .filter(|i| view.measured(*i))
        .collect()
}

/// The shortest spacing that gives at most `most` of `steps` steps and, unless it is a short one anyway, shares no
/// factor with 60.
fn spacing(steps: usize, most: usize) -> usize {
    let least = steps.div_ceil(most.max(1)).max(1);
    let coprime = |spacing: &usize| {
        [2, 3, 5]
            .iter()
            .all(|prime| !spacing.is_multiple_of(*prime))
    };
    if least < 5 {
        return least;
    }
    (least..least + 8).find(coprime).unwrap_or(least)
}

/// Bands and scores of every model that could forecast, best first.
fn judge(
    trials: &Trials,
    knots: &[u32],
    step_secs: f64,
    names: impl Iterator<Item = &'static str>,
) -> (Vec<BandSet>, Vec<ModelScore>) {
    let mut bands: Vec<BandSet> = Vec::new();
    let mut losses: Vec<(&str, f64, u32)> = Vec::new();
    for (model, name) in names.enumerate() {
        let errors = trials.errors(model);
        if errors.iter().any(|at| at.misses.is_empty()) && name != NAIVE {
            continue;
        }
        let set = bands::measure(name, knots, &errors, step_secs);
        if let Some((loss, origins)) = score(trials, model, &set) {
            losses.push((name, loss, origins));
        }
        bands.push(set);
    }
    let naive = losses
        .iter()
        .find(|(name, ..)| *name == NAIVE)
        .map_or(0.0, |(_, loss, _)| *loss);
    let mut scores: Vec<ModelScore> = losses
        .into_iter()
        .map(|(name, loss, origins)| ModelScore {
            model: name.into(),
            // Where the naive model makes no mistake, nobody can be better.
            relative_loss: if naive > 0.0 {
                (loss / naive) as f32
            } else {
                1.0
            },
            origins,
        })
        .collect();
    scores.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    (bands, scores)
}

/// What scores are sorted by.
fn rank(score: &ModelScore) -> f32 {
    let handicap = if *score.model == *MIX { MIX_BONUS } else { 1.0 };
    handicap * score.relative_loss
}

/// The recency-weighted mean pinball loss at the planner's levels over the lead times.
fn score(trials: &Trials, model: usize, set: &BandSet) -> Option<(f64, u32)> {
    let levels = [0.5, 0.9, 0.95].map(Quantile::new);
    let levels: Vec<Quantile> = levels.into_iter().flatten().collect();
    let minutes = |knot: u32| f64::from(knot) * trials.step_secs / 60.0;
    let about: Vec<usize> = (0..set.steps.len())
        .filter(|k| LEAD.contains(&minutes(set.steps[*k])))
        .collect();
    let about = if about.is_empty() { vec![0] } else { about };
    let (mut total, mut weights, mut origins) = (0.0, 0.0, 0);
    for knot in about {
        let errors = trials.errors_at(model, knot);
        let ages = trials.ages_at(model, knot);
        for (index, age) in ages.iter().enumerate() {
            let weight = 0.5_f64.powf(age / (SCORE_HALF_LIFE_HOURS * 3600.0));
            total += weight * bands::loss(set, knot, &errors, index, &levels);
            weights += weight;
        }
        origins = origins.max(ages.len() as u32);
    }
    (weights > 0.0).then(|| (total / weights, origins))
}
