//! What the controller remembers of one HPA: recommendations, and changes it has made.

use std::collections::VecDeque;
use std::time::Duration;

use super::DOWNSCALE_STABILIZATION;
use super::behavior::{Behavior, Rules};
use crate::domain::Timestamp;

/// Recommendations and changes.
#[derive(Clone, Debug)]
pub(super) struct Past {
    lowest: Extreme,
    highest: Extreme,
    /// Replicas added, and removed as negative numbers.
    changes: VecDeque<(Timestamp, i64)>,
    begun: bool,
}

/// The lowest or highest recent recommendation. One that a later one outdoes will never be looked at again and is not
/// kept, so that the answer is always the oldest that is: a long window costs no more than a short one.
#[derive(Clone, Debug)]
struct Extreme {
    /// Whether the left one makes the right one pointless.
    outdoes: fn(u32, u32) -> bool,
    kept: VecDeque<(Timestamp, u32)>,
}

impl Default for Past {
    fn default() -> Self {
        Self {
            lowest: Extreme::new(|new, old| new <= old),
            highest: Extreme::new(|new, old| new >= old),
            changes: VecDeque::new(),
            begun: false,
        }
    }
}

impl Extreme {
    fn new(outdoes: fn(u32, u32) -> bool) -> Self {
        Self {
            outdoes,
            kept: VecDeque::new(),
        }
    }

    fn record(&mut self, at: Timestamp, recommendation: u32) {
        let pointless = |old: &mut (Timestamp, u32)| (self.outdoes)(recommendation, old.1);
        while self.kept.pop_back_if(pointless).is_some() {}
        self.kept.push_back((at, recommendation));
    }

    /// The most extreme one after `cutoff`; what lies before is forgotten.
    fn after(&mut self, cutoff: Timestamp) -> Option<u32> {
        while self.kept.pop_front_if(|(at, _)| *at <= cutoff).is_some() {}
        self.kept.front().map(|(_, recommendation)| *recommendation)
    }
}

impl Past {
    /// The first sync recommends what is there (`recordInitialRecommendation`), so that a controller that has just
    /// started does not shrink a fleet before its window has passed.
    pub(super) fn begin(&mut self, now: Timestamp, current: u32) {
        if !self.begun {
            self.begun = true;
            self.record(now, current);
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
        let lowest = self.lowest.after(now - behavior.scale_up.stabilization);
        let highest = self.highest.after(now - behavior.scale_down.stabilization);
        self.record(now, wanted);
        current
            .max(lowest.map_or(wanted, |lowest| lowest.min(wanted)))
            .min(highest.map_or(wanted, |highest| highest.max(wanted)))
    }

    /// `stabilizeRecommendation`: the highest of the last five minutes, that bound included.
    pub(super) fn stabilize_by_highest(&mut self, now: Timestamp, wanted: u32) -> u32 {
        let before = now - DOWNSCALE_STABILIZATION - Duration::from_millis(1);
        let highest = self.highest.after(before);
        self.record(now, wanted);
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

    fn record(&mut self, now: Timestamp, recommendation: u32) {
        self.lowest.record(now, recommendation);
        self.highest.record(now, recommendation);
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
