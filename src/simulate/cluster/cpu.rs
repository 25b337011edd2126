//! CPU as the metrics server shows it: in percent of a request, late, and never above the limit.
//!
//! Read in kubernetes-sigs/metrics-server (`--metric-resolution`, usage is a rate between two of its scrapes) and
//! `replica_calculator.go`, `groupPods` (whose samples count).

use std::time::Duration;

use super::TICK;
use crate::domain::Timestamp;
use crate::simulate::hpa::{CPU_INITIALIZATION, Resource};
use crate::simulate::pods::Pods;

/// A whole core, in thousandths.
const LIMIT_MILLI: f64 = 1000.0;

/// How CPU is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuMetric {
    /// `--metric-resolution`: how often, and over how long, usage is taken.
    pub resolution: Duration,
    /// What a pod requests as a share of its limit, which it reaches when it is busy.
    pub request_of_limit: f64,
}

impl Default for CpuMetric {
    /// Every 15 s, as the chart of the metrics server sets it, with requests equal to limits.
    fn default() -> Self {
        Self {
            resolution: Duration::from_secs(15),
            request_of_limit: 1.0,
        }
    }
}

/// The metrics server at work on one workload.
#[derive(Clone, Debug)]
pub(super) struct CpuMeter {
    metric: CpuMetric,
    sum: f64,
    ticks: u32,
    /// When usage was taken last, and what it was as a share of the limit.
    sample: Option<(Timestamp, f64)>,
}

impl CpuMeter {
    pub(super) fn new(metric: CpuMetric) -> Self {
        Self {
            metric,
            sum: 0.0,
            ticks: 0,
            sample: None,
        }
    }

    /// Pods were busy to this share of their limit in the tick that ends at `end`; more than all of it they cannot be.
    pub(super) fn record(&mut self, end: Timestamp, busy: f64) {
        self.sum += busy.clamp(0.0, 1.0);
        self.ticks += 1;
        if TICK * self.ticks >= self.metric.resolution {
            self.sample = Some((end, self.sum / f64::from(self.ticks)));
            (self.sum, self.ticks) = (0.0, 0);
        }
    }

    /// What the HPA reads at `now`; `None` before the first sample.
    pub(super) fn read(
        &self,
        now: Timestamp,
        pods: &Pods,
        target_percent: u32,
    ) -> Option<Resource> {
        let (at, usage) = self.sample?;
        let ready = pods.ready(now);
        // A pod counts once a whole window of its sample lies after it became ready.
        let settled = (now.since(at) + self.metric.resolution).min(CPU_INITIALIZATION);
        let measured = ready - pods.ready_for_less_than(settled, now).min(ready);
        let request_milli = (LIMIT_MILLI * self.metric.request_of_limit).round() as i64;
        Some(Resource {
            target_percent,
            request_milli: request_milli.max(1),
            measured,
            usage_milli: (f64::from(measured) * usage * LIMIT_MILLI).round() as i64,
            ignored: pods.total() - measured,
            missing: 0,
        })
    }
}
