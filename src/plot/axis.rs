//! From values to pixels, and the ticks between.

use crate::domain::Timestamp;

/// What an axis shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Axis {
    /// Numbers, evenly.
    Linear,
    /// Numbers above 0, by their logarithm.
    Log,
    /// Seconds since the epoch, in UTC.
    Time,
    /// Names: value 0 is the first one.
    Names(Vec<String>),
}

/// An axis over a range of values, laid over a range of pixels.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
    pixels: (f64, f64),
}

/// Lengths of time between two ticks, in seconds.
const TIME_STEPS: [f64; 16] = [
    60.0,
    300.0,
    600.0,
    1800.0,
    3600.0,
    7200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    604_800.0,
    1_209_600.0,
    2_592_000.0,
    7_776_000.0,
    31_536_000.0,
];

// === impl Scale ===

impl Scale {
    /// A scale that shows all of `values` (the numbers among them), with a little air for numbers.
    pub(super) fn over(
        axis: Axis,
        values: impl Iterator<Item = f64>,
        fixed: Option<(f64, f64)>,
        pixels: (f64, f64),
    ) -> Self {
        let usable = |v: &f64| v.is_finite() && (axis != Axis::Log || *v > 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(usable) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (1.0, 2.0);
        }
        match &axis {
            Axis::Names(names) => (low, high) = (-0.5, names.len() as f64 - 0.5),
            Axis::Time => {}
            Axis::Log => (low, high) = (low / 1.05, high * 1.05),
            Axis::Linear => {
                let air = 0.04 * (high - low);
                // A scale of things that are not negative does not show negative numbers.
                low = if low >= 0.0 {
                    (low - air).max(0.0)
                } else {
                    low - air
                };
                high += air;
            }
        }
        if let Some(fixed) = fixed {
            (low, high) = fixed;
        }
        if high - low <= 0.0 {
            let half = 0.5 * low.abs().max(1.0);
            (low, high) = match axis {
                Axis::Log => (low / 2.0, high * 2.0),
                _ => (low - half, high + half),
            };
        }
        Self {
            axis,
            low,
            high,
            pixels,
        }
    }

    /// The pixel of a value; beyond the range it is drawn at the edge.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (low, high, value) = match self.axis {
            Axis::Log => (self.low.ln(), self.high.ln(), value.max(self.low).ln()),
            _ => (self.low, self.high, value),
        };
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Values to mark, with what is written there: about `count` of them.
    pub(super) fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        match &self.axis {
            Axis::Names(names) => (names.iter().enumerate())
                .map(|(index, name)| (index as f64, name.clone()))
                .collect(),
            Axis::Time => self.time_ticks(count),
            Axis::Log => self.log_ticks(),
            Axis::Linear => self.even_ticks(count),
        }
    }

    fn even_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / count.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = steps.into_iter().find(|s| *s >= rough).unwrap_or(rough);
        let decimals = (-(step.log10().floor()) + 1.0).clamp(0.0, 6.0) as usize;
        self.multiples(step)
            .map(|value| (value, plain(value, decimals)))
            .collect()
    }

    fn log_ticks(&self) -> Vec<(f64, String)> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let wide = self.high / self.low > 200.0;
        let narrow = self.high / self.low < 2.5;
        let middling = self.high / self.low < 12.0;
        let factors: &[f64] = match (wide, middling, narrow) {
            (true, ..) => &[1.0],
            (_, true, false) => &[1.0, 2.0, 3.0, 4.0, 5.0, 7.0],
            (_, _, true) => &[1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
            _ => &[1.0, 2.0, 5.0],
        };
        let ticks = decades.flat_map(|decade| factors.iter().map(move |f| f * 10_f64.powi(decade)));
        ticks
            .filter(|value| (self.low..=self.high).contains(value))
            .map(|value| (value, plain(value, 6)))
            .collect()
    }

    fn time_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / count.max(1) as f64;
        let step = TIME_STEPS.into_iter().find(|s| *s >= rough);
        let step = step.unwrap_or(TIME_STEPS[TIME_STEPS.len() - 1]);
        self.multiples(step)
            .map(|value| {
                let at = Timestamp::from_secs(value as i64).to_rfc3339();
                let part = |range: std::ops::Range<usize>| at.get(range).unwrap_or("?").to_owned();
                let midnight = value.rem_euclid(86_400.0) < 1.0;
                (value, if midnight { part(5..10) } else { part(11..16) })
            })
            .collect()
    }

    fn multiples(&self, step: f64) -> impl Iterator<Item = f64> + use<> {
        let (first, high) = ((self.low / step).ceil(), self.high);
        (0..1000)
            .map(move |index| (first + f64::from(index)) * step)
            .take_while(move |value| *value <= high + step * 1e-9)
    }
}

/// A number without needless zeros.
fn plain(value: f64, decimals: usize) -> String {
    let size = value.abs();
    for (unit, letter) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")] {
        if size >= unit {
            let unit = if letter == "k" { 1e3 } else { unit };
            return format!("{}{letter}", trimmed(format!("{:.2}", value / unit)));
        }
    }
    trimmed(format!("{value:.decimals$}"))
}

fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}
