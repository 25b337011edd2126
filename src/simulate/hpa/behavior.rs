//! An HPA's `behavior` stanza: rules for either direction, defaults filled in.

use std::time::Duration;

use super::past::Past;
use super::{DOWNSCALE_STABILIZATION, TOLERANCE};
use crate::domain::Timestamp;

/// Rules for both directions. The default is what Kubernetes fills into an empty stanza.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// Growing.
    pub scale_up: Rules,
    /// Shrinking.
    pub scale_down: Rules,
}

/// Rules for one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// A change of the ratio within this is ignored; the controller's own when unset.
    pub tolerance: Option<f64>,
    /// Recommendations of this long are looked back on (`stabilizationWindowSeconds`).
    pub stabilization: Duration,
    /// Bounds on the rate.
    pub policies: Vec<Policy>,
    /// Which bound counts when several are given.
    pub select: Select,
}

/// A bound on how many replicas may come or go within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many.
    pub change: Change,
    /// Within how long.
    pub period: Duration,
}

/// The amount of a [`Policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Whole pods.
    Pods(u32),
    /// Percent of the replicas at the start of the period.
    Percent(u32),
}

/// `selectPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The policy that allows the largest change.
    Max,
    /// The policy that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

impl Default for Behavior {
    fn default() -> Self {
        Self {
            scale_up: Rules {
                tolerance: None,
                stabilization: Duration::ZERO,
                policies: vec![Policy::pods(4, 15), Policy::percent(100, 15)],
                select: Select::Max,
            },
            scale_down: Rules {
                tolerance: None,
                stabilization: DOWNSCALE_STABILIZATION,
                policies: vec![Policy::percent(100, 15)],
                select: Select::Max,
            },
        }
    }
}

impl Behavior {
    /// That of this project's manifests: the plan does its own waiting, so that there is no stabilisation window.
    #[must_use]
    pub fn under_a_plan() -> Self {
        let mut behavior = Self::default();
        behavior.scale_down.stabilization = Duration::ZERO;
        behavior
    }

    /// It with the controller's tolerance where it has none.
    #[must_use]
    pub fn filled_in(mut self) -> Self {
        for rules in [&mut self.scale_up, &mut self.scale_down] {
            rules.tolerance = rules.tolerance.or(Some(TOLERANCE));
        }
        self
    }

    /// The default with this tolerance in both directions (`tolerance: 0` makes every number land).
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.scale_up.tolerance = Some(tolerance);
        self.scale_down.tolerance = Some(tolerance);
        self
    }
}

impl Policy {
    /// `pods` per `seconds`.
    pub const fn pods(pods: u32, seconds: u64) -> Self {
        Self {
            change: Change::Pods(pods),
            period: Duration::from_secs(seconds),
        }
    }

    /// `percent` per `seconds`.
    pub const fn percent(percent: u32, seconds: u64) -> Self {
        Self {
            change: Change::Percent(percent),
            period: Duration::from_secs(seconds),
        }
    }
}

impl Rules {
    /// The most replicas that scaling up may reach (`calculateScaleUpLimitWithScalingRules`): a percentage is rounded
    /// up, so that one replica can grow.
    pub(super) fn highest(&self, now: Timestamp, current: u32, past: &Past) -> u32 {
        let limits = self.policies.iter().map(|policy| {
            let start = past.start_of_period(now, current, policy.period);
            match policy.change {
                Change::Pods(pods) => start + f64::from(pods),
                Change::Percent(percent) => (start * (1.0 + f64::from(percent) / 100.0)).ceil(),
            }
        });
        match self.select {
            Select::Disabled => current,
            Select::Max => limits.fold(f64::MIN, f64::max) as u32,
            Select::Min => limits.fold(f64::MAX, f64::min) as u32,
        }
    }

    /// The fewest replicas that scaling down may reach (`calculateScaleDownLimitWithBehaviors`): a percentage is
    /// truncated.
    pub(super) fn lowest(&self, now: Timestamp, current: u32, past: &Past) -> u32 {
        let limits = self.policies.iter().map(|policy| {
            let start = past.start_of_period(now, current, policy.period);
            match policy.change {
                Change::Pods(pods) => start - f64::from(pods),
                Change::Percent(percent) => (start * (1.0 - f64::from(percent) / 100.0)).trunc(),
            }
        });
        match self.select {
            Select::Disabled => current,
            Select::Max => limits.fold(f64::MAX, f64::min) as u32,
            Select::Min => limits.fold(f64::MIN, f64::max) as u32,
        }
    }
}
