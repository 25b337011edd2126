//! What a workload's status says, from what the loop has published.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::resource::{
    ForecastPoint, ModelWeight, PlanStatus, PredictiveAutoscalerStatus, Resources, Savings,
};
use super::time;
use crate::domain::{Basis, Forecast, Grade, Limit, Mode, Plan, Quantile, Standing, Trust};
use crate::execute::quantity;
use crate::knowledge::{Published, Workload};

/// Minutes ahead at which the forecast is told.
const AHEAD: [u64; 3] = [5, 15, 30];

/// Models that are told.
const MODELS: usize = 5;

/// Fills in what is known of `workload`.
pub(super) fn fill(status: &mut PredictiveAutoscalerStatus, workload: Option<&Workload>) {
    let published = workload.and_then(Workload::published);
    let Some((workload, published)) = workload.zip(published) else {
        return;
    };
    let plan = &published.plan;
    status.load = plan.observed.map(|sample| short(sample.value));
    status.why = Some(why(plan));
    status.plan = Some(plan_status(plan));
    let forecast = published.forecast.as_deref();
    status.forecast = forecast.map(|it| points(it, plan)).unwrap_or_default();
    status.weights = (published.standing.as_deref()).map_or_else(Vec::new, weights);
    status.fallback = fallback(&published);
    let grade = workload.learned().memory.grade.clone();
    status.savings = grade.as_deref().and_then(savings);
    if let Some(advice) = plan.vertical {
        let vertical = status.vertical.get_or_insert_default();
        vertical.requests = Resources {
            cpu: advice.cpu.map(|it| quantity::cores(it.request)),
            memory: advice.memory.map(|it| quantity::bytes(it.request)),
        };
        vertical.limits = Resources {
            cpu: advice.cpu.map(|it| quantity::cores(it.limit)),
            memory: advice.memory.map(|it| quantity::bytes(it.limit)),
        };
    }
}

fn plan_status(plan: &Plan) -> PlanStatus {
    // Where a plan starts is no limit.
    let start = |limit: Limit| matches!(limit, Limit::Forecast | Limit::Observed);
    let changed = (plan.reasons.iter()).filter(|it| it.from != it.to && !start(it.limit));
    let mut limits: Vec<String> = Vec::new();
    for reason in changed {
        let name = reason.limit.as_str().to_owned();
        if !limits.contains(&name) {
            limits.push(name);
        }
    }
    PlanStatus {
        at: Some(Time(time(plan.at))),
        replicas: plan.replicas,
        planned: plan.planned,
        reactive: plan.reactive,
        basis: plan.basis.to_string(),
        model: plan.model.as_deref().map(str::to_owned),
        lead_time: plan.lead_time.to_string(),
        limits,
        authority: plan
            .authority
            .as_ref()
            .map(|it| it.stage.as_str().to_owned()),
    }
}

/// The last step that changed the number, which is the one that a reader asks for; else where it started.
fn why(plan: &Plan) -> String {
    let last = plan.reasons.iter().rev().find(|it| it.from != it.to);
    let step = last.or_else(|| plan.reasons.first());
    step.map_or_else(String::new, |it| it.text.clone())
}

fn points(forecast: &Forecast, plan: &Plan) -> Vec<ForecastPoint> {
    let level = |level: f64, index: usize| {
        Quantile::new(level)
            .map_or_else(|_| String::new(), |it| short(forecast.quantile(it, index)))
    };
    let step = forecast.step().as_secs().max(1);
    let mut points = Vec::new();
    for minutes in AHEAD {
        // The forecast begins one step after its origin; the moment meant is counted from the plan.
        let late = plan.at.since(forecast.origin()).as_secs();
        let steps = (late + minutes * 60).div_ceil(step);
        let Some(index) = (steps as usize).checked_sub(1) else {
            continue;
        };
        if index < forecast.steps() {
            points.push(ForecastPoint {
                at: Some(Time(time(forecast.time_of(index)))),
                low: level(0.05, index),
                median: level(0.5, index),
                high: level(0.95, index),
            });
        }
    }
    points
}

fn weights(standing: &Standing) -> Vec<ModelWeight> {
    // The lead time in the middle speaks for all.
    let middle = standing.leads.len() / 2;
    let mut weights: Vec<ModelWeight> = (standing.experts.iter())
        .map(|expert| ModelWeight {
            model: expert.model.to_string(),
            percent: (expert.weights.get(middle).copied().unwrap_or(0.0) * 100.0).round() as u32,
        })
        .filter(|weight| weight.percent > 0)
        .collect();
    weights.sort_by_key(|weight| std::cmp::Reverse(weight.percent));
    weights.truncate(MODELS);
    weights
}

fn fallback(published: &Published) -> Option<String> {
    let plan = &published.plan;
    let fault = published.health.fault.as_ref().map(|it| it.text.as_str());
    let data = |what: &str| match fault {
        Some(fault) => format!("{what}: {fault}"),
        None => what.to_owned(),
    };
    match plan.basis {
        Basis::Held => Some(data(
            "the last good plan is held, for there is no fresh data",
        )),
        Basis::Restored => Some(data(
            "the plan from before the restart holds until there is data",
        )),
        Basis::Reactive if plan.mode == Mode::Reactive => None,
        Basis::Reactive => Some(match published.standing.as_deref().map(|it| &it.trust) {
            Some(Trust::Lost { why, .. }) => format!("the forecast is not trusted: {why}"),
            _ => data("the plan follows the measured load, for there is no forecast yet"),
        }),
        Basis::Forecast => None,
    }
}

fn savings(grade: &Grade) -> Option<Savings> {
    let (plan, reactive) = (grade.plan.day, grade.reactive.day);
    if plan.minutes < 1.0 || reactive.replica_minutes <= 0.0 {
        return None;
    }
    let percent = (plan.replica_minutes / reactive.replica_minutes - 1.0) * 100.0;
    Some(Savings {
        minutes: plan.minutes.round() as u32,
        plan_replica_hours: short(plan.replica_minutes / 60.0),
        reactive_replica_hours: short(reactive.replica_minutes / 60.0),
        plan_overload_minutes: short(plan.overload_minutes),
        reactive_overload_minutes: short(reactive.overload_minutes),
        text: format!(
            "{percent:+.0}%, {:.1} of {:.1} min short",
            plan.overload_minutes, reactive.overload_minutes
        ),
    })
}

/// Three digits that count, so that a status does not change with every breath of the load.
pub(super) fn short(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().max(f64::MIN_POSITIVE).log10().floor() as i32;
    let decimals = (2 - magnitude).clamp(0, 3) as usize;
    let unit = 10f64.powi((magnitude - 2).max(-3));
    let text = format!("{:.decimals$}", (value / unit).round() * unit);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1234.5, "1230"),
            (123.4, "123"),
            (12.345, "12.3"),
            (0.5, "0.5"),
            (0.123_456, "0.123"),
            (-7.0, "-7"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
