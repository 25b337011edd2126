//! A plan with all that it was made from, as the API shows it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::domain::PlanRecord;
use crate::knowledge::Workload;

/// The answer about the newest plans of one ScaledObject. Written straight to text, so that each number is read back as
/// itself.
#[derive(Debug, Serialize)]
pub(in crate::admin::api) struct Decisions {
    decisions: Vec<DecisionView>,
}

#[derive(Debug, Serialize)]
struct DecisionView {
    namespace: Arc<str>,
    name: Arc<str>,
    id: String,
    /// Of the program that made the plan.
    version: String,
    /// `None` before the first plan since the start.
    record: Option<PlanRecord<Arc<Value>>>,
}

impl Decisions {
    pub(in crate::admin::api) fn of(
        workloads: &[Arc<Workload>],
        version: &str,
        planner: &Arc<Value>,
    ) -> Self {
        let one = |workload: &Arc<Workload>| {
            let decision = workload.learned().decision.clone();
            DecisionView {
                namespace: Arc::clone(&workload.key.namespace),
                name: Arc::clone(&workload.key.name),
                id: workload.key.id().to_string(),
                version: version.to_owned(),
                record: decision.map(|decision| PlanRecord {
                    settings: Arc::clone(planner),
                    spec: super::without_secrets(&workload.spec),
                    inputs: decision.inputs.clone(),
                    plan: Arc::clone(&decision.plan),
                }),
            }
        };
        Self {
            decisions: workloads.iter().map(one).collect(),
        }
    }
}
