//! Workloads that never were, so that networks meet more kinds than the recorded ones: days with harmonics, weekends, noise
//! with memory, levels that wander and jump, spikes that decay, jobs by the clock, nights without load, counts.

use std::f64::consts::TAU;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};

use super::cutter::seeded;
use crate::domain::{Series, Timestamp};

const DAY: f64 = 86_400.0;
/// A Monday.
const START: i64 = 1_735_516_800;

/// Series number `index`: 8 to 12 days at 10, 60 or 300 seconds.
pub fn series(seed: u64, index: usize) -> Series {
    let mut rng = seeded(seed, &format!("synthetic {index}"));
    let step = match index % 8 {
        6 => 10.0,
        7 => 300.0,
        _ => 60.0,
    };
    let days = rng.random_range(8.0..12.0);
    let count = (days * DAY / step) as usize;
    let mut parts = Parts::new(&mut rng);
    let values = (0..count)
        .map(|i| parts.next(i as f64 * step, step, &mut rng))
        .collect();
    let start = Timestamp::from_secs(START + i64::from(rng.random_range(0..7)) * DAY as i64);
    Series::new(start, Duration::from_secs(step as u64), values)
}

/// One workload's nature and state.
#[derive(Debug)]
struct Parts {
    harmonics: Vec<(f64, f64)>,
    weekend: f64,
    /// Noise with memory: seconds until it forgets, size, state.
    noise: Vec<[f64; 3]>,
    wander: f64,
    shifts: f64,
    level: f64,
    spikes: (f64, f64),
    spike: f64,
    /// Jobs by the clock: period, length, height.
    jobs: Option<[f64; 3]>,
    night: Option<(f64, f64)>,
    ceiling: Option<f64>,
    scale: f64,
    counts: bool,
    white: f64,
}

// === impl Parts ===

impl Parts {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let chance = |rng: &mut ChaCha8Rng, p: f64| rng.random_range(0.0..1.0) < p;
        let daily = if chance(rng, 0.85) {
            rng.random_range(0.1..0.9)
        } else {
            0.0
        };
        let harmonics = (1..=rng.random_range(2..=8))
            .map(|k| {
                let size = daily / f64::from(k).powf(1.3);
                (
                    size * rng.random_range(-1.0..1.0),
                    size * rng.random_range(-1.0..1.0),
                )
            })
            .collect();
        let restless = 10_f64.powf(rng.random_range(-2.2..-0.5));
        let noise = [300.0, 3600.0, 20_000.0]
            .map(|memory| [memory, restless * rng.random_range(0.1..1.0), 0.0]);
        Self {
            harmonics,
            weekend: if chance(rng, 0.5) {
                rng.random_range(0.3..1.0)
            } else {
                1.0
            },
            noise: noise.to_vec(),
            wander: if chance(rng, 0.4) {
                rng.random_range(0.0..0.15)
            } else {
                0.0
            },
            shifts: if chance(rng, 0.3) {
                rng.random_range(0.1..1.5)
            } else {
                0.0
            },
            level: 0.0,
            spikes: if chance(rng, 0.4) {
                (rng.random_range(0.5..12.0), rng.random_range(120.0..2400.0))
            } else {
                (0.0, 1.0)
            },
            spike: 0.0,
            jobs: chance(rng, 0.35).then(|| {
                let period = [900.0, 1800.0, 3600.0, 7200.0][rng.random_range(0..4)];
                [
                    period,
                    rng.random_range(60.0..600.0),
                    rng.random_range(0.1..2.0),
                ]
            }),
            night: chance(rng, 0.12)
                .then(|| (rng.random_range(0.0..0.4), rng.random_range(0.5..1.0))),
            ceiling: chance(rng, 0.15).then(|| rng.random_range(1.1..1.8)),
            scale: 10_f64.powf(rng.random_range(0.0..4.0)),
            counts: chance(rng, 0.4),
            white: 10_f64.powf(rng.random_range(-3.0..-0.8)),
        }
    }

    fn next(&mut self, at: f64, step: f64, rng: &mut ChaCha8Rng) -> f64 {
        let turn = TAU * (at / DAY);
        let day: f64 = self
            .harmonics
            .iter()
            .zip(1..)
            .map(|((a, b), k)| a * (turn * f64::from(k)).sin() + b * (turn * f64::from(k)).cos())
            .sum();
        let mut log = day + self.level;
        for [memory, size, state] in &mut self.noise {
            let keep = (-step / *memory).exp();
            *state = keep * *state + *size * (1.0 - keep * keep).sqrt() * gauss(rng);
            log += *state;
        }
        self.level += self.wander * (step / DAY).sqrt() * gauss(rng);
        if rng.random_range(0.0..1.0) < self.shifts * step / DAY {
            self.level += 0.4 * gauss(rng);
        }
        if rng.random_range(0.0..1.0) < self.spikes.0 * step / DAY {
            self.spike += rng.random_range(0.3..3.0);
        }
        self.spike *= (-step / self.spikes.1).exp();
        let mut value = log.clamp(-6.0, 6.0).exp() * (1.0 + self.spike);
        if (at / DAY).rem_euclid(7.0) >= 5.0 {
            value *= self.weekend;
        }
        if let Some([period, length, height]) = self.jobs
            && at.rem_euclid(period) < length
        {
            value += height;
        }
        let of_day = (at / DAY).fract();
        if let Some((from, until)) = self.night
            && !(from..until).contains(&of_day)
        {
            value = 0.0;
        }
        value = self.ceiling.map_or(value, |most| value.min(most));
        value *= self.scale * (1.0 + self.white * gauss(rng)).max(0.0);
        if self.counts {
            return poisson(value, rng);
        }
        value
    }
}

fn gauss(rng: &mut ChaCha8Rng) -> f64 {
    Normal::new(0.0, 1.0).map_or(0.0, |normal| normal.sample(rng))
}

fn poisson(mean: f64, rng: &mut ChaCha8Rng) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    Poisson::new(mean).map_or(mean, |poisson| poisson.sample(rng))
}
