//! What the controller remembers of one HPA: recommendations, and changes it has made.

use std::collections::VecDeque;
use std::time::Duration;

use super::DOWNSCALE_STABILIZATION;
use super::behavior::{Behavior, Rules};
use crate::domain::Timestamp;

/// Recommendations and changes, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    recommendations: VecDeque<(Timestamp, u32)>,
    /// Replicas added, and removed as negative numbers.
    changes: VecDeque<(Timestamp, i64)>,
    begun: bool,
}

impl Past {
    /// The first sync recommends what is there (`recordInitialRecommendation`), so that a controller that has just
    /// started does not shrink a fleet before its window has passed.
    pub(super) fn begin(&mut self, now: Timestamp, current: u32) {
        if !self.begun {
            self.begun = true;
            self.recommendations.push_back((now, current));
        }
    }

    /// `stabilizeRecommendationWithBehaviors`: the current replicas, brought between the lowest recommendation of the
    /// up-window and the highest of the down-window. What is remembered is the recommendation before that.
    pub(super) fn stabilize(
        &mut self,
        now: Timestamp,
        current: u32,
        wanted: u32,
        behavior: &Behavior,
    ) -> u32 {
        let (up, down) = (
            behavior.scale_up.stabilization,
            behavior.scale_down.stabilization,
        );
        let (mut lowest, mut highest) = (wanted, wanted);
        for (at, recommendation) in &self.recommendations {
            if *at > now - up {
                lowest = lowest.min(*recommendation);
            }
            if *at > now - down {
                highest = highest.max(*recommendation);
            }
        }
        self.recommend(now, wanted, up.max(down));
        current.max(lowest).min(highest)
    }

    /// `stabilizeRecommendation`: the highest of the last five minutes, that bound included.
    pub(super) fn stabilize_by_highest(&mut self, now: Timestamp, wanted: u32) -> u32 {
        let since = now - DOWNSCALE_STABILIZATION;
        let recent = self.recommendations.iter().filter(|(at, _)| *at >= since);
        let highest = recent.map(|(_, recommendation)| *recommendation).max();
        self.recommend(now, wanted, DOWNSCALE_STABILIZATION);
        highest.map_or(wanted, |highest| highest.max(wanted))
    }

    /// Replicas at the start of a period: what is there now, less what came, plus what went (strictly within it).
    pub(super) fn start_of_period(&self, now: Timestamp, current: u32, period: Duration) -> f64 {
        let within = self
            .changes
            .iter()
            .rev()
            .take_while(|(at, _)| *at > now - period);
        let moved: i64 = within.map(|(_, change)| *change).sum();
        (i64::from(current) - moved) as f64
    }

    /// `storeScaleEvent`; an HPA without a `behavior` stores none.
    pub(super) fn record_scale(&mut self, now: Timestamp, from: u32, to: u32, behavior: &Behavior) {
        if from == to {
            return;
        }
        let longest = longest_period(&behavior.scale_up).max(longest_period(&behavior.scale_down));
        while self
            .changes
            .front()
            .is_some_and(|(at, _)| *at < now - longest)
        {
            self.changes.pop_front();
        }
        self.changes
            .push_back((now, i64::from(to) - i64::from(from)));
    }

    fn recommend(&mut self, now: Timestamp, wanted: u32, window: Duration) {
        while self
            .recommendations
            .front()
            .is_some_and(|(at, _)| *at < now - window)
        {
            self.recommendations.pop_front();
        }
        self.recommendations.push_back((now, wanted));
    }
}

fn longest_period(rules: &Rules) -> Duration {
    rules
        .policies
        .iter()
        .map(|policy| policy.period)
        .max()
        .unwrap_or_default()
}
