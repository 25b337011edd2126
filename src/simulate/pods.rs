//! Pods that take time to start: what a Deployment with slow pods makes of a replica count.
//!
//! Rules and where they were read: a pod counts for the HPA from its creation and serves only when Ready; which pod goes
//! first is `ReplicaSet`'s order (`pkg/controller/controller_utils.go`, `ActivePodsWithRanks`): not ready before ready,
//! ready for a short time before ready for long, younger before older. A deleted pod leaves the replica count and the
//! endpoints at once, and its node when its grace period ends.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, LogNormal};

use crate::domain::Timestamp;

/// No pod takes longer than this to start, however long the tail of its distribution.
const LONGEST_START: Duration = Duration::from_hours(1);

/// How long a pod takes from creation to Ready: a fixed part plus a lognormal one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StartUp {
    /// What every pod takes.
    pub fixed: Duration,
    /// Median of what comes on top: image pull, warm-up.
    pub spread_median: Duration,
    /// Sigma of the logarithm of what comes on top; 0 for no spread.
    pub spread_sigma: f64,
}

/// The pods of one Deployment.
#[derive(Clone, Debug)]
pub struct Pods {
    start_up: StartUp,
    chance: ChaCha8Rng,
    grace: Duration,
    /// In order of creation.
    alive: Vec<Pod>,
    /// When each deleted pod is gone.
    leaving: Vec<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Pod {
    ready_at: Timestamp,
}

// === impl StartUp ===

impl StartUp {
    /// Every pod takes exactly this long.
    pub const fn exactly(time: Duration) -> Self {
        Self {
            fixed: time,
            spread_median: Duration::ZERO,
            spread_sigma: 0.0,
        }
    }

    /// Two thirds of the median are fixed, the rest is spread with a tail: one pod in ten takes about 1.3 times the
    /// median.
    pub fn around(median: Duration) -> Self {
        Self {
            fixed: median * 2 / 3,
            spread_median: median / 3,
            spread_sigma: 0.5,
        }
    }

    fn draw(&self, chance: &mut ChaCha8Rng) -> Duration {
        let sigma = if self.spread_sigma.is_finite() {
            self.spread_sigma.abs()
        } else {
            0.0
        };
        let factor = LogNormal::new(0.0, sigma).map_or(1.0, |tail| tail.sample(chance));
        let spread = (self.spread_median.as_secs_f64() * factor).min(LONGEST_START.as_secs_f64());
        (self.fixed + Duration::from_secs_f64(spread)).min(LONGEST_START)
    }
}

// === impl Pods ===

impl Pods {
    /// No pods yet.
    pub fn new(start_up: StartUp, seed: u64) -> Self {
        Self {
            start_up,
            chance: ChaCha8Rng::seed_from_u64(seed),
            grace: Duration::ZERO,
            alive: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// Pods that stay on their node for `grace` after their deletion (they no longer serve, but they cost).
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// `count` more pods that have been ready since `now`: a fleet that was there before.
    #[must_use]
    pub fn with_ready(mut self, count: u32, now: Timestamp) -> Self {
        let warm = std::iter::repeat_n(Pod { ready_at: now }, count as usize);
        self.alive.extend(warm);
        self
    }

    /// Creates or deletes pods until there are `count`.
    pub fn scale_to(&mut self, count: u32, now: Timestamp) {
        let count = count as usize;
        self.leaving.retain(|gone| *gone > now);
        while self.alive.len() < count {
            let ready_at = now + self.start_up.draw(&mut self.chance);
            self.alive.push(Pod { ready_at });
        }
        while self.alive.len() > count {
            // Not ready before ready, then the latest to become ready, then the youngest: a pod that is not ready has
            // a later moment of readiness than every ready one, so one comparison says it all but the age of the
            // starting ones.
            let victim = self.victim(now);
            self.alive.remove(victim);
            if !self.grace.is_zero() {
                self.leaving.push(now + self.grace);
            }
        }
    }

    /// Pods that serve.
    pub fn ready(&self, now: Timestamp) -> u32 {
        self.alive.iter().filter(|pod| pod.ready_at <= now).count() as u32
    }

    /// Pods that exist and are not being deleted: `status.replicas`.
    pub fn total(&self) -> u32 {
        self.alive.len() as u32
    }

    /// Pods that have been deleted and still occupy their node.
    pub fn terminating(&self, now: Timestamp) -> u32 {
        self.leaving.iter().filter(|gone| **gone > now).count() as u32
    }

    fn victim(&self, now: Timestamp) -> usize {
        let starting = self.alive.iter().rposition(|pod| pod.ready_at > now);
        // `max_by_key` takes the last of equals, which is the youngest.
        let latest = || {
            self.alive
                .iter()
                .enumerate()
                .max_by_key(|(_, pod)| pod.ready_at)
        };
        starting
            .or_else(|| latest().map(|(index, _)| index))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn slow() -> StartUp {
        StartUp::exactly(Duration::from_mins(1))
    }

    #[test]
    fn a_pod_counts_at_once_and_serves_when_it_is_ready() {
        let mut pods = Pods::new(slow(), 1);
        pods.scale_to(3, at(0));
        assert_eq!(
            (pods.total(), pods.ready(at(59)), pods.ready(at(60))),
            (3, 0, 3)
        );
    }

    #[test]
    fn scaling_down_takes_starting_pods_first_then_the_youngest_ready_ones() {
        let mut pods = Pods::new(slow(), 1).with_ready(4, at(0));
        pods.scale_to(6, at(100));
        pods.scale_to(4, at(110));
        assert_eq!(
            pods.ready(at(110)),
            4,
            "the two that were starting are gone"
        );
        pods.scale_to(5, at(120));
        pods.scale_to(4, at(200));
        assert!(
            pods.alive.iter().all(|pod| pod.ready_at == at(0)),
            "the youngest is gone"
        );
    }

    #[test]
    fn of_two_starting_pods_the_younger_goes_though_it_would_be_ready_sooner() {
        let mut pods = Pods::new(slow(), 1);
        pods.alive = [0, 100, 50].map(|secs| Pod { ready_at: at(secs) }).to_vec();
        pods.scale_to(2, at(10));
        assert_eq!((pods.ready(at(60)), pods.ready(at(100))), (1, 2));
    }

    #[test]
    fn start_up_times_have_their_median_and_a_tail() {
        let mut pods = Pods::new(StartUp::around(Duration::from_secs(90)), 7);
        pods.scale_to(2000, at(0));
        let share = |secs| f64::from(pods.ready(at(secs))) / 2000.0;
        assert!(
            (share(90) - 0.5).abs() < 0.05,
            "half are ready at the median: {}",
            share(90)
        );
        assert!(
            share(60) < 0.01,
            "the fixed part holds for all: {}",
            share(60)
        );
        assert!(
            share(120) > 0.85 && share(120) < 0.97,
            "one in ten is late: {}",
            share(120)
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_fleet() {
        let fleet = |seed| {
            let mut pods = Pods::new(StartUp::around(Duration::from_secs(90)), seed);
            pods.scale_to(50, at(0));
            (60..200)
                .map(|secs| pods.ready(at(secs)))
                .collect::<Vec<_>>()
        };
        assert_eq!(fleet(3), fleet(3));
        assert_ne!(fleet(3), fleet(4));
    }

    #[test]
    fn deleted_pods_cost_until_their_grace_period_ends() {
        let mut pods = Pods::new(slow(), 1)
            .with_grace(Duration::from_secs(30))
            .with_ready(5, at(0));
        pods.scale_to(2, at(10));
        assert_eq!((pods.total(), pods.ready(at(10))), (2, 2));
        assert_eq!((pods.terminating(at(39)), pods.terminating(at(40))), (3, 0));
    }

    #[test]
    fn a_spread_that_makes_no_sense_does_no_harm() {
        let odd = StartUp {
            spread_sigma: f64::NAN,
            spread_median: Duration::from_secs(10),
            ..slow()
        };
        let mut pods = Pods::new(odd, 1);
        pods.scale_to(1, at(0));
        assert_eq!((pods.ready(at(69)), pods.ready(at(71))), (0, 1));
    }
}
