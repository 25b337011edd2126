//! The networks while they learn: an MLP, a GRU or an LSTM, each with a linear skip from its inputs to its outputs.
//!
//! All work in units of the window's restlessness (its mean distance from the newest level, [`CALM`] at least), so that
//! a quiet and a restless workload look alike to them.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::ops::sigmoid;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pooling::Pooling;
use crate::analyze::models::onnx::card::Card;

/// A window calmer than this share of its magnitude counts as this calm.
pub const CALM: f32 = 0.05;
/// Known-future values are held within so many units of restlessness.
pub const FAR: f32 = 10.0;

/// Kinds of networks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Two dense layers with `ReLU`.
    Mlp,
    /// A gated recurrent unit over the context and a dense layer.
    Gru,
    /// A long short-term memory over the context and a dense layer.
    Lstm,
}

/// Sizes of everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Which kind.
    pub architecture: Architecture,
    /// The means before it.
    pub pooling: Pooling,
    /// Length of the state, or of each dense layer.
    pub hidden: usize,
    /// Length of the layer after the state.
    pub head: usize,
    /// Steps ahead, from 1, that it answers; what lies between is linear.
    pub knots: Vec<usize>,
    /// Lead times of peaks.
    pub leads: usize,
    /// Levels of each.
    pub levels: usize,
}

/// A network with its weights.
#[derive(Debug)]
pub struct Net {
    /// Its sizes.
    pub shape: Shape,
    names: Vec<String>,
    vars: Vec<Var>,
}

/// The parts of a batch of inputs, scaled.
struct Parts {
    context: Tensor,
    mask: Tensor,
    known: Tensor,
    spread: Tensor,
}

// === impl Shape ===

impl Shape {
    /// For a card; `hidden` is the length of the state or of a layer.
    pub fn new(architecture: Architecture, card: &Card, hidden: usize) -> Self {
        Self {
            architecture,
            pooling: Pooling::new(card),
            hidden,
            head: 2 * hidden,
            knots: knots(card.horizon),
            leads: card.peak_leads.len(),
            levels: card.levels.len(),
        }
    }

    /// Inputs of the skip.
    pub fn inputs(&self) -> usize {
        self.pooling.width()
    }

    /// Numbers that are answered.
    pub fn outputs(&self) -> usize {
        (self.knots.len() + self.leads) * self.levels
    }

    /// Numbers of known-future inputs, with the restlessness.
    pub fn known(&self) -> usize {
        self.pooling.values.outputs + self.pooling.flags.outputs + 1
    }

    /// Names and shapes of the weights; a matrix is `[outputs, inputs]`.
    fn weights(&self) -> Vec<(&'static str, Vec<usize>)> {
        let (hidden, inputs, outputs) = (self.hidden, self.inputs(), self.outputs());
        let gates = match self.architecture {
            Architecture::Mlp => {
                return vec![
                    ("first.weight", vec![hidden, inputs]),
                    ("first.bias", vec![hidden]),
                    ("second.weight", vec![hidden, hidden]),
                    ("second.bias", vec![hidden]),
                    ("last.weight", vec![outputs, hidden]),
                    ("last.bias", vec![outputs]),
                    ("skip.weight", vec![outputs, inputs]),
                ];
            }
            Architecture::Gru => 3,
            Architecture::Lstm => 4,
        };
        vec![
            ("cell.input", vec![gates * hidden, 2]),
            ("cell.state", vec![gates * hidden, hidden]),
            ("cell.input_bias", vec![gates * hidden]),
            ("cell.state_bias", vec![gates * hidden]),
            ("head.weight", vec![self.head, hidden + self.known()]),
            ("head.bias", vec![self.head]),
            ("last.weight", vec![outputs, self.head]),
            ("last.bias", vec![outputs]),
            ("skip.weight", vec![outputs, inputs]),
        ]
    }
}

/// Steps ahead that are answered: close together at first.
fn knots(horizon: usize) -> Vec<usize> {
    let usual = [1, 2, 3, 4, 5, 7, 10, 13, 15, 20, 25];
    let mut knots: Vec<usize> = usual.into_iter().filter(|knot| *knot < horizon).collect();
    knots.push(horizon);
    knots
}

// === impl Net ===

impl Net {
    /// One with seeded weights: uniform within the inverse root of the inputs, the answers small.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(shape: Shape, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut names, mut vars) = (Vec::new(), Vec::new());
        for (name, dims) in shape.weights() {
            let count: usize = dims.iter().product();
            let bound = match (name, dims.as_slice()) {
                ("last.weight" | "skip.weight", [_, inputs]) => 0.1 / (*inputs as f32).sqrt(),
                (_, [_, inputs]) => 1.0 / (*inputs as f32).sqrt(),
                // A bias.
                _ => 0.0,
            };
            let numbers: Vec<f32> = (0..count)
                .map(|_| bound * rng.random_range(-1.0_f32..1.0))
                .collect();
            vars.push(Var::from_vec(numbers, dims, &Device::Cpu)?);
            names.push(name.to_owned());
        }
        Ok(Self { shape, names, vars })
    }

    /// Its weights, always in the same order.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The numbers of a weight; empty when there is none of that name.
    pub fn numbers(&self, name: &str) -> Vec<f32> {
        let place = self.names.iter().position(|n| n == name);
        place
            .and_then(|place| self.vars[place].flatten_all().ok()?.to_vec1().ok())
            .unwrap_or_default()
    }

    fn var(&self, name: &str) -> Result<&Tensor> {
        let place = self.names.iter().position(|n| n == name);
        place
            .map(|place| self.vars[place].as_tensor())
            .ok_or_else(|| candle_core::Error::Msg(format!("there is no weight `{name}`")))
    }

    fn dense(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let weight = self.var(&format!("{name}.weight"))?;
        let bias = self.var(&format!("{name}.bias"))?;
        x.matmul(&weight.t()?)?.broadcast_add(bias)
    }

    /// From rows of [`Pooling::append`], `[batch, inputs]`, to the answers in normalised units: `[batch, knots, levels]`
    /// and `[batch, leads, levels]`.
    ///
    /// # Errors
    /// When `rows` has another shape.
    pub fn forward(&self, rows: &Tensor) -> Result<(Tensor, Tensor)> {
        let batch = rows.dim(0)?;
        let parts = self.parts(rows)?;
        let all = [&parts.context, &parts.mask, &parts.known];
        let inputs = Tensor::cat(&all, 1)?;
        let skip = inputs.matmul(&self.var("skip.weight")?.t()?)?;
        let hidden = match self.shape.architecture {
            Architecture::Mlp => {
                let first = self.dense(&inputs, "first")?.relu()?;
                self.dense(&first, "second")?.relu()?
            }
            Architecture::Gru => self.with_head(&self.gru(&parts)?, &parts)?,
            Architecture::Lstm => self.with_head(&self.lstm(&parts)?, &parts)?,
        };
        let answers = (self.dense(&hidden, "last")? + skip)?.broadcast_mul(&parts.spread)?;
        let (knots, leads, levels) = (self.shape.knots.len(), self.shape.leads, self.shape.levels);
        let paths = answers.narrow(1, 0, knots * levels)?;
        let peaks = answers.narrow(1, knots * levels, leads * levels)?;
        Ok((
            paths.reshape((batch, knots, levels))?,
            peaks.reshape((batch, leads, levels))?,
        ))
    }

    fn parts(&self, rows: &Tensor) -> Result<Parts> {
        let pooling = &self.shape.pooling;
        let (context, values, flags) = (
            pooling.context.outputs,
            pooling.values.outputs,
            pooling.flags.outputs,
        );
        let spread = rows.narrow(1, 2 * context + values + flags, 1)?;
        let scaled = |from, len| rows.narrow(1, from, len)?.broadcast_div(&spread);
        let known = [
            scaled(2 * context, values)?.clamp(-FAR, FAR)?,
            rows.narrow(1, 2 * context + values, flags)?,
            spread.clone(),
        ];
        Ok(Parts {
            context: scaled(0, context)?,
            mask: rows.narrow(1, context, context)?,
            known: Tensor::cat(&known, 1)?,
            spread,
        })
    }

    fn with_head(&self, state: &Tensor, parts: &Parts) -> Result<Tensor> {
        let x = Tensor::cat(&[state, &parts.known], 1)?;
        self.dense(&x, "head")?.relu()
    }

    /// One step's input to the gates. Each step is projected by itself: the gradient of a slice of one large projection
    /// would be padded to its full size, step after step.
    fn projected(&self, parts: &Parts, step: usize) -> Result<Tensor> {
        let pair = [
            parts.context.narrow(1, step, 1)?,
            parts.mask.narrow(1, step, 1)?,
        ];
        Tensor::cat(&pair, 1)?
            .matmul(&self.var("cell.input")?.t()?)?
            .broadcast_add(self.var("cell.input_bias")?)
    }

    fn recalled(&self, state: &Tensor) -> Result<Tensor> {
        state
            .matmul(&self.var("cell.state")?.t()?)?
            .broadcast_add(self.var("cell.state_bias")?)
    }

    fn zero_state(&self, parts: &Parts) -> Result<Tensor> {
        let batch = parts.context.dim(0)?;
        Tensor::zeros((batch, self.shape.hidden), DType::F32, &Device::Cpu)
    }

    /// Gates as ONNX orders them: update, reset, hidden.
    fn gru(&self, parts: &Parts) -> Result<Tensor> {
        let hidden = self.shape.hidden;
        let mut state = self.zero_state(parts)?;
        for step in 0..self.shape.pooling.context.outputs {
            let (x, h) = (self.projected(parts, step)?, self.recalled(&state)?);
            let both = (x.narrow(1, 0, 2 * hidden)? + h.narrow(1, 0, 2 * hidden)?)?;
            let both = sigmoid(&both)?;
            let update = both.narrow(1, 0, hidden)?;
            let reset = both.narrow(1, hidden, hidden)?;
            let fresh = (x.narrow(1, 2 * hidden, hidden)?
                + (reset * h.narrow(1, 2 * hidden, hidden)?)?)?
            .tanh()?;
            state = (&fresh + (update * (state - &fresh)?)?)?;
        }
        Ok(state)
    }

    /// Gates as ONNX orders them: input, output, forget, cell.
    fn lstm(&self, parts: &Parts) -> Result<Tensor> {
        let hidden = self.shape.hidden;
        let mut state = self.zero_state(parts)?;
        let mut cell = state.clone();
        for step in 0..self.shape.pooling.context.outputs {
            let all = (self.projected(parts, step)? + self.recalled(&state)?)?;
            let gates = sigmoid(&all.narrow(1, 0, 3 * hidden)?)?;
            let fresh = all.narrow(1, 3 * hidden, hidden)?.tanh()?;
            let kept = (gates.narrow(1, 2 * hidden, hidden)? * cell)?;
            cell = (kept + (gates.narrow(1, 0, hidden)? * fresh)?)?;
            state = (gates.narrow(1, hidden, hidden)? * cell.tanh()?)?;
        }
        Ok(state)
    }
}
