//! How many replicas a risk is worth.
//!
//! With the distribution of the highest load of the lead time at hand, the cheapest way to be short no more than a given
//! share of the time is to price it: of every number of replicas `n` take the one with the least `n + price x P(short at n)`
//! (the Lagrangian of the problem with one constraint). That spends replicas where each of them takes away much risk. A
//! quantile does not: it pays for the same risk where the band is wide and a replica takes away little of it, and it
//! rounds up without asking what the last replica is for.
//!
//! The distribution is that of the forecast's levels, between them exponential in the chance of more, above the highest
//! with the tail that the distance of 0.9 and 0.99 makes. The newest sample is younger than the forecast: half of what it
//! is above or below what had been expected for now (its median path, drawn out to now), in proportion, shifts the whole.

use std::time::Duration;

use super::super::case::{Case, FORECAST_NOISE};
use super::super::outlook;
use super::family::{PRICES, RISKS, STRETCHES, price_of};
use crate::domain::{Forecast, Quantile, Timestamp};

const LEVELS: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99];
const MEDIAN: usize = 2;
const NINE_IN_TEN: usize = 4;
const TOP: usize = LEVELS.len() - 1;

/// Means of the tail that are looked at beyond the highest level.
const TAIL: f64 = 8.0;
/// Numbers of replicas that are weighed; where more are in question, every second, third … of them is.
const WEIGHED: f64 = 256.0;

/// More replicas than this nobody asks for.
const MOST: f64 = 1e7;

/// Share of the newest surprise, in logarithms, that counts for the whole lead time, and the largest that is believed.
const SURPRISE: f64 = 0.5;
const LARGEST_SURPRISE: f64 = 0.3;

/// Least distance of 0.9 and 0.99, in replicas: a band without width is a certainty.
const LEAST_WIDTH: f64 = 1e-9;

/// The highest load of the time ahead, in replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    /// At each level, ascending.
    at: [f64; LEVELS.len()],
}

impl Peak {
    /// What the forecast says of the time from now on up to `ahead`, if it says anything.
    pub(super) fn foreseen(case: &Case<'_>, load: f64, ahead: Duration) -> Option<Self> {
        let mut peak = [0.0; LEVELS.len()];
        for (peak, level) in peak.iter_mut().zip(LEVELS) {
            let level = Quantile::new(level).ok()?;
            *peak = outlook::worst_at(case, level, ahead)?.value;
        }
        let shift = case.forecast.map_or(1.0, |forecast| {
            surprise(load, expected_at(forecast, case.now))
        });
        Some(Self::new(
            peak.map(|load| case.load_in_replicas(load * shift)),
        ))
    }

    fn new(mut at: [f64; LEVELS.len()]) -> Self {
        for index in 1..at.len() {
            at[index] = at[index].max(at[index - 1]);
        }
        Self { at }
    }

    /// It with a band so many times as wide.
    fn stretched(&self, by: f64) -> Self {
        let middle = self.at[MEDIAN];
        Self::new(self.at.map(|value| middle + by * (value - middle)))
    }

    /// Mean of what lies above the highest level, beyond it.
    fn tail(&self) -> f64 {
        let width = (self.at[TOP] - self.at[NINE_IN_TEN]).max(LEAST_WIDTH);
        width / 10.0_f64.ln()
    }

    /// The chance that so many replicas are too few. A load that is certain, and as much as they carry, is not above them.
    pub(super) fn above(&self, replicas: f64) -> f64 {
        let replicas = replicas + FORECAST_NOISE * replicas.max(1.0);
        let beyond = replicas - self.at[TOP];
        if beyond >= 0.0 {
            return (1.0 - LEVELS[TOP]) * (-beyond / self.tail()).exp();
        }
        let Some(low) = (0..TOP).rev().find(|index| self.at[*index] <= replicas) else {
            // Below the lowest level what is left falls off in a straight line, as steep as up to the median.
            let width = (self.at[MEDIAN] - self.at[0]).max(LEAST_WIDTH);
            return 1.0 - LEVELS[0] * (1.0 - (self.at[0] - replicas) / width).max(0.0);
        };
        let share = (replicas - self.at[low]) / (self.at[low + 1] - self.at[low]).max(1e-12);
        let (from, to) = ((1.0 - LEVELS[low]).ln(), (1.0 - LEVELS[low + 1]).ln());
        (from + share.clamp(0.0, 1.0) * (to - from)).exp()
    }
}

/// The median path at `now`; between the origin and its first step the line of the first two, drawn back.
fn expected_at(forecast: &Forecast, now: Timestamp) -> f64 {
    let median = |index: usize| forecast.quantile(Quantile::MEDIAN, index);
    let last = forecast.steps().saturating_sub(1);
    if last == 0 {
        return median(0);
    }
    let passed = now.since(forecast.origin()).as_secs_f64() / forecast.step().as_secs_f64();
    let right = (passed as usize).clamp(1, last);
    let share = (passed - right as f64).min(1.0);
    median(right - 1) + share * (median(right) - median(right - 1))
}

/// What the newest sample says about the forecast: above 1 where there is more load than was expected for now.
fn surprise(load: f64, expected: f64) -> f64 {
    let ratio = load / expected;
    if ratio > 0.0 && ratio.is_finite() {
        let surprise = ratio.ln().clamp(-LARGEST_SURPRISE, LARGEST_SURPRISE);
        (SURPRISE * surprise).exp()
    } else {
        1.0
    }
}

/// For each rule the number of replicas that it asks for, never less than `floor`.
pub(super) fn wishes(peak: &Peak, floor: u32) -> [f32; RISKS] {
    let mut wishes = [floor as f32; RISKS];
    for (stretch, wishes) in STRETCHES.iter().zip(wishes.chunks_exact_mut(PRICES)) {
        weigh(&peak.stretched(*stretch), f64::from(floor), wishes);
    }
    wishes
}

/// For each price, of all numbers of replicas the one with the least cost and risk together.
fn weigh(peak: &Peak, floor: f64, wishes: &mut [f32]) {
    let most = peak.at[TOP] + TAIL * peak.tail();
    let highest = (most.ceil() + 1.0).min(MOST).max(floor);
    let every = ((highest - floor) / WEIGHED).ceil().max(1.0);
    let mut least = [f64::INFINITY; PRICES];
    let prices: [f64; PRICES] = std::array::from_fn(price_of);
    let mut replicas = floor;
    while replicas <= highest {
        let chance = peak.above(replicas);
        let each = least.iter_mut().zip(wishes.iter_mut());
        for ((least, wish), price) in each.zip(prices) {
            let sum = replicas + price * chance;
            if sum < *least - 1e-12 {
                *least = sum;
                *wish = replicas as f32;
            }
        }
        replicas += every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(middle: f64, width: f64) -> Peak {
        // A logistic distribution: its quantiles are known in one line.
        Peak::new(LEVELS.map(|level| middle + width * (level / (1.0 - level)).ln()))
    }

    #[test]
    fn the_chance_of_being_short_falls_with_every_replica_and_meets_the_levels() {
        let peak = peak(20.0, 1.5);
        for (level, at) in LEVELS.iter().zip(peak.at) {
            assert!((peak.above(at) - (1.0 - level)).abs() < 1e-5, "{level}");
        }
        let chances: Vec<f64> = (0..400).map(|n| peak.above(f64::from(n) / 8.0)).collect();
        assert!(chances.windows(2).all(|pair| pair[1] <= pair[0]));
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        // The logistic's own tail is exponential too.
        let far = 1.0 / (1.0 + (10.0_f64 / 1.5).exp());
        assert!((peak.above(30.0) / far - 1.0).abs() < 0.2);
    }

    #[test]
    fn each_wish_is_the_cheapest_number_at_its_price() {
        let peak = peak(20.3, 0.8);
        let wishes = wishes(&peak, 3);
        for (rule, wish) in wishes.iter().enumerate() {
            let (price, stretch) = super::super::family::risk_of(rule);
            let peak = peak.stretched(stretch);
            let sum = |n: f64| n + price * peak.above(n);
            let best = (3..200)
                .map(|n| sum(f64::from(n)))
                .fold(f64::INFINITY, f64::min);
            assert!(sum(f64::from(*wish)) <= best + 1e-9, "{rule}: {wish}");
        }
        let one = &wishes[..PRICES];
        assert!(one.windows(2).all(|pair| pair[0] <= pair[1]), "{one:?}");
    }

    #[test]
    fn a_certain_load_costs_its_replicas_whatever_the_price() {
        let certain = Peak::new([19.5; LEVELS.len()]);
        let wishes = wishes(&certain, 1);
        assert!(
            wishes[6..PRICES]
                .iter()
                .all(|wish| (*wish - 20.0).abs() < 1e-6),
            "{wishes:?}"
        );
    }

    #[test]
    fn a_certain_load_of_whole_replicas_takes_no_more_than_these() {
        // As much as single precision makes of 20, and none at all.
        for (load, enough) in [(20.0, 20.0), (20.000_001, 20.0), (0.0, 0.0)] {
            let certain = Peak::new([load; LEVELS.len()]);
            assert!(certain.above(enough) < 1e-9, "{load}");
            let wishes = wishes(&certain, 0);
            assert!(
                wishes[6..PRICES]
                    .iter()
                    .all(|wish| (f64::from(*wish) - enough).abs() < 1e-6),
                "{load}: {wishes:?}"
            );
        }
        assert!(Peak::new([20.001; LEVELS.len()]).above(20.0) > 0.5);
    }

    #[test]
    fn where_a_replica_takes_away_little_risk_fewer_are_bought_than_a_quantile_would() {
        let price = 6;
        let (narrow, wide) = (peak(20.5, 0.3), peak(20.5, 12.0));
        let level = |peak: &Peak| 1.0 - peak.above(f64::from(wishes(peak, 1)[price]));
        assert!(level(&narrow) > 0.97 && level(&wide) < 0.9);
    }

    #[test]
    fn a_large_fleet_is_weighed_in_larger_steps() {
        let wishes = wishes(&peak(50_000.0, 4000.0), 10);
        let asked = f64::from(wishes[PRICES - 1]);
        assert!(asked > 50_000.0 && asked < 120_000.0, "{asked}");
    }

    #[test]
    fn what_was_expected_for_now_lies_on_the_line_of_the_path() {
        let origin = Timestamp::from_secs(600);
        let step = Duration::from_mins(1);
        let path = vec![10.0, 20.0, 40.0];
        let levels = vec![Quantile::MEDIAN];
        let forecast = Forecast::new("test", origin, step, levels, path, None).unwrap();
        let at = |secs| expected_at(&forecast, Timestamp::from_secs(secs));
        let expected = [at(600), at(630), at(660), at(690), at(720), at(780)];
        assert_eq!(
            format!("{expected:?}"),
            "[0.0, 5.0, 10.0, 15.0, 20.0, 40.0]"
        );
    }

    #[test]
    fn half_of_a_surprise_counts_and_nonsense_does_not() {
        assert!((surprise(121.0, 100.0) - 1.1).abs() < 1e-9);
        assert!(surprise(1e9, 1.0) < 1.17);
        for (load, expected) in [(0.0, 5.0), (5.0, 0.0), (f64::NAN, 1.0), (-1.0, 1.0)] {
            assert!((surprise(load, expected) - 1.0).abs() < 1e-12);
        }
    }
}
