//! A load with a daily and a weekly shape, the same for the same second, so that a test knows what Prometheus holds.

const DAY: f64 = 86_400.0;

/// How a load moves.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Mean on working days.
    pub base: f64,
    /// Share of the base by which the day's peak is above it.
    pub daily: f64,
    /// Share of the base that is missing on Saturdays and Sundays.
    pub weekend: f64,
    /// Share of the base by which a value can lie off the shape, evenly spread.
    pub noise: f64,
}

impl Shape {
    /// A web shop: busy afternoons, quiet nights, calm weekends.
    pub const SHOP: Self = Self {
        base: 200.0,
        daily: 0.5,
        weekend: 0.3,
        noise: 0.05,
    };

    /// A load that does not move.
    pub const fn flat(base: f64) -> Self {
        Self {
            base,
            daily: 0.0,
            weekend: 0.0,
            noise: 0.0,
        }
    }

    /// The load at `secs` since the epoch.
    pub fn at(&self, secs: i64) -> f64 {
        let days = secs as f64 / DAY;
        // 1970-01-01 was a Thursday, so day 2 of each week from there is a Saturday.
        let weekend = matches!((secs.div_euclid(86_400)).rem_euclid(7), 2 | 3);
        let daily = self.daily * (std::f64::consts::TAU * (days.fract() - 0.35)).sin();
        let noise = self.noise * (2.0 * unit_hash(secs) - 1.0);
        self.base * (1.0 + daily + noise) * if weekend { 1.0 - self.weekend } else { 1.0 }
    }
}

/// A number from 0 to 1 that looks random and is the same for the same second.
fn unit_hash(secs: i64) -> f64 {
    let mut x = secs.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^= x >> 32;
    (x >> 11) as f64 / (1_u64 << 53) as f64
}
