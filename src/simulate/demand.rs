//! Demand on paper: what the users of a made-up workload ask of it at any moment, and what Prometheus sees of that.
//!
//! Everything is a function of the pattern, the seed and the moment, so that weeks of history and the next five
//! seconds can be read in any order and always agree. The noise is hashed, not drawn from a stream. Demand is made of
//! a daily and a weekly shape, a slow trend, noise that stays for a while, ramps at set hours and spikes at random
//! moments that nobody can foresee. The metric is the demand as a counter scraped every 15 seconds shows it through
//! `rate(…[1m])`: late, smoothed, with the noise of counting, and now and then missing while demand goes on.

mod noise;
mod pattern;

use std::time::Duration;

use noise::{Dice, SmoothNoise};
pub use pattern::Pattern;
use pattern::Shape;

use crate::domain::Timestamp;

const SCRAPE_SECS: f64 = 15.0;
/// The window of the `rate()` through which the metric is read.
const RATE_WINDOW_SECS: f64 = 60.0;
const DAY_SECS: f64 = 86_400.0;

/// Demand of one made-up workload.
#[derive(Clone, Debug)]
pub struct Demand {
    pattern: Pattern,
    seed: u64,
    shape: Shape,
    /// Where trend and gaps are counted from, in seconds since the epoch.
    origin: f64,
    /// Seconds after a multiple of the scrape interval at which this target is scraped.
    scrape_phase: f64,
}

/// A jump in demand that dies away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// When it begins, in seconds since the epoch.
    pub start: f64,
    /// Its height as a share of the usual demand: 0.5 is half as much again.
    pub height: f64,
    /// Seconds until it is near its height.
    pub rise: f64,
    /// Seconds in which it falls to a third.
    pub decay: f64,
}

/// A time without scrapes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// The first missed moment, in seconds since the epoch.
    pub start: f64,
    /// The moment scraping resumes.
    pub end: f64,
}

impl Demand {
    /// The demand of `pattern` under `seed`. Trend and gaps are counted from `origin`: every day after it holds a gap,
    /// some of the days before it do.
    pub fn new(pattern: Pattern, seed: u64, origin: Timestamp) -> Self {
        let scrape_phase = Dice::new(seed, "scrape phase").uniform(0) * SCRAPE_SECS;
        Self {
            pattern,
            seed,
            shape: pattern.shape(),
            origin: origin.as_secs_f64(),
            scrape_phase: scrape_phase.floor(),
        }
    }

    /// Its pattern.
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// Requests per second that arrive at `at`; never negative.
    pub fn value(&self, at: Timestamp) -> f64 {
        self.at(at.as_secs_f64())
    }

    /// What an instant query for the workload's request rate returns at `at`; `None` when too few scrapes lie in the
    /// rate window.
    pub fn observed(&self, at: Timestamp) -> Option<f64> {
        let at = at.as_secs_f64();
        let newest = ((at - self.scrape_phase) / SCRAPE_SECS).floor();
        let scraped = |k: f64| k * SCRAPE_SECS + self.scrape_phase;
        let in_window = (0..4_u8)
            .map(|back| newest - f64::from(back))
            .filter(|k| scraped(*k) > at - RATE_WINDOW_SECS && self.gap_at(scraped(*k)).is_none());
        // A gap is longer than the window, so the scrapes left in it are neighbours.
        let (first, last) = in_window.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), k| {
            (lo.min(k), hi.max(k))
        });
        if last <= first {
            return None;
        }
        let mut counted = 0.0;
        let mut k = first + 1.0;
        while k <= last {
            counted += self.requests_before(scraped(k));
            k += 1.0;
        }
        Some(counted / ((last - first) * SCRAPE_SECS))
    }

    /// The spikes that begin in `[from, until)`.
    pub fn spikes(&self, from: Timestamp, until: Timestamp) -> Vec<Spike> {
        let Some(every) = self.shape.spike_every else {
            return Vec::new();
        };
        let (from, until) = (from.as_secs_f64(), until.as_secs_f64());
        let (first, last) = (
            (from / every).floor() as i64,
            (until / every).floor() as i64,
        );
        (first..=last)
            .map(|slot| self.spike_of(slot, every))
            .filter(|spike| spike.start >= from && spike.start < until)
            .collect()
    }

    /// The gap that holds `at`, if one does.
    pub fn gap(&self, at: Timestamp) -> Option<Gap> {
        self.gap_at(at.as_secs_f64())
    }

    fn at(&self, at: f64) -> f64 {
        let days = (at - self.origin) / DAY_SECS;
        let trend = (self.shape.trend_per_day * days).exp();
        let usual = self.shape.usual(at, Dice::new(self.seed, "ramps"));
        let noise = (self.shape.noise * SmoothNoise::new(self.seed).at(at)).exp();
        (self.shape.scale * trend * usual * noise * (1.0 + self.spike_at(at))).max(0.0)
    }

    /// Requests counted in the scrape interval that ends at `end`, with the noise of counting independent arrivals.
    fn requests_before(&self, end: f64) -> f64 {
        let mean = 0.5 * SCRAPE_SECS * (self.at(end - 11.25) + self.at(end - 3.75));
        let noise = Dice::new(self.seed, "counting").normal(end as i64);
        (mean + mean.sqrt() * noise).max(0.0)
    }

    fn spike_at(&self, at: f64) -> f64 {
        let Some(every) = self.shape.spike_every else {
            return 0.0;
        };
        let newest = (at / every).floor() as i64;
        // A spike is over after ten times its decay; how many slots that reaches back depends on their length.
        let back = (SPIKE_REACH_SECS / every).ceil() as i64;
        (newest - back..=newest)
            .map(|slot| self.spike_of(slot, every).at(at))
            .sum()
    }

    /// One spike in each slot of `every` seconds, anywhere in it.
    fn spike_of(&self, slot: i64, every: f64) -> Spike {
        let dice = Dice::new(self.seed, "spikes");
        let pick = |which: i64| dice.uniform(slot.wrapping_mul(8).wrapping_add(which));
        Spike {
            start: ((slot as f64 + pick(0)) * every).floor(),
            height: self.shape.spike_height * (0.6 + 1.0 * pick(1)),
            rise: 10.0 + 50.0 * pick(2),
            decay: 180.0 + 420.0 * pick(3),
        }
    }

    fn gap_at(&self, at: f64) -> Option<Gap> {
        let dice = Dice::new(self.seed, "gaps");
        let day = ((at - self.origin) / DAY_SECS).floor();
        let pick = |which: i64| dice.uniform((day as i64).wrapping_mul(4).wrapping_add(which));
        if day < 0.0 && pick(0) > GAPS_PER_DAY_OF_HISTORY {
            return None;
        }
        let start = (self.origin + day * DAY_SECS + 3600.0 * (8.0 + 2.0 * pick(1))).floor();
        let end = start + (60.0 * (16.0 + 8.0 * pick(2))).floor();
        (start..end).contains(&at).then_some(Gap { start, end })
    }
}

const GAPS_PER_DAY_OF_HISTORY: f64 = 0.2;
const SPIKE_REACH_SECS: f64 = 6_000.0;

impl Spike {
    /// Its share of the usual demand at `at`.
    fn at(&self, at: f64) -> f64 {
        let age = at - self.start;
        if !(0.0..=SPIKE_REACH_SECS).contains(&age) {
            return 0.0;
        }
        self.height * (1.0 - (-3.0 * age / self.rise).exp()) * (-age / self.decay).exp()
    }
}

impl Gap {
    /// How long it lasts.
    pub fn length(&self) -> Duration {
        Duration::from_secs_f64((self.end - self.start).max(0.0))
    }
}

#[cfg(test)]
mod tests;
