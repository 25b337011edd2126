//! Level and damped trend, smoothed.
//!
//! The crate that fits the model keeps its constants to itself. The one-step forecasts that it gives away for the values
//! it was fitted on determine them: with the level's constant `a`, the trend's `b` and the damping `d`, the forecast
//! moves by `f' - f = a e + d t`, where `e` is the miss and the trend becomes `t = d t + b e`. So the moves less `d` times
//! the moves before are linear in `a` and `b`, with multiplicative errors as well as with additive ones.

use augurs::ets::AutoETS;
use augurs::ets::model::{Model, TrendComponent};
use augurs::{Fit, Predict};

use crate::analyze::solve::{Normal, solution};

/// Dampings between which the crate searches.
const DAMPINGS: (f64, f64) = (0.8, 0.98);

/// The share of values that may be missing.
const MOST_MISSING: f64 = 0.25;

/// A smoothed level with a trend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::analyze::models) struct Smoothing {
    alpha: f64,
    beta: f64,
    damping: f64,
    /// The forecast for the next value.
    next: f64,
    trend: f64,
}

impl Smoothing {
    /// Fits all kinds to the values and takes the best; `None` when too much is missing or nothing fits. Missing values
    /// are held.
    pub(in crate::analyze::models) fn fitted(values: &[f64]) -> Option<Self> {
        let held = held(values)?;
        // The crate's bounds on its search are made for numbers of ordinary size.
        let sum: f64 = held.iter().map(|v| v.abs()).sum();
        let unit = sum / held.len() as f64;
        let constant = |value: f64| Self {
            alpha: 0.5,
            beta: 0.0,
            damping: 1.0,
            next: value,
            trend: 0.0,
        };
        let last = *held.last()?;
        if held.iter().all(|v| v.to_bits() == last.to_bits()) {
            return Some(constant(last));
        }
        let scaled: Vec<f64> = held.iter().map(|v| v / unit).collect();
        let fit = AutoETS::new(1, "ZZN").ok()?.fit(&scaled).ok()?;
        let mut found = Self::from_crate(fit.model(), &scaled)?;
        found.next *= unit;
        found.trend *= unit;
        (found.next.is_finite() && found.trend.is_finite()).then_some(found)
    }

    fn from_crate(model: &Model, values: &[f64]) -> Option<Self> {
        let mut path = model.predict_in_sample(None).ok()?.point;
        path.extend(model.predict(1, None).ok()?.point);
        if path.len() != values.len() + 1 || path.iter().any(|f| !f.is_finite()) {
            return None;
        }
        let misses: Vec<f64> = values.iter().zip(&path).map(|(y, f)| y - f).collect();
        let moves: Vec<f64> = path.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let trended = model.model_type().trend == TrendComponent::Additive;
        let (_, [alpha, beta], damping) = match (trended, model.damped()) {
            (false, _) => {
                let (loss, [alpha, _]) = constants(&misses, &moves, 0.0)?;
                (loss, [alpha, 0.0], 1.0)
            }
            (true, false) => {
                let (loss, found) = constants(&misses, &moves, 1.0)?;
                (loss, found, 1.0)
            }
            (true, true) => damped(&misses, &moves)?,
        };
        let (last_move, last_miss) = (moves.last()?, misses.last()?);
        let trend = if trended {
            (last_move - alpha * last_miss) / damping
        } else {
            0.0
        };
        Some(Self {
            alpha,
            beta,
            damping,
            next: *path.last()?,
            trend,
        })
    }

    /// Takes in the next value; a missing one moves the level along its trend.
    pub(in crate::analyze::models) fn update(&mut self, value: f64) {
        let miss = if value.is_nan() {
            0.0
        } else {
            value - self.next
        };
        self.trend = self.damping * self.trend + self.beta * miss;
        self.next += self.alpha * miss + self.damping * self.trend;
    }

    /// The forecast for the value `ahead` after the last one, from 1 on; 0 is taken for the smoothed level now. Beyond
    /// one step this is the textbook's sum of the damped trend.
    pub(in crate::analyze::models) fn ahead(&self, ahead: usize) -> f64 {
        let d = self.damping;
        let further = ahead as f64 - 1.0;
        let steps = if (1.0 - d).abs() < 1e-9 {
            further
        } else {
            d * d * (1.0 - d.powf(further)) / (1.0 - d)
        };
        self.next + steps * self.trend
    }

    /// The numbers that [`Smoothing::of_numbers`] reads.
    pub(in crate::analyze::models) fn numbers(&self) -> [f32; 5] {
        [self.alpha, self.beta, self.damping, self.next, self.trend].map(|v| v as f32)
    }

    /// From [`Smoothing::numbers`].
    pub(in crate::analyze::models) fn of_numbers(numbers: &[f32]) -> Option<Self> {
        let [alpha, beta, damping, next, trend] = *numbers.first_chunk()?;
        Some(Self {
            alpha: f64::from(alpha),
            beta: f64::from(beta),
            damping: f64::from(damping),
            next: f64::from(next),
            trend: f64::from(trend),
        })
    }
}

/// Values with what is missing held; what is missing at the beginning is left out.
fn held(values: &[f64]) -> Option<Vec<f64>> {
    let missing = values.iter().filter(|v| v.is_nan()).count();
    if missing as f64 > MOST_MISSING * values.len() as f64 {
        return None;
    }
    let first = values.iter().position(|v| !v.is_nan())?;
    let mut last = values[first];
    let kept = values[first..].iter().map(|value| {
        last = if value.is_nan() { last } else { *value };
        last
    });
    Some(kept.collect())
}

/// The constants of level and trend for one damping, and the sum of squares that they leave.
fn constants(misses: &[f64], moves: &[f64], damping: f64) -> Option<(f64, [f64; 2])> {
    let rows = misses.windows(2).zip(moves.windows(2)).map(|(e, m)| {
        let row = [e[1] - damping * e[0], damping * e[1]];
        (row, m[1] - damping * m[0])
    });
    let width = if damping > 0.0 { 2 } else { 1 };
    let mut normal = Normal::new(width);
    for (row, target) in rows.clone() {
        normal.add(&row[..width], target, 1.0);
    }
    let found = normal.solve(&[1e-12, 1e-12])?;
    let constants = [found[0], found.get(1).copied().unwrap_or(0.0)];
    let loss = rows.map(|(row, target)| (target - solution(&row, &constants)).powi(2));
    Some((loss.sum(), constants))
}

/// Constants and damping: the damping is searched for, coarsely and then ever more finely.
fn damped(misses: &[f64], moves: &[f64]) -> Option<(f64, [f64; 2], f64)> {
    let (mut low, mut high) = DAMPINGS;
    let mut best: Option<(f64, [f64; 2], f64)> = None;
    for _ in 0..6 {
        let width = (high - low) / 12.0;
        for place in 0..=12 {
            let damping = low + width * f64::from(place);
            let (loss, found) = constants(misses, moves, damping)?;
            if best.is_none_or(|(least, ..)| loss < least) {
                best = Some((loss, found, damping));
            }
        }
        let (.., damping) = best?;
        (low, high) = (
            (damping - width).max(DAMPINGS.0),
            (damping + width).min(DAMPINGS.1),
        );
    }
    best
}

#[cfg(test)]
mod tests {
    use augurs::ets::model::{ErrorComponent, ModelType, SeasonalComponent, Unfit};

    use super::*;

    /// A level that wanders with a trend that wanders too, the same in every run.
    fn wandering(len: usize) -> Vec<f64> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut noise = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 2001) as f64 / 1000.0 - 1.0
        };
        let (mut level, mut trend) = (100.0, 0.3);
        (0..len)
            .map(|_| {
                trend = 0.9 * trend + 0.4 * noise();
                level += trend + 0.5 * noise();
                level + noise()
            })
            .collect()
    }

    #[test]
    fn the_constants_that_the_crate_hides_are_found_for_every_kind() {
        let values = wandering(200);
        for error in [ErrorComponent::Additive, ErrorComponent::Multiplicative] {
            for (trend, damped) in [
                (TrendComponent::None, false),
                (TrendComponent::Additive, false),
                (TrendComponent::Additive, true),
            ] {
                let kind = ModelType {
                    error,
                    trend,
                    season: SeasonalComponent::None,
                };
                let model = Unfit::new(kind).damped(damped).fit(&values[..150]).unwrap();
                let found = Smoothing::from_crate(&model, &values[..150]).unwrap();
                let theirs = model.predict(1, None).unwrap().point[0];
                assert!((found.ahead(1) - theirs).abs() < 1e-9);
                // Replayed from the state two thirds in, it foretells the crate's own last third step by step.
                let path = model.predict_in_sample(None).unwrap().point;
                let at = 100;
                let mut again = Smoothing {
                    next: path[at],
                    trend: (path[at]
                        - path[at - 1]
                        - found.alpha * (values[at - 1] - path[at - 1]))
                        / found.damping,
                    ..found
                };
                for (value, theirs) in values[at..150].iter().zip(&path[at..]) {
                    assert!(
                        (again.next - theirs).abs() < 1e-4,
                        "{error:?} {trend:?} {damped}: {} instead of {theirs}",
                        again.next
                    );
                    again.update(*value);
                }
            }
        }
    }

    #[test]
    fn a_straight_line_goes_on_straight() {
        let line: Vec<f64> = (0..100).map(|i| 50.0 + 2.0 * f64::from(i)).collect();
        let found = Smoothing::fitted(&line).unwrap();
        assert!((found.ahead(1) - 250.0).abs() < 0.5, "{found:?}");
        assert!(found.ahead(5) > 254.0, "{found:?}");
    }

    #[test]
    fn a_flat_line_stays_flat_and_holes_are_no_values() {
        let flat = Smoothing::fitted(&[3.0; 40]).unwrap();
        assert!((flat.ahead(7) - 3.0).abs() < 1e-12);
        assert_eq!(Smoothing::fitted(&[f64::NAN; 40]), None);
        let zero = Smoothing::fitted(&[0.0; 40]).unwrap();
        assert_eq!(zero.ahead(3).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn what_is_kept_is_what_is_read_back() {
        let found = Smoothing::fitted(&wandering(120)).unwrap();
        let again = Smoothing::of_numbers(&found.numbers()).unwrap();
        assert!((found.ahead(4) - again.ahead(4)).abs() < 1e-3);
    }
}
