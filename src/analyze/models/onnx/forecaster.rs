//! A loaded network as a model: many workloads in one batch, each answered for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::card::{Card, Input};
use super::contract::{self, CALENDAR, CONTEXT, Contract, MASK, PEAKS, QUANTILES};
use super::curve;
use super::engine::{Engine, Network, Tensor};
use super::levels::LevelMap;
use super::resample::Ratio;
use super::row::Row;
use super::window::step_seconds;
use crate::analyze::{ForecastInput, Forecaster, ModelError};
use crate::domain::{Forecast, Quantile};

/// Larger batches are cut: an engine keeps the memory of its largest run for good.
pub const MAX_BATCH: usize = 64;
/// More runs of one network than this at once means that runs don't come back.
const MAX_RUNS: usize = 8;
/// A forecast may exceed the highest magnitude of the history so many times; beyond that it is nonsense.
const NONSENSE: f64 = 1000.0;
/// The magnitude of a history of zeros, so that a little above zero is not yet nonsense.
const LEAST_MAGNITUDE: f64 = 1e-3;

/// A network that keeps the contract.
#[derive(Debug)]
pub(super) struct OnnxForecaster {
    name: Arc<str>,
    contract: Contract,
    network: Box<dyn Network>,
    runs: AtomicUsize,
}

/// A network's answer for one workload.
#[derive(Clone, Copy)]
struct Answer<'a> {
    /// `[horizon, levels]`.
    quantiles: &'a [f32],
    /// `[peak_leads, levels]`.
    peaks: &'a [f32],
}

/// Both answers for many workloads, one behind the other.
#[derive(Default)]
struct Answers {
    quantiles: Vec<f32>,
    peaks: Vec<f32>,
}

/// Counts a run for as long as it lasts.
struct Run<'a>(&'a AtomicUsize);

// === impl OnnxForecaster ===

impl OnnxForecaster {
    /// Checks `file`, loads it into `engine` and runs it once, so that what doesn't work shows now.
    pub(super) fn load(engine: &dyn Engine, name: &str, file: Arc<[u8]>) -> Result<Self, String> {
        let contract = contract::check(&file)?;
        let network = engine
            .load(file)
            .map_err(|error| format!("{} can't load it: {error}", engine.name()))?;
        let forecaster = Self {
            name: format!("onnx:{name}").into(),
            contract,
            network,
            runs: AtomicUsize::new(0),
        };
        forecaster
            .trial()
            .map_err(|error| format!("a trial run in {} failed: {error}", engine.name()))?;
        Ok(forecaster)
    }

    /// Two rows of zeros: the outputs' shapes must follow the batch.
    fn trial(&self) -> Result<(), String> {
        let card = &self.contract.card;
        let rows = 2;
        let zeros = |each: usize| vec![0.0; rows * each];
        let (context, mask) = (zeros(card.context), vec![1.0; rows * card.context]);
        let calendar = zeros(card.horizon * card.calendar.len());
        let inputs = self.tensors(rows, context, mask, calendar);
        let leads = card.peak_leads.len();
        let answers = self.outputs(rows, &inputs)?;
        debug_assert_eq!(answers.peaks.len(), rows * leads * card.levels.len());
        Ok(())
    }

    /// Runs the network and checks the shapes of what it returns.
    fn outputs(&self, rows: usize, inputs: &[(&str, Tensor)]) -> Result<Answers, String> {
        let card = &self.contract.card;
        let leads = card.peak_leads.len();
        let mut wanted = vec![(QUANTILES, card.horizon)];
        wanted.extend((leads > 0).then_some((PEAKS, leads)));
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        let outputs = self.network.run(inputs, &names)?;
        if outputs.len() != wanted.len() {
            return Err("the engine returned too little".to_owned());
        }
        let mut answers = Answers::default();
        for ((name, length), output) in wanted.into_iter().zip(outputs) {
            expect_shape(name, &output, [rows, length, card.levels.len()])?;
            if name == PEAKS {
                answers.peaks = output.data;
            } else {
                answers.quantiles = output.data;
            }
        }
        Ok(answers)
    }

    fn row(&self, input: &ForecastInput) -> Result<Row, String> {
        let card = &self.contract.card;
        let series = input.history.shown();
        if input.horizon_steps == 0 || input.levels.is_empty() {
            return Err("no steps or no levels are wanted".to_owned());
        }
        let step = step_seconds(card, series.step());
        let ratio = Ratio::between(series.step(), Duration::from_secs(step))?;
        let needed = ratio.network_steps(input.horizon_steps);
        if needed > card.horizon {
            return Err(format!(
                "the workload's horizon is {} steps of {}s, the network's is {} steps of {step}s",
                input.horizon_steps,
                series.step().as_secs(),
                card.horizon
            ));
        }
        let curve = match card.input {
            Input::Series => None,
            Input::Residual => Some(curve::decode(input.fit.as_deref())?),
        };
        let zone = if card.calendar.is_empty() && curve.is_none() {
            TimeZone::UTC
        } else {
            TimeZone::get(&input.timezone)
                .map_err(|_| format!("`{}` is no known time zone", input.timezone))?
        };
        Row::new(card, &series, curve.as_ref(), &zone)
    }

    /// Runs the network on rows.
    fn run(&self, rows: &[&Row]) -> Result<Answers, String> {
        let gather = |part: fn(&Row) -> &[f32]| -> Vec<f32> {
            rows.iter().flat_map(|row| part(row)).copied().collect()
        };
        let inputs = self.tensors(
            rows.len(),
            gather(|row| &row.window.context),
            gather(|row| &row.window.mask),
            gather(|row| &row.calendar),
        );
        let _run = Run::start(&self.runs)?;
        self.outputs(rows.len(), &inputs)
    }

    fn tensors(
        &self,
        rows: usize,
        context: Vec<f32>,
        mask: Vec<f32>,
        calendar: Vec<f32>,
    ) -> Vec<(&'static str, Tensor)> {
        let card = &self.contract.card;
        let shape = vec![rows, card.context];
        let mut tensors = vec![(
            CONTEXT,
            Tensor {
                shape: shape.clone(),
                data: context,
            },
        )];
        if self.contract.mask {
            tensors.push((MASK, Tensor { shape, data: mask }));
        }
        if !card.calendar.is_empty() {
            let shape = vec![rows, card.horizon, card.calendar.len()];
            let data = calendar;
            tensors.push((CALENDAR, Tensor { shape, data }));
        }
        tensors
    }

    /// From the network's output for one row to a forecast on the workload's step, in its unit and at its levels.
    fn read(
        &self,
        input: &ForecastInput,
        row: &Row,
        answer: Answer<'_>,
    ) -> Result<Forecast, String> {
        let series = &input.history.series;
        let paths = self.paths(row, answer.quantiles, input.horizon_steps, &input.levels);
        let (leads, peaks) = self.peaks(row, answer.peaks, input.horizon_steps, &input.levels);
        let largest = magnitude(series.values());
        if let Some(bad) = paths
            .iter()
            .chain(&peaks)
            .find(|value| !value.is_finite() || value.abs() > NONSENSE * largest)
        {
            return Err(format!(
                "the network's output is nonsense: {bad}, where the history's largest magnitude is {largest}"
            ));
        }
        let never_negative = !series.values().iter().any(|value| *value < 0.0);
        let forecast = Forecast::new(
            self.name.clone(),
            row.origin,
            series.step(),
            input.levels.to_vec(),
            paths.into_iter().map(|value| value as f32).collect(),
            never_negative.then_some(0.0),
        )
        .map_err(|error| error.to_string())?;
        if leads.is_empty() {
            return Ok(forecast);
        }
        // A forecast holds peaks above its own paths, and those above the floor.
        let peaks = peaks.into_iter().map(|value| value as f32).collect();
        forecast
            .with_peaks(leads, peaks)
            .map_err(|error| error.to_string())
    }

    /// Lead times in the workload's steps, and the quantiles of the highest value up to them: level-major, in the
    /// workload's unit. A lead time that is no whole number of the workload's steps, or lies beyond the wanted
    /// horizon, is left out.
    fn peaks(
        &self,
        row: &Row,
        output: &[f32],
        horizon: usize,
        wanted: &[Quantile],
    ) -> (Vec<u32>, Vec<f64>) {
        let card = &self.contract.card;
        let map = LevelMap::new(&card.levels, wanted);
        let mut leads = Vec::new();
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let rows = output.chunks_exact(card.levels.len());
        for (lead, values) in card.peak_leads.iter().zip(rows) {
            let Some(own) = row.ratio.workload_steps(*lead).filter(|l| *l <= horizon) else {
                continue;
            };
            let Ok(own) = u32::try_from(own) else {
                continue;
            };
            let restored = values.iter().map(|value| row.restore_peak(*lead, *value));
            leads.push(own);
            columns.push(read_levels(&map, restored));
        }
        let values = (0..wanted.len()).flat_map(|level| columns.iter().map(move |c| c[level]));
        (leads, values.collect())
    }

    /// Level-major, in the workload's unit. What isn't finite stays so.
    fn paths(&self, row: &Row, output: &[f32], horizon: usize, wanted: &[Quantile]) -> Vec<f64> {
        let card: &Card = &self.contract.card;
        let steps = row.ratio.network_steps(horizon);
        let map = LevelMap::new(&card.levels, wanted);
        let mut paths = vec![Vec::with_capacity(steps); wanted.len()];
        let rows = output.chunks_exact(card.levels.len()).take(steps);
        for (index, step) in rows.enumerate() {
            let restored = step.iter().map(|value| row.restore(index, *value));
            for (path, value) in paths.iter_mut().zip(read_levels(&map, restored)) {
                path.push(value);
            }
        }
        paths
            .iter()
            .flat_map(|path| row.ratio.to_workload(path, horizon))
            .collect()
    }
}

impl Forecaster for OnnxForecaster {
    fn name(&self) -> &str {
        &self.name
    }

    fn forecast(&self, batch: &[ForecastInput]) -> Vec<Result<Forecast, ModelError>> {
        let rows: Vec<Result<Row, String>> = batch.iter().map(|input| self.row(input)).collect();
        let ready: Vec<&Row> = rows.iter().flatten().collect();
        let outputs: Vec<(usize, Result<Answers, String>)> = ready
            .chunks(MAX_BATCH)
            .map(|rows| (rows.len(), self.run(rows)))
            .collect();
        let card = &self.contract.card;
        let each = card.horizon * card.levels.len();
        let peaks = card.peak_leads.len() * card.levels.len();
        let mut answers = outputs.iter().flat_map(|(rows, output)| {
            (0..*rows).map(move |row| match output {
                Ok(values) => Ok(Answer {
                    quantiles: &values.quantiles[row * each..(row + 1) * each],
                    peaks: &values.peaks[row * peaks..(row + 1) * peaks],
                }),
                Err(error) => Err(error.clone()),
            })
        });
        batch
            .iter()
            .zip(&rows)
            .map(|(input, row)| {
                let row = row.as_ref().map_err(Clone::clone)?;
                let output = answers.next().ok_or("the engine returned too little")??;
                self.read(input, row, output)
            })
            .map(|answer| {
                answer.map_err(|why: String| ModelError(format!("`{}`: {why}", self.name)))
            })
            .collect()
    }
}

/// The wanted levels of one step from the network's, in any order. Levels that cross are sorted before anything is read
/// between them; with one value that is not finite nothing of the step is.
fn read_levels(map: &LevelMap, restored: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut column: Vec<f64> = restored.collect();
    column.sort_unstable_by(f64::total_cmp);
    let poisoned = !column.iter().all(|value| value.is_finite());
    map.read(&column)
        .map(|value| if poisoned { f64::NAN } else { value })
        .collect()
}

// === impl Run ===

impl<'a> Run<'a> {
    fn start(runs: &'a AtomicUsize) -> Result<Self, String> {
        let before = runs.fetch_add(1, Ordering::AcqRel);
        let run = Self(runs);
        if before >= MAX_RUNS {
            return Err(format!("{before} runs of the network have not come back"));
        }
        Ok(run)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn expect_shape(name: &str, tensor: &Tensor, wanted: [usize; 3]) -> Result<(), String> {
    if tensor.shape == wanted && tensor.data.len() == wanted.iter().product::<usize>() {
        return Ok(());
    }
    Err(format!(
        "output `{name}` has the shape {:?}, expected {wanted:?}",
        tensor.shape
    ))
}

fn magnitude(values: &[f64]) -> f64 {
    values
        .iter()
        .filter(|value| !value.is_nan())
        .fold(LEAST_MAGNITUDE, |most, value| most.max(value.abs()))
}
