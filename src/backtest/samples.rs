//! A report for tests of what is made of it.

use std::time::Duration;

use super::moments::Moments;
use super::report::{AgainstHpa, AtItsPoint, Gap, PolicyReport, Report, Scored, TraceReport};
use super::{HpaTolerance, OVERLOADS, Protocol, Slo};
use crate::domain::Timestamp;
use crate::simulate::figures::{Figures, Summary};
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

/// A policy with these figures and nothing beside.
pub(super) fn policy(name: &str, figures: Summary) -> PolicyReport {
    PolicyReport {
        policy: name.to_owned(),
        usual: Scored {
            setting: None,
            figures,
            cost_vs_perfect: 1.0,
            price: 0.0,
        },
        setting_is: String::new(),
        forescale_there: None,
        replica_hours_at: Vec::new(),
        frontier: None,
    }
}

/// A policy with so much overload, beside which our cheapest setting has less.
pub(super) fn beside(name: &str, overload_percent: f64) -> PolicyReport {
    let mut figures = Figures::new().summary();
    figures.overload_percent = overload_percent;
    PolicyReport {
        forescale_there: Some(AtItsPoint {
            replica_hours_at_its_overload: Some(900.0),
            overload_percent_at_its_cost: None,
            overload_percent_of_the_cheapest: Some(1.39),
        }),
        frontier: Some(Vec::new()),
        ..policy(name, figures)
    }
}

/// 40 % of the gap at every overload.
pub(super) fn against_hpa() -> Vec<AgainstHpa> {
    let gap = Gap {
        hpa_hours: Some(1000.0),
        captured: Some(0.4),
        overload_ratio_at_equal_cost: None,
    };
    let at = |overload_percent| AgainstHpa {
        overload_percent,
        forescale_hours: Some(960.0),
        perfect_hours: Some(900.0),
        hpa: gap,
        default_tolerance: gap,
    };
    OVERLOADS.map(at).into()
}
