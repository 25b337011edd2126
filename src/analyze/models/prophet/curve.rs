//! A fit as a curve over time, and as the few numbers that are kept of it.

use super::{Design, Fitted, Mode, Season};
use crate::domain::EventTimes;

/// Numbers before the trend's bends.
const HEAD: usize = 8;

/// Trend and seasons, in the metric's own unit: the value at any moment, past or future.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    mode: Mode,
    /// Where the trend begins, in seconds since the epoch.
    start: i64,
    level: f64,
    /// In units per second.
    slope: f64,
    /// Seconds after the start and the change of the slope there.
    bends: Vec<(f64, f64)>,
    design: Design,
    beta: Vec<f64>,
}

impl Curve {
    /// Of a fit.
    pub fn new(fitted: &Fitted) -> Self {
        let Fitted { unit, span, .. } = *fitted;
        // Additive columns are in the metric's unit, multiplicative ones are shares of the trend.
        let scale = match fitted.mode {
            Mode::Additive => unit,
            Mode::Multiplicative => 1.0,
        };
        let bends = fitted.changepoints.iter().zip(&fitted.delta);
        Self {
            mode: fitted.mode,
            start: fitted.start,
            level: unit * fitted.m,
            slope: unit * fitted.k / span,
            bends: bends
                .filter(|(_, delta)| **delta != 0.0)
                .map(|(at, delta)| ((at - fitted.start) as f64, unit * delta / span))
                .collect(),
            design: fitted.design.clone(),
            beta: fitted.beta.iter().map(|b| scale * b).collect(),
        }
    }

    /// The value at `at` seconds since the epoch, which is `local` in seconds of local time.
    pub fn value(&self, at: i64, local: i64) -> f64 {
        let mut row = vec![0.0; self.design.width()];
        self.value_with(at, local, &mut row)
    }

    /// The same for many moments, without an allocation for each.
    pub fn values(&self, moments: impl Iterator<Item = (i64, i64)>) -> Vec<f64> {
        let mut row = vec![0.0; self.design.width()];
        moments
            .map(|(at, local)| self.value_with(at, local, &mut row))
            .collect()
    }

    fn value_with(&self, at: i64, local: i64, row: &mut [f64]) -> f64 {
        self.design.fill(local, row);
        let season: f64 = row.iter().zip(&self.beta).map(|(x, b)| x * b).sum();
        match self.mode {
            Mode::Additive => self.trend(at) + season,
            Mode::Multiplicative => self.trend(at) * (1.0 + season),
        }
    }

    /// The trend alone; after the last bend it goes on with the last slope.
    pub fn trend(&self, at: i64) -> f64 {
        let since = (at - self.start) as f64;
        let bent: f64 = self
            .bends
            .iter()
            .map(|(bend, change)| change * (since - bend).max(0.0))
            .sum();
        self.level + self.slope * since + bent
    }

    /// The numbers that [`Curve::decode`] reads: mode, day and second of the start, level, slope per day, how many
    /// bends, seasons and events there are; then each bend's place in seconds and its change per day, each season's
    /// period in hours and its order, each event's id, and the coefficients.
    pub fn encode(&self) -> Vec<f32> {
        let seasons = self.design.seasons();
        let mut numbers = vec![
            match self.mode {
                Mode::Additive => 0.0,
                Mode::Multiplicative => 1.0,
            },
            self.start.div_euclid(Season::DAY) as f32,
            self.start.rem_euclid(Season::DAY) as f32,
            self.level as f32,
            (self.slope * Season::DAY as f64) as f32,
            self.bends.len() as f32,
            seasons.len() as f32,
            self.design.events().len() as f32,
        ];
        for (place, change) in &self.bends {
            numbers.extend([*place as f32, (change * Season::DAY as f64) as f32]);
        }
        for season in seasons {
            numbers.extend([season.period as f32 / 3600.0, season.order as f32]);
        }
        numbers.extend(self.design.events().iter().map(|event| event.id() as f32));
        numbers.extend(self.beta.iter().map(|b| *b as f32));
        numbers
    }

    /// The curve of [`Curve::encode`]'s numbers. `events` say when those that it was fitted with take place; one that
    /// is not among them never does. `None` when the numbers are not such a curve's.
    pub fn decode(numbers: &[f32], events: &[EventTimes]) -> Option<Self> {
        let (head, mut rest) = numbers.split_at_checked(HEAD)?;
        let (bends, seasons) = (head[5] as usize, head[6] as usize);
        let mut take = |count: usize| {
            let (own, others) = rest.split_at_checked(count)?;
            rest = others;
            Some(own)
        };
        let per_second = |per_day: f32| f64::from(per_day) / Season::DAY as f64;
        let bends = take(2 * bends)?.chunks_exact(2);
        let bends = bends
            .map(|pair| (f64::from(pair[0]), per_second(pair[1])))
            .collect();
        let seasons = take(2 * seasons)?.chunks_exact(2).map(|pair| Season {
            period: (f64::from(pair[0]) * 3600.0).round() as i64,
            order: pair[1] as usize,
        });
        let seasons: Vec<Season> = seasons.collect();
        let known = take(head[7] as usize)?.iter().map(|id| {
            let named = events.iter().find(|event| event.id() == *id as u32);
            named.cloned().unwrap_or_default()
        });
        let design = Design::new(seasons).with_events(known.collect());
        (rest.len() == design.width()).then(|| Self {
            mode: if head[0] == 0.0 {
                Mode::Additive
            } else {
                Mode::Multiplicative
            },
            start: head[1] as i64 * Season::DAY + head[2] as i64,
            level: f64::from(head[3]),
            slope: per_second(head[4]),
            bends,
            beta: rest.iter().map(|b| f64::from(*b)).collect(),
            design,
        })
    }
}
