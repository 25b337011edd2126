//! A workload as the API shows it.

mod anomaly;
mod cluster;
mod decision;
mod forecast;
mod grade;
mod readings;
mod standing;
mod words;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use self::anomaly::AnomalyView;
use self::cluster::ClusterView;
pub(super) use self::decision::Decisions;
use self::forecast::ForecastView;
use self::grade::GradeView;
use self::readings::ReadingsView;
use self::standing::StandingView;
use super::query::Window;
use crate::domain::{Followed, Mode, PastPlan, Plan, Series, SourceRef, Timestamp, TriggerSpec};
use crate::knowledge::{Health, Workload};

/// Stands where a tenant may have put a secret.
const HIDDEN: &str = "***";

/// A workload in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    namespace: Arc<str>,
    name: Arc<str>,
    id: String,
    mode: Mode,
    model: String,
    query: String,
    /// The trigger whose metric is the load in the place of a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<Followed>,
    registered_at: Timestamp,
    registered_by: &'static str,
    last_asked_at: Timestamp,
    plan: Option<Arc<Plan>>,
    /// Whether the plan may rest on the forecast; `None` while nothing is known of it.
    trust: Option<&'static str>,
    /// Error of the forecast relative to the last value's.
    relative_error: Option<f32>,
    health: Health,
    warnings: Vec<String>,
}

/// The answer to the list.
#[derive(Debug, Serialize)]
pub(super) struct List {
    /// How many there are, shown or not.
    pub(super) total: usize,
    pub(super) workloads: Vec<Summary>,
}

/// The answer about one ScaledObject. Written straight to text, for a detour through `Value` would make longer decimals
/// of every `f32`.
#[derive(Debug, Serialize)]
pub(super) struct Details {
    pub(super) workloads: Vec<Detail>,
}

/// A workload with everything.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail {
    #[serde(flatten)]
    summary: Summary,
    spec: Value,
    history: HistoryView,
    forecast: Option<ForecastView>,
    standing: Option<StandingView>,
    anomalies: Vec<AnomalyView>,
    recent_plans: Vec<PastPlanView>,
    grade: Option<GradeView>,
    readings: ReadingsView,
    cluster: Option<ClusterView>,
    fit: Option<FitView>,
}

/// A stretch of history; missing values are `null`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryView {
    start: Timestamp,
    step_seconds: u64,
    values: Vec<Option<f64>>,
}

#[derive(Debug, Serialize)]
struct PastPlanView {
    at: Timestamp,
    raw: u32,
    planned: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FitView {
    at: Timestamp,
    scores: Vec<ScoreView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScoreView {
    model: Arc<str>,
    relative_loss: f32,
    origins: u32,
}

impl Summary {
    pub(super) fn of(workload: &Workload) -> Self {
        let published = workload.published();
        let standing = published
            .as_ref()
            .and_then(|published| published.standing.clone());
        let score = standing
            .as_ref()
            .and_then(|standing| standing.score.as_ref());
        Self {
            namespace: Arc::clone(&workload.key.namespace),
            name: Arc::clone(&workload.key.name),
            id: workload.key.id().to_string(),
            mode: workload.spec.mode,
            model: workload.spec.model.to_string(),
            query: workload.spec.query.clone(),
            follows: workload.spec.follows.clone(),
            registered_at: workload.registered_at,
            registered_by: workload.registered_by(),
            last_asked_at: workload.last_asked(),
            plan: published
                .as_ref()
                .map(|published| Arc::clone(&published.plan)),
            trust: standing.as_ref().map(|standing| standing.trust.as_str()),
            relative_error: score.map(|score| score.relative_error),
            health: published.map_or_else(
                || Health {
                    fault: workload.first_fault().map(|fault| (*fault).clone()),
                    ..Health::default()
                },
                |published| published.health.clone(),
            ),
            warnings: workload.warnings.clone(),
        }
    }
}

impl Detail {
    pub(super) fn of(workload: &Workload, window: Window) -> Self {
        let learned = workload.learned();
        let step = learned.history.step();
        let steps = window.since.as_millis().div_ceil(step.as_millis().max(1));
        let series = learned
            .history
            .tail(usize::try_from(steps).unwrap_or(usize::MAX));
        let recent_plans = learned
            .memory
            .recent
            .iter()
            .map(PastPlanView::from)
            .collect();
        let readings = readings::readings(&learned.side);
        let grade = learned.memory.grade.clone();
        let fit = learned.fit.clone();
        drop(learned);
        let published = workload.published();
        let published = published.as_deref();
        let forecast = published.and_then(|published| published.forecast.as_deref());
        let standing = published.and_then(|published| published.standing.as_deref());
        let anomalies = published.map_or(&[][..], |published| &published.anomalies);
        Self {
            summary: Summary::of(workload),
            spec: spec(&workload.spec),
            history: HistoryView::of(&series, window.points),
            forecast: forecast.map(ForecastView::from),
            standing: standing.map(StandingView::from),
            anomalies: anomalies.iter().map(AnomalyView::from).collect(),
            recent_plans,
            grade: grade.as_deref().and_then(GradeView::of),
            readings,
            cluster: workload.cluster().map(ClusterView::of),
            fit: fit.map(|fit| FitView {
                at: fit.at,
                scores: fit
                    .scores
                    .iter()
                    .map(|score| ScoreView {
                        model: Arc::clone(&score.model),
                        relative_loss: score.relative_loss,
                        origins: score.origins,
                    })
                    .collect(),
            }),
        }
    }
}

impl HistoryView {
    /// At most `points` values: where there are more, several steps become one that shows the highest of them, so that
    /// peaks stay visible.
    pub(super) fn of(series: &Series, points: usize) -> Self {
        let each = series.len().div_ceil(points).max(1);
        let highest = |steps: &[f64]| {
            steps
                .iter()
                .copied()
                .filter(|v| v.is_finite())
                .reduce(f64::max)
        };
        Self {
            start: series.start(),
            step_seconds: series.step().as_secs() * each as u64,
            values: series.values().chunks(each).map(highest).collect(),
        }
    }
}

impl From<&PastPlan> for PastPlanView {
    fn from(past: &PastPlan) -> Self {
        Self {
            at: past.at,
            raw: past.raw,
            planned: past.planned,
        }
    }
}

/// The effective settings of a trigger.
fn spec(spec: &TriggerSpec) -> Value {
    serde_json::to_value(without_secrets(spec)).unwrap_or_default()
}

/// A trigger without what might be secret: values of headers and of query parameters, and a password in an address.
fn without_secrets(spec: &TriggerSpec) -> TriggerSpec {
    let mut spec = spec.clone();
    let pairs = spec
        .custom_headers
        .iter_mut()
        .chain(&mut spec.query_parameters);
    pairs.for_each(|(_, value)| HIDDEN.clone_into(value));
    if let SourceRef::Address(address) = &mut spec.source
        && let Ok(mut url) = url::Url::parse(address)
        && (!url.username().is_empty() || url.password().is_some())
    {
        // Both fail only for addresses that can't hold credentials in the first place.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        *address = url.to_string();
    }
    spec
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::knowledge::samples;

    #[test]
    fn a_long_history_is_thinned_out_to_its_peaks() {
        let values = vec![1.0, 5.0, 2.0, f64::NAN, f64::NAN, f64::NAN, 7.0];
        let series = Series::new(Timestamp::from_secs(600), Duration::from_mins(1), values);
        let view = HistoryView::of(&series, 3);
        assert_eq!(view.values, [Some(5.0), None, Some(7.0)]);
        assert_eq!(view.step_seconds, 180);
        assert_eq!(HistoryView::of(&series, 100).values.len(), 7);
    }

    #[test]
    fn what_might_be_secret_is_not_shown() {
        let mut shown = samples::spec();
        shown.query_parameters = vec![("token".into(), "hush".into())];
        shown.source = SourceRef::Address("https://me:hush@prometheus.example:9090/x".into());
        let text = spec(&shown).to_string();
        assert!(!text.contains("hush") && !text.contains("me:"), "{text}");
        assert!(
            text.contains("X-Token") && text.contains("prometheus.example:9090/x"),
            "{text}"
        );
    }
}
