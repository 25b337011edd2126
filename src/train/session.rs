//! A training from first weights to the best ones: seeded, stopped early, kept on disk and taken up again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Result, Tensor};
use rand::RngExt;

use super::corpus::{Corpus, Examples};
use super::cutter::seeded;
use super::measure;
use super::net::Net;
use super::optimiser::Optimiser;
use crate::domain::Quantile;

/// How it is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Steps at most.
    pub steps: usize,
    /// Windows of a step.
    pub batch: usize,
    /// The highest learning rate.
    pub rate: f64,
    /// Steps from one look at the validation windows to the next.
    pub check_every: usize,
    /// Looks without a better one before it is stopped.
    pub patience: usize,
    /// Everything drawn follows from it.
    pub seed: u64,
    /// Where it is kept after each look.
    pub checkpoint: Option<PathBuf>,
}

/// How it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps that were made.
    pub steps: usize,
    /// The step of the best weights, and their loss on the validation windows.
    pub best: (usize, f64),
}

/// A training under way.
#[derive(Debug)]
pub struct Session<'a> {
    net: &'a Net,
    corpus: &'a Corpus,
    plan: &'a Plan,
    levels: &'a [Quantile],
    leads: &'a [usize],
    optimiser: Optimiser,
    taus: Tensor,
    best: Vec<Tensor>,
    best_at: (usize, f64),
    bad_looks: usize,
    step: usize,
}

// === impl Session ===

impl<'a> Session<'a> {
    /// A new one.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(
        net: &'a Net,
        corpus: &'a Corpus,
        plan: &'a Plan,
        levels: &'a [Quantile],
        leads: &'a [usize],
    ) -> Result<Self> {
        let taus: Vec<f32> = levels.iter().map(|level| level.get() as f32).collect();
        Ok(Self {
            optimiser: Optimiser::new(net.vars(), plan.rate, plan.steps)?,
            taus: Tensor::from_vec(taus, (1, 1, levels.len()), &Device::Cpu)?,
            best: weights(net)?,
            best_at: (0, f64::INFINITY),
            bad_looks: 0,
            step: 0,
            net,
            corpus,
            plan,
            levels,
            leads,
        })
    }

    /// Takes up a training where its checkpoint left it.
    ///
    /// # Errors
    /// When the file can't be read, or is of another network.
    pub fn resume(&mut self, path: &Path) -> Result<()> {
        let kept = candle_core::safetensors::load(path, &Device::Cpu)?;
        load(self.net, &kept, "weights")?;
        for (place, name) in self.net.names().iter().enumerate() {
            self.best[place] = find(&kept, &format!("best.{name}"))?;
            self.optimiser.moments[place] = (
                find(&kept, &format!("first.{name}"))?,
                find(&kept, &format!("second.{name}"))?,
            );
        }
        let state: Vec<f64> = find(&kept, "state")?.to_vec1()?;
        let &[step, best_step, best, bad_looks] = state.as_slice() else {
            return Err(candle_core::Error::Msg(
                "the checkpoint's `state` has another length".to_owned(),
            ));
        };
        self.step = step as usize;
        self.best_at = (best_step as usize, best);
        self.bad_looks = bad_looks as usize;
        Ok(())
    }

    /// Trains, then gives the network its best weights. `progress` hears of each step, and of the loss at each look.
    ///
    /// # Errors
    /// When the network can't run or a checkpoint can't be written.
    pub fn run(&mut self, progress: impl FnMut(usize, Option<f64>)) -> Result<Outcome> {
        self.run_until(self.plan.steps, progress)
    }

    /// The same, at most until `step` has been made.
    pub(super) fn run_until(
        &mut self,
        until: usize,
        mut progress: impl FnMut(usize, Option<f64>),
    ) -> Result<Outcome> {
        if self.step == 0 {
            // What is there already, when a trained network is tuned, must be beaten.
            self.look()?;
        }
        while self.step < until.min(self.plan.steps) && self.bad_looks < self.plan.patience {
            let (inputs, targets, weights) = self.batch(&self.corpus.train)?;
            let loss = self.loss(&inputs, &targets, &weights)?;
            let grads = loss.backward()?;
            self.optimiser.step(self.net.vars(), &grads, self.step)?;
            self.step += 1;
            let last = self.step == self.plan.steps;
            let looked = (last || self.step.is_multiple_of(self.plan.check_every.max(1)))
                .then(|| self.look())
                .transpose()?;
            progress(self.step, looked);
        }
        for (var, best) in self.net.vars().iter().zip(&self.best) {
            var.set(best)?;
        }
        Ok(Outcome {
            steps: self.step,
            best: self.best_at,
        })
    }

    fn look(&mut self) -> Result<f64> {
        let measures = measure::all(
            self.net,
            self.corpus,
            &self.corpus.validation,
            self.levels,
            self.leads,
            false,
        )?;
        if measures.pinball < self.best_at.1 {
            self.best_at = (self.step, measures.pinball);
            self.best = weights(self.net)?;
            self.bad_looks = 0;
        } else {
            self.bad_looks += 1;
        }
        if let Some(path) = &self.plan.checkpoint {
            self.save(path)?;
        }
        Ok(measures.pinball)
    }

    /// Windows drawn for this step: from a series at random, so that a long one doesn't count for more; the draw follows from seed and step alone.
    fn batch(&self, examples: &Examples) -> Result<(Tensor, Tensor, Tensor)> {
        let mut rng = seeded(self.plan.seed, &format!("step {}", self.step));
        let (width, row) = (self.net.shape.inputs(), self.row());
        let count = self.plan.batch;
        let (mut inputs, mut targets) = (
            Vec::with_capacity(count * width),
            Vec::with_capacity(count * row),
        );
        let mut weights = Vec::with_capacity(count);
        for _ in 0..count {
            let index = rng.random_range(0..examples.len());
            inputs.extend_from_slice(&examples.inputs[index * width..(index + 1) * width]);
            targets.extend_from_slice(&examples.targets[index * row..(index + 1) * row]);
            weights.push(self.corpus.members[examples.series[index] as usize].weight);
        }
        Ok((
            Tensor::from_vec(inputs, (count, width), &Device::Cpu)?,
            Tensor::from_vec(targets, (count, row, 1), &Device::Cpu)?,
            Tensor::from_vec(weights, (count, 1, 1), &Device::Cpu)?,
        ))
    }

    fn row(&self) -> usize {
        self.net.shape.knots.len() + self.leads.len()
    }

    /// Weighted pinball loss of paths and peaks.
    fn loss(&self, inputs: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
        let (paths, peaks) = self.net.forward(inputs)?;
        let answers = Tensor::cat(&[&paths, &peaks], 1)?;
        let known = targets.eq(targets)?.to_dtype(candle_core::DType::F32)?;
        let targets = known
            .gt(0.0_f64)?
            .where_cond(targets, &targets.zeros_like()?)?;
        let errors = targets.broadcast_sub(&answers)?;
        // max(t e, (t - 1) e) = t e + max(-e, 0)
        let loss = (errors.broadcast_mul(&self.taus)? + errors.neg()?.relu()?)?;
        let weights = known.broadcast_mul(weights)?;
        let total = loss.broadcast_mul(&weights)?.sum_all()?;
        let count =
            f64::from(known.sum_all()?.to_scalar::<f32>()?).max(1.0) * self.levels.len() as f64;
        total / count
    }

    fn save(&self, path: &Path) -> Result<()> {
        let mut kept = HashMap::new();
        for (place, name) in self.net.names().iter().enumerate() {
            let (first, second) = &self.optimiser.moments[place];
            kept.insert(
                format!("weights.{name}"),
                self.net.vars()[place].as_tensor().clone(),
            );
            kept.insert(format!("best.{name}"), self.best[place].clone());
            kept.insert(format!("first.{name}"), first.clone());
            kept.insert(format!("second.{name}"), second.clone());
        }
        let state = vec![
            self.step as f64,
            self.best_at.0 as f64,
            self.best_at.1,
            self.bad_looks as f64,
        ];
        kept.insert(
            "state".to_owned(),
            Tensor::from_vec(state, 4, &Device::Cpu)?,
        );
        // A training that is cut off while it writes must not lose what was kept before.
        let beside = path.with_extension("part");
        candle_core::safetensors::save(&kept, &beside)?;
        std::fs::rename(&beside, path)?;
        Ok(())
    }
}

/// Gives `net` the best weights of a checkpoint, to tune them.
///
/// # Errors
/// When the file can't be read, or is of another network.
pub fn start_from(net: &Net, path: &Path) -> Result<()> {
    load(
        net,
        &candle_core::safetensors::load(path, &Device::Cpu)?,
        "best",
    )
}

fn load(net: &Net, kept: &HashMap<String, Tensor>, part: &str) -> Result<()> {
    for (name, var) in net.names().iter().zip(net.vars()) {
        var.set(&find(kept, &format!("{part}.{name}"))?)?;
    }
    Ok(())
}

fn find(kept: &HashMap<String, Tensor>, name: &str) -> Result<Tensor> {
    let missing = || {
        candle_core::Error::Msg(format!(
            "the checkpoint has no `{name}`: it is of another network"
        ))
    };
    kept.get(name).cloned().ok_or_else(missing)
}

fn weights(net: &Net) -> Result<Vec<Tensor>> {
    net.vars()
        .iter()
        .map(|var| var.as_tensor().copy())
        .collect()
}
