//! Fleets whose truth is known, and what is learned of them.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const START: Timestamp = Timestamp::from_secs(1_700_000_040);
const ASKED: Asked = Asked {
    threshold: 60.0,
    objective: 0.25,
};

/// One replica: latency rises as that of a queue does towards its limit, with some chance in it.
struct Replica {
    /// Load at which the queue grows without end.
    limit: f64,
    /// Latency without load, in seconds.
    idle: f64,
    dice: ChaCha8Rng,
}

impl Replica {
    fn new(limit: f64, seed: u64) -> Self {
        Self {
            limit,
            idle: 0.05,
            dice: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn unit(&mut self) -> f64 {
        (self.dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly from 0.8 to 1.2 times the middle.
    fn latency(&mut self, load: f64) -> f64 {
        let middle = self.idle / (1.0 - (load / self.limit).min(0.99));
        middle * (0.8 + 0.4 * self.unit())
    }

    /// The load at which nine in ten latencies keep the objective.
    fn truth(&self) -> f64 {
        self.limit * (1.0 - 1.16 * self.idle / ASKED.objective)
    }
}

/// A life of minutes.
struct Life {
    record: CapacityRecord,
    now: Timestamp,
}

impl Life {
    fn new() -> Self {
        Self {
            record: CapacityRecord::default(),
            now: START,
        }
    }

    /// `minutes` under loads per replica from `low` to `high`, eight replicas all the time.
    fn lives(&mut self, replica: &mut Replica, minutes: u32, [low, high]: [f64; 2]) -> &mut Self {
        for _ in 0..minutes {
            let load = low + (high - low) * replica.unit();
            let latency = replica.latency(load);
            self.sees(load, latency);
        }
        self
    }

    fn sees(&mut self, load: f64, latency: f64) {
        self.now = self.now + Duration::from_mins(1);
        let look = Look {
            now: self.now,
            at: self.now,
            load: 8.0 * load,
            ready: 8.0,
            latency,
        };
        self.record = observe(std::mem::take(&mut self.record), ASKED, look);
    }

    fn knows(&self) -> Option<(f64, CapacityBound)> {
        let known = self.record.known?;
        Some((known.per_replica, known.bound))
    }

    fn capacity(&self) -> f64 {
        self.record.known.expect("a capacity").per_replica
    }
}

#[test]
fn the_load_at_which_the_objective_holds_is_found_and_erred_on_the_safe_side() {
    for seed in 0..10 {
        let mut replica = Replica::new(100.0, seed);
        let mut life = Life::new();
        life.lives(&mut replica, 400, [10.0, 90.0]);
        let (found, bound) = life.knows().unwrap();
        let share = found / replica.truth();
        assert_eq!(bound, CapacityBound::Within);
        assert!(
            (0.9..=1.03).contains(&share),
            "seed {seed}: {share} of the truth"
        );
    }
}

#[test]
fn too_few_pairs_or_a_load_that_never_troubles_the_fleet_leave_the_threshold_alone() {
    let mut replica = Replica::new(100.0, 1);
    let mut life = Life::new();
    life.lives(&mut replica, ENOUGH as u32, [10.0, 90.0]);
    assert_eq!(life.knows(), None, "the first look only begins");
    let mut life = Life::new();
    life.lives(&mut replica, 400, [10.0, 40.0]);
    assert_eq!(life.knows(), None, "nothing speaks against 60");
}

#[test]
fn loads_above_the_threshold_that_keep_the_objective_raise_the_capacity_by_a_tenth_at_most() {
    let mut replica = Replica::new(1000.0, 1);
    let mut life = Life::new();
    life.lives(&mut replica, 400, [20.0, 80.0]);
    let (found, bound) = life.knows().unwrap();
    assert_eq!(bound, CapacityBound::AtLeast);
    assert!(found > 75.0 && found <= 88.0, "{found}");
    // A quiet week takes nothing back of that.
    life.lives(&mut replica, 600, [5.0, 20.0]);
    assert!(life.capacity() >= found, "{}", life.capacity());
}

#[test]
fn a_fleet_that_misses_the_objective_everywhere_is_relieved_step_by_step_until_it_keeps_it() {
    let mut replica = Replica::new(50.0, 3);
    let truth = replica.truth();
    let mut life = Life::new();
    let mut carries = 60.0;
    let mut bounds = vec![];
    for _ in 0..40 {
        life.lives(&mut replica, 40, [0.97 * carries, carries]);
        if let Some((found, bound)) = life.knows() {
            assert!(
                found >= 0.9 * 0.97 * carries - 1e-6,
                "{found} after {carries}"
            );
            bounds.push(bound);
            carries = found;
        }
    }
    assert_eq!(bounds[0], CapacityBound::AtMost);
    assert!(
        (0.85..=1.05).contains(&(carries / truth)),
        "{carries}, truly {truth}"
    );
}

#[test]
fn a_latency_that_does_not_depend_on_load_calls_for_no_replicas() {
    let mut replica = Replica::new(1e9, 5);
    replica.idle = 0.5;
    let mut life = Life::new();
    life.lives(&mut replica, 300, [10.0, 70.0]);
    assert_eq!(life.knows(), None);
    // Even where it begins with loads that are all alike, it ends soon.
    let mut life = Life::new();
    let mut carries: f64 = 60.0;
    for _ in 0..40 {
        life.lives(&mut replica, 40, [0.9 * carries, carries]);
        carries = life.knows().map_or(60.0, |(found, _)| found);
    }
    assert_eq!(life.knows(), None);
}

#[test]
fn a_deploy_that_makes_replicas_slower_is_learned_within_the_hour_and_told() {
    for seed in 0..3 {
        let mut replica = Replica::new(100.0, seed);
        let mut life = Life::new();
        life.lives(&mut replica, 400, [10.0, 90.0]);
        let before = life.capacity();
        replica.limit = 60.0;
        life.lives(&mut replica, 60, [10.0, 75.0]);
        let known = life.record.known.unwrap();
        let share = known.per_replica / replica.truth();
        // Of so few pairs the curve is coarse, and drawn on the safe side.
        assert!((0.7..=1.05).contains(&share), "seed {seed}: {share}");
        let drop = known.dropped.expect("a drop");
        assert!(drop.from > 0.95 * before, "{drop:?}, before {before}");
        // It is told for a day, and then it is what is usual.
        life.lives(&mut replica, 60 * 20, [10.0, 60.0]);
        let share = life.capacity() / replica.truth();
        assert!((0.9..=1.05).contains(&share), "seed {seed}: {share}");
        assert!(life.record.known.unwrap().dropped.is_some());
        life.lives(&mut replica, 60 * 6, [10.0, 60.0]);
        assert_eq!(life.record.known.unwrap().dropped, None);
    }
}

#[test]
fn a_slower_deploy_in_quiet_hours_leaves_no_more_than_the_threshold() {
    for seed in 0..3 {
        let mut replica = Replica::new(100.0, seed);
        let mut life = Life::new();
        life.lives(&mut replica, 400, [10.0, 90.0]);
        life.lives(&mut replica, 120, [10.0, 30.0]);
        assert!(life.capacity() > ASKED.threshold);
        // Nothing that is seen tells how much less a replica carries now.
        replica.limit = 45.0;
        life.lives(&mut replica, 120, [10.0, 30.0]);
        let known = life.knows().map_or(ASKED.threshold, |(load, _)| load);
        assert!(known <= ASKED.threshold, "seed {seed}: {known}");
    }
}

#[test]
fn a_deploy_that_makes_replicas_faster_is_learned_too_and_is_no_drop() {
    let mut replica = Replica::new(60.0, 2);
    let mut life = Life::new();
    life.lives(&mut replica, 400, [10.0, 55.0]);
    let before = life.capacity();
    (replica.limit, replica.idle) = (120.0, 0.025);
    life.lives(&mut replica, 120, [10.0, 55.0]);
    let known = life.record.known.unwrap();
    assert!(
        known.per_replica > 1.15 * before,
        "{known:?}, before {before}"
    );
    assert_eq!(known.dropped, None);
}

#[test]
fn without_a_change_nothing_is_forgotten() {
    let mut forgotten = 0;
    for seed in 0..5 {
        let mut replica = Replica::new(100.0, seed);
        let mut life = Life::new();
        life.lives(&mut replica, 240, [10.0, 90.0]);
        for _ in 0..300 {
            life.lives(&mut replica, 1, [10.0, 90.0]);
            forgotten += usize::from(life.record.pairs.len() < 200);
        }
    }
    assert_eq!(forgotten, 0);
}

#[test]
fn rare_loads_stay_known_through_long_ordinary_times() {
    let mut replica = Replica::new(100.0, 4);
    let mut life = Life::new();
    life.lives(&mut replica, 200, [10.0, 90.0]);
    let found = life.capacity();
    life.lives(&mut replica, 1500, [20.0, 30.0]);
    assert_eq!(life.record.pairs.len(), KEPT);
    let share = life.capacity() / found;
    assert!((0.9..=1.1).contains(&share), "{share}");
}

#[test]
fn pairs_are_taken_once_a_minute_from_a_steady_fleet_only() {
    let look = |secs: u64, ready: f64| {
        let now = START + Duration::from_secs(secs);
        Look {
            now,
            at: now,
            load: 400.0,
            ready,
            latency: 0.1,
        }
    };
    let mut record = CapacityRecord::default();
    let mut counts = vec![];
    for (secs, ready) in [
        (0, 8.0),
        (45, 8.0),
        (60, 8.0),
        (75, 8.0),
        (120, 8.4),
        (180, 12.0),
        (225, 12.0),
        (240, 12.0),
    ] {
        record = observe(record, ASKED, look(secs, ready));
        counts.push(record.pairs.len());
    }
    assert_eq!(counts, [0, 0, 1, 1, 2, 2, 2, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_is_seen_the_capacity_stays_in_its_bounds_and_the_record_small(
        looks in prop::collection::vec(
            (-200_i64..600, prop::num::f64::ANY, 0.0_f64..20.0, prop::num::f64::ANY),
            1..200,
        ),
    ) {
        let mut record = CapacityRecord::default();
        let mut now = START;
        for (step, load, ready, latency) in looks {
            now = Timestamp::from_secs(now.as_secs() + step);
            record = observe(record, ASKED, Look { now, at: now, load, ready, latency });
            prop_assert!(record.pairs.len() <= KEPT);
            if let Some(known) = record.known {
                prop_assert!((15.0..=240.0).contains(&known.per_replica), "{known:?}");
            }
        }
    }

    #[test]
    fn any_fleet_at_all_gets_a_capacity_in_its_bounds_or_none(
        pairs in prop::collection::vec((1.0_f64..1000.0, 0.0_f64..5.0), 30..300),
    ) {
        let mut life = Life::new();
        let mut largest: f64 = 0.0;
        for (load, latency) in pairs {
            life.sees(load, latency);
            largest = largest.max(load);
            let Some((found, bound)) = life.knows() else { continue };
            prop_assert!((15.0..=240.0).contains(&found));
            let beyond = found > 1.1001 * largest.max(ASKED.threshold);
            prop_assert!(!beyond, "{found} {bound:?}, seen up to {largest}");
        }
    }

    #[test]
    fn a_looser_objective_never_means_less_capacity(
        pairs in prop::collection::vec((1.0_f64..1000.0, 0.01_f64..5.0), 30..200),
        objectives in prop::collection::vec(0.01_f64..5.0, 2..6),
    ) {
        let mut life = Life::new();
        for (load, latency) in pairs {
            life.sees(load, latency);
        }
        let knots = fit::curve(&life.record.pairs);
        prop_assert!(knots.is_sorted_by(|a, b| a.load <= b.load && a.latency <= b.latency));
        let mut objectives = objectives;
        objectives.sort_by(f64::total_cmp);
        let found: Vec<f64> = objectives
            .iter()
            .filter_map(|objective| match fit::reach(&knots, *objective)? {
                Found::Within(load) | Found::AtLeast(load) | Found::AtMost(load) => Some(load),
                Found::Unrelated => None,
            })
            .collect();
        prop_assert!(found.is_sorted(), "{found:?}");
    }
}
