//! Sealed blocks: each value as a 16-bit code.
//!
//! Four scales, the first one that fits:
//! - **flat**: every step holds the same value; no codes at all. Exact.
//! - **units**: whole numbers less than 65,535 apart. Exact.
//! - **linear**: between lowest and highest; off by at most `range / 65,534 / 2`.
//! - **ratio**: logarithmic between the smallest positive value and the highest, with a code of its own for 0. For blocks
//!   in which one wild sample (a lying exporter, a retry storm) would make the linear scale so coarse that the ordinary
//!   values come out as 0, which a model would take for a dip in demand. Off by at most half the ratio of two codes:
//!   0.01 % over six orders of magnitude, 1.2 % over everything that an `f64` can hold.

use serde::{Deserialize, Serialize};

use super::block::BLOCK;

/// The code of a missing step.
const MISSING: u16 = u16::MAX;

/// The code of the highest value.
const TOP: u16 = u16::MAX - 1;

/// Integers above this are not all representable.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// Above this share of the typical value, a linear step is too coarse.
const COARSE: f64 = 0.001;

type Codes = [u16; BLOCK];

/// A sealed block.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    scale: Scale,
    low: f64,
    high: f64,
    /// `None` for a flat block, which has no missing step.
    codes: Option<Box<Codes>>,
}

/// What the codes of a block mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scale {
    Flat,
    Units,
    Linear,
    Ratio,
}

/// A sealed block as it is written to disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PackedRecord {
    scale: Scale,
    low: f64,
    high: f64,
    /// Little-endian; empty for a flat block.
    #[serde(with = "serde_bytes")]
    codes: Vec<u8>,
}

// === impl Packed ===

impl Packed {
    /// Packs at most [`BLOCK`] values; `NaN`, and what lies past the end, is missing.
    pub(super) fn pack(values: &[f64]) -> Self {
        let present = || values.iter().copied().filter(|value| !value.is_nan());
        let low = present().fold(f64::INFINITY, f64::min);
        let high = present().fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            // Nothing at all: callers never seal such a block, but it has a meaning.
            return Self {
                scale: Scale::Units,
                low: 0.0,
                high: 0.0,
                codes: Some(Box::new([MISSING; BLOCK])),
            };
        }
        if low.to_bits() == high.to_bits() && present().count() == BLOCK {
            return Self {
                scale: Scale::Flat,
                low,
                high,
                codes: None,
            };
        }
        let scale = scale_for(values, low, high);
        let low = if scale == Scale::Ratio {
            present()
                .filter(|value| *value > 0.0)
                .fold(f64::INFINITY, f64::min)
        } else {
            low
        };
        let mut packed = Self {
            scale,
            low,
            high,
            codes: None,
        };
        let mut codes = Box::new([MISSING; BLOCK]);
        for (code, value) in codes.iter_mut().zip(values) {
            if !value.is_nan() {
                *code = packed.encode(*value);
            }
        }
        packed.codes = Some(codes);
        packed
    }

    /// The values, one for each step; `NaN` where missing.
    pub(super) fn unpack(&self) -> Vec<f64> {
        let mut values = vec![f64::NAN; BLOCK];
        self.unpack_into(0, &mut values);
        values
    }

    /// Writes the values from step `from` on over `out`, as many as fit. What depends on the scale alone is worked out
    /// once: weeks of steps are unpacked at every refresh.
    pub(super) fn unpack_into(&self, from: usize, out: &mut [f64]) {
        let Some(codes) = self.codes.as_ref().and_then(|codes| codes.get(from..)) else {
            if self.codes.is_none() {
                let steps = BLOCK.saturating_sub(from).min(out.len());
                out[..steps].fill(self.low);
            }
            return;
        };
        let pairs = codes.iter().zip(out);
        match self.scale {
            Scale::Linear if (self.high - self.low).is_finite() => {
                let range = self.high - self.low;
                for (code, value) in pairs {
                    let share = f64::from(*code) / f64::from(TOP);
                    let inside = (self.low + range * share).clamp(self.low, self.high);
                    *value = match *code {
                        MISSING => f64::NAN,
                        0 => self.low,
                        TOP => self.high,
                        _ => inside,
                    };
                }
            }
            Scale::Ratio => {
                let (low, high) = (self.low.log2(), self.high.log2());
                for (code, value) in pairs {
                    *value = match *code {
                        MISSING => f64::NAN,
                        0 => 0.0,
                        1 => self.low,
                        TOP => self.high,
                        code => {
                            let share = f64::from(code - 1) / f64::from(TOP - 1);
                            let inside = between(low, high, share).exp2();
                            inside.clamp(self.low, self.high)
                        }
                    };
                }
            }
            Scale::Flat | Scale::Units | Scale::Linear => {
                for (code, value) in pairs {
                    *value = self.decode(*code);
                }
            }
        }
    }

    /// The value at `offset`, not a number where missing; `None` past the end.
    pub(super) fn get(&self, offset: usize) -> Option<f64> {
        match &self.codes {
            Some(codes) => codes.get(offset).map(|code| self.decode(*code)),
            None => (offset < BLOCK).then_some(self.low),
        }
    }

    /// Whether there is a sample at `offset`.
    pub(super) fn is_present(&self, offset: usize) -> bool {
        self.codes
            .as_ref()
            .is_none_or(|codes| codes.get(offset).is_some_and(|code| *code != MISSING))
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.codes.as_ref().map_or(0, |_| size_of::<Codes>())
    }

    pub(super) fn record(&self) -> PackedRecord {
        let codes = self.codes.iter().flat_map(|codes| codes.iter());
        PackedRecord {
            scale: self.scale,
            low: self.low,
            high: self.high,
            codes: codes.flat_map(|code| code.to_le_bytes()).collect(),
        }
    }

    pub(super) fn from_record(record: &PackedRecord) -> Option<Self> {
        let bounds_fit =
            record.low.is_finite() && record.high.is_finite() && record.low <= record.high;
        if !bounds_fit || (record.scale == Scale::Ratio && record.low <= 0.0) {
            return None;
        }
        let codes = if record.scale == Scale::Flat {
            None
        } else {
            let (pairs, rest) = record.codes.as_chunks::<2>();
            if pairs.len() != BLOCK || !rest.is_empty() {
                return None;
            }
            let mut codes = Box::new([MISSING; BLOCK]);
            for (code, pair) in codes.iter_mut().zip(pairs) {
                *code = u16::from_le_bytes(*pair);
            }
            Some(codes)
        };
        Some(Self {
            scale: record.scale,
            low: record.low,
            high: record.high,
            codes,
        })
    }

    fn encode(&self, value: f64) -> u16 {
        match self.scale {
            Scale::Flat => 0,
            Scale::Units => (value - self.low) as u16,
            Scale::Linear => (share(value, self.low, self.high) * f64::from(TOP)).round() as u16,
            Scale::Ratio if value <= 0.0 => 0,
            Scale::Ratio => {
                let share = share(value.log2(), self.low.log2(), self.high.log2());
                1 + (share * f64::from(TOP - 1)).round() as u16
            }
        }
        .min(TOP)
    }

    fn decode(&self, code: u16) -> f64 {
        match (self.scale, code) {
            (_, MISSING) => f64::NAN,
            (Scale::Ratio, 0) => 0.0,
            (Scale::Flat, _) | (Scale::Linear, 0) | (Scale::Ratio, 1) => self.low,
            (Scale::Linear | Scale::Ratio, TOP) => self.high,
            (Scale::Units, code) => self.low + f64::from(code),
            (Scale::Linear, code) => between(self.low, self.high, f64::from(code) / f64::from(TOP))
                .clamp(self.low, self.high),
            (Scale::Ratio, code) => {
                let share = f64::from(code - 1) / f64::from(TOP - 1);
                between(self.low.log2(), self.high.log2(), share)
                    .exp2()
                    .clamp(self.low, self.high)
            }
        }
    }
}

fn scale_for(values: &[f64], low: f64, high: f64) -> Scale {
    let present = || values.iter().copied().filter(|value| !value.is_nan());
    let whole = |value: f64| value.fract() == 0.0 && value.abs() <= EXACT_INTEGERS;
    if high - low <= f64::from(TOP) && present().all(whole) {
        return Scale::Units;
    }
    let mut positive: Vec<f64> = present().filter(|value| *value > 0.0).collect();
    if low < 0.0 || positive.is_empty() {
        return Scale::Linear;
    }
    let middle = positive.len() / 2;
    let (_, median, _) = positive.select_nth_unstable_by(middle, f64::total_cmp);
    let linear_step = high / f64::from(TOP) - low / f64::from(TOP);
    if linear_step > COARSE * *median {
        Scale::Ratio
    } else {
        Scale::Linear
    }
}

/// Where `value` lies between `low` (0) and `high` (1).
fn share(value: f64, low: f64, high: f64) -> f64 {
    let range = high - low;
    if range == 0.0 {
        0.0
    } else if range.is_finite() {
        (value - low) / range
    } else {
        // The range itself is more than an `f64` holds.
        (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    }
}

/// The point at `share` of the way; unlike `low + range * share` this can't overflow.
fn between(low: f64, high: f64, share: f64) -> f64 {
    let range = high - low;
    if range.is_finite() {
        low + range * share
    } else {
        low * (1.0 - share) + high * share
    }
}
