//! From stored history to forecasts, for a batch of workloads: prepare, fit where it is due, one call per model.
//!
//! Models run on the blocking pool under a time limit. One that fails, takes too long, panics or returns nonsense is
//! replaced for its workloads by a stand-in; one that has not come back is not called again until it does.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::anomalies;
use super::engine::Engine;
use super::fits::{self, Allowance, Leave};
use super::metrics::{To, Wanted as Asked};
use super::recording::Event;
use crate::analyze::ensemble::{self, Other, Turn, Wanted};
use crate::analyze::{self, ForecastInput, Forecaster, ModelError, Prepared, models};
use crate::domain::{
    Anomaly, ClusterFacts, DEFAULT_LEVELS, Fit, Forecast, Mode, ModelChoice, PlanMemory,
    PlanTrials, Series, StandIn, Standing, Timestamp, Track, TriggerSpec, Trust,
};
use crate::knowledge::Workload;
use crate::plan;

/// The label of a network that is in no folder.
const UNKNOWN: &str = "onnx:unknown";

/// One workload's raw material, copied out of its lock.
pub(super) struct Raw {
    pub(super) workload: Arc<Workload>,
    history: Series,
    fit: Option<Arc<Fit>>,
    /// Where a new fit is to be made.
    leave: Option<Leave>,
    /// What plans on trial are to be judged with on the trials of the fit, where that would teach them something.
    stage: Option<Stage>,
    now: Timestamp,
}

/// What a plan is made with, beside load and forecast.
struct Stage {
    config: plan::Config,
    facts: Option<Arc<ClusterFacts>>,
    memory: PlanMemory,
}

/// One workload ready for its models.
struct Ready {
    workload: Arc<Workload>,
    input: ForecastInput,
    /// The model that was asked for, or the networks that compete in `auto`.
    models: Result<Vec<Arc<dyn Forecaster>>, ModelError>,
    track: Option<Arc<Track>>,
}

/// What came of one workload's analysis.
pub(super) struct Answer {
    pub(super) workload: Arc<Workload>,
    pub(super) forecast: Option<Forecast>,
    pub(super) standing: Option<Standing>,
    /// What was unusual in the history.
    pub(super) anomalies: Arc<[Anomaly]>,
}

type Answers = Vec<Answer>;

impl Raw {
    /// Whether a fit is to be made, for which others need not wait.
    pub(super) fn takes_long(&self) -> bool {
        self.leave.is_some()
    }
}

impl Engine {
    /// Fits where that is to be done, and forecasts.
    pub(super) async fn forecast(&self, raws: Vec<Raw>) -> Answers {
        let started = tokio::time::Instant::now();
        if raws.is_empty() {
            return Vec::new();
        }
        let registry = Arc::clone(&self.parts.models);
        let ready = tokio::task::spawn_blocking(move || {
            raws.into_iter()
                .filter_map(|raw| prepare(&registry, raw))
                .collect::<Vec<_>>()
        });
        let ready = Self::done_aside(ready.await);
        let answers = self.run_models(ready).await;
        self.parts
            .metrics
            .analysis_seconds
            .observe(started.elapsed().as_secs_f64());
        answers
    }

    /// What was worked out on another thread; nothing where that died, which is a defect, and told of as one.
    fn done_aside<T>(done: Result<Vec<T>, tokio::task::JoinError>) -> Vec<T> {
        done.unwrap_or_else(|error| {
            if error.is_panic() {
                tracing::error!(%error, "a batch of forecasts died; please report this");
            }
            Vec::new()
        })
    }

    /// What a new forecast is made of, where the history has moved on since the last one or a fit is to be made. A fit that
    /// `allowance` has no room for is put off: the last one serves until then, and where there is none, so does the measured
    /// load.
    pub(super) fn raw(
        &self,
        workload: &Arc<Workload>,
        allowance: &mut Allowance,
        now: Timestamp,
    ) -> Option<Raw> {
        if workload.spec.mode == Mode::Reactive {
            return None;
        }
        let learned = workload.learned();
        let newest = learned.history.last();
        let every = self.parts.analyze.refit_every.get();
        let due = newest.is_some() && fits::is_due(workload, &learned, every, now);
        let leave = due.then(|| allowance.take()).flatten();
        let (refit, put_off) = (leave.is_some(), due && leave.is_none());
        self.record(|| Event::Looked {
            id: workload.key.id(),
            at: now,
            put_off,
        });
        if put_off {
            self.parts.metrics.fits_put_off.inc();
        }
        let newest = newest?;
        let known = workload.published().and_then(|p| p.forecast.clone());
        // One from a clock that has been set back since says nothing about the present.
        let covers = |forecast: &Forecast| (newest.at..=now).contains(&forecast.origin());
        let has_none = learned.fit.is_none();
        if !refit && (has_none || known.as_deref().is_some_and(covers)) {
            return None;
        }
        let history = if refit {
            learned.history.series()
        } else {
            learned.history.tail(lookback_steps(&workload.spec))
        };
        let fit = learned.fit.clone();
        let tried = (history.end().since(history.start())).min(analyze::LONGEST_TRIED);
        let spec = &workload.spec;
        let stage = (refit && spec.model == ModelChoice::Auto).then(|| Stage {
            config: self.parts.plan.clone(),
            facts: workload.cluster(),
            memory: learned.memory.clone(),
        });
        let stage = stage.filter(|stage| {
            let (config, facts) = (&stage.config, stage.facts.as_deref());
            plan::wants_rehearsal(config, spec, facts, &stage.memory, now, tried)
        });
        drop(learned);
        Some(Raw {
            workload: Arc::clone(workload),
            history,
            fit,
            leave,
            stage,
            now,
        })
    }

    /// One call per model for all workloads that want it, then each workload's own turn with what they said.
    async fn run_models(&self, ready: Vec<Ready>) -> Answers {
        let mut by_model: BTreeMap<String, (Arc<dyn Forecaster>, Vec<usize>)> = BTreeMap::new();
        for (place, ready) in ready.iter().enumerate() {
            for model in ready.models.iter().flatten() {
                let name = model.name().to_owned();
                let group = by_model
                    .entry(name)
                    .or_insert_with(|| (Arc::clone(model), Vec::new()));
                group.1.push(place);
            }
        }
        let mut others: Vec<Vec<Other>> = vec![Vec::new(); ready.len()];
        let mut failures: Vec<Option<String>> = vec![None; ready.len()];
        for (name, (model, places)) in by_model {
            let inputs = places.iter().map(|place| ready[*place].input.clone());
            let outcome = self.call(&name, model, inputs.collect()).await;
            for (index, place) in places.into_iter().enumerate() {
                match outcome.get(&index) {
                    Some(Ok(forecast)) => others[place].push(Other {
                        model: Arc::clone(&forecast.model),
                        forecast: forecast.clone(),
                    }),
                    Some(Err(error)) => failures[place] = Some(error.to_string()),
                    None => {
                        failures[place] = Some(format!("model `{name}` gave no answer for it"));
                    }
                }
            }
        }
        let turns = ready.into_iter().zip(others).zip(failures);
        let turns: Vec<_> = turns
            .map(|((ready, others), failure)| (ready, others, failure))
            .collect();
        let taken = tokio::task::spawn_blocking(move || {
            let each = turns.into_iter().map(|(ready, others, failure)| {
                let turn = take_turn(&ready, &others, failure);
                (ready, turn)
            });
            each.collect::<Vec<_>>()
        });
        let taken = Self::done_aside(taken.await);
        taken
            .into_iter()
            .map(|(ready, turn)| match turn {
                Ok(turn) => self.keep(ready, turn),
                Err(why) => self.stand_in(ready, why),
            })
            .collect()
    }

    /// Keeps what a turn has learned, and tells when trust was won or lost.
    fn keep(&self, ready: Ready, turn: Turn) -> Answer {
        let anomalies = anomalies::newest(&ready.input.history);
        let workload = ready.workload;
        let mut learned = workload.learned();
        let before = learned.track.as_ref().map(|track| track.trust.clone());
        learned.track = Some(Arc::new(turn.track));
        drop(learned);
        let trust = &turn.standing.trust;
        if before.is_some_and(|before| before.as_str() != trust.as_str()) {
            self.parts
                .metrics
                .trust_changes
                .get_or_create(&To { to: trust.as_str() })
                .inc();
            match trust {
                Trust::Lost { why, .. } => {
                    tracing::warn!(workload = %workload.key, why, "forecasts have lost their trust: the measured load decides");
                }
                Trust::Earned => {
                    tracing::info!(workload = %workload.key, "forecasts have earned their trust");
                }
                Trust::Unproven => {}
            }
        }
        Answer {
            workload,
            forecast: Some(turn.forecast),
            standing: Some(turn.standing),
            anomalies,
        }
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

    fn stand_in(&self, ready: Ready, why: String) -> Answer {
        let wanted: Arc<str> = ready.workload.spec.model.to_string().into();
        // Whoever writes metadata must not write labels: a network that is nowhere has no series of its own.
        let is_known = match &ready.workload.spec.model {
            ModelChoice::Onnx(name) => self.parts.models.has_network(name),
            _ => true,
        };
        let label = if is_known { &wanted } else { UNKNOWN };
        self.parts
            .metrics
            .stand_ins
            .get_or_create(&Asked {
                wanted: label.to_string(),
            })
            .inc();
        tracing::debug!(workload = %ready.workload.key, %wanted, %why, "a stand-in forecasts");
        let forecast = guarded(|| models::stand_in(&ready.input)).ok().flatten();
        let forecast = forecast.map(|mut forecast| {
            forecast.stand_in = Some(StandIn { wanted, why });
            forecast
        });
        Answer {
            workload: ready.workload,
            forecast,
            standing: None,
            anomalies: anomalies::newest(&ready.input.history),
        }
    }
}

/// A workload's own part: everything that is not shared with others.
fn take_turn(ready: &Ready, others: &[Other], failure: Option<String>) -> Result<Turn, String> {
    let wanted = match (&ready.models, &ready.workload.spec.model) {
        (Err(error), _) => return Err(error.to_string()),
        (Ok(_), ModelChoice::Auto) => Wanted::Auto,
        (Ok(_), _) => Wanted::First,
    };
    if wanted == Wanted::First && others.is_empty() {
        return Err(failure.unwrap_or_else(|| "the model gave no answer".to_owned()));
    }
    let turn = || ensemble::turn(&ready.input, wanted, others, ready.track.as_deref());
    guarded(turn)?.map_err(|error| error.to_string())
}

fn lookback_steps(spec: &TriggerSpec) -> usize {
    let steps = analyze::LOOKBACK.as_secs().div_ceil(spec.step().as_secs());
    usize::try_from(steps).unwrap_or(usize::MAX)
}

/// Prepares one workload's history, fits if that is due, and finds its model.
fn prepare(registry: &models::Registry, raw: Raw) -> Option<Ready> {
    let Raw {
        workload,
        history,
        fit,
        leave,
        stage,
        now,
    } = raw;
    let spec = &workload.spec;
    let since = history.start();
    let events = spec.events.clone().unwrap_or_default();
    let prepared = guarded(|| analyze::prepare_for(&history, &events, &spec.timezone));
    let prepared = prepared
        .inspect_err(|panic| {
            tracing::error!(workload = %workload.key, %panic, "preparing the history panicked");
        })
        .ok()?;
    let prepared = Arc::new(prepared);
    let fit = if let Some(leave) = leave {
        let fresh = guarded(|| try_out(spec, &prepared, now, stage.is_some()));
        let fit = match fresh {
            Ok((fresh, seed, said)) => {
                let fresh = Arc::new(fresh);
                let rehearsed =
                    stage.and_then(|stage| rehearse(&workload, &stage, &history, &said));
                let mut learned = workload.learned();
                learned.fit = Some(Arc::clone(&fresh));
                // What the trials teach is a beginning; what was lived through since is worth more.
                if spec.model == ModelChoice::Auto && is_young(learned.track.as_deref(), &seed) {
                    learned.track = Some(Arc::new(seed));
                }
                if let Some(trials) = rehearsed {
                    learned.memory.trials = Arc::new(trials);
                }
                learned.fit_since = Some(since);
                drop(learned);
                Some(fresh)
            }
            Err(panic) => {
                tracing::error!(workload = %workload.key, %panic, "fitting panicked");
                fit
            }
        };
        drop(leave);
        fit
    } else {
        fit
    };
    let models = guarded(|| match &spec.model {
        ModelChoice::Auto => Ok(registry.competitors()),
        named => registry.get(named, fit.as_deref()).map(|model| vec![model]),
    });
    let models = models.unwrap_or_else(|panic| Err(ModelError(panic)));
    let track = workload.learned().track.clone();
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
        models,
        track,
    })
}

/// Fits; what was forecast in the trials only where that is wanted.
fn try_out(
    spec: &TriggerSpec,
    history: &Prepared,
    now: Timestamp,
    rehearses: bool,
) -> (Fit, Track, Vec<Forecast>) {
    let name = spec.model.to_string();
    let (steps, zone, wanted) = (spec.horizon_steps(), &spec.timezone, [name.as_str()]);
    if rehearses {
        analyze::fit_and_rehearse(history, steps, zone, now, &wanted)
    } else {
        let (fit, track) = analyze::fit_and_track(history, steps, zone, now, &wanted);
        (fit, track, Vec::new())
    }
}

/// What plans on trial learn from the trials of a fit.
fn rehearse(
    workload: &Workload,
    stage: &Stage,
    history: &Series,
    said: &[Forecast],
) -> Option<PlanTrials> {
    let facts = stage.facts.as_deref();
    let judged = guarded(|| {
        let Stage { config, memory, .. } = stage;
        plan::rehearse(config, &workload.spec, facts, memory, history, said)
    });
    judged.unwrap_or_else(|panic| {
        tracing::error!(workload = %workload.key, %panic, "a rehearsal of plans panicked");
        None
    })
}

/// Whether a track has seen less than the trials of a fit have shown.
fn is_young(track: Option<&Track>, seed: &Track) -> bool {
    let settled = |track: &Track| track.lanes.first().map_or(0, |lane| lane.settled);
    track.is_none_or(|track| settled(track) < settled(seed))
}

/// Runs pure code that must not panic and keeps the loop alive should it do so all the same.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without words".to_owned())
    })
}
