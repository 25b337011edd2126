use super::*;

const PATTERNS: [Pattern; 5] = [
    Pattern::Shop,
    Pattern::Api,
    Pattern::Batch,
    Pattern::Spiky,
    Pattern::Flat,
];

/// Tuesday 9 June 2026, midnight UTC.
fn tuesday() -> Timestamp {
    Timestamp::from_secs(1_780_963_200)
}

fn hours(h: f64) -> Duration {
    Duration::from_secs_f64(h * 3600.0)
}

fn mean(demand: &Demand, from: Timestamp, length: Duration) -> f64 {
    let points = 240;
    let sum: f64 = (0..points)
        .map(|i| demand.value(from + length * i / points))
        .sum();
    sum / f64::from(points)
}

#[test]
fn the_order_of_reading_does_not_matter() {
    for pattern in PATTERNS {
        let demand = Demand::new(pattern, 7, tuesday());
        let times: Vec<_> = (-500..500)
            .map(|i| tuesday() + hours(24.0) - hours(0.37) * 300 + hours(0.7) * (i + 500) as u32)
            .collect();
        let forward: Vec<_> = times
            .iter()
            .map(|t| (demand.value(*t), demand.observed(*t)))
            .collect();
        let again = Demand::new(pattern, 7, tuesday());
        let mut backward: Vec<_> = times
            .iter()
            .rev()
            .map(|t| (again.value(*t), again.observed(*t)))
            .collect();
        backward.reverse();
        assert_eq!(forward, backward, "{pattern}");
    }
}

#[test]
fn another_seed_is_another_day_of_the_same_kind() {
    let (one, two) = (
        Demand::new(Pattern::Shop, 1, tuesday()),
        Demand::new(Pattern::Shop, 2, tuesday()),
    );
    let at = tuesday() + hours(14.0);
    assert!((one.value(at) - two.value(at)).abs() > 1e-6);
    let (a, b) = (
        mean(&one, tuesday(), hours(24.0)),
        mean(&two, tuesday(), hours(24.0)),
    );
    assert!((a / b - 1.0).abs() < 0.15, "{a} against {b}");
}

#[test]
fn demand_is_finite_and_never_negative_for_weeks() {
    for pattern in PATTERNS {
        let demand = Demand::new(pattern, 3, tuesday());
        for minute in 0..28 * 1440 {
            let at = tuesday() - hours(14.0 * 24.0) + Duration::from_secs(minute * 60);
            let value = demand.value(at);
            assert!(
                value.is_finite() && (0.0..20_000.0).contains(&value),
                "{pattern} {at}: {value}"
            );
        }
    }
}

#[test]
fn a_shop_is_quiet_at_night_opens_steeply_and_has_a_flash_at_noon() {
    let demand = Demand::new(Pattern::Shop, 1, tuesday());
    let around = |hour: f64| mean(&demand, tuesday() + hours(hour), hours(0.2));
    assert!(
        around(3.5) < 0.4 * around(10.5),
        "{} {}",
        around(3.5),
        around(10.5)
    );
    assert!(
        around(9.15) > 1.6 * around(8.6),
        "{} {}",
        around(8.6),
        around(9.15)
    );
    assert!(
        around(12.06) > 1.3 * around(11.6),
        "{} {}",
        around(11.6),
        around(12.06)
    );
}

#[test]
fn a_weekend_is_another_day_than_a_weekday() {
    let demand = Demand::new(Pattern::Api, 1, tuesday());
    let saturday = tuesday() + hours(4.0 * 24.0);
    let office = |day: Timestamp| mean(&demand, day + hours(10.0), hours(4.0));
    assert!(office(saturday) < 0.6 * office(tuesday()));
}

#[test]
fn the_noise_stays_for_a_while_and_has_the_size_that_the_pattern_says() {
    let noise = SmoothNoise::new(5);
    let values: Vec<f64> = (0..20_000).map(|i| noise.at(f64::from(i) * 60.0)).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let lag_one = values
        .windows(2)
        .map(|w| (w[0] - mean) * (w[1] - mean))
        .sum::<f64>()
        / n;
    assert!((variance - 1.0).abs() < 0.15, "variance {variance}");
    assert!(
        lag_one / variance > 0.6,
        "autocorrelation {}",
        lag_one / variance
    );
}

#[test]
fn a_shop_has_three_spikes_a_day_and_they_show_in_the_demand() {
    let demand = Demand::new(Pattern::Shop, 1, tuesday());
    let spikes = demand.spikes(tuesday(), tuesday() + hours(24.0));
    assert_eq!(spikes.len(), 3);
    for spike in spikes {
        let at = |offset: f64| demand.at(spike.start + offset);
        assert!(
            at(60.0) > at(-20.0) * (1.0 + 0.4 * spike.height),
            "{spike:?}"
        );
    }
}

#[test]
fn spikes_come_at_other_times_every_day() {
    let demand = Demand::new(Pattern::Spiky, 1, tuesday());
    let mut hours_of_day: Vec<i64> = demand
        .spikes(tuesday() - hours(240.0), tuesday())
        .iter()
        .map(|spike| (spike.start.rem_euclid(86_400.0) / 3600.0) as i64)
        .collect();
    assert!(hours_of_day.len() > 300);
    hours_of_day.sort_unstable();
    hours_of_day.dedup();
    assert_eq!(hours_of_day.len(), 24, "every hour of the day has seen one");
}

#[test]
fn a_flat_pattern_has_neither_shape_nor_spikes() {
    let demand = Demand::new(Pattern::Flat, 1, tuesday());
    assert!(
        demand
            .spikes(tuesday(), tuesday() + hours(240.0))
            .is_empty()
    );
    let (night, noon) = (
        mean(&demand, tuesday() + hours(1.0), hours(4.0)),
        mean(&demand, tuesday() + hours(10.0), hours(4.0)),
    );
    assert!((night / noon - 1.0).abs() < 0.05);
}

#[test]
fn every_day_of_the_run_holds_one_gap_while_demand_goes_on() {
    for pattern in PATTERNS {
        let demand = Demand::new(pattern, 9, tuesday());
        let missing: Vec<u64> = (0..1440)
            .filter(|minute| {
                demand
                    .observed(tuesday() + Duration::from_secs(minute * 60))
                    .is_none()
            })
            .collect();
        let (first, last) = (missing[0], missing[missing.len() - 1]);
        assert_eq!(
            last - first + 1,
            missing.len() as u64,
            "one gap, not several"
        );
        assert!(
            (14..=26).contains(&missing.len()),
            "{} minutes",
            missing.len()
        );
        let middle = tuesday() + Duration::from_mins(u64::midpoint(first, last));
        assert!(demand.value(middle) > 0.0);
        let gap = demand.gap(middle).unwrap();
        assert!((960..=1440).contains(&gap.length().as_secs()));
    }
}

#[test]
fn history_has_gaps_on_some_days_only() {
    let demand = Demand::new(Pattern::Shop, 1, tuesday());
    let with_gap = (1..=60)
        .filter(|day| {
            let midnight = tuesday() - hours(24.0) * *day;
            (0..1440).any(|minute| {
                demand
                    .gap(midnight + Duration::from_secs(minute * 60))
                    .is_some()
            })
        })
        .count();
    assert!((4..=24).contains(&with_gap), "{with_gap} of 60");
}

#[test]
fn the_metric_lags_behind_demand_and_follows_it() {
    let demand = Demand::new(Pattern::Shop, 1, tuesday());
    let at = tuesday() + hours(10.7);
    let observed = demand.observed(at).unwrap();
    let window = mean(&demand, at - Duration::from_mins(1), Duration::from_mins(1));
    assert!(
        (observed / window - 1.0).abs() < 0.1,
        "{observed} against {window}"
    );
    // At the opening the demand is ahead of what the metric shows.
    let opening: Vec<f64> = (0..48)
        .map(|i| tuesday() + hours(8.97) + Duration::from_secs(i * 10))
        .map(|at| demand.value(at) - demand.observed(at).unwrap())
        .collect();
    assert!(opening.iter().sum::<f64>() > 0.0);
}
