//! The series that say why the present number is what it is: what the trigger asks for, which limits bit, what was wrong
//! with the last refresh, and what the queries beside the load have read.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::{Row, Values};
use crate::knowledge::{FaultKind, Side, SideQuery};

/// Name, help, and what to show of one workload.
type Family = (&'static str, &'static str, fn(&Row) -> Values);

pub(super) const FAMILIES: [Family; 4] = [
    (
        "forescale_workload_plan_limit",
        "1 for each limit that changed the number of replicas in the present plan",
        limits,
    ),
    (
        "forescale_workload_fault",
        "1 for the kind of fault that the last refresh ended with",
        fault,
    ),
    (
        "forescale_workload_reading",
        "Newest answer to each query beside the load, while it answers",
        |row| {
            let each = row.readings.iter().copied();
            each.filter_map(|(query, value)| {
                Some((Some(("query", query.as_str().to_owned())), value?))
            })
            .collect()
        },
    ),
    (
        "forescale_workload_latency_slo_seconds",
        "Latency objective of the trigger",
        |row| {
            let slo = row.workload.spec.latency_slo;
            slo.map(|slo| (None, slo.get().as_secs_f64()))
                .into_iter()
                .collect()
        },
    ),
];

/// Mode and model that the trigger asks for, and who has registered it.
pub(super) fn info(encoder: &mut DescriptorEncoder<'_>, rows: &[Row]) -> fmt::Result {
    let help = "Mode and model that the trigger asks for, and who has registered it";
    let mut metric =
        encoder.encode_descriptor("forescale_workload", help, None, MetricType::Info)?;
    for row in rows {
        let spec = &row.workload.spec;
        let asked = [
            ("mode", spec.mode.to_string()),
            ("model", spec.model.to_string()),
            ("registered_by", row.workload.registered_by().to_owned()),
        ];
        let labels: Vec<_> = row.labels().into_iter().chain(asked).collect();
        metric.encode_info(&labels)?;
    }
    Ok(())
}

/// The newest answers; one whose last attempt brought nothing says nothing of the present.
pub(super) fn readings(side: &Side) -> [(SideQuery, Option<f64>); 4] {
    SideQuery::ALL.map(|query| {
        let reading = side.of(query);
        let newest = reading.newest.filter(|_| reading.failures == 0);
        (query, newest.map(|sample| sample.value))
    })
}

fn limits(row: &Row) -> Values {
    let Some(plan) = row.plan() else {
        return vec![];
    };
    let bit = plan
        .reasons
        .iter()
        .filter(|reason| reason.from != reason.to);
    let mut names: Vec<&str> = bit.map(|reason| reason.limit.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let one = |name: &str| (Some(("limit", name.to_owned())), 1.0);
    names.into_iter().map(one).collect()
}

fn fault(row: &Row) -> Values {
    let kind = match row.published.as_deref() {
        Some(published) => published.health.fault.as_ref().map(|fault| fault.kind),
        // What keeps the first plan from being made.
        None => row.workload.first_fault().map(|fault| fault.kind),
    };
    let one = |kind: FaultKind| (Some(("kind", kind.as_str().to_owned())), 1.0);
    kind.map(one).into_iter().collect()
}
