//! What the cluster says of a workload, as far as it may be asked: the bounds and the behavior of its HPA, its fleet, how
//! long its pods take to start. `execute/cluster` writes it down, `plan/cluster.rs` judges what of it counts.
//!
//! Each part carries the moment when it was last known to be so, for a part may grow old while another is fresh.

use serde::{Deserialize, Serialize};

use super::{HumanDuration, Ramp, RampStep, Sample, Timestamp};

/// All that is known of a ScaledObject from the cluster. A part that can't be read is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClusterFacts {
    /// The ScaledObject and its HPA.
    pub scaling: Option<Scaling>,
    /// What is scaled.
    pub fleet: Option<Fleet>,
    /// Pods that became Ready.
    pub starts: Option<PodStarts>,
    /// Rights without which a part is left out.
    pub missing: Vec<MissingRight>,
}

/// How the HPA is set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// When this was last known to be so.
    pub at: Timestamp,
    /// The fewest replicas; `None` where that is not known.
    pub min: Option<ScalingBound>,
    /// The most replicas.
    pub max: Option<ScalingBound>,
    /// Rules for growing.
    pub up: ScalingRules,
    /// Rules for shrinking.
    pub down: ScalingRules,
    /// Whether KEDA's annotation has paused the ScaledObject: then nothing follows the number.
    pub paused: bool,
}

/// A bound on the replicas, and who sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingBound {
    /// How many.
    pub replicas: u32,
    /// Which object says so.
    pub by: BoundBy,
}

/// Which object sets a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BoundBy {
    /// The ScaledObject: `minReplicaCount`, `maxReplicaCount`.
    ScaledObject,
    /// The HPA: `minReplicas`, `maxReplicas`.
    Hpa,
}

/// The HPA's rules for one direction (`behavior.scaleUp`, `behavior.scaleDown`), its defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingRules {
    /// A change of the ratio within this share is ignored; the controller's own tolerance when `None`.
    pub tolerance: Option<f64>,
    /// Recommendations of this long are looked back on.
    pub stabilization: HumanDuration,
    /// Bounds on the rate.
    pub policies: Vec<Ramp>,
    /// Which of them counts.
    pub select: SelectPolicy,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction at all.
    Disabled,
}

/// The replicas of what is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// When this was last known to be so.
    pub at: Timestamp,
    /// Replicas that exist, Ready or not: what the HPA compares with.
    pub replicas: u32,
    /// Replicas that are Ready; `None` where only the HPA may be read.
    pub ready: Option<u32>,
    /// Whether pods of an older template are being replaced.
    pub rollout: bool,
}

/// Pods that became Ready lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStarts {
    /// When this was last known to be so.
    pub at: Timestamp,
    /// Pods that were created together, by the moment when the last of them was Ready.
    pub batches: Vec<PodBatch>,
}

/// Pods that were created together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodBatch {
    /// When the first of them was created.
    pub created: Timestamp,
    /// When the last of them was Ready.
    pub ready: Timestamp,
    /// How many there were.
    pub pods: u32,
}

/// A right that Forescale asked for and does not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingRight {
    /// What is left out without it.
    pub feature: String,
    /// The rule, as it would stand in a Role.
    pub rule: String,
}

// === impl ClusterFacts ===

impl ClusterFacts {
    /// The same as of another moment: a part that is known at all was seen then.
    #[must_use]
    pub fn with_moments_of(mut self, other: &Self) -> Self {
        if let (Some(ours), Some(theirs)) = (&mut self.scaling, &other.scaling) {
            ours.at = theirs.at;
        }
        if let (Some(ours), Some(theirs)) = (&mut self.fleet, &other.fleet) {
            ours.at = theirs.at;
        }
        if let (Some(ours), Some(theirs)) = (&mut self.starts, &other.starts) {
            ours.at = theirs.at;
        }
        self
    }

    /// Bytes that it owns on the heap.
    pub fn heap_bytes(&self) -> usize {
        let rules = self.scaling.iter().flat_map(|it| [&it.up, &it.down]);
        let policies: usize = rules.map(|it| it.policies.capacity()).sum();
        let batches = self.starts.as_ref().map_or(0, |it| it.batches.capacity());
        let texts: usize = (self.missing.iter())
            .map(|it| size_of::<MissingRight>() + it.feature.capacity() + it.rule.capacity())
            .sum();
        policies * size_of::<Ramp>() + batches * size_of::<PodBatch>() + texts
    }
}

// === impl ScalingRules ===

impl ScalingRules {
    /// What an HPA does that says nothing of growing: no waiting, the larger of 4 pods and 100 % each 15 s.
    pub fn usual_up() -> Self {
        let period = HumanDuration::from_secs(15);
        Self {
            tolerance: None,
            stabilization: HumanDuration::from_secs(0),
            policies: vec![
                policy(RampStep::Percent(100.0), period),
                policy(RampStep::Replicas(4), period),
            ],
            select: SelectPolicy::Max,
        }
    }

    /// What an HPA does that says nothing of shrinking: it looks back on 5 min and may then go down at once.
    pub fn usual_down() -> Self {
        Self {
            tolerance: None,
            stabilization: HumanDuration::from_secs(300),
            policies: vec![policy(
                RampStep::Percent(100.0),
                HumanDuration::from_secs(15),
            )],
            select: SelectPolicy::Max,
        }
    }
}

fn policy(by: RampStep, per: HumanDuration) -> Ramp {
    Ramp { by, per }
}

// === impl Fleet ===

impl Fleet {
    /// Ready replicas as a reading.
    pub fn ready_sample(&self) -> Option<Sample> {
        Some(Sample {
            at: self.at,
            value: f64::from(self.ready?),
        })
    }
}
