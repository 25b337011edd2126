use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn minute(figures: &mut Figures, number: i64, demand: f64, ready: u32, total: u32) {
    let now = Timestamp::from_secs(number * 60);
    figures.tick(now, MINUTE, demand, 100.0, ready, total);
}

#[test]
fn an_hour_with_six_minutes_short_of_one_replica_in_ten_is_counted() {
    let mut figures = Figures::new();
    for number in 0..54 {
        minute(&mut figures, number, 1000.0, 10, 10);
    }
    for number in 54..60 {
        minute(&mut figures, number, 1000.0, 9, 12);
    }
    let summary = figures.summary();
    assert!((summary.overload_minutes - 6.0).abs() < 1e-9);
    assert!((summary.overload_percent - 10.0).abs() < 1e-9);
    assert!(
        (summary.unmet_percent - 1.0).abs() < 1e-9,
        "{}",
        summary.unmet_percent
    );
    assert!((summary.replica_hours - (54.0 * 10.0 + 6.0 * 12.0) / 60.0).abs() < 1e-9);
    assert_eq!((summary.changes, summary.peak_replicas), (1, 12));
    assert_eq!(
        figures.span(),
        Some((Timestamp::from_secs(0), Timestamp::from_secs(3600)))
    );
}

#[test]
fn demand_that_fills_capacity_to_the_brim_is_no_overload() {
    let mut figures = Figures::new();
    figures.tick(Timestamp::default(), MINUTE, 0.1 + 0.2, 0.1, 3, 3);
    assert!(figures.overload_minutes() < 1e-9);
}

#[test]
fn a_run_of_no_length_and_demand_that_is_no_number_divide_nothing_by_zero() {
    let mut figures = Figures::new();
    assert!(figures.overload_percent() < 1e-9 && figures.unmet_share() < 1e-9);
    minute(&mut figures, 0, f64::NAN, 0, 0);
    assert!(figures.unmet_share() < 1e-9 && figures.changes_per_hour() < 1e-9);
}

#[test]
fn figures_are_reported_with_their_units_in_the_names() {
    let json = serde_json::to_value(Figures::new()).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    assert!(
        keys.contains(&"overload_minutes".to_owned()) && keys.contains(&"replica_hours".to_owned())
    );
}

#[test]
fn required_is_the_smallest_count_that_is_not_overloaded() {
    for (demand, capacity) in [
        (0.0, 10.0),
        (0.1 + 0.2, 0.1),
        (30.0, 10.0),
        (30.000_1, 10.0),
        (7.3, 1.1),
    ] {
        let count = required(demand, capacity);
        assert!(!overloaded(demand, capacity, count), "{demand} on {count}");
        assert!(
            count == 0 || overloaded(demand, capacity, count - 1),
            "{demand} on {count}"
        );
    }
}

/// A run of minutes in which `required` replicas of 100 each were needed and `ready` were there.
fn followed(minutes: &[(u32, u32)]) -> Elasticity {
    let mut figures = Figures::new();
    for (number, (required, ready)) in (0..).zip(minutes) {
        let demand = 100.0 * f64::from(*required);
        minute(&mut figures, number, demand, *ready, *ready);
    }
    figures.elasticity()
}

#[test]
fn the_spec_metrics_follow_their_formulas() {
    // Ten minutes: two short of half and of a fifth, one with a quarter too many.
    let mut minutes = vec![(4, 4); 7];
    minutes.extend([(4, 2), (5, 4), (4, 5)]);
    let got = followed(&minutes);
    assert!(
        (got.theta_u - 100.0 * (0.5 + 0.2) / 10.0).abs() < 1e-9,
        "{got:?}"
    );
    assert!((got.theta_o - 100.0 * 0.25 / 10.0).abs() < 1e-9, "{got:?}");
    assert!(
        (got.tau_u - 20.0).abs() < 1e-9 && (got.tau_o - 10.0).abs() < 1e-9,
        "{got:?}"
    );
}

#[test]
fn instability_is_the_time_in_which_supply_moves_otherwise_than_need() {
    let table: [(&[(u32, u32)], f64); 5] = [
        (&[(4, 4), (5, 5), (4, 4)], 0.0),
        (&[(4, 4), (5, 4), (5, 5)], 100.0),
        (&[(4, 4), (5, 3), (5, 3)], 50.0),
        (&[(4, 4), (4, 5), (4, 5)], 50.0),
        (&[(4, 4)], 0.0),
    ];
    for (minutes, expected) in table {
        let got = followed(minutes).instability;
        assert!((got - expected).abs() < 1e-9, "{minutes:?}: {got}");
    }
}

#[test]
fn a_minute_violates_the_objective_when_too_many_of_its_requests_are_late() {
    let mut figures = Figures::with_allowed(0.05);
    assert_eq!(figures.slo_violation_minutes(), None);
    let mut quarter = |number: i64, demand: f64, over: f64| {
        figures.add(&Stretch {
            at: Timestamp::from_secs(number * 15),
            length: Duration::from_secs(15),
            demand,
            capacity_per_replica: 1.0,
            ready: 1,
            wanted: 1,
            paid: 1,
            over_objective: Some(over),
        });
    };
    // 16 % late in a quarter of the minute is 4 % of it: fine. In the next minute that quarter has most requests.
    for (number, (demand, over)) in (0..).zip([(1.0, 0.16), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0)]) {
        quarter(number, demand, over);
    }
    for (number, (demand, over)) in (4..).zip([(9.0, 0.16), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0)]) {
        quarter(number, demand, over);
    }
    // A last minute that has only begun counts by what has been seen of it.
    quarter(8, 1.0, 0.5);
    assert_eq!(figures.slo_violation_minutes(), Some(2.0));
}

#[test]
fn cost_is_told_in_money_and_against_another_run() {
    let (mut dear, mut cheap) = (Figures::new(), Figures::new());
    minute(&mut dear, 0, 100.0, 3, 3);
    minute(&mut cheap, 0, 100.0, 2, 2);
    assert!((dear.price(0.2) - 0.01).abs() < 1e-12);
    assert!((dear.cost_ratio(&cheap) - 1.5).abs() < 1e-12);
    assert!(dear.cost_ratio(&Figures::new()).abs() < 1e-12);
}

#[test]
fn terminating_pods_cost_and_are_no_change() {
    let mut figures = Figures::new();
    for (number, paid) in [(0, 4), (1, 6), (2, 4)] {
        figures.add(&Stretch {
            at: Timestamp::from_secs(number * 60),
            length: MINUTE,
            demand: 1.0,
            capacity_per_replica: 1.0,
            ready: 4,
            wanted: 4,
            paid,
            over_objective: None,
        });
    }
    assert_eq!((figures.changes(), figures.peak_replicas()), (0, 6));
}
