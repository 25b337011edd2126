//! Samples on a regular grid, taken in many at once.
//!
//! Products of sines and cosines are sines and cosines of sums and differences, and those add up in closed form over
//! evenly spaced samples (the Dirichlet kernel). So the columns' products cost nothing by the sample; what has to pass
//! over the samples is only their products with the values, and there each sine comes from the one before by a
//! rotation.

use std::f64::consts::TAU;

use super::gram::{Gram, Stretch};
use super::{Design, Point, Season};

/// Shorter runs are taken in one by one.
pub(super) const FEWEST: usize = 48;

/// Rotations until sine and cosine are computed anew: rounding grows with each.
const FRESH: usize = 128;

/// Evenly spaced samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) points: &'a [Point],
    /// Seconds between two of them.
    pub(super) step: i64,
}

/// A wave at the samples of a run, in turns: where it stands at the first one, and how far it goes to the next.
#[derive(Clone, Copy, Debug)]
struct Wave {
    phase: f64,
    advance: f64,
}

/// Sums over a run of a wave's cosine and sine, plain and times the distance from the middle in steps.
#[derive(Clone, Copy, Debug)]
struct Sums {
    cos: f64,
    sin: f64,
    far_cos: f64,
    far_sin: f64,
}

/// The longest run that `points` begin with.
pub(super) fn run(points: &[Point]) -> Run<'_> {
    let apart = |pair: &[Point]| (pair[1].at - pair[0].at, pair[1].local - pair[0].local);
    let first = points.windows(2).next().map_or((0, 0), apart);
    let even = points.windows(2).take_while(|pair| apart(pair) == first);
    // Where the clock is moved, local time jumps and the run ends.
    let whole = first.0 > 0 && first.0 == first.1;
    let len = if whole { 1 + even.count() } else { 1 };
    Run {
        points: &points[..len.min(points.len())],
        step: first.0,
    }
}

/// Takes in a run that lies within the newest stretch.
pub(super) fn add(gram: &mut Gram, design: &Design, run: Run<'_>) {
    let waves = waves(design.seasons(), run);
    add_products(gram, &waves, run.points.len());
    let columns = 2 * waves.len();
    let Gram {
        stretches, moments, ..
    } = gram;
    if let Some(stretch) = stretches.last_mut() {
        add_columns(stretch, &waves, run);
        add_values(stretch, &mut moments[..columns], &waves, run);
    }
    gram.note(run.points);
    if !design.events().is_empty() {
        add_events(gram, design, run, columns);
    }
}

/// One wave for each order of each season, in the order of the columns.
fn waves(seasons: &[Season], run: Run<'_>) -> Vec<Wave> {
    let local = run.points.first().map_or(0, |point| point.local);
    let wave = |season: &Season, order: usize| {
        let period = season.period as f64;
        let turns =
            |seconds: i64| (seconds.rem_euclid(season.period) as f64 / period) * order as f64;
        Wave::new(turns(local), turns(run.step))
    };
    seasons
        .iter()
        .flat_map(|season| (1..=season.order).map(move |order| wave(season, order)))
        .collect()
}

/// The products of each column with each other.
fn add_products(gram: &mut Gram, waves: &[Wave], count: usize) {
    for (i, a) in waves.iter().enumerate() {
        for (j, b) in waves[..=i].iter().enumerate() {
            let sum = a.plus(*b, 1.0).sums(count);
            let difference = a.plus(*b, -1.0).sums(count);
            let (si, ci, sj, cj) = (2 * i, 2 * i + 1, 2 * j, 2 * j + 1);
            gram.add_product(si, sj, 0.5 * (difference.cos - sum.cos));
            gram.add_product(ci, cj, 0.5 * (difference.cos + sum.cos));
            gram.add_product(ci, sj, 0.5 * (sum.sin - difference.sin));
            if i != j {
                gram.add_product(si, cj, 0.5 * (sum.sin + difference.sin));
            }
        }
    }
}

/// The sums of each column, and of time.
fn add_columns(stretch: &mut Stretch, waves: &[Wave], run: Run<'_>) {
    let count = run.points.len() as f64;
    let step = run.step as f64;
    let first = run
        .points
        .first()
        .map_or(0, |point| point.at - stretch.start) as f64;
    let middle = first + step * (count - 1.0) / 2.0;
    stretch.count += count;
    stretch.u += count * middle;
    stretch.uu += count * middle * middle + step * step * count * (count * count - 1.0) / 12.0;
    for (i, wave) in waves.iter().enumerate() {
        let sums = wave.sums(run.points.len());
        stretch.x[2 * i] += sums.sin;
        stretch.x[2 * i + 1] += sums.cos;
        stretch.ux[2 * i] += middle * sums.sin + step * sums.far_sin;
        stretch.ux[2 * i + 1] += middle * sums.cos + step * sums.far_cos;
    }
}

/// The products of columns and of time with the values.
fn add_values(stretch: &mut Stretch, moments: &mut [f64], waves: &[Wave], run: Run<'_>) {
    let turn = |wave: &Wave| (TAU * wave.advance).sin_cos();
    let turns: Vec<(f64, f64)> = waves.iter().map(turn).collect();
    let mut places = vec![(0.0, 0.0); waves.len()];
    for (block, points) in run.points.chunks(FRESH).enumerate() {
        for (place, wave) in places.iter_mut().zip(waves) {
            let since = (block * FRESH) as f64;
            *place = (TAU * (wave.phase + since * wave.advance).fract()).sin_cos();
        }
        for point in points {
            stretch.y += point.value;
            stretch.uy += (point.at - stretch.start) as f64 * point.value;
            let pairs = moments.chunks_exact_mut(2);
            for ((place, turn), pair) in places.iter_mut().zip(&turns).zip(pairs) {
                let (sin, cos) = *place;
                pair[0] += sin * point.value;
                pair[1] += cos * point.value;
                *place = (sin * turn.1 + cos * turn.0, cos * turn.1 - sin * turn.0);
            }
        }
    }
}

/// The columns from `first` on are those of events: most samples have none.
fn add_events(gram: &mut Gram, design: &Design, run: Run<'_>, first: usize) {
    let mut row = vec![0.0; design.width()];
    for point in run.points {
        if !design.events().iter().any(|event| event.is_on(point.local)) {
            continue;
        }
        design.fill(point.local, &mut row);
        for i in (first..row.len()).filter(|i| row[*i] != 0.0) {
            for (j, x) in row[..=i].iter().enumerate() {
                gram.add_product(i, j, row[i] * x);
            }
            gram.moments[i] += row[i] * point.value;
            if let Some(stretch) = gram.stretches.last_mut() {
                stretch.x[i] += row[i];
                stretch.ux[i] += row[i] * (point.at - stretch.start) as f64;
            }
        }
    }
}

// === impl Wave ===

impl Wave {
    fn new(phase: f64, advance: f64) -> Self {
        // Whole turns between two samples can't be told from none.
        Self {
            phase: phase.fract(),
            advance: advance - advance.round(),
        }
    }

    fn plus(self, other: Self, sign: f64) -> Self {
        Self::new(
            self.phase + sign * other.phase,
            self.advance + sign * other.advance,
        )
    }

    fn sums(self, count: usize) -> Sums {
        let n = count as f64;
        let (sin, cos) = (TAU * (self.phase + 0.5 * (n - 1.0) * self.advance)).sin_cos();
        let half = 0.5 * TAU * self.advance;
        let (below, along) = half.sin_cos();
        // About the middle, cosines add up to `even` and sines cancel; times the distance it is the other way round.
        let (even, odd) = if below.abs() < 1e-10 {
            (n, 0.0)
        } else {
            let (above, across) = (n * half).sin_cos();
            (
                above / below,
                0.5 * (above * along - n * across * below) / (below * below),
            )
        };
        Sums {
            cos: even * cos,
            sin: even * sin,
            far_cos: -odd * sin,
            far_sin: odd * cos,
        }
    }
}
