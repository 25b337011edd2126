//! From the levels that a network forecasts to those that are wanted.

use crate::domain::Quantile;

/// Where a wanted level comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    /// Between two of the network's levels, by the share of the way from the lower to the upper.
    Between(usize, usize, f64),
    /// Beyond an outermost level: its distance from the median, so many times.
    Beyond(usize, f64),
}

/// A plan for reading wanted levels off a network's.
#[derive(Clone, Debug)]
pub(super) struct LevelMap {
    median: usize,
    sources: Vec<Source>,
}

impl LevelMap {
    /// `have` rises and has the median in it.
    ///
    /// Between two levels values are linear. Beyond the outermost one, repeating it would call too low a number the
    /// 0.99 quantile; instead its distance from the median grows as a normal distribution's does.
    pub(super) fn new(have: &[Quantile], wanted: &[Quantile]) -> Self {
        let median = have
            .iter()
            .position(|l| *l == Quantile::MEDIAN)
            .unwrap_or(0);
        let source = |level: &Quantile| match have.iter().position(|l| l >= level) {
            Some(upper) if have[upper] == *level => Source::Between(upper, upper, 0.0),
            Some(0) => beyond(have, 0, *level),
            None => beyond(have, have.len() - 1, *level),
            Some(upper) => {
                let (from, to) = (have[upper - 1].get(), have[upper].get());
                let share = (level.get() - from) / (to - from);
                Source::Between(upper - 1, upper, share)
            }
        };
        Self {
            median,
            sources: wanted.iter().map(source).collect(),
        }
    }

    /// The wanted levels of one step, whose values at the network's levels are `column`, rising.
    pub(super) fn read<'a>(&'a self, column: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let median = column[self.median];
        self.sources.iter().map(move |source| match *source {
            Source::Between(lower, upper, share) => {
                column[lower] + (column[upper] - column[lower]) * share
            }
            Source::Beyond(outermost, times) => median + (column[outermost] - median) * times,
        })
    }
}

/// With no level but the median on that side there is no distance to go by: the median it is.
fn beyond(have: &[Quantile], outermost: usize, level: Quantile) -> Source {
    if have[outermost] == Quantile::MEDIAN {
        return Source::Between(outermost, outermost, 0.0);
    }
    let times = normal_quantile(level.get()) / normal_quantile(have[outermost].get());
    Source::Beyond(outermost, times)
}

/// The standard normal distribution's quantile, to within 4.5e-4: formula 26.2.23 of Abramowitz and Stegun,
/// "Handbook of Mathematical Functions" (1964).
fn normal_quantile(level: f64) -> f64 {
    let tail = level.min(1.0 - level);
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - above / below).copysign(level - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(levels: &[f64]) -> Vec<Quantile> {
        levels.iter().map(|l| Quantile::new(*l).unwrap()).collect()
    }

    fn read(have: &[f64], column: &[f64], wanted: &[f64]) -> Vec<f64> {
        LevelMap::new(&levels(have), &levels(wanted))
            .read(column)
            .collect()
    }

    #[test]
    fn between_levels_is_linear() {
        let found = read(&[0.1, 0.5, 0.9], &[1.0, 5.0, 9.0], &[0.1, 0.3, 0.5, 0.8]);
        for (found, expected) in found.iter().zip([1.0, 3.0, 5.0, 8.0]) {
            assert!((found - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn beyond_the_outermost_level_the_spread_grows_as_a_normal_one() {
        let found = read(&[0.1, 0.5, 0.9], &[8.0, 10.0, 14.0], &[0.01, 0.99]);
        let times = 2.326_348 / 1.281_552;
        assert!((found[0] - (10.0 - 2.0 * times)).abs() < 0.005, "{found:?}");
        assert!((found[1] - (10.0 + 4.0 * times)).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn a_median_alone_is_all_that_is_known() {
        assert_eq!(read(&[0.5], &[7.0], &[0.05, 0.5, 0.99]), [7.0; 3]);
    }

    #[test]
    fn the_normal_quantile_is_close_to_the_tables() {
        for (level, expected) in [
            (0.5, 0.0),
            (0.9, 1.281_552),
            (0.05, -1.644_854),
            (0.999, 3.090_232),
        ] {
            assert!(
                (normal_quantile(level) - expected).abs() < 4.5e-4,
                "{level}"
            );
        }
    }
}
