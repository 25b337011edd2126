//! The named patterns: what a usual day and week of each looks like, and how much of it is chance.

use std::fmt;

use super::noise::Dice;

/// A kind of workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// A web shop: opens at 9:00, a flash at lunchtime, the evening peak, a quiet night, other weekends, some spikes.
    #[default]
    Shop,
    /// An API for businesses: office hours, clients that call on the hour, few spikes.
    Api,
    /// Jobs that start at set hours and nothing between them.
    Batch,
    /// Spikes at random moments over a level base: nobody can forecast these.
    Spiky,
    /// Level load: there is nothing to forecast.
    Flat,
}

/// What a pattern is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    day: fn(Moment, Dice) -> f64,
    /// Requests per second where the day's shape is 1.
    pub(super) scale: f64,
    /// Growth per day, as a share.
    pub(super) trend_per_day: f64,
    /// Standard deviation of the noise, as a share.
    pub(super) noise: f64,
    /// One spike in each stretch of this many seconds, at a random moment of it.
    pub(super) spike_every: Option<f64>,
    /// A middling spike's height, as a share of the usual demand.
    pub(super) spike_height: f64,
}

/// A moment as the day's shape sees it.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Hours since midnight UTC.
    hour: f64,
    weekend: bool,
    /// Days since the epoch.
    day: i64,
}

impl Pattern {
    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Api => "api",
            Self::Batch => "batch",
            Self::Spiky => "spiky",
            Self::Flat => "flat",
        }
    }

    pub(super) fn shape(self) -> Shape {
        const HOUR: f64 = 3600.0;
        let level = Shape {
            day: |_, _| 0.5,
            scale: 800.0,
            trend_per_day: 0.0,
            noise: 0.03,
            spike_every: None,
            spike_height: 0.0,
        };
        match self {
            Self::Shop => Shape {
                day: shop,
                trend_per_day: 0.004,
                noise: 0.06,
                spike_every: Some(8.0 * HOUR),
                spike_height: 0.6,
                ..level
            },
            Self::Api => Shape {
                day: api,
                trend_per_day: 0.002,
                noise: 0.05,
                spike_every: Some(24.0 * HOUR),
                spike_height: 0.4,
                ..level
            },
            Self::Batch => Shape {
                day: batch,
                noise: 0.05,
                ..level
            },
            Self::Spiky => Shape {
                day: |_, _| 0.3,
                noise: 0.06,
                spike_every: Some(0.75 * HOUR),
                spike_height: 1.0,
                ..level
            },
            Self::Flat => level,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Shape {
    /// The usual demand at `at` (seconds since the epoch) as a share of `scale`.
    pub(super) fn usual(&self, at: f64, ramps: Dice) -> f64 {
        let day = (at / 86_400.0).floor();
        let moment = Moment {
            hour: (at - day * 86_400.0) / 3600.0,
            // The epoch was a Thursday.
            weekend: (day as i64 + 3).rem_euclid(7) >= 5,
            day: day as i64,
        };
        (self.day)(moment, ramps)
    }
}

fn shop(m: Moment, ramps: Dice) -> f64 {
    let night = 0.10 + 0.04 * hump(m.hour, 1.0, 2.5) + 0.04 * hump(m.hour, 25.0, 2.5);
    let evening = 0.45 * hump(m.hour, 20.2, 1.5);
    let close = 1.0 - ramp(m.hour, 21.5, 1.5);
    if m.weekend {
        let open = ramp(m.hour, 10.0, 1.5) * close;
        return night + 0.35 * open + 0.25 * hump(m.hour, 15.5, 2.5) + 1.1 * evening;
    }
    // People are punctual to a minute or two, not to the second.
    let opening = 9.0 + (ramps.uniform(m.day) - 0.5) / 20.0;
    let open = 0.38 * ramp(m.hour, opening, 0.08) * close;
    let noon = 12.0 + (ramps.uniform(m.day.wrapping_add(1 << 32)) - 0.5) / 20.0;
    night + open + 0.45 * flash(m.hour, noon, 0.04, 0.4) + evening
}

fn api(m: Moment, _: Dice) -> f64 {
    let office = ramp(m.hour, 7.0, 2.0) * (1.0 - ramp(m.hour, 17.0, 2.5));
    let usual = 0.2 + if m.weekend { 0.15 } else { 0.6 } * office;
    // Clients that call on the hour, for six minutes.
    let minute = m.hour.fract() * 60.0;
    let burst = ramp(minute, 0.0, 0.4) * (1.0 - ramp(minute, 5.0, 2.0));
    usual * (1.0 + 0.45 * burst)
}

fn batch(m: Moment, _: Dice) -> f64 {
    let job = |start: f64, hours: f64, height: f64| {
        height * ramp(m.hour, start, 0.02) * (1.0 - ramp(m.hour, start + hours, 0.02))
    };
    let nightly = job(0.5, 1.5, 0.9);
    let daily: f64 = [6.0, 10.0, 14.0, 18.0]
        .map(|start| job(start, 0.4, 0.7))
        .iter()
        .sum();
    0.06 + nightly + if m.weekend { 0.0 } else { daily }
}

/// A bell around `center`, `width` being its standard deviation.
fn hump(x: f64, center: f64, width: f64) -> f64 {
    (-0.5 * ((x - center) / width).powi(2)).exp()
}

/// From 0 at `start` to 1 after `length`, smoothly.
fn ramp(x: f64, start: f64, length: f64) -> f64 {
    let share = ((x - start) / length).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// Up within `rise`, then down to a third in `decay`.
fn flash(x: f64, start: f64, rise: f64, decay: f64) -> f64 {
    ramp(x, start, rise) * (-(x - start).max(0.0) / decay).exp()
}
