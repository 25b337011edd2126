//! Additive Holt-Winters with fixed smoothing constants, one value at a time.
//!
//! The recursion is statsmodels' (`tsa/holtwinters/model.py`): level on the deseasonalised value, trend on the change of
//! the level, season on the value less level and trend before it.

/// Level, trend and season.
#[derive(Clone, Debug)]
pub(super) struct HoltWinters {
    alpha: f64,
    beta: f64,
    gamma: f64,
    period: usize,
    /// Values until the first season is full.
    first: Vec<f64>,
    level: f64,
    trend: f64,
    /// Season by place within the period.
    season: Vec<f64>,
    /// Place of the next value.
    next: usize,
}

impl HoltWinters {
    pub(super) fn new(alpha: f64, beta: f64, gamma: f64, period: usize) -> Self {
        let period = period.max(1);
        Self {
            alpha,
            beta,
            gamma,
            period,
            first: Vec::with_capacity(period),
            level: 0.0,
            trend: 0.0,
            season: Vec::new(),
            next: 0,
        }
    }

    /// Takes a value in.
    pub(super) fn update(&mut self, value: f64) {
        if self.season.is_empty() {
            self.begin(value);
            return;
        }
        let season = self.season[self.next];
        let expected = self.level + self.trend;
        let level = self.alpha * (value - season) + (1.0 - self.alpha) * expected;
        self.season[self.next] = self.gamma * (value - expected) + (1.0 - self.gamma) * season;
        self.trend = self.beta * (level - self.level) + (1.0 - self.beta) * self.trend;
        self.level = level;
        self.next = (self.next + 1) % self.period;
    }

    /// The value to come next; `None` before the first season is full.
    pub(super) fn one_ahead(&self) -> Option<f64> {
        let season = self.season.get(self.next)?;
        Some(self.level + self.trend + season)
    }

    /// The first season gives the mean as level and what differs from it as season, without a trend.
    fn begin(&mut self, value: f64) {
        self.first.push(value);
        if self.first.len() == self.period {
            self.level = self.first.iter().sum::<f64>() / self.period as f64;
            self.season = std::mem::take(&mut self.first);
            for value in &mut self.season {
                *value -= self.level;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_season_on_a_slope_is_foretold_once_it_has_been_seen() {
        let at = |i: usize| 100.0 + 0.5 * i as f64 + [0.0, 10.0, -10.0, 5.0][i % 4];
        let mut model = HoltWinters::new(0.5, 0.3, 0.3, 4);
        for i in 0..400 {
            if i > 300 {
                let ahead = model.one_ahead().unwrap();
                assert!((ahead - at(i)).abs() < 0.01, "{i}: {ahead}");
            }
            model.update(at(i));
        }
    }

    #[test]
    fn before_a_whole_season_there_is_nothing_to_say() {
        let mut model = HoltWinters::new(0.9, 0.9, 0.9, 3);
        for value in [1.0, 2.0] {
            model.update(value);
            assert_eq!(model.one_ahead(), None);
        }
        model.update(3.0);
        assert!((model.one_ahead().unwrap() - 1.0).abs() < 1e-12);
    }
}
