//! All that a fit needs to know of a history, in sums that grow sample by sample.
//!
//! Changepoints move and scales change as a history grows, so neither may be baked into the sums. Time is therefore
//! kept in seconds, values in their own unit, and the sums are kept for stretches of time: between two changepoints a
//! hinge `max(t - c, 0)` is a straight line, so the sums of 1, t, t², y, ty and of each column, plain and times t,
//! give its products with everything. Any cut between two stretches can serve as a changepoint later.

use super::map::Quadratic;
use super::{Design, Point, Settings, grid};

/// The sums.
#[derive(Clone, Debug, PartialEq)]
pub struct Gram {
    /// Columns of a row: seasons and events.
    width: usize,
    /// In order of time.
    pub(super) stretches: Vec<Stretch>,
    /// Products of the columns: the lower triangle of a row-major square.
    products: Vec<f64>,
    /// Products of the columns with the values.
    pub(super) moments: Vec<f64>,
    /// Of the values.
    squares: f64,
    /// The largest value by size.
    largest: f64,
    /// The first and the last sample, in seconds.
    ends: Option<(i64, i64)>,
}

/// Sums over a stretch of time; `u` is time since its start.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) start: i64,
    pub(super) count: f64,
    pub(super) u: f64,
    pub(super) uu: f64,
    pub(super) y: f64,
    pub(super) uy: f64,
    /// Of each column.
    pub(super) x: Vec<f64>,
    /// Of each column times `u`.
    pub(super) ux: Vec<f64>,
}

/// Sums from a changepoint on, in scaled time.
#[derive(Clone, Debug, Default)]
struct Tail {
    count: f64,
    t: f64,
    tt: f64,
    y: f64,
    ty: f64,
    x: Vec<f64>,
    tx: Vec<f64>,
}

impl Gram {
    /// No sample yet; rows will have `width` columns.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            stretches: Vec::new(),
            products: vec![0.0; width * width],
            moments: vec![0.0; width],
            squares: 0.0,
            largest: 0.0,
            ends: None,
        }
    }

    /// Begins a new stretch at `at`, in seconds: a changepoint can be put there. Samples come later than it.
    pub fn cut(&mut self, at: i64) {
        self.stretches.push(Stretch::new(at, self.width));
    }

    /// Takes in one sample, not earlier than the ones before.
    pub fn add(&mut self, at: i64, row: &[f64], value: f64) {
        self.add_weighted(at, row, value, 1.0);
    }

    /// The same where the trend counts `weight` times.
    pub(super) fn add_weighted(&mut self, at: i64, row: &[f64], value: f64, weight: f64) {
        if self.stretches.is_empty() {
            self.cut(at);
        }
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.add(at, row, value, weight);
        }
        for (i, x) in row.iter().enumerate() {
            self.moments[i] += x * value;
            let line = &mut self.products[i * self.width..=i * self.width + i];
            for (cell, other) in line.iter_mut().zip(row) {
                *cell += x * other;
            }
        }
        self.note_one(at, value);
    }

    /// Takes in `points`, in order and not earlier than the samples before: all at once where they are evenly spaced.
    pub fn extend(&mut self, design: &Design, points: &[Point]) {
        let mut row = vec![0.0; self.width];
        let mut rest = points;
        while let Some(first) = rest.first() {
            if self.stretches.is_empty() {
                self.cut(first.at);
            }
            let run = grid::run(rest);
            if run.points.len() >= grid::FEWEST {
                grid::add(self, design, run);
            } else {
                for point in run.points {
                    design.fill(point.local, &mut row);
                    self.add(point.at, &row, point.value);
                }
            }
            rest = &rest[run.points.len()..];
        }
    }

    /// Adds to the product of two columns, the first of which is not the earlier one.
    pub(super) fn add_product(&mut self, i: usize, j: usize, product: f64) {
        self.products[i * self.width + j] += product;
    }

    /// Notes size and time of samples.
    pub(super) fn note(&mut self, points: &[Point]) {
        for point in points {
            self.note_one(point.at, point.value);
        }
    }

    fn note_one(&mut self, at: i64, value: f64) {
        self.squares += value * value;
        self.largest = self.largest.max(value.abs());
        let first = self.ends.map_or(at, |(first, _)| first);
        self.ends = Some((first, at));
    }

    /// How many samples.
    pub fn count(&self) -> f64 {
        self.stretches.iter().map(|s| s.count).sum()
    }

    /// The first and the last sample, in seconds.
    pub fn ends(&self) -> Option<(i64, i64)> {
        self.ends
    }

    /// The unit of values: the largest one by size, or 1.
    pub fn unit(&self) -> f64 {
        if self.largest > 0.0 {
            self.largest
        } else {
            1.0
        }
    }

    /// The cuts nearest to where upstream puts changepoints: at evenly spread ranks of the samples.
    pub(super) fn changepoints(&self, settings: &Settings) -> Vec<i64> {
        // How many samples lie before each cut.
        let mut before = 0.0;
        let ranks: Vec<(f64, i64)> = self
            .stretches
            .windows(2)
            .map(|pair| {
                before += pair[0].count;
                (before, pair[1].start)
            })
            .collect();
        let mut places: Vec<i64> = super::ranks(self.count() as usize, settings)
            .into_iter()
            .filter_map(|rank| {
                let rank = rank as f64;
                let next = ranks.partition_point(|(before, _)| *before < rank);
                let near = &ranks[next.saturating_sub(1)..ranks.len().min(next + 1)];
                let apart = |place: &(f64, i64)| (place.0 - rank).abs();
                let nearest = near.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
                Some(nearest.1)
            })
            .collect();
        places.dedup();
        places
    }

    /// The least-squares problem in scaled time and values, with hinges at `changepoints` (rising, each a cut) and
    /// the given columns: first the slope, the offset and the columns, then the hinges.
    pub(super) fn quadratic(&self, changepoints: &[i64], columns: &[usize]) -> Option<Quadratic> {
        self.quadratic_in(self.unit(), changepoints, columns)
    }

    /// The same with values in a given unit.
    pub(super) fn quadratic_in(
        &self,
        unit: f64,
        changepoints: &[i64],
        columns: &[usize],
    ) -> Option<Quadratic> {
        let (start, end) = self.ends?;
        let span = (end - start) as f64;
        if span <= 0.0 {
            return None;
        }
        let place = |at: i64| (at - start) as f64 / span;
        let (all, tails) = self.tails(changepoints, columns, start, span);
        let smooth = 2 + columns.len();
        let size = smooth + changepoints.len();
        let mut gram = vec![0.0; size * size];
        let mut moments = vec![0.0; size];
        // The slope is a hinge at the beginning.
        let hinges: Vec<(usize, f64, &Tail)> = std::iter::once((0, 0.0, &all))
            .chain(
                changepoints
                    .iter()
                    .zip(&tails)
                    .enumerate()
                    .map(|(j, (at, tail))| (smooth + j, place(*at), tail)),
            )
            .collect();
        let mut set = |i: usize, j: usize, value: f64| {
            gram[i * size + j] = value;
            gram[j * size + i] = value;
        };
        for (later, (j, c, tail)) in hinges.iter().enumerate() {
            for (i, d, _) in &hinges[..=later] {
                set(*i, *j, tail.tt - (c + d) * tail.t + c * d * tail.count);
            }
            set(1, *j, tail.t - c * tail.count);
            for (column, (x, tx)) in tail.x.iter().zip(&tail.tx).enumerate() {
                set(2 + column, *j, tx - c * x);
            }
            moments[*j] = (tail.ty - c * tail.y) / unit;
        }
        set(1, 1, all.count);
        moments[1] = all.y / unit;
        for (i, column) in columns.iter().enumerate() {
            set(1, 2 + i, all.x[i]);
            moments[2 + i] = self.moments[*column] / unit;
            for (j, other) in columns.iter().enumerate().take(i + 1) {
                let (low, high) = (column.min(other), column.max(other));
                set(2 + i, 2 + j, self.products[high * self.width + low]);
            }
        }
        Some(Quadratic {
            gram,
            moments,
            squares: self.squares / (unit * unit),
            count: all.count,
        })
    }

    /// The sums over everything, and from each changepoint on.
    fn tails(
        &self,
        changepoints: &[i64],
        columns: &[usize],
        start: i64,
        span: f64,
    ) -> (Tail, Vec<Tail>) {
        let mut tail = Tail {
            x: vec![0.0; columns.len()],
            tx: vec![0.0; columns.len()],
            ..Tail::default()
        };
        let mut tails = Vec::with_capacity(changepoints.len());
        let mut left = changepoints.iter().rev().peekable();
        for stretch in self.stretches.iter().rev() {
            tail.take(stretch, columns, (stretch.start - start) as f64, span);
            while left.next_if(|at| **at >= stretch.start).is_some() {
                tails.push(tail.clone());
            }
        }
        tails.reverse();
        (tail, tails)
    }
}

impl Stretch {
    fn new(start: i64, width: usize) -> Self {
        Self {
            start,
            count: 0.0,
            u: 0.0,
            uu: 0.0,
            y: 0.0,
            uy: 0.0,
            x: vec![0.0; width],
            ux: vec![0.0; width],
        }
    }

    fn add(&mut self, at: i64, row: &[f64], value: f64, weight: f64) {
        let u = (at - self.start) as f64;
        let square = weight * weight;
        self.count += square;
        self.u += square * u;
        self.uu += square * u * u;
        self.y += weight * value;
        self.uy += weight * u * value;
        for ((x, ux), column) in self.x.iter_mut().zip(&mut self.ux).zip(row) {
            *x += weight * column;
            *ux += weight * u * column;
        }
    }
}

impl Tail {
    /// Adds a stretch that begins `since` seconds after the history does.
    fn take(&mut self, stretch: &Stretch, columns: &[usize], since: f64, span: f64) {
        let a = since / span;
        let (u, uu) = (stretch.u / span, stretch.uu / (span * span));
        self.count += stretch.count;
        self.t += a * stretch.count + u;
        self.tt += a * a * stretch.count + 2.0 * a * u + uu;
        self.y += stretch.y;
        self.ty += a * stretch.y + stretch.uy / span;
        for (i, column) in columns.iter().enumerate() {
            self.x[i] += stretch.x[*column];
            self.tx[i] += a * stretch.x[*column] + stretch.ux[*column] / span;
        }
    }
}
