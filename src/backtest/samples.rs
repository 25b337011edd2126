//! A report for tests of what is made of it.

use std::time::Duration;

use super::moments::Moments;
use super::report::{Report, TraceReport};
use super::{HpaTolerance, OVERLOADS, Protocol, Slo};
use crate::domain::Timestamp;
use crate::simulate::queueing::Service;

/// One record of a day, on which nobody ran.
pub(super) fn report() -> Report {
    let judged_from = Timestamp::from_secs(1_700_006_400);
    Report {
        forescale: "test".to_owned(),
        protocol: Protocol {
            start_up_seconds: 90,
            start_up_spread: false,
            nodes: None,
            reads_replicas: false,
            hpa_tolerance: HpaTolerance { up: 0.0, down: 0.0 },
            judged_share: 0.3,
            history_seconds: 86_400,
            price_per_replica_hour: 0.05,
            currency: None,
            slo: Slo::of(&Service::default()),
            compared_at_overload_percent: OVERLOADS,
            seed: 0,
            notes: Vec::new(),
        },
        traces: vec![TraceReport {
            name: "web".to_owned(),
            step_seconds: 60.0,
            judged_from,
            judged_until: judged_from + Duration::from_hours(24),
            capacity_per_replica: 50.0,
            notes: Vec::new(),
            gain: None,
            policies: Vec::new(),
            against_hpa: Vec::new(),
            moments: Moments::default(),
        }],
        left_out: Vec::new(),
    }
}
