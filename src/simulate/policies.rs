//! Policies to compare with, each as its makers wrote it: where it was read, and which constants it has, stands at the top
//! of its file.
//!
//! Every policy has one scalar, its safety setting, that is swept to draw its frontier of overload against cost. A
//! [`Family`] is one policy on one scene: what is costly to prepare (a grid search, perfect foresight) is prepared once
//! and serves all settings.

mod aws_hourly_max;
mod crane;
mod cron;
mod fixed;
mod holt_winters;
mod hpa;
mod hpa_cpu;
mod hpa_tuned;
mod kedastral;
mod perfect;
mod phpa;
#[cfg(test)]
mod tests;

pub use aws_hourly_max::AwsHourlyMax;
pub use crane::Crane;
pub use cron::Cron;
pub use fixed::Fixed;
pub use hpa::HpaOnMetric;
pub use hpa_cpu::HpaOnCpu;
pub use hpa_tuned::{Candidate, Search, Tried, grid};
pub use kedastral::Kedastral;
pub use perfect::{Foresight, Perfect};
pub use phpa::Phpa;

use std::time::Duration;

use super::cluster::{History, Policy, Scene, run};
use super::figures::Figures;
use crate::domain::Timestamp;

/// Target utilisations that a policy is swept over where that is its safety setting.
const TARGETS: [f64; 16] = [
    0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0,
];

/// One of the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The HPA on the metric, default behavior.
    Hpa,
    /// The HPA on CPU, default behavior.
    HpaCpu,
    /// The HPA on the metric, target and behavior fitted on the time before.
    HpaTuned,
    /// KEDA's cron trigger by hour of the day.
    Cron,
    /// Predictive Horizontal Pod Autoscaler with Holt-Winters.
    Phpa,
    /// Crane's DSP with maximum and margin.
    Crane,
    /// Kedastral's baseline.
    Kedastral,
    /// Hourly maxima as AWS predictive scaling plans with.
    AwsHourlyMax,
    /// A fleet that never changes.
    Fixed,
    /// Perfect foresight.
    Perfect,
}

/// One policy on one scene, whatever its setting.
#[derive(Debug)]
pub struct Family<'a> {
    kind: Kind,
    scene: &'a Scene<'a>,
    prepared: Prepared,
}

/// What serves all settings of a policy.
#[derive(Debug)]
enum Prepared {
    Nothing,
    Search(Search),
    Foresight(Foresight),
}

// === impl Kind ===

impl Kind {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 10] = [
        Self::Hpa,
        Self::HpaTuned,
        Self::HpaCpu,
        Self::Cron,
        Self::Phpa,
        Self::Crane,
        Self::Kedastral,
        Self::AwsHourlyMax,
        Self::Fixed,
        Self::Perfect,
    ];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hpa => "hpa",
            Self::HpaCpu => "hpa-cpu",
            Self::HpaTuned => "hpa-tuned",
            Self::Cron => "cron",
            Self::Phpa => "phpa",
            Self::Crane => "crane",
            Self::Kedastral => "kedastral",
            Self::AwsHourlyMax => "aws-hourly-max",
            Self::Fixed => "fixed",
            Self::Perfect => "perfect",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What its safety setting is.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Hpa | Self::HpaCpu | Self::Phpa | Self::Crane | Self::AwsHourlyMax => {
                "target utilisation"
            }
            Self::HpaTuned => "overload allowed while fitting, in percent",
            Self::Cron => "replicas by hour as a multiple of what its 95th percentile needs",
            Self::Kedastral => "headroom factor",
            Self::Fixed => "replicas as a multiple of what the highest load before needed",
            Self::Perfect => "overload allowed, in percent",
        }
    }

    /// The settings it is swept over.
    pub const fn settings(self) -> &'static [f64] {
        match self {
            Self::Hpa | Self::HpaCpu | Self::Phpa | Self::Crane | Self::AwsHourlyMax => &TARGETS,
            Self::HpaTuned => &[
                0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0,
            ],
            Self::Cron => &[
                0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0, 2.5, 3.0, 4.0,
            ],
            Self::Kedastral => &[
                1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0,
            ],
            Self::Fixed => &[
                0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0,
            ],
            Self::Perfect => &[
                0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0,
            ],
        }
    }

    /// The setting it has out of the box, or that its documentation shows.
    pub const fn usual(self) -> f64 {
        match self {
            Self::Hpa | Self::HpaCpu | Self::Phpa | Self::Crane | Self::AwsHourlyMax => 0.7,
            Self::HpaTuned => 0.5,
            Self::Cron | Self::Kedastral => 1.2,
            Self::Fixed => 1.0,
            Self::Perfect => 0.0,
        }
    }
}

// === impl Family ===

impl<'a> Family<'a> {
    /// Prepares `kind` on `scene`, which takes a grid search for [`Kind::HpaTuned`].
    pub fn new(kind: Kind, scene: &'a Scene<'a>) -> Self {
        let prepared = match kind {
            Kind::HpaTuned => Prepared::Search(Search::before(scene)),
            Kind::Perfect => Prepared::Foresight(Foresight::new(scene)),
            _ => Prepared::Nothing,
        };
        Self {
            kind,
            scene,
            prepared,
        }
    }

    /// Which one it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// It, with this safety setting.
    pub fn policy(&self, setting: f64) -> Box<dyn Policy + 'a> {
        let scene = self.scene;
        let capacity = scene.cluster.capacity;
        match (self.kind, &self.prepared) {
            (_, Prepared::Search(search)) => Box::new(search.best(setting).policy(capacity)),
            (_, Prepared::Foresight(foresight)) => Box::new(foresight.within(setting)),
            (Kind::HpaCpu, _) => Box::new(HpaOnCpu::new(setting)),
            (Kind::Cron, _) => Box::new(Cron::new(scene, setting)),
            (Kind::Phpa, _) => Box::new(Phpa::new(scene, setting)),
            (Kind::Crane, _) => Box::new(Crane::new(scene, setting)),
            (Kind::Kedastral, _) => Box::new(Kedastral::new(scene, setting)),
            (Kind::AwsHourlyMax, _) => Box::new(AwsHourlyMax::new(scene, setting)),
            (Kind::Fixed, _) => Box::new(Fixed::new(scene, setting)),
            _ => Box::new(HpaOnMetric::new(capacity, setting)),
        }
    }

    /// Its score with this setting.
    pub fn run(&self, setting: f64) -> Figures {
        run(self.scene, self.policy(setting).as_mut())
    }

    /// Its score with each of these settings.
    pub fn sweep(&self, settings: &[f64]) -> Vec<(f64, Figures)> {
        let score = |setting: &f64| (*setting, self.run(*setting));
        settings.iter().map(score).collect()
    }
}

const HOUR: Duration = Duration::from_hours(1);

/// Hour of the day in UTC, 0 to 23.
fn hour_of_day(at: Timestamp) -> usize {
    (at.as_secs().div_euclid(3600).rem_euclid(24)) as usize
}

const MINUTE: Duration = Duration::from_mins(1);
const MINUTE_MILLIS: i64 = 60_000;

/// The history once a minute up to `now`: of a finer grid the last value up to the minute is taken. A
/// history is never coarser than that.
fn minutes_of(history: &History<'_>, now: Timestamp) -> Vec<f64> {
    let newest = now.floor_to(MINUTE).as_millis();
    let start = history.start.as_millis();
    let step = i64::try_from(history.step.as_millis()).unwrap_or(i64::MAX);
    let count = (newest - start).max(0) / MINUTE_MILLIS;
    let value = |back: i64| {
        let index = (newest - MINUTE_MILLIS * back - start) / step;
        history.values.get(index as usize).copied()
    };
    (0..count)
        .rev()
        .map(|back| value(back).unwrap_or(f64::NAN))
        .collect()
}
