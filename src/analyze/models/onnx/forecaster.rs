//! A loaded network as a model: many workloads in one batch, each answered for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::tz::TimeZone;

use super::calendar;
use super::card::Card;
use super::contract::{self, CALENDAR, CONTEXT, Contract, MASK, QUANTILES};
use super::engine::{Engine, Network, Tensor};
use super::levels::LevelMap;
use super::resample::Ratio;
use super::window::{Grid, Window, lookback_steps, step_seconds};
use crate::analyze::{ForecastInput, Forecaster, ModelError};
use crate::domain::{Forecast, Quantile, Timestamp};

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

/// One workload, ready for the network.
struct Row {
    window: Window,
    calendar: Vec<f32>,
    ratio: Ratio,
    origin: Timestamp,
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
        let mut wanted = vec![(QUANTILES, card.horizon)];
        wanted.extend((leads > 0).then_some((contract::PEAKS, leads)));
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        let outputs = self.network.run(&inputs, &names)?;
        for ((name, length), output) in wanted.iter().zip(&outputs) {
            expect_shape(name, output, [rows, *length, card.levels.len()])?;
        }
        Ok(())
    }

    fn row(&self, input: &ForecastInput) -> Result<Row, String> {
        let card = &self.contract.card;
        let series = &input.history.series;
        if input.horizon_steps == 0 || input.levels.is_empty() {
            return Err("no steps or no levels are wanted".to_owned());
        }
        let step = step_seconds(card, series.step());
        let grid = Grid::new(series, step, lookback_steps(card, step))?;
        let needed = grid.ratio().network_steps(input.horizon_steps);
        if needed > card.horizon {
            return Err(format!(
                "the workload's horizon is {} steps of {}s, the network's is {} steps of {step}s",
                input.horizon_steps,
                series.step().as_secs(),
                card.horizon
            ));
        }
        let window = grid.window(card)?;
        let mut values = Vec::new();
        if !card.calendar.is_empty() {
            let zone = TimeZone::get(&input.timezone)
                .map_err(|_| format!("`{}` is no known time zone", input.timezone))?;
            values.reserve(card.horizon * card.calendar.len());
            let (features, scale) = (&card.calendar, &window.scale);
            calendar::append(features, card.horizon, &grid, scale, &zone, &mut values);
        }
        Ok(Row {
            ratio: grid.ratio(),
            origin: grid.origin(),
            calendar: values,
            window,
        })
    }

    /// Runs the network on rows; the answer holds `[horizon, levels]` for each.
    fn run(&self, rows: &[&Row]) -> Result<Vec<f32>, String> {
        let card = &self.contract.card;
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
        let output = self.network.run(&inputs, &[QUANTILES])?.pop();
        let output = output.ok_or("the engine returned nothing")?;
        expect_shape(
            QUANTILES,
            &output,
            [rows.len(), card.horizon, card.levels.len()],
        )?;
        Ok(output.data)
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
    fn read(&self, input: &ForecastInput, row: &Row, output: &[f32]) -> Result<Forecast, String> {
        let series = &input.history.series;
        let paths = self.paths(row, output, input.horizon_steps, &input.levels);
        let largest = magnitude(series.values());
        if let Some(bad) = paths
            .iter()
            .find(|value| !value.is_finite() || value.abs() > NONSENSE * largest)
        {
            return Err(format!(
                "the network's output is nonsense: {bad}, where the history's largest magnitude is {largest}"
            ));
        }
        let never_negative = !series.values().iter().any(|value| *value < 0.0);
        Forecast::new(
            self.name.clone(),
            row.origin,
            series.step(),
            input.levels.to_vec(),
            paths.into_iter().map(|value| value as f32).collect(),
            never_negative.then_some(0.0),
        )
        .map_err(|error| error.to_string())
    }

    /// Level-major, in the workload's unit. What isn't finite stays so.
    fn paths(&self, row: &Row, output: &[f32], horizon: usize, wanted: &[Quantile]) -> Vec<f64> {
        let card: &Card = &self.contract.card;
        let steps = row.ratio.network_steps(horizon);
        let map = LevelMap::new(&card.levels, wanted);
        let mut paths = vec![Vec::with_capacity(steps); wanted.len()];
        let mut column = Vec::with_capacity(card.levels.len());
        for step in output.chunks_exact(card.levels.len()).take(steps) {
            column.clear();
            column.extend(step.iter().map(|value| row.window.scale.restore(*value)));
            // Levels that cross are sorted before anything is read between them; `NaN` goes to an end and stays.
            column.sort_unstable_by(f64::total_cmp);
            let poisoned = !column.iter().all(|value| value.is_finite());
            for (path, value) in paths.iter_mut().zip(map.read(&column)) {
                path.push(if poisoned { f64::NAN } else { value });
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
        let outputs: Vec<(usize, Result<Vec<f32>, String>)> = ready
            .chunks(MAX_BATCH)
            .map(|rows| (rows.len(), self.run(rows)))
            .collect();
        let each = self.contract.card.horizon * self.contract.card.levels.len();
        let mut answers = outputs.iter().flat_map(|(rows, output)| {
            (0..*rows).map(move |row| match output {
                Ok(values) => Ok(&values[row * each..(row + 1) * each]),
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
