//! What of a run is drawn and told: its path, and the hours in which it mattered.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Plan, Timestamp};
use crate::simulate::cluster::Tick;

/// Stretches of ticks that a path is drawn with, at most; of each the ticks with the extremes are kept.
const DRAWN: usize = 300;
/// Hours with load that nobody carried that are shown, at most.
const SHORT: usize = 3;
/// Half of what is shown beside an hour, before it and after it.
const AROUND: Duration = Duration::from_mins(30);
const HOUR: Duration = Duration::from_hours(1);

/// Load that the other policy leaves unmet counts so much less.
const OTHERS_SHORTAGE: f64 = 0.2;

/// What is drawn and told.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// The policy that is drawn beside ours; empty where there is none.
    pub beside: String,
    /// Load and fleets; where there are many moments, those with the extremes.
    pub path: Vec<PathPoint>,
    /// The hours that are shown in detail, in order of time.
    pub shown: Vec<Stretch>,
    /// Our plans, where they changed.
    pub plans: Vec<Arc<Plan>>,
}

/// One moment of the judged part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathPoint {
    /// When.
    pub at: Timestamp,
    /// The load; not a number in a gap.
    pub load: f64,
    /// Our replicas.
    pub ours: Replicas,
    /// Those of the policy beside.
    pub other: Replicas,
}

/// A fleet at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// What the HPA wants.
    pub wanted: u32,
    /// Those that are Ready.
    pub ready: u32,
}

/// Some hours that are shown in detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first moment.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// What is to be seen in it.
    pub why: Why,
}

/// Why some hours are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Most load was unmet, by ours or by the policy beside.
    Short,
    /// Least was spare of ours, while nothing was unmet.
    Tight,
    /// Ours saved most replica hours beside the other.
    Saved,
    /// Ours cost most replica hours beside the other.
    Dear,
}

// === impl PathPoint ===

impl PathPoint {
    /// Of one tick of two fleets.
    pub(super) fn of(ours: &Tick, other: &Tick) -> Self {
        let replicas = |tick: &Tick| Replicas {
            wanted: tick.fleet.spec,
            ready: tick.fleet.ready,
        };
        Self {
            at: ours.at,
            load: ours.demand.unwrap_or(f64::NAN),
            ours: replicas(ours),
            other: replicas(other),
        }
    }
}

// === impl Moments ===

impl Moments {
    /// Of every judged moment, where a replica carries `capacity`.
    pub(super) fn of(beside: &str, path: &[PathPoint], capacity: f64, plans: &[Arc<Plan>]) -> Self {
        let shown = stretches(path, capacity);
        let inside = |point: &PathPoint| {
            let mut shown = shown.iter();
            shown.any(|stretch| (stretch.from..=stretch.until).contains(&point.at))
        };
        let extreme = extremes(path);
        let kept = path.iter().zip(extreme);
        let kept = kept.filter(|(point, extreme)| *extreme || inside(point));
        Self {
            beside: beside.to_owned(),
            path: kept.map(|(point, _)| *point).collect(),
            plans: plans.to_vec(),
            shown,
        }
    }
}

/// Which moments have the highest or lowest of what is drawn among those around them, so that no peak is lost where not every
/// moment can be drawn.
fn extremes(path: &[PathPoint]) -> Vec<bool> {
    let drawn: [fn(&PathPoint) -> f64; 3] = [
        |point| point.load,
        |point| f64::from(point.ours.ready),
        |point| f64::from(point.other.ready),
    ];
    let every = path.len().div_ceil(DRAWN).max(1);
    let mut kept = vec![false; path.len()];
    for (number, bucket) in path.chunks(every).enumerate() {
        for of in drawn {
            let known = || {
                let each = bucket.iter().enumerate();
                each.filter(|(_, point)| !of(point).is_nan())
            };
            let by = |a: &(usize, &PathPoint), b: &(usize, &PathPoint)| of(a.1).total_cmp(&of(b.1));
            for found in [known().min_by(by), known().max_by(by)] {
                let place = found.map(|(place, _)| number * every + place);
                if let Some(kept) = place.and_then(|place| kept.get_mut(place)) {
                    *kept = true;
                }
            }
        }
        // A gap is drawn as one.
        let gap = bucket.iter().position(|point| point.load.is_nan());
        if let Some(kept) = gap.and_then(|gap| kept.get_mut(number * every + gap)) {
            *kept = true;
        }
    }
    kept
}

/// What an hour was like.
#[derive(Clone, Copy, Debug)]
struct Hour {
    at: Timestamp,
    /// Load times moments that was unmet.
    unmet: f64,
    /// The least that was spare of ours, as a share of the load.
    spare: f64,
    /// Replicas times moments that ours had less than the other.
    saved: f64,
}

/// The hours that are worth a look: those with the most unmet load, or else the one with the least to spare; and those in
/// which ours saved and cost most beside the other.
fn stretches(path: &[PathPoint], capacity: f64) -> Vec<Stretch> {
    let hours = hours(path, capacity);
    let mut shown: Vec<Stretch> = Vec::new();
    let mut short: Vec<&Hour> = hours.iter().filter(|hour| hour.unmet > 0.0).collect();
    short.sort_by(|a, b| b.unmet.total_cmp(&a.unmet));
    for hour in short.into_iter().take(SHORT) {
        add(&mut shown, hour.at, Why::Short, true);
    }
    let most = |by: fn(&Hour) -> f64, shown: &[Stretch]| {
        let free = hours
            .iter()
            .filter(|hour| by(hour) > 0.0 && !shown.iter().any(|it| it.meets(&around(hour.at))));
        free.max_by(|a, b| by(a).total_cmp(&by(b)))
            .map(|hour| hour.at)
    };
    if shown.is_empty() {
        let tight = hours.iter().filter(|hour| hour.spare.is_finite());
        if let Some(hour) = tight.min_by(|a, b| a.spare.total_cmp(&b.spare)) {
            add(&mut shown, hour.at, Why::Tight, false);
        }
    }
    if let Some(at) = most(|hour| hour.saved, &shown) {
        add(&mut shown, at, Why::Saved, false);
    }
    if let Some(at) = most(|hour| -hour.saved, &shown) {
        add(&mut shown, at, Why::Dear, false);
    }
    shown.sort_by_key(|stretch| stretch.from);
    shown
}

fn hours(path: &[PathPoint], capacity: f64) -> Vec<Hour> {
    let mut hours: Vec<Hour> = Vec::new();
    for point in path.iter().filter(|point| !point.load.is_nan()) {
        let carried = |replicas: Replicas| capacity * f64::from(replicas.ready);
        let unmet = |replicas| (point.load - carried(replicas)).max(0.0);
        let spare = (carried(point.ours) - point.load) / point.load.max(capacity);
        let now = Hour {
            at: point.at.floor_to(HOUR),
            unmet: unmet(point.ours) + OTHERS_SHORTAGE * unmet(point.other),
            spare,
            saved: f64::from(point.other.ready) - f64::from(point.ours.ready),
        };
        match hours.last_mut() {
            Some(hour) if hour.at == now.at => {
                hour.unmet += now.unmet;
                hour.spare = hour.spare.min(now.spare);
                hour.saved += now.saved;
            }
            _ => hours.push(now),
        }
    }
    hours
}

fn around(hour: Timestamp) -> (Timestamp, Timestamp) {
    (hour - AROUND, hour + HOUR + AROUND)
}

/// Adds an hour with what lies around it; to the stretch that it meets, where those are to be joined.
fn add(shown: &mut Vec<Stretch>, hour: Timestamp, why: Why, join: bool) {
    let (mut from, mut until) = around(hour);
    if join {
        shown.retain(|other| {
            let meets = other.meets(&(from, until));
            if meets {
                from = from.min(other.from);
                until = until.max(other.until);
            }
            !meets
        });
    }
    shown.push(Stretch { from, until, why });
}

// === impl Stretch ===

impl Stretch {
    fn meets(&self, (from, until): &(Timestamp, Timestamp)) -> bool {
        self.from <= *until && *from <= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_700_006_400);

    /// A replica carries 10; ours has `ours` and the other 12, with a load of 95, minute by minute.
    fn path(minutes: u64, change: impl Fn(u64, &mut PathPoint)) -> Vec<PathPoint> {
        let replicas = |ready| Replicas {
            wanted: ready,
            ready,
        };
        let point = |minute| {
            let mut point = PathPoint {
                at: START + Duration::from_mins(minute),
                load: 95.0,
                ours: replicas(12),
                other: replicas(12),
            };
            change(minute, &mut point);
            point
        };
        (0..minutes).map(point).collect()
    }

    fn told(path: &[PathPoint]) -> Vec<(u64, u64, Why)> {
        let minute = |at: Timestamp| at.since(START).as_secs() / 60;
        let all = stretches(path, 10.0);
        let each = all.iter();
        each.map(|it| (minute(it.from), minute(it.until), it.why))
            .collect()
    }

    #[test]
    fn hours_in_which_load_was_unmet_are_shown_and_joined_where_they_meet() {
        let path = path(1440, |minute, point| match minute {
            // Two hours side by side, one alone, and one that was less bad than those.
            175..185 | 620..625 => point.ours.ready = 5,
            900 => point.ours.ready = 9,
            _ => {}
        });
        assert_eq!(
            told(&path),
            [
                (90, 270, Why::Short),
                (570, 690, Why::Short),
                // Ours had fewer in it, though it is no shorter than the load by much.
                (870, 990, Why::Saved),
            ]
        );
    }

    #[test]
    fn where_nothing_was_unmet_the_tightest_hour_is_shown_and_what_was_saved_and_paid() {
        let path = path(1440, |minute, point| match minute {
            200 => point.ours.ready = 10,
            500..530 => point.other.ready = 20,
            800..860 => point.ours.ready = 13,
            _ => {}
        });
        assert_eq!(
            told(&path),
            [
                (150, 270, Why::Tight),
                (450, 570, Why::Saved),
                (750, 870, Why::Dear),
            ]
        );
    }

    #[test]
    fn a_policy_that_did_as_ours_leaves_one_hour_to_show() {
        assert_eq!(told(&path(300, |_, _| {})).len(), 1);
        assert!(told(&path(300, |_, point| point.load = f64::NAN)).is_empty());
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn no_peak_is_lost_where_not_every_moment_is_drawn() {
        let path = path(20_000, |minute, point| {
            point.load = 95.0 + (minute % 7) as f64 / 7.0;
            if minute == 7001 {
                point.load = 400.0;
            }
            if minute == 12_003 {
                point.ours.ready = 60;
            }
        });
        let moments = Moments::of("hpa", &path, 10.0, &[]);
        assert!(moments.path.len() < 6 * DRAWN + 10 * 120);
        let most = |of: fn(&PathPoint) -> f64| moments.path.iter().map(of).fold(0.0, f64::max);
        assert!((most(|point| point.load) - 400.0).abs() < 1e-9);
        assert!((most(|point| f64::from(point.ours.ready)) - 60.0).abs() < 1e-9);
        assert!(moments.path.is_sorted_by_key(|point| point.at));
    }

    #[test]
    fn a_gap_stays_one_where_not_every_moment_is_drawn() {
        let path = path(20_000, |minute, point| {
            if (5000..5400).contains(&minute) {
                point.load = f64::NAN;
            }
        });
        let moments = Moments::of("hpa", &path, 10.0, &[]);
        assert!(moments.path.iter().any(|point| point.load.is_nan()));
    }
}
