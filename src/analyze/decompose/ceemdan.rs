//! Complete ensemble empirical mode decomposition with adaptive noise (Torres, Colominas, Schlotthauer and Flandrin,
//! ICASSP 2011): each mode is the mean over many noises of the first mode of what remains plus a mode of the noise, so
//! that modes don't mix and the parts still add up exactly.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{DecomposeError, Parts, emd};

/// Modes at most, besides what remains.
const MOST_MODES: usize = 12;

/// The method for windows of one length. The noises and their modes are worked out once.
#[derive(Clone, Debug)]
pub struct Ceemdan {
    len: usize,
    /// Standard deviation of the noise as a share of what it is added to.
    noise: f64,
    /// For each noise its modes, from the fastest on.
    noises: Vec<Vec<Vec<f64>>>,
    /// The noises themselves.
    white: Vec<Vec<f64>>,
}

impl Ceemdan {
    /// For windows of `len` steps with `ensemble` noises of a standard deviation of `noise` of the window's, drawn from
    /// `seed`. Customary are 50 to 100 noises of 0.2.
    ///
    /// # Errors
    /// When a window has less than 16 steps, there is no noise or more than 1000, or it is not between 0 and 1.
    pub fn new(len: usize, ensemble: usize, noise: f64, seed: u64) -> Result<Self, DecomposeError> {
        if len < 16 || !(1..=1000).contains(&ensemble) || !(0.0..=1.0).contains(&noise) {
            return Err(DecomposeError::Settings(format!(
                "a CEEMDAN of {len} steps with {ensemble} noises of {noise} is out of range: at least 16 steps, 1 to 1000 \
                 noises, 0 to 1"
            )));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let white: Vec<Vec<f64>> = (0..ensemble)
            .map(|_| (0..len).map(|_| StandardNormal.sample(&mut rng)).collect())
            .collect();
        let noises = white
            .iter()
            .map(|noise| emd::modes(noise, MOST_MODES))
            .collect();
        Ok(Self {
            len,
            noise,
            noises,
            white,
        })
    }

    /// The modes of a window without holes, from the fastest on, and what remains.
    ///
    /// # Errors
    /// When the window has another length than the noises.
    pub fn decompose(&self, values: &[f64]) -> Result<Parts, DecomposeError> {
        if values.len() != self.len {
            return Err(DecomposeError::OtherLength {
                prepared: self.len,
                window: values.len(),
            });
        }
        let mut rest = values.to_vec();
        let mut parts = Vec::new();
        while parts.len() < MOST_MODES {
            let Some(mode) = self.next_mode(&rest, parts.len()) else {
                break;
            };
            for (value, part) in rest.iter_mut().zip(&mode) {
                *value -= part;
            }
            parts.push(mode);
        }
        parts.push(rest);
        Ok(Parts { parts })
    }

    /// The mean first mode of `rest` with the noises' modes number `stage` (at first the noises themselves); `None` when
    /// `rest` hardly oscillates.
    fn next_mode(&self, rest: &[f64], stage: usize) -> Option<Vec<f64>> {
        emd::first_mode(rest)?;
        let size = self.noise * deviation(rest);
        let mut sum = vec![0.0; rest.len()];
        for (white, modes) in self.white.iter().zip(&self.noises) {
            let noise = match stage.checked_sub(1) {
                None => Some(white),
                Some(mode) => modes.get(mode),
            };
            let member: Vec<f64> = match noise {
                Some(noise) => rest.iter().zip(noise).map(|(r, n)| r + size * n).collect(),
                None => rest.to_vec(),
            };
            // With its noise a member may not oscillate; then it has no first mode and adds nothing.
            let mode = emd::first_mode(&member).unwrap_or_else(|| vec![0.0; rest.len()]);
            for (total, value) in sum.iter_mut().zip(mode) {
                *total += value;
            }
        }
        let count = self.white.len() as f64;
        Some(sum.into_iter().map(|total| total / count).collect())
    }
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / count).sqrt()
}
