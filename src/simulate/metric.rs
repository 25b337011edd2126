//! The metric path: what a query for the load returns at a moment, which is later and smoother than the load.
//!
//! Rules and where they were read: a counter is looked at once per scrape interval; `rate(x[w])` at `q` takes the samples
//! in `(q - w, q]`, needs two of them, and extrapolates to both ends of the window when these lie within 1.1 sample
//! distances (Prometheus, `promql/functions.go`, `extrapolatedRate`), so that what comes out is the increase over the
//! time between first and last sample. A delay stands for what lies between: a remote write, a Thanos, an adapter's
//! cache.
//!
//! A window that a gap of the record has partly emptied is read as if it were full, where Prometheus extrapolates by no more
//! than half a sample distance and returns less. A record is mostly what a query returned, with that dip already in it where
//! there was one; a second one would shrink each reactive fleet after every gap, in time that is judged.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::{Sample, Timestamp};

/// How the load is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricPath {
    /// How often the counter is scraped.
    pub scrape_interval: Duration,
    /// The window of the `rate()`.
    pub rate_window: Duration,
    /// Age of the newest data that a query sees.
    pub delay: Duration,
}

impl Default for MetricPath {
    /// `sum(rate(…[1m]))` over a scrape interval of 15 s, without a delay.
    fn default() -> Self {
        Self {
            scrape_interval: Duration::from_secs(15),
            rate_window: Duration::from_mins(1),
            delay: Duration::ZERO,
        }
    }
}

/// Prometheus at work on one counter.
#[derive(Clone, Debug)]
pub struct Meter {
    path: MetricPath,
    /// Arrivals so far.
    counted: f64,
    next_scrape: Timestamp,
    /// Scrapes that a query may still look at, oldest first.
    scrapes: VecDeque<(Timestamp, f64)>,
}

impl Meter {
    /// A counter that begins at `now` and is scraped for the first time then.
    pub fn new(mut path: MetricPath, now: Timestamp) -> Self {
        path.scrape_interval = path.scrape_interval.max(Duration::from_secs(1));
        let kept = (path.rate_window + path.delay).as_millis() / path.scrape_interval.as_millis();
        let room = usize::try_from(kept).unwrap_or(0).saturating_add(4);
        let mut meter = Self {
            path,
            counted: 0.0,
            next_scrape: now,
            scrapes: VecDeque::with_capacity(room.min(100_000)),
        };
        meter.scrape(now, 0.0);
        meter
    }

    /// Counts `rate` times `length` arrivals, spread evenly from `from` on. `None` stands for a time in which nothing
    /// could be scraped.
    pub fn count(&mut self, from: Timestamp, length: Duration, rate: Option<f64>) {
        let until = from + length;
        while self.next_scrape <= until {
            let at = self.next_scrape;
            match rate {
                Some(rate) => self.scrape(at, rate * at.since(from).as_secs_f64()),
                None => self.next_scrape = at + self.path.scrape_interval,
            }
        }
        self.counted += rate.unwrap_or(0.0) * length.as_secs_f64();
    }

    /// What the query returns at `now`; `None` for an empty result.
    pub fn read(&self, now: Timestamp) -> Option<Sample> {
        let at = now - self.path.delay;
        let since = at - self.path.rate_window;
        let mut first = None;
        let mut last = None;
        for scrape in &self.scrapes {
            if scrape.0 > at {
                break;
            }
            if scrape.0 > since {
                first = first.or(Some(scrape));
                last = Some(scrape);
            }
        }
        let ((first_at, first), (last_at, last)) = (first?, last?);
        let secs = last_at.since(*first_at).as_secs_f64();
        (secs > 0.0).then(|| Sample {
            at,
            value: (last - first) / secs,
        })
    }

    fn scrape(&mut self, at: Timestamp, since_counted: f64) {
        let oldest = at - self.path.delay - self.path.rate_window - self.path.scrape_interval;
        while self.scrapes.front().is_some_and(|(at, _)| *at < oldest) {
            self.scrapes.pop_front();
        }
        self.scrapes.push_back((at, self.counted + since_counted));
        self.next_scrape = at + self.path.scrape_interval;
    }
}
