//! What one pod uses, and what it should ask the cluster for.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// CPU and memory of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageRecord {
    /// In cores.
    pub cpu: PodUsage,
    /// In bytes.
    pub memory: PodUsage,
}

/// The use of one resource by a pod; old readings fade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodUsage {
    /// Time of the newest reading.
    pub at: Option<Timestamp>,
    /// How many readings there were.
    pub readings: u32,
    /// Number of the first bucket below.
    pub first: u16,
    /// Weight of each bucket from there on.
    pub weights: Vec<f32>,
    /// Weight, mean load per replica, mean use, and their second moments about the means: load, both, use.
    pub moments: [f64; 6],
}

/// Advice on what a pod's resources should be. It is published and acted on by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vertical {
    /// In cores.
    pub cpu: Option<ResourceAdvice>,
    /// In bytes.
    pub memory: Option<ResourceAdvice>,
}

/// Advice on one resource of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceAdvice {
    /// What it should request.
    pub request: f64,
    /// What it should be limited to.
    pub limit: f64,
    /// What a pod is expected to use at the coming peak; `None` where its use does not follow the load, or none is foreseen.
    pub expected: Option<f64>,
    /// Readings that this rests on.
    pub readings: u32,
}
