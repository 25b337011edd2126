//! Holt-Winters exponential smoothing (Winters 1960), additive, with a damped trend (Gardner and `McKenzie` 1985), on
//! bins of five minutes with a season of one day. The three constants come from a small grid, by the mean absolute
//! error a few bins ahead.
//!
//! What is learned is the state at the end of the history that was fitted; from there the newer bins are smoothed in.
//! The season is one of elapsed time, so a change to or from daylight saving costs it a day or two.

use super::bins::Bins;
use super::{Look, Member};

const DAMPING: f64 = 0.98;
const ALPHAS: [f64; 4] = [0.25, 0.5, 0.75, 0.95];
const BETAS: [f64; 2] = [0.0, 0.05];
const GAMMAS: [f64; 2] = [0.1, 0.3];

/// Bins ahead at which constants are compared.
const AHEAD: [usize; 2] = [2, 4];

/// Holt-Winters.
#[derive(Debug)]
pub(super) struct HoltWinters;

#[derive(Clone, Debug)]
struct State {
    alpha: f64,
    beta: f64,
    gamma: f64,
    level: f64,
    trend: f64,
    season: Vec<f64>,
}

impl Member for HoltWinters {
    fn name(&self) -> &'static str {
        "holt-winters"
    }

    /// Layout: alpha, beta, gamma, level, trend, the number of the next bin since the epoch, then the season.
    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
        let bins = Bins::new(look.view)?;
        // Means over several bins would teach that the level hardly ever moves.
        let first = bins.first_fine(look.view);
        let values = bins.values(look.view, first, until);
        if values.len() < 2 * bins.season + AHEAD[1] {
            return None;
        }
        let start = State::start(&bins, first, &values)?;
        let mut best: Option<(f64, State)> = None;
        for alpha in ALPHAS {
            for beta in BETAS {
                for gamma in GAMMAS {
                    let mut state = State {
                        alpha,
                        beta,
                        gamma,
                        ..start.clone()
                    };
                    let loss = state.run(&bins, first, &values);
                    if loss.is_finite() && best.as_ref().is_none_or(|(least, _)| loss < *least) {
                        best = Some((loss, state));
                    }
                }
            }
        }
        let (_, state) = best?;
        let next = bins.number_of(first + values.len());
        let head = [
            state.alpha,
            state.beta,
            state.gamma,
            state.level,
            state.trend,
            next as f64,
        ];
        Some(
            head.iter()
                .chain(&state.season)
                .map(|v| *v as f32)
                .collect(),
        )
    }

    fn points(&self, look: &Look<'_>, learned: &[f32], origin: usize) -> Option<Vec<f64>> {
        let view = look.view;
        let bins = Bins::new(view)?;
        let ([alpha, beta, gamma, level, trend, next], season) = learned.split_first_chunk()?;
        if season.len() != bins.season {
            return None;
        }
        let mut state = State {
            alpha: f64::from(*alpha),
            beta: f64::from(*beta),
            gamma: f64::from(*gamma),
            level: f64::from(*level),
            trend: f64::from(*trend),
            season: season.iter().map(|v| f64::from(*v)).collect(),
        };
        let from = bins.place_of(*next as i64);
        let newer = bins.newer(view, from, origin);
        for (bin, value) in newer.iter().enumerate() {
            state.update(bins.phase(from + bin), *value);
        }
        let done = from + newer.len();
        let points = look.knots.iter().map(|knot| {
            bins.between(done, origin + *knot as usize, |ahead| {
                let phase = bins.phase((done + ahead + bins.season).saturating_sub(1));
                state.ahead(ahead, phase)
            })
        });
        Some(points.collect())
    }
}

// === impl State ===

impl State {
    /// From the first day: its mean, and what each bin differs from it. The values are those from place `first` on.
    fn start(bins: &Bins, first: usize, values: &[f64]) -> Option<Self> {
        let known = |slice: &[f64]| {
            let present: Vec<f64> = slice.iter().copied().filter(|v| !v.is_nan()).collect();
            let sum: f64 = present.iter().sum();
            (!present.is_empty()).then(|| sum / present.len() as f64)
        };
        let level = known(&values[..bins.season])?;
        let mut season = vec![0.0; bins.season];
        for (bin, value) in values[..bins.season].iter().enumerate() {
            if !value.is_nan() {
                season[bins.phase(first + bin)] = value - level;
            }
        }
        Some(Self {
            alpha: 0.0,
            beta: 0.0,
            gamma: 0.0,
            level,
            trend: 0.0,
            season,
        })
    }

    fn update(&mut self, phase: usize, value: f64) {
        let expected = self.level + DAMPING * self.trend;
        self.trend *= DAMPING;
        if value.is_nan() {
            self.level = expected;
            return;
        }
        let miss = value - expected - self.season[phase];
        self.level = expected + self.alpha * miss;
        self.trend += self.alpha * self.beta * miss;
        self.season[phase] += self.gamma * (1.0 - self.alpha) * miss;
    }

    fn ahead(&self, bins: usize, phase: usize) -> f64 {
        let damped: f64 = DAMPING * (1.0 - DAMPING.powf(bins as f64)) / (1.0 - DAMPING);
        self.level + damped * self.trend + self.season[phase]
    }

    /// Smooths all values in, those from place `first` on; the mean absolute error over the second half.
    fn run(&mut self, bins: &Bins, first: usize, values: &[f64]) -> f64 {
        let (mut loss, mut count) = (0.0, 0);
        for (bin, value) in values.iter().enumerate() {
            self.update(bins.phase(first + bin), *value);
            if bin < values.len() / 2 {
                continue;
            }
            for ahead in AHEAD {
                let Some(actual) = values.get(bin + ahead).filter(|v| !v.is_nan()) else {
                    continue;
                };
                loss += (self.ahead(ahead, bins.phase(first + bin + ahead)) - actual).abs();
                count += 1;
            }
        }
        if count == 0 {
            f64::INFINITY
        } else {
            loss / f64::from(count)
        }
    }
}
