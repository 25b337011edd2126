//! Keeping score: how what was published has done against the naive model, and whether the plan may rest on it.

use super::calibrate;
use super::lane::Outcome;
use crate::analyze::stats::pinball;
use crate::analyze::view::View;
use crate::domain::{DEFAULT_LEVELS, RollingScore, Timestamp, Track, Trust};

/// Lead time, in minutes, at which score is kept: about what new pods take to start, and a little more.
pub(super) const LEAD_MINUTES: f64 = 10.0;

/// Half-lives of the long and the short score, in hours.
const LONG_HOURS: f64 = 12.0;
const SHORT_HOURS: f64 = 0.5;

/// Discounted comparisons before the long and the short score say anything.
const LONG_ENOUGH: f32 = 24.0;
const SHORT_ENOUGH: f32 = 5.0;

/// Trust is lost when losses exceed the naive model's by this factor over the long, or by the other over the short time if
/// they are also more than the naive model's usual ones.
const LONG_LIMIT: f32 = 1.05;
const SHORT_LIMIT: f32 = 1.6;

/// And it is earned when over both times they are at most these factors of the naive model's.
const LONG_GOAL: f32 = 1.0;
const SHORT_GOAL: f32 = 1.0;

/// Levels that plans use, by their place among the default levels.
const PLAN_LEVELS: [usize; 3] = [3, 5, 6];

/// Takes in what came of a forecast at the lead time that score is kept for; `offsets` are those that its bands were
/// drawn with, in the metric's own unit.
pub(super) fn learn(track: &mut Track, view: &View<'_>, outcome: &Outcome, offsets: &[f64; 9]) {
    let watch = &mut track.watch;
    let actual = outcome.actual;
    let published = f64::from(outcome.issued.finals[2]);
    let naive = f64::from(outcome.issued.points[0]);
    let keep = |hours: f64| 0.5_f64.powf(outcome.seconds / (hours * 3600.0)) as f32;
    let fade = |sum: &mut f32, keep: f32, new: f64| *sum = keep * *sum + new as f32;
    let (long, short) = (keep(LONG_HOURS), keep(SHORT_HOURS));

    let level = f64::from(outcome.issued.units[1]);
    let own = calibrate::scaled(&watch.naive, level);
    let loss = |point: f64, offsets: &[f64; 9]| -> f64 {
        let each = PLAN_LEVELS
            .map(|place| pinball(DEFAULT_LEVELS[place].get(), actual, point + offsets[place]));
        each.iter().sum::<f64>() / PLAN_LEVELS.len() as f64
    };
    let losses = [loss(published, offsets), loss(naive, &own)];
    let before = outcome
        .target
        .checked_sub(view.day())
        .map(|place| view.past()[place]);
    let seasonal = before
        .map(|before| (actual - before).abs())
        .filter(|change| change.is_finite());

    fade(&mut watch.count, long, 1.0);
    fade(&mut watch.lately_count, short, 1.0);
    fade(&mut watch.errors[0], long, (actual - published).abs());
    fade(&mut watch.errors[1], long, (actual - naive).abs());
    fade(&mut watch.errors[2], long, seasonal.unwrap_or(0.0));
    fade(
        &mut watch.seasonal,
        long,
        f64::from(u8::from(seasonal.is_some())),
    );
    for (place, loss) in losses.into_iter().enumerate() {
        fade(&mut watch.losses[place], long, loss);
        fade(&mut watch.lately[place], short, loss);
    }
    for (covered, offset) in watch.covered.iter_mut().zip(offsets) {
        fade(
            covered,
            long,
            f64::from(u8::from(actual <= published + offset)),
        );
    }
    let seconds = outcome.seconds;
    let miss = actual - naive;
    let alone = (seconds, calibrate::Record::default());
    calibrate::learn_one(&mut watch.naive, miss, level, &calibrate::ALIKE, alone);
}

/// Whether the plan may rest on the forecast, by the score at `now`.
pub(super) fn judge(track: &Track, now: Timestamp) -> Trust {
    let watch = &track.watch;
    if watch.count < LONG_ENOUGH {
        return track.trust.clone();
    }
    let ratio = |pair: [f32; 2]| {
        if pair[1] > 0.0 {
            pair[0] / pair[1]
        } else {
            1.0
        }
    };
    let (long, short) = (ratio(watch.losses), ratio(watch.lately));
    let lately = watch.lately_count >= SHORT_ENOUGH;
    let lost = |over: &str, ratio: f32| Trust::Lost {
        since: match &track.trust {
            Trust::Lost { since, .. } => *since,
            Trust::Unproven | Trust::Earned => now,
        },
        why: format!(
            "over {over} it lost {ratio:.2} times what the last value with its own bands would have lost"
        ),
    };
    match &track.trust {
        Trust::Lost { why, since } => {
            let earned = long <= LONG_GOAL && (!lately || short <= SHORT_GOAL);
            if earned {
                Trust::Earned
            } else {
                Trust::Lost {
                    why: why.clone(),
                    since: *since,
                }
            }
        }
        Trust::Unproven | Trust::Earned => {
            // A calm half hour is no yardstick: before a shop opens the last value loses next to nothing, and a forecast that
            // sees the opening a few minutes early loses more than that.
            let much = watch.lately[0] / watch.lately_count > watch.losses[1] / watch.count;
            if lately && much && short > SHORT_LIMIT {
                lost("the last half hour", short)
            } else if long > LONG_LIMIT {
                lost("the last hours", long)
            } else {
                Trust::Earned
            }
        }
    }
}

/// The score for reports.
pub(super) fn score(track: &Track) -> Option<RollingScore> {
    let watch = &track.watch;
    if watch.count <= 0.0 {
        return None;
    }
    let ratio = |a: f32, b: f32| if b > 0.0 { a / b } else { 1.0 };
    let coverage = DEFAULT_LEVELS.iter().zip(watch.covered);
    Some(RollingScore {
        origins: watch.count,
        mase: (watch.seasonal > 0.0 && watch.errors[2] > 0.0).then(|| {
            let error = watch.errors[0] / watch.count;
            error / (watch.errors[2] / watch.seasonal)
        }),
        relative_error: ratio(watch.errors[0], watch.errors[1]),
        relative_loss: ratio(watch.losses[0], watch.losses[1]),
        coverage: coverage
            .map(|(level, covered)| (*level, covered / watch.count))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(lately: [f32; 2]) -> Track {
        let mut track = Track {
            trust: Trust::Earned,
            ..Track::default()
        };
        track.watch.count = 100.0;
        track.watch.losses = [700.0, 1000.0];
        track.watch.lately_count = 6.0;
        track.watch.lately = lately;
        track
    }

    fn trusted(lately: [f32; 2]) -> bool {
        judge(&track(lately), Timestamp::from_secs(0)) == Trust::Earned
    }

    #[test]
    fn an_early_warning_in_a_calm_half_hour_costs_no_trust() {
        assert!(trusted([12.0, 6.0]), "twice as much of next to nothing");
        assert!(trusted([30.0, 30.0]));
        assert!(!trusted([120.0, 60.0]), "twice as much as usual");
        assert!(trusted([90.0, 60.0]), "half as much again may be chance");
    }

    #[test]
    fn a_small_loss_over_hours_does() {
        let mut track = track([0.0, 0.0]);
        track.watch.losses = [1060.0, 1000.0];
        let trust = judge(&track, Timestamp::from_secs(0));
        assert!(matches!(trust, Trust::Lost { .. }), "{trust:?}");
    }
}
