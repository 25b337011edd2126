//! Whether a history is a raw counter, which no load is: nothing forecasts well what only grows.

use crate::domain::{HumanDuration, Series};

/// A load may rise for so long.
const LONGEST_RISE: std::time::Duration = std::time::Duration::from_hours(24);

/// A counter rises at this share of its steps at least; nights without requests stand still.
const RISING: f64 = 0.5;

/// That a history never falls for a day or longer and mostly rises, as a counter that was read without `rate()`.
pub fn looks_like_a_counter(series: &Series) -> Option<String> {
    let measured = series.values().iter().filter(|value| value.is_finite());
    let (mut steps, mut rises) = (0_u32, 0_u32);
    let mut before: Option<f64> = None;
    for value in measured {
        if let Some(before) = before {
            if *value < before {
                return None;
            }
            steps += 1;
            rises += u32::from(*value > before);
        }
        before = Some(*value);
    }
    let span = series.step() * steps;
    let rising = f64::from(rises) >= RISING * f64::from(steps.max(1));
    (span >= LONGEST_RISE && rising).then(|| {
        format!(
            "it never falls in {}, as a counter that was read without `rate()` does: a load goes up and down; read it with \
             `sum(rate(NAME[1m]))`",
            HumanDuration::from_secs(span.as_secs())
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Timestamp;

    fn hours(value: impl Fn(u32) -> f64, count: u32) -> Series {
        let start = Timestamp::from_secs(1_700_006_400);
        let values = (0..count).map(value).collect();
        Series::new(start, Duration::from_hours(1), values)
    }

    #[test]
    fn what_only_grows_for_days_is_called_a_counter() {
        let counter = |hour: u32| {
            if hour % 7 == 3 {
                f64::NAN
            } else {
                f64::from(hour)
            }
        };
        let told = looks_like_a_counter(&hours(counter, 72)).unwrap();
        assert!(
            told.contains("never falls") && told.contains("`rate()`"),
            "{told}"
        );
        let quiet = |hour: u32| f64::from(if hour % 24 < 8 { hour / 24 * 24 } else { hour });
        assert!(
            looks_like_a_counter(&hours(quiet, 72)).is_some(),
            "it stands still at night"
        );
        assert!(
            looks_like_a_counter(&hours(counter, 20)).is_none(),
            "a morning"
        );
        assert!(
            looks_like_a_counter(&hours(|_| 7.0, 72)).is_none(),
            "a constant"
        );
        let load = |hour: u32| f64::from(hour % 24);
        assert!(looks_like_a_counter(&hours(load, 72)).is_none());
    }
}
