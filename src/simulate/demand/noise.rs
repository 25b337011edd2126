//! Noise by hash: the same moment always gets the same noise, whatever was asked before.

/// Random numbers by index, of one purpose under one seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(u64);

/// Noise that stays for a while, made of octaves from a minute and a half to three hours; about standard normal.
#[derive(Clone, Copy, Debug)]
pub(super) struct SmoothNoise(Dice);

/// Period in seconds and weight of each octave; the squares of the weights sum to 1.
const OCTAVES: [(f64, f64); 4] = [
    (90.0, 0.3),
    (420.0, 0.45),
    (2_400.0, 0.6),
    (10_800.0, 0.589),
];

impl Dice {
    /// Dice for `purpose`; other purposes under the same seed are independent of it.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let tag = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(mix(seed ^ mix(tag)))
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn uniform(self, index: i64) -> f64 {
        let bits = mix(self.0 ^ mix(index.cast_unsigned()));
        // The upper 53 bits fill a double's mantissa exactly.
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller's transform).
    pub(super) fn normal(self, index: i64) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform(index.wrapping_mul(2))).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.uniform(index.wrapping_mul(2).wrapping_add(1));
        radius * angle.cos()
    }
}

impl SmoothNoise {
    pub(super) fn new(seed: u64) -> Self {
        Self(Dice::new(seed, "noise"))
    }

    pub(super) fn at(self, at: f64) -> f64 {
        let octave = |((period, weight), index): ((f64, f64), i64)| {
            let place = at / period + index as f64 * 0.37;
            let (left, share) = (place.floor(), place - place.floor());
            let knot = |k: f64| {
                self.0
                    .normal((k as i64).wrapping_mul(8).wrapping_add(index))
            };
            let (a, b) = (knot(left), knot(left + 1.0));
            // Weights of equal power, so that the noise is no calmer between two knots than on them.
            let turn = share * std::f64::consts::FRAC_PI_2;
            weight * (a * turn.cos() + b * turn.sin())
        };
        OCTAVES.into_iter().zip(0_i64..).map(octave).sum()
    }
}

/// A bijection of 64 bits that leaves no trace of its input's order (the finaliser of `SplitMix64`).
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
