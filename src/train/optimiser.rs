//! `AdamW` (Loshchilov and Hutter 2019) with a clipped gradient, a warm-up and a cosine to zero. Its state can be kept and
//! taken up again, which the library's own can't.

use std::f64::consts::PI;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

const BETA: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;
const DECAY: f64 = 1e-4;
const WARM_UP: f64 = 100.0;
/// The largest norm of all gradients together.
const LARGEST: f64 = 1.0;

/// Moments of the gradient, one pair for each weight.
#[derive(Debug)]
pub struct Optimiser {
    /// First and second moments.
    pub moments: Vec<(Tensor, Tensor)>,
    rate: f64,
    steps: usize,
}

impl Optimiser {
    /// For `vars`, with the highest learning rate and how many steps there will be.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(vars: &[Var], rate: f64, steps: usize) -> Result<Self> {
        let zeros = |var: &Var| Ok((var.zeros_like()?, var.zeros_like()?));
        let moments = vars.iter().map(zeros).collect::<Result<_>>()?;
        Ok(Self {
            moments,
            rate,
            steps,
        })
    }

    /// The learning rate of `step`, from 0.
    pub fn rate(&self, step: usize) -> f64 {
        let done = step as f64 / self.steps.max(1) as f64;
        let warm = ((step + 1) as f64 / WARM_UP).min(1.0);
        self.rate * warm * 0.5 * (1.0 + (PI * done.min(1.0)).cos())
    }

    /// Moves the weights.
    ///
    /// # Errors
    /// When the shapes of weights and gradients differ.
    pub fn step(&mut self, vars: &[Var], grads: &GradStore, step: usize) -> Result<()> {
        let mut square = 0.0;
        for grad in vars.iter().filter_map(|var| grads.get(var)) {
            square += f64::from(grad.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        // A gradient that is no number moves nothing.
        if !square.is_finite() {
            return Ok(());
        }
        let clip = (LARGEST / (square.sqrt() + 1e-12)).min(1.0);
        let rate = self.rate(step);
        let count = (step + 1) as f64;
        let unbias = (1.0 - BETA.0.powf(count), 1.0 - BETA.1.powf(count));
        for (var, moments) in vars.iter().zip(&mut self.moments) {
            let Some(grad) = grads.get(var) else { continue };
            let grad = (grad * clip)?;
            let first = ((&moments.0 * BETA.0)? + (&grad * (1.0 - BETA.0))?)?;
            let second = ((&moments.1 * BETA.1)? + (grad.sqr()? * (1.0 - BETA.1))?)?;
            let towards = ((&first / unbias.0)? / ((&second / unbias.1)?.sqrt()? + EPSILON)?)?;
            let kept = (var.as_tensor() * (1.0 - rate * DECAY))?;
            var.set(&(kept - (towards * rate)?)?)?;
            *moments = (first.detach(), second.detach());
        }
        Ok(())
    }
}
