//! From stored history to forecasts, for a batch of workloads: prepare, fit where it is due, one call per model.
//!
//! Models run on the blocking pool under a time limit. One that fails, takes too long, panics or returns nonsense is
//! replaced for its workloads by a stand-in; one that has not come back is not called again until it does.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::metrics::Wanted;
use crate::analyze::{self, ForecastInput, Forecaster, ModelError, models};
use crate::domain::{DEFAULT_LEVELS, Fit, Forecast, Mode, Series, StandIn, Timestamp, TriggerSpec};
use crate::knowledge::{Learned, Workload};

/// Fits of a young workload are renewed after this share of its history's length.
const REFIT_SHARE: u32 = 10;

/// No workload is fitted more often than this.
const REFIT_AT_MOST: Duration = Duration::from_mins(2);

/// History that a forecast between two fits is made from.
const LOOKBACK: Duration = Duration::from_hours(8 * 24 + 4);

/// One workload's raw material, copied out of its lock.
struct Raw {
    workload: Arc<Workload>,
    history: Series,
    fit: Option<Arc<Fit>>,
    refit: bool,
    now: Timestamp,
}

/// One workload ready for its model.
struct Ready {
    workload: Arc<Workload>,
    input: ForecastInput,
    model: Result<Arc<dyn Forecaster>, ModelError>,
}

type Answers = Vec<(Arc<Workload>, Option<Forecast>)>;

impl Engine {
    /// Forecasts for those of `workloads` whose history has moved on since their last forecast.
    pub(super) async fn forecast(&self, workloads: Vec<Arc<Workload>>) -> Answers {
        let started = tokio::time::Instant::now();
        let now = self.now();
        let raws: Vec<Raw> = workloads
            .into_iter()
            .filter_map(|workload| self.raw(workload, now))
            .collect();
        if raws.is_empty() {
            return Vec::new();
        }
        let registry = Arc::clone(&self.parts.models);
        let ready = tokio::task::spawn_blocking(move || {
            raws.into_iter()
                .filter_map(|raw| prepare(&registry, raw))
                .collect::<Vec<_>>()
        });
        let ready = ready.await.unwrap_or_default();
        let answers = self.run_models(ready).await;
        self.parts
            .metrics
            .analysis_seconds
            .observe(started.elapsed().as_secs_f64());
        answers
    }

    fn raw(&self, workload: Arc<Workload>, now: Timestamp) -> Option<Raw> {
        if workload.spec.mode == Mode::Reactive {
            return None;
        }
        let learned = workload.learned();
        let newest = learned.history.last()?;
        let known = workload.published().and_then(|p| p.forecast.clone());
        let refit = self.refit_due(&workload.spec, &learned, now);
        if !refit && known.is_some_and(|forecast| forecast.origin() >= newest.at) {
            return None;
        }
        let history = if refit {
            learned.history.series()
        } else {
            learned.history.tail(lookback_steps(&workload.spec))
        };
        let fit = learned.fit.clone();
        drop(learned);
        Some(Raw {
            workload,
            history,
            fit,
            refit,
            now,
        })
    }

    fn refit_due(&self, spec: &TriggerSpec, learned: &Learned, now: Timestamp) -> bool {
        let Some(fit) = &learned.fit else { return true };
        let first = learned.history.first().unwrap_or(now);
        // History that was read back after the fit is worth a new one at once.
        if learned
            .fit_since
            .is_none_or(|since| first + spec.step() < since)
        {
            return true;
        }
        let every = (now.since(first) / REFIT_SHARE).clamp(
            REFIT_AT_MOST,
            self.parts.analyze.refit_every.get().max(REFIT_AT_MOST),
        );
        now.since(fit.at) >= every || fit.at > now
    }

    /// One call per model for all workloads that want it.
    async fn run_models(&self, ready: Vec<Ready>) -> Answers {
        let mut by_model: BTreeMap<String, (Arc<dyn Forecaster>, Vec<Ready>)> = BTreeMap::new();
        let mut answers = Answers::new();
        for ready in ready {
            match &ready.model {
                Ok(model) => {
                    let group = by_model
                        .entry(model.name().to_owned())
                        .or_insert_with(|| (Arc::clone(model), Vec::new()));
                    group.1.push(ready);
                }
                Err(error) => {
                    let why = error.to_string();
                    answers.push(self.stand_in(ready, why));
                }
            }
        }
        for (name, (model, group)) in by_model {
            let inputs: Vec<ForecastInput> = group.iter().map(|r| r.input.clone()).collect();
            let outcome = self.call(&name, model, inputs).await;
            for (index, ready) in group.into_iter().enumerate() {
                answers.push(match outcome.get(&index) {
                    Some(Ok(forecast)) => (ready.workload, Some(forecast.clone())),
                    Some(Err(error)) => self.stand_in(ready, error.to_string()),
                    None => self.stand_in(ready, format!("model `{name}` gave no answer for it")),
                });
            }
        }
        answers
    }

    /// Calls a model under the time limit. A missing index means that the model gave no answer for that input.
    async fn call(
        &self,
        name: &str,
        model: Arc<dyn Forecaster>,
        inputs: Vec<ForecastInput>,
    ) -> HashMap<usize, Result<Forecast, ModelError>> {
        let count = inputs.len();
        let limit = self.parts.analyze.model_timeout.get();
        match self
            .calls
            .call(name, limit, move || model.forecast(&inputs))
            .await
        {
            Ok(forecasts) => forecasts.into_iter().enumerate().take(count).collect(),
            Err(error) => {
                tracing::warn!(model = name, workloads = count, %error, "model failed");
                (0..count)
                    .map(|i| (i, Err(ModelError(error.to_string()))))
                    .collect()
            }
        }
    }

    fn stand_in(&self, ready: Ready, why: String) -> (Arc<Workload>, Option<Forecast>) {
        let wanted: Arc<str> = ready.workload.spec.model.to_string().into();
        self.parts
            .metrics
            .stand_ins
            .get_or_create(&Wanted {
                wanted: wanted.to_string(),
            })
            .inc();
        tracing::debug!(workload = %ready.workload.key, %wanted, %why, "a stand-in forecasts");
        let forecast = guarded(|| models::stand_in(&ready.input)).ok().flatten();
        let forecast = forecast.map(|mut forecast| {
            forecast.stand_in = Some(StandIn { wanted, why });
            forecast
        });
        (ready.workload, forecast)
    }
}

/// Between two fits no model looks back further than a week and what it compares with there.
fn lookback_steps(spec: &TriggerSpec) -> usize {
    let steps = LOOKBACK.as_secs().div_ceil(spec.step().as_secs());
    usize::try_from(steps).unwrap_or(usize::MAX)
}

/// Prepares one workload's history, fits if that is due, and finds its model.
fn prepare(registry: &models::Registry, raw: Raw) -> Option<Ready> {
    let Raw {
        workload,
        history,
        fit,
        refit,
        now,
    } = raw;
    let spec = &workload.spec;
    let since = history.start();
    let prepared = guarded(|| analyze::prepare(&history)).ok()?;
    let prepared = Arc::new(prepared);
    let fit = if refit {
        let model = spec.model.to_string();
        let fresh = guarded(|| {
            let wanted = [model.as_str()];
            analyze::fit_with(
                &prepared,
                spec.horizon_steps(),
                &spec.timezone,
                now,
                &wanted,
            )
        });
        match fresh {
            Ok(fresh) => {
                let fresh = Arc::new(fresh);
                let mut learned = workload.learned();
                learned.fit = Some(Arc::clone(&fresh));
                learned.fit_since = Some(since);
                drop(learned);
                Some(fresh)
            }
            Err(panic) => {
                tracing::error!(workload = %workload.key, %panic, "fitting panicked");
                fit
            }
        }
    } else {
        fit
    };
    let model = guarded(|| registry.get(&spec.model, fit.as_deref()))
        .unwrap_or_else(|panic| Err(ModelError(panic)));
    let input = ForecastInput {
        history: prepared,
        fit,
        horizon_steps: spec.horizon_steps(),
        timezone: spec.timezone.as_str().into(),
        levels: DEFAULT_LEVELS.into(),
    };
    Some(Ready {
        workload,
        input,
        model,
    })
}

/// Runs pure code that must not panic and keeps the loop alive should it do so all the same.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without words".to_owned())
    })
}
