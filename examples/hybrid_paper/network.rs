//! The paper's network: LSTM(50), LSTM(50), Dense(1), one step ahead.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::rnn::{LSTM, LSTMConfig, RNN};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const HIDDEN: usize = 50;

/// The last share of the training rows says when to stop.
const VALIDATION: f64 = 0.1;

/// How it is trained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) look_back: usize,
    pub(crate) epochs: usize,
    pub(crate) patience: usize,
    pub(crate) batch: usize,
    pub(crate) seed: u64,
}

/// A trained network with the scaling of its inputs.
pub(crate) struct Network {
    variables: VarMap,
    layers: [LSTM; 2],
    head: Linear,
    look_back: usize,
    low: f64,
    size: f64,
}

impl Network {
    /// Trains on windows of `series` before `known`; nothing after it is looked at, not even for the scaling.
    pub(crate) fn train(series: &[f64], known: usize, recipe: Recipe) -> Result<Self> {
        let seen = &series[..known];
        let low = seen.iter().copied().fold(f64::INFINITY, f64::min);
        let high = seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut network = Self::untrained(recipe, low, (high - low).max(f64::MIN_POSITIVE))?;
        let scaled = network.scaled(seen);
        let targets: Vec<usize> = (recipe.look_back..known).collect();
        let split = targets.len() - (VALIDATION * targets.len() as f64) as usize;
        let (train, check) = targets.split_at(split);
        network.descend(&scaled, train, check, recipe)?;
        Ok(network)
    }

    /// One step ahead of each value: the answer at `i` is about `series[i + 1]`; none for the first ones.
    pub(crate) fn ahead(&self, series: &[f64]) -> Result<Vec<Option<f64>>> {
        let scaled = self.scaled(series);
        let targets: Vec<usize> = (self.look_back..=series.len()).collect();
        let mut answers = vec![None; self.look_back - 1];
        for part in targets.chunks(4096) {
            let raw: Vec<f32> = self.forward(&scaled, part)?.to_vec1()?;
            answers.extend(
                raw.iter()
                    .map(|v| Some(self.low + self.size * f64::from(*v))),
            );
        }
        Ok(answers)
    }

    fn untrained(recipe: Recipe, low: f64, size: f64) -> Result<Self> {
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let layer =
            |inputs, name| LSTM::new(inputs, HIDDEN, LSTMConfig::default(), builder.pp(name));
        let layers = [layer(1, "first")?, layer(HIDDEN, "second")?];
        let head = candle_nn::linear(HIDDEN, 1, builder.pp("head"))?;
        // The library's own generator can't be seeded on a CPU.
        let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
        let bound = 1.0 / (HIDDEN as f32).sqrt();
        let mut all: Vec<_> = variables
            .data()
            .lock()
            .expect("nobody panicked with it")
            .clone()
            .into_iter()
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, variable) in all {
            let numbers: Vec<f32> = (0..variable.elem_count())
                .map(|_| rng.random_range(-bound..bound))
                .collect();
            variable.set(&Tensor::from_vec(numbers, variable.shape(), &Device::Cpu)?)?;
        }
        Ok(Self {
            variables,
            layers,
            head,
            look_back: recipe.look_back,
            low,
            size,
        })
    }

    fn scaled(&self, series: &[f64]) -> Vec<f32> {
        let scaled = series.iter().map(|v| ((v - self.low) / self.size) as f32);
        scaled.collect()
    }

    /// What it says about each target from the values before it.
    fn forward(&self, scaled: &[f32], targets: &[usize]) -> Result<Tensor> {
        let [first, second] = &self.layers;
        let mut states = (
            first.zero_state(targets.len())?,
            second.zero_state(targets.len())?,
        );
        for back in (1..=self.look_back).rev() {
            let values: Vec<f32> = targets.iter().map(|target| scaled[target - back]).collect();
            let input = Tensor::from_vec(values, (targets.len(), 1), &Device::Cpu)?;
            states.0 = first.step(&input, &states.0)?;
            states.1 = second.step(states.0.h(), &states.1)?;
        }
        self.head.forward(states.1.h())?.flatten_all()
    }

    fn loss(&self, scaled: &[f32], targets: &[usize]) -> Result<Tensor> {
        let wanted: Vec<f32> = targets.iter().map(|target| scaled[*target]).collect();
        let wanted = Tensor::from_vec(wanted, targets.len(), &Device::Cpu)?;
        candle_nn::loss::mse(&self.forward(scaled, targets)?, &wanted)
    }

    /// Adam on the squared error until the validation loss has not fallen for a while; the best weights are kept.
    fn descend(
        &mut self,
        scaled: &[f32],
        train: &[usize],
        check: &[usize],
        recipe: Recipe,
    ) -> Result<()> {
        let settings = ParamsAdamW {
            lr: 1e-3,
            weight_decay: 0.0,
            ..ParamsAdamW::default()
        };
        let mut optimiser = AdamW::new(self.variables.all_vars(), settings)?;
        let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed + 1);
        let mut order = train.to_vec();
        let (mut best, mut since) = ((f64::INFINITY, Vec::new()), 0);
        for epoch in 1..=recipe.epochs {
            order.shuffle(&mut rng);
            for batch in order.chunks(recipe.batch) {
                optimiser.backward_step(&self.loss(scaled, batch)?)?;
            }
            let loss = self.validation(scaled, check)?;
            eprintln!("  epoch {epoch}: validation loss {loss:.3e}");
            since += 1;
            if loss < best.0 {
                let copies = self.variables.all_vars().into_iter();
                let copies: Result<Vec<_>> = copies
                    .map(|v| Ok((v.clone(), v.as_tensor().copy()?)))
                    .collect();
                best = (loss, copies?);
                since = 0;
            }
            if since >= recipe.patience {
                break;
            }
        }
        for (variable, kept) in best.1 {
            variable.set(&kept)?;
        }
        Ok(())
    }

    fn validation(&self, scaled: &[f32], check: &[usize]) -> Result<f64> {
        let mut sum = 0.0;
        for part in check.chunks(4096) {
            let loss: f32 = self.loss(scaled, part)?.to_scalar()?;
            sum += f64::from(loss) * part.len() as f64;
        }
        Ok(sum / check.len() as f64)
    }
}
