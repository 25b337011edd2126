//! The server, played on recorded history: what it would have forecast at one moment, and what that took.
//!
//! This file alone knows how forecasts are made; the rest of the room only asks a [`Replay`].

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{COVERAGE_LEVELS, LOSS_LEVELS, Protocol, Seen};
use crate::analyze::ensemble::{self, Other, Wanted};
use crate::analyze::models::{self, Registry};
use crate::analyze::{ForecastInput, Forecaster, LOOKBACK, ModelError, fit_and_track, prepare_for};
use crate::domain::{
    DEFAULT_LEVELS, Events, Fit, Forecast, ModelChoice, Quantile, Series, Timestamp, Track,
};
use crate::knowledge::History;

/// One model's answer at one origin.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What the server would go by: the model's own forecast or its stand-in; `None` when there is neither.
    pub forecast: Option<Forecast>,
    /// Why it is not the model's own.
    pub unanswered: Option<String>,
    /// Time that the forecast took.
    pub took: Duration,
}

/// All models' answers at one origin.
#[derive(Clone, Debug)]
pub struct Moment {
    /// In the order of the models that the replay was made for.
    pub answers: Vec<Answer>,
    /// The answer of the model that others are compared with.
    pub reference: Answer,
    /// Time that preparing the history took, once for all models.
    pub prepare: Duration,
    /// What fitting took, once for all models; `None` when it was not due.
    pub fit: Option<Fitting>,
}

/// What one fit took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fitting {
    /// Time.
    pub took: Duration,
    /// Bytes of what was learned.
    pub bytes: usize,
}

/// Something that lives through history, moment by moment, and forecasts.
pub trait Replay: Debug {
    /// Forecasts from what has been seen. Called with rising moments of one series.
    fn at(&mut self, seen: Seen<'_>) -> Moment;

    /// Lives through a moment before the first one that is scored.
    fn live(&mut self, _seen: Seen<'_>) {}
}

/// Prepares, fits and forecasts with the server's own code and its rules for when.
#[derive(Debug)]
pub struct ServerReplay {
    registry: Arc<Registry>,
    models: Vec<ModelChoice>,
    levels: Arc<[Quantile]>,
    horizon_steps: usize,
    history: Duration,
    refit: Duration,
    timezone: Arc<str>,
    events: Events,
    fitted: Option<(Timestamp, Arc<Fit>)>,
    /// What the online part of each model remembers, in the order of `models`.
    tracks: Vec<Option<Track>>,
    /// What `auto` begins with.
    seed: Option<Track>,
    /// The history as a server keeps it, where that is longer than its fine part.
    kept: Option<History>,
}

// === impl ServerReplay ===

impl ServerReplay {
    /// A server that has seen nothing yet, for one series.
    pub fn new(registry: Arc<Registry>, protocol: &Protocol, series: &Series) -> Self {
        let longest = protocol.horizons.iter().max().copied().unwrap_or_default();
        let horizon_steps = super::walk::steps_of(longest.get(), series.step());
        Self {
            registry,
            models: protocol.models.iter().map(|name| choice_of(name)).collect(),
            levels: levels(),
            horizon_steps,
            history: protocol.history.get(),
            refit: protocol.refit.get(),
            timezone: protocol.timezone.as_str().into(),
            events: protocol.events.clone(),
            fitted: None,
            tracks: vec![None; protocol.models.len()],
            seed: None,
            kept: kept(protocol.history.get(), series.step()),
        }
    }

    /// The newest `length` of what a server would remember. It packs what it keeps, which changes a value by less than
    /// a hundredth of a percent and is left out here, unless the history is so long that its older part is coarse.
    fn remembered(&mut self, seen: Seen<'_>, length: Duration) -> Series {
        let Some(kept) = &mut self.kept else {
            return seen.tail(length);
        };
        let known = kept.last().map(|last| last.at);
        let unseen = known.map_or(self.history, |at| seen.now().since(at));
        let newest = seen.tail(unseen);
        for (index, value) in newest.values().iter().enumerate() {
            kept.record(newest.time_of(index), *value);
        }
        kept.tail(steps_in(length, newest.step()))
    }

    fn refit_due(&self, now: Timestamp) -> bool {
        let at = self.fitted.as_ref().map(|(at, _)| *at);
        at.is_none_or(|at| now.since(at) >= self.refit)
    }

    /// The model's answer as it is, for the reference.
    fn plain(&self, choice: &ModelChoice, input: &ForecastInput) -> Result<Forecast, ModelError> {
        let model = self.registry.get(choice, input.fit.as_deref())?;
        forecast_of(model.as_ref(), input)
    }

    /// What the server would publish for a workload with this model.
    fn ask(&mut self, place: usize, input: &ForecastInput) -> Answer {
        let started = Instant::now();
        let choice = self.models[place].clone();
        let answer = self.turn(place, &choice, input);
        let took = started.elapsed();
        match answer {
            Ok(forecast) => Answer {
                forecast: Some(forecast),
                unanswered: None,
                took,
            },
            Err(error) => Answer {
                forecast: models::stand_in(input),
                unanswered: Some(error.to_string()),
                took,
            },
        }
    }

    fn turn(
        &mut self,
        place: usize,
        choice: &ModelChoice,
        input: &ForecastInput,
    ) -> Result<Forecast, ModelError> {
        let (wanted, others) = if *choice == ModelChoice::Auto {
            let competitors = self.registry.competitors();
            let others = competitors.iter().filter_map(|model| {
                let forecast = forecast_of(model.as_ref(), input).ok()?;
                Some(Other {
                    model: model.name().into(),
                    forecast,
                })
            });
            (Wanted::Auto, others.collect())
        } else {
            let forecast = self.plain(choice, input)?;
            let model = Arc::clone(&forecast.model);
            (Wanted::First, vec![Other { model, forecast }])
        };
        let seed = self.seed.as_ref().filter(|_| wanted == Wanted::Auto);
        let track = self.tracks[place].as_ref().or(seed);
        let turn = ensemble::turn(input, wanted, &others, track)?;
        self.tracks[place] = Some(turn.track);
        Ok(turn.forecast)
    }
}

fn forecast_of(model: &dyn Forecaster, input: &ForecastInput) -> Result<Forecast, ModelError> {
    let nothing = || ModelError(format!("model `{}` gave no answer", model.name()));
    let mut answers = model.forecast(std::slice::from_ref(input));
    answers.pop().unwrap_or_else(|| Err(nothing()))
}

impl Replay for ServerReplay {
    fn live(&mut self, seen: Seen<'_>) {
        self.at(seen);
    }

    fn at(&mut self, seen: Seen<'_>) -> Moment {
        let now = seen.now();
        let refit = self.refit_due(now);
        let length = if refit {
            self.history
        } else {
            self.history.min(LOOKBACK)
        };
        let started = Instant::now();
        let history = Arc::new(prepare_for(
            &self.remembered(seen, length),
            &self.events,
            &self.timezone,
        ));
        let prepare = started.elapsed();
        let fit = refit.then(|| {
            let started = Instant::now();
            let names: Vec<String> = self.models.iter().map(ToString::to_string).collect();
            let asked: Vec<&str> = names.iter().map(String::as_str).collect();
            let steps = self.horizon_steps;
            let (fit, track) = fit_and_track(&history, steps, &self.timezone, now, &asked);
            self.seed = Some(track);
            let fitting = Fitting {
                took: started.elapsed(),
                bytes: fit.bytes(),
            };
            self.fitted = Some((now, Arc::new(fit)));
            fitting
        });
        let input = ForecastInput {
            history,
            fit: self.fitted.as_ref().map(|(_, fit)| Arc::clone(fit)),
            horizon_steps: self.horizon_steps,
            timezone: Arc::clone(&self.timezone),
            levels: Arc::clone(&self.levels),
        };
        let started = Instant::now();
        let reference = self.plain(&choice_of(super::REFERENCE), &input);
        Moment {
            reference: Answer {
                took: started.elapsed(),
                unanswered: reference.as_ref().err().map(ToString::to_string),
                forecast: reference.ok(),
            },
            answers: (0..self.models.len())
                .map(|place| self.ask(place, &input))
                .collect(),
            prepare,
            fit,
        }
    }
}

/// An empty history for `length`; `None` when all of it would be kept at the step anyway.
fn kept(length: Duration, step: Duration) -> Option<History> {
    let steps = steps_in(length, step);
    (steps > History::fine_steps(step)).then(|| History::new(step, steps))
}

/// The fewest steps that hold `length`.
fn steps_in(length: Duration, step: Duration) -> usize {
    let steps = length.as_millis().div_ceil(step.as_millis().max(1));
    usize::try_from(steps).unwrap_or(usize::MAX)
}

/// The model that a name means, as `model:` in a trigger: `auto`, a built-in model, or `onnx:NAME`.
pub fn choice_of(name: &str) -> ModelChoice {
    match name.strip_prefix("onnx:") {
        Some(network) => ModelChoice::Onnx(network.to_owned()),
        None if name == "auto" => ModelChoice::Auto,
        None => ModelChoice::Named(name.to_owned()),
    }
}

/// The levels that a server asks for and those that are scored.
fn levels() -> Arc<[Quantile]> {
    let wanted = COVERAGE_LEVELS.into_iter().chain(LOSS_LEVELS);
    let scored = wanted.filter_map(|level| Quantile::new(level).ok());
    // A level as a whole number of millionths is a key that compares exactly.
    let key = |level: &Quantile| (level.get() * 1e6).round() as u32;
    let mut known = BTreeSet::new();
    let mut levels: Vec<Quantile> = (DEFAULT_LEVELS.into_iter().chain(scored))
        .filter(|level| known.insert(key(level)))
        .collect();
    levels.sort_by_key(key);
    levels.into()
}
