//! Making a plan again from its record.

use super::{Config, Inputs, decide};
use crate::domain::{Plan, PlanRecord};

impl PlanRecord<Config> {
    /// The plan that the record leads to; `None` when it leads to none.
    pub fn recompute(&self) -> Option<Plan> {
        let inputs = &self.inputs;
        let decided = decide(
            &self.settings,
            &Inputs {
                now: inputs.now,
                spec: &self.spec,
                observed: inputs.observed,
                ready: inputs.ready,
                facts: inputs.facts.as_deref(),
                fault: inputs.fault.as_deref(),
                forecast: inputs.forecast.as_deref(),
                distrust: inputs.distrust.as_deref(),
                memory: &inputs.memory,
            },
        );
        decided.map(|(plan, _)| plan)
    }

    /// In what the plan that is made again differs from the one on record, in words; nothing when it is the same.
    pub fn differences(&self) -> Vec<String> {
        let Some(again) = self.recompute() else {
            return vec!["the record leads to no plan at all".to_owned()];
        };
        let before = &*self.plan;
        let count = |replicas: u32| replicas.to_string();
        let of = |plan: &Plan| {
            [
                ("replicas", count(plan.replicas)),
                ("planned", count(plan.planned)),
                ("active", plan.active.to_string()),
                ("basis", plan.basis.to_string()),
            ]
        };
        let mut all: Vec<String> = (of(before).into_iter().zip(of(&again)))
            .filter(|(was, is)| was != is)
            .map(|((what, was), (_, is))| differs(what, &was, &is))
            .collect();
        let steps = before.reasons.len().max(again.reasons.len());
        for step in 0..steps {
            let (was, is) = (said(before, step), said(&again, step));
            if was != is {
                all.push(differs(&format!("reason {}", step + 1), &was, &is));
            }
        }
        if all.is_empty() && *before != again {
            let (was, is) = (format!("{before:?}"), format!("{again:?}"));
            all.push(differs("the rest", &was, &is));
        }
        all
    }
}

fn differs(what: &str, was: &str, is: &str) -> String {
    format!("{what}: {was} on record, {is} when made again")
}

fn said(plan: &Plan, step: usize) -> String {
    plan.reasons.get(step).map_or_else(
        || "nothing".to_owned(),
        |it| {
            let limit = it.limit.as_str();
            format!("`{limit}, {} to {}: {}`", it.from, it.to, it.text)
        },
    )
}
