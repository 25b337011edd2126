//! One lead time: forecasts go in, and when their time has come they are compared with what came.

use super::{aggregate, calibrate, stack};
use crate::analyze::view::View;
use crate::domain::{Issued, Lane, PastErrors, Timestamp};

/// Where the models are hardly better than the naive one, the forecast stays near it: a surprise costs more than the last
/// percent brings. From this relative error down they are believed in full, above [`REFUSED`] not at all.
const BELIEVED: f64 = 0.93;
const REFUSED: f64 = 0.985;

/// So many comparisons are needed before anybody but the naive model is believed.
const ENOUGH: u32 = 12;

/// How sharply the choice between aggregate and corrected aggregate falls with their relative error.
const SHARPNESS: f64 = 12.0;

/// Half-lives in hours: of regrets and corrections, of the finalists' errors, and of the longer record.
const LEARN_HOURS: f64 = 24.0;
const FINAL_HOURS: f64 = 24.0;
const RECORD_HOURS: f64 = 168.0;

/// Seconds that past errors reach back: a day and the stride before it.
const DAY: i64 = 86_400;
const HOUR: i64 = 3600;

/// What a lane says from one origin.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// The aggregate, the corrected aggregate, what is published, and what would be without caution.
    pub(super) finals: [f64; 4],
    /// Errors that were known.
    pub(super) lags: [f32; 3],
    /// The weight of each expert in the aggregate; of the naive model alone when everybody else was refused.
    pub(super) weights: Vec<f64>,
    /// Whether everybody but the naive model was refused.
    pub(super) refused: bool,
}

/// What has come of a forecast.
pub(super) struct Outcome {
    pub(super) issued: Issued,
    pub(super) actual: f64,
    /// The highest value up to the lead time, when enough of it was measured.
    pub(super) peak: Option<f64>,
    /// Seconds since the forecast before it, bounded.
    pub(super) seconds: f64,
    pub(super) target: usize,
}

/// Seconds from one remembered forecast to the next: about five minutes, in whole steps.
pub(super) fn stride(step_secs: f64) -> f64 {
    step_secs * (300.0 / step_secs).ceil().max(1.0)
}

/// What `lane` makes of the experts' points at `origin`.
pub(super) fn say(lane: &Lane, points: &[f32], origin: Timestamp, step_secs: f64) -> Said {
    let naive = f64::from(points.first().copied().unwrap_or(f32::NAN));
    let lags = lags(lane, origin, step_secs);
    let only_naive = |finals| {
        let mut weights = vec![0.0; points.len()];
        if let Some(first) = weights.first_mut() {
            *first = 1.0;
        }
        Said {
            finals,
            lags,
            weights,
            refused: true,
        }
    };
    let Some((blend, weights)) = aggregate::blend(lane, points) else {
        return only_naive([naive; 4]);
    };
    let scale = f64::from(lane.scale);
    let corrected = if scale > 0.0 {
        let features = stack::features(points, blend, &lags, scale);
        blend + scale * stack::correction(&lane.stack, &features)
    } else {
        blend
    };
    let [_, of_blend, of_corrected] = lane.finalists;
    let best = of_blend.min(of_corrected);
    let weight = |own: f32| {
        if best > 0.0 {
            (-SHARPNESS * (f64::from(own / best) - 1.0)).exp()
        } else {
            f64::from(u8::from(own <= best))
        }
    };
    let (a, b) = (weight(of_blend), weight(of_corrected));
    let chosen = if a + b > 0.0 {
        (a * blend + b * corrected) / (a + b)
    } else {
        blend
    };
    let belief = belief(lane);
    if belief <= 0.0 {
        return only_naive([blend, corrected, naive, chosen]);
    }
    let published = naive + belief * (chosen - naive);
    let shares = weights.iter().enumerate().map(|(place, weight)| {
        let rest = if place == 0 { 1.0 - belief } else { 0.0 };
        belief * weight + rest
    });
    Said {
        finals: [blend, corrected, published, chosen],
        lags,
        weights: shares.collect(),
        refused: false,
    }
}

/// How far the forecast may leave the naive model's, from 0 to 1: by what leaving it has brought over the last day and
/// over the last weeks, whichever is worse.
fn belief(lane: &Lane) -> f64 {
    if lane.settled < ENOUGH {
        return 0.0;
    }
    let [of_naive, of_blend, of_corrected] = lane.finalists.map(f64::from);
    let [long_naive, long_chosen] = lane.record.map(f64::from);
    let ratio = |own: f64, naive: f64| if naive > 0.0 { own / naive } else { 1.0 };
    let lately = ratio(of_blend.min(of_corrected), of_naive);
    let error = lately.max(ratio(long_chosen, long_naive));
    ((REFUSED - error) / (REFUSED - BELIEVED)).clamp(0.0, 1.0)
}

/// Takes forecasts whose time has come by `now` out of `lane`, oldest first, and compares them with what was measured.
pub(super) fn come_true(lane: &mut Lane, view: &View<'_>, now: usize) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let ahead = lane.ahead as usize;
    while let Some(front) = lane.issued.front() {
        let place = place_of(view, front.origin);
        if place.is_some_and(|place| place + ahead > now) {
            break;
        }
        let Some(issued) = lane.issued.pop_front() else {
            break;
        };
        // A history that begins after the origin or is cut before it has no answer to it.
        let Some(origin) = place else { continue };
        let target = origin + ahead;
        // Nor is one learned from that began in a time which the user has marked.
        if view.marked(origin)
            || !view.measured(target)
            || issued.points.first().is_none_or(|p| !p.is_finite())
        {
            continue;
        }
        let seconds = lane
            .last
            .map_or(300.0, |last| issued.origin.since(last).as_secs_f64());
        outcomes.push(Outcome {
            actual: view.seen[target],
            peak: view.highest(origin, target),
            seconds: seconds.clamp(1.0, 3600.0),
            target,
            issued,
        });
        lane.last = outcomes.last().map(|outcome| outcome.issued.origin);
    }
    outcomes
}

/// Lets `lane` learn from what has come of a forecast.
pub(super) fn learn(lane: &mut Lane, outcome: &Outcome, step_secs: f64) {
    let Outcome {
        issued,
        actual,
        peak,
        seconds,
        ..
    } = outcome;
    let keep = |hours: f64| 0.5_f64.powf(seconds / (hours * 3600.0));
    let error = |point: f32| actual - f64::from(point);
    let naive = error(issued.points[0]).abs();
    // In the beginning means are those of what there is.
    let first = 1.0 / (f64::from(lane.settled) + 1.0);
    let mean = |old: f32, hours: f64, new: f64| {
        let fresh = first.max(1.0 - keep(hours));
        ((1.0 - fresh) * f64::from(old) + fresh * new) as f32
    };
    // A metric that stood still so far has no unit yet: the size of its first move becomes it.
    lane.scale = if lane.scale > 0.0 {
        mean(lane.scale, LEARN_HOURS, naive)
    } else {
        naive as f32
    };
    let keep_learned = keep(LEARN_HOURS);
    if lane.scale > 0.0 {
        let scale = f64::from(lane.scale);
        let blend = f64::from(issued.finals[0]);
        let features = stack::features(&issued.points, blend, &issued.lags, scale);
        stack::learn(
            &mut lane.stack,
            &features,
            error(issued.finals[0]) / scale,
            keep_learned,
        );
    }
    aggregate::learn(lane, issued, *actual, keep_learned);
    let finalists = [issued.points[0], issued.finals[0], issued.finals[1]];
    for (own, point) in lane.finalists.iter_mut().zip(finalists) {
        *own = mean(*own, FINAL_HOURS, error(point).abs());
    }
    for (own, point) in (lane.record.iter_mut()).zip([issued.points[0], issued.finals[3]]) {
        *own = mean(*own, RECORD_HOURS, error(point).abs());
    }
    note(
        &mut lane.errors,
        issued.origin,
        error(issued.finals[0]),
        step_secs,
    );
    let units = calibrate::Units::of(issued);
    calibrate::learn(
        &mut lane.path,
        error(issued.finals[2]),
        (&units.path, &calibrate::CENTRED),
        &calibrate::ALIKE,
        *seconds,
    );
    if let Some(peak) = peak {
        let said = f64::from(issued.peak);
        calibrate::learn(
            &mut lane.peak,
            peak - said,
            (&units.peak, &units.shifts(said)),
            &calibrate::UPPER,
            *seconds,
        );
    }
    lane.settled = lane.settled.saturating_add(1);
}

/// The step of `view` at `time`.
pub(super) fn place_of(view: &View<'_>, time: Timestamp) -> Option<usize> {
    let start = view.calendar.start_secs() as f64;
    let place = (time.as_secs() as f64 - start) / view.step_secs;
    (place > -0.5 && place < view.len() as f64).then(|| place.round().max(0.0) as usize)
}

/// Errors of the aggregate that are known at `origin`: the newest one, the one of an hour before and that of a day before.
fn lags(lane: &Lane, origin: Timestamp, step_secs: f64) -> [f32; 3] {
    let stride = stride(step_secs) as i64;
    let ahead = (f64::from(lane.ahead) * step_secs) as i64;
    let slot = |back: i64| (origin.as_secs() - back).div_euclid(stride);
    let known = ahead.div_euclid(stride) + i64::from(ahead % stride != 0);
    let newest = slot(0) - known.max(1);
    let at = |slot: i64| error_at(&lane.errors, slot);
    [
        at(newest),
        if ahead < HOUR {
            at(slot(HOUR))
        } else {
            f32::NAN
        },
        if ahead < DAY { at(slot(DAY)) } else { f32::NAN },
    ]
}

fn error_at(errors: &PastErrors, slot: i64) -> f32 {
    let back = errors.newest - slot;
    let place = usize::try_from(back)
        .ok()
        .and_then(|back| errors.values.len().checked_sub(back + 1));
    place
        .and_then(|place| errors.values.get(place))
        .map_or(f32::NAN, |half| f32::from_bits(u32::from(*half) << 16))
}

/// Writes an error down. Half of an `f32`'s bits keep its size to within one percent.
fn note(errors: &mut PastErrors, origin: Timestamp, error: f64, step_secs: f64) {
    let stride = stride(step_secs) as i64;
    let most = DAY / stride + 2;
    let slot = origin.as_secs().div_euclid(stride);
    let nothing = (f32::NAN.to_bits() >> 16) as u16;
    if errors.values.is_empty() || slot - errors.newest > most {
        errors.values.clear();
        errors.newest = slot - 1;
    }
    while errors.newest < slot {
        errors.values.push_back(nothing);
        errors.newest += 1;
    }
    if let Some(newest) = errors.values.back_mut() {
        *newest = ((error as f32).to_bits() >> 16) as u16;
    }
    while i64::try_from(errors.values.len()).is_ok_and(|len| len > most) {
        errors.values.pop_front();
    }
}
