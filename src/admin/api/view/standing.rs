//! How a workload's forecasts have done, as the API shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::words;
use crate::domain::{ExpertStanding, Quantile, RollingScore, Standing, Timestamp, Trust};

/// A [`Standing`] in numbers and in words, so that the page and `explain` say the same.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StandingView {
    at: Timestamp,
    /// Lead times in seconds.
    leads: Vec<u32>,
    experts: Vec<ExpertView>,
    score: Option<ScoreView>,
    trust: TrustView,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExpertView {
    model: Arc<str>,
    /// One for each lead time.
    weights: Vec<f32>,
    /// One for each lead time; not a number is written as `null`.
    relative_errors: Vec<f32>,
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScoreView {
    origins: f32,
    mase: Option<f32>,
    relative_error: f32,
    relative_loss: f32,
    /// Level to the share observed at or below it.
    coverage: BTreeMap<String, f32>,
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrustView {
    state: &'static str,
    since: Option<Timestamp>,
    why: Option<String>,
    text: String,
}

impl From<&Standing> for StandingView {
    fn from(standing: &Standing) -> Self {
        let expert = |expert: &ExpertStanding| ExpertView {
            model: Arc::clone(&expert.model),
            weights: expert.weights.clone(),
            relative_errors: expert.relative_errors.clone(),
            text: words::expert(&standing.leads, expert),
        };
        Self {
            at: standing.at,
            leads: standing.leads.clone(),
            experts: standing.experts.iter().map(expert).collect(),
            score: standing.score.as_ref().map(ScoreView::from),
            trust: TrustView::of(standing),
        }
    }
}

impl From<&RollingScore> for ScoreView {
    fn from(score: &RollingScore) -> Self {
        let level = |(level, share): &(Quantile, f32)| (level.get().to_string(), *share);
        Self {
            origins: score.origins,
            mase: score.mase,
            relative_error: score.relative_error,
            relative_loss: score.relative_loss,
            coverage: score.coverage.iter().map(level).collect(),
            text: words::score(score),
        }
    }
}

impl TrustView {
    fn of(standing: &Standing) -> Self {
        let (since, why) = match &standing.trust {
            Trust::Unproven | Trust::Earned => (None, None),
            Trust::Lost { since, why } => (Some(*since), Some(why.clone())),
        };
        Self {
            state: standing.trust.as_str(),
            since,
            why,
            text: words::trust(standing),
        }
    }
}
