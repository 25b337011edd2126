//! How long a pod takes from its creation to Ready.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

/// No pod takes longer than this to start, however long the tail of its distribution.
const LONGEST_START: Duration = Duration::from_hours(1);
/// Standard normal quantile of 0.95.
const Z95: f64 = 1.645;

/// How long a pod takes from creation to Ready: a fixed part plus a lognormal one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StartUp {
    /// What every pod takes.
    pub fixed: Duration,
    /// Median of what comes on top: image pull, warm-up.
    pub spread_median: Duration,
    /// Sigma of the logarithm of what comes on top; 0 for no spread.
    pub spread_sigma: f64,
}

impl StartUp {
    /// Every pod takes exactly this long.
    pub const fn exactly(time: Duration) -> Self {
        Self {
            fixed: time,
            spread_median: Duration::ZERO,
            spread_sigma: 0.0,
        }
    }

    /// Two thirds of the median are fixed, the rest is spread with a tail: one pod in ten takes about 1.3 times the
    /// median.
    pub fn around(median: Duration) -> Self {
        Self {
            fixed: median * 2 / 3,
            spread_median: median / 3,
            spread_sigma: 0.5,
        }
    }

    /// What 19 pods in 20 take at most.
    pub fn usual_longest(&self) -> Duration {
        self.with_spread((self.sigma() * Z95).exp())
    }

    pub(super) fn draw(&self, chance: &mut ChaCha8Rng) -> Duration {
        let factor = LogNormal::new(0.0, self.sigma()).map_or(1.0, |tail| tail.sample(chance));
        self.with_spread(factor)
    }

    fn with_spread(&self, factor: f64) -> Duration {
        let spread = (self.spread_median.as_secs_f64() * factor).min(LONGEST_START.as_secs_f64());
        (self.fixed + Duration::from_secs_f64(spread)).min(LONGEST_START)
    }

    fn sigma(&self) -> f64 {
        if self.spread_sigma.is_finite() {
            self.spread_sigma.abs()
        } else {
            0.0
        }
    }
}
