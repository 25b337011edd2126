//! Predictive Horizontal Pod Autoscaler (jthomperoo/predictive-horizontal-pod-autoscaler) with its Holt-Winters model.
//!
//! Read there, as of v0.12: `internal/controllers/predictivehorizontalpodautoscaler_controller.go` (every 15 s the HPA's own
//! number is worked out with tolerance 0.1 and stored; each model predicts from these numbers; `decisionType: maximum` takes
//! the highest; `fillBehaviorDefaults`: up 100 % or 4 pods a minute, whichever is more, down 100 % a minute after a window of
//! 300 s; the scale is set without an HPA), `internal/scalebehavior/scalebehavior.go` (`DecideTargetReplicasByBehavior`: the
//! HPA's rules, then minimum, 1 unless it is given, and maximum), `internal/prediction/holtwinters/holtwinters.go`
//! (`GetPrediction`: a prediction of 0, which is none, before `2 * seasonalPeriods` numbers, as of commit 5662a3b, and before `10 + 2 * (seasonalPeriods / 2)` of them)
//! and `algorithms/holt_winters/holt_winters.py` (the same two conditions; one period ahead, rounded up; four stored
//! seasons). Constants from `examples/simple-holt-winters`: additive, alpha, beta and gamma 0.9, with a season of a day
//! instead of 6 periods. It refits on what is stored each time; a fit that starts at the same number comes to the same state
//! as one that is carried on, so here it is begun anew only when the oldest season is dropped. Where the fit starts is the
//! first season's mean and shape, not what statsmodels takes. The safety setting is the target of the inner HPA.

use std::collections::VecDeque;
use std::time::Duration;

use super::holt_winters::HoltWinters;
use crate::simulate::cluster::{History, Manifest, Observed, Policy, Reading, Scene, TICK};
use crate::simulate::hpa::{Behavior, Hpa, Policy as Rate};

const SMOOTHING: f64 = 0.9;
const SEASON: Duration = Duration::from_hours(24);
/// Sync periods in a season.
const PERIODS: usize = (SEASON.as_secs() / TICK.as_secs()) as usize;
const STORED_SEASONS: u32 = 4;
/// Numbers that a prediction needs; with a season of more than 10 the other condition asks for fewer.
const LEAST_STORED: usize = 2 * PERIODS;
const TOLERANCE: f64 = 0.1;

/// The HPA's number, and Holt-Winters on it.
#[derive(Clone, Debug)]
pub struct Phpa {
    per_replica: f64,
    model: HoltWinters,
    /// The numbers that are stored: four seasons, and the one that is being filled.
    stored: VecDeque<f64>,
    /// The HPA's rules for what is decided.
    rules: Hpa,
}

impl Phpa {
    /// Given the numbers that an HPA would have come to on the past.
    pub fn new(scene: &Scene<'_>, setting: f64) -> Self {
        let per_replica = scene.cluster.capacity * setting;
        let object = &scene.cluster.object;
        let mut phpa = Self {
            per_replica,
            model: fresh(),
            stored: VecDeque::new(),
            rules: Hpa::new(object.min_replicas, object.max_replicas, behavior()),
        };
        phpa.learn(&scene.past().last(SEASON * STORED_SEASONS));
        phpa
    }

    /// Feeds the past at the sync period: a coarser grid is held, of a finer one every so many values are taken.
    fn learn(&mut self, past: &History<'_>) {
        let Some(last) = past.values.len().checked_sub(1) else {
            return;
        };
        let (mut now, end) = (past.start, past.time_of(last));
        let mut replicas = 1;
        while now <= end {
            let index = now.since(past.start).as_millis() / past.step.as_millis().max(1);
            let load = past.values[(index as usize).min(last)];
            replicas = self.calculated(load, replicas);
            self.store(replicas);
            now = now + TICK;
        }
    }

    /// Stores a number, and drops the oldest season when there is one too many.
    fn store(&mut self, replicas: u32) {
        self.stored.push_back(f64::from(replicas));
        self.model.update(f64::from(replicas));
        if self.stored.len() >= PERIODS * (STORED_SEASONS as usize + 1) {
            self.stored.drain(..PERIODS);
            self.model = fresh();
            for replicas in &self.stored {
                self.model.update(*replicas);
            }
        }
    }

    /// One period ahead; 0 while too little is stored.
    fn predicted(&self) -> u32 {
        if self.stored.len() < LEAST_STORED {
            return 0;
        }
        self.model.one_ahead().map_or(0.0, f64::ceil).max(0.0) as u32
    }

    /// The HPA's number; what is there when the load is not known.
    fn calculated(&self, load: f64, current: u32) -> u32 {
        let wanted = load / self.per_replica;
        let ratio = wanted / f64::from(current);
        if load.is_nan() || (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&ratio) {
            current
        } else {
            wanted.ceil() as u32
        }
    }
}

impl Policy for Phpa {
    fn name(&self) -> &'static str {
        "phpa"
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            activated: false,
            ..Manifest::default()
        }
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        let load = seen.load.map_or(f64::NAN, |sample| sample.value);
        let calculated = self.calculated(load, seen.fleet.status);
        self.store(calculated);
        let decision = calculated.max(self.predicted());
        Reading::Replicas(self.rules.carry_out(seen.now, seen.fleet.spec, decision))
    }
}

/// What is filled in where no `behavior` is given: Kubernetes' but for periods of a minute.
fn behavior() -> Behavior {
    let mut behavior = Behavior::default();
    behavior.scale_up.policies = vec![Rate::pods(4, 60), Rate::percent(100, 60)];
    behavior.scale_down.policies = vec![Rate::percent(100, 60)];
    behavior
}

fn fresh() -> HoltWinters {
    HoltWinters::new(SMOOTHING, SMOOTHING, SMOOTHING, PERIODS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Sample, Timestamp};
    use crate::simulate::hpa::Fleet;

    fn phpa() -> Phpa {
        Phpa {
            per_replica: 1.0,
            model: fresh(),
            stored: VecDeque::new(),
            rules: Hpa::new(1, 100, behavior()),
        }
    }

    /// Replicas every 15 s from `replicas` on, where the load asks for so many.
    fn follows(mut replicas: u32, asked: &[f64]) -> Vec<u32> {
        let mut phpa = phpa();
        let ticks = asked.iter().zip((0..).step_by(15));
        ticks
            .map(|(load, secs)| {
                let now = Timestamp::from_secs(secs);
                let seen = Observed {
                    now,
                    load: Some(Sample {
                        at: now,
                        value: *load,
                    }),
                    fleet: Fleet {
                        spec: replicas,
                        status: replicas,
                        ready: replicas,
                    },
                    history: History {
                        start: now,
                        step: TICK,
                        values: &[],
                    },
                };
                let Reading::Replicas(next) = phpa.answer(&seen) else {
                    panic!("it scales by itself");
                };
                replicas = next;
                next
            })
            .collect()
    }

    #[test]
    fn it_doubles_or_adds_four_a_minute_and_shrinks_after_five() {
        let up = follows(2, &[100.0; 9]);
        assert_eq!(up, [6, 6, 6, 6, 12, 12, 12, 12, 24]);
        let mut asked = vec![10.0];
        asked.extend([5.0; 20]);
        let down = follows(10, &asked);
        assert_eq!((down[19], down[20]), (10, 5));
    }

    #[test]
    fn nothing_is_predicted_before_two_whole_seasons_are_stored() {
        let mut phpa = phpa();
        for _ in 1..2 * PERIODS {
            phpa.store(7);
        }
        assert_eq!(phpa.predicted(), 0);
        phpa.store(7);
        // Rounded up, of what may be a hair above 7.
        assert!((7..=8).contains(&phpa.predicted()));
    }
}
