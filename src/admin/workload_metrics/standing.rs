//! The series that say how a workload's forecasts have done and who carries them.

use super::{Row, Values};
use crate::admin::lead;
use crate::admin::trust::STATES;
use crate::domain::{ExpertStanding, Quantile, RollingScore, Standing};

/// Name, help, and what to show of one workload.
type Family = (&'static str, &'static str, fn(&Row) -> Values);

pub(super) const FAMILIES: [Family; 6] = [
    (
        "forescale_workload_forecast_trust",
        "Whether plans may rest on the forecast: 1 for the present state, 0 for the others",
        trust,
    ),
    (
        "forescale_workload_forecast_relative_error",
        "Rolling absolute error of the forecast's median relative to the last value's, below 1 is better",
        |row| of_score(row, |score| Some(score.relative_error)),
    ),
    (
        "forescale_workload_forecast_relative_loss",
        "Rolling pinball loss at the levels 0.5, 0.9 and 0.95 relative to a naive forecast's, below 1 is better",
        |row| of_score(row, |score| Some(score.relative_loss)),
    ),
    (
        "forescale_workload_forecast_mase",
        "Rolling absolute error of the forecast's median over the mean absolute change since the day before",
        |row| of_score(row, |score| score.mase),
    ),
    (
        "forescale_workload_forecast_coverage",
        "Rolling share of loads at or below each level of the forecast",
        coverage,
    ),
    (
        "forescale_workload_model_weight",
        "Share of the forecast that each model carries, at the lead time nearest to a quarter of an hour",
        weights,
    ),
];

fn trust(row: &Row) -> Values {
    let Some(standing) = row.standing() else {
        return vec![];
    };
    let present = standing.trust.as_str();
    let one = |state: &str| {
        let label = ("state", state.to_owned());
        (Some(label), f64::from(u8::from(state == present)))
    };
    STATES.into_iter().map(one).collect()
}

fn of_score(row: &Row, value: fn(&RollingScore) -> Option<f32>) -> Values {
    let score = row.standing().and_then(|standing| standing.score.as_ref());
    let value = score.and_then(value).filter(|value| value.is_finite());
    value
        .map(|value| (None, decimal(value)))
        .into_iter()
        .collect()
}

fn coverage(row: &Row) -> Values {
    let Some(Standing {
        score: Some(score), ..
    }) = row.standing()
    else {
        return vec![];
    };
    let known = score.coverage.iter().filter(|(_, share)| share.is_finite());
    let one = |(level, share): &(Quantile, f32)| {
        let label = ("level", level.get().to_string());
        (Some(label), decimal(*share))
    };
    known.map(one).collect()
}

fn weights(row: &Row) -> Values {
    let Some(standing) = row.standing() else {
        return vec![];
    };
    let Some(place) = lead::nearest(&standing.leads) else {
        return vec![];
    };
    let one = |expert: &ExpertStanding| {
        let weight = *expert.weights.get(place)?;
        let label = ("model", expert.model.to_string());
        weight.is_finite().then(|| (Some(label), decimal(weight)))
    };
    standing.experts.iter().filter_map(one).collect()
}

/// The number that a person would read in the `f32`: 0.43, not 0.430000007152557.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}
