use super::*;

fn frontier(points: &[(f64, f64)]) -> Frontier {
    let point = |(setting, (overload, hours)): (i32, &(f64, f64))| Point {
        setting: f64::from(setting),
        overload_percent: *overload,
        replica_hours: *hours,
    };
    Frontier::new((0..).zip(points).map(point))
}

#[test]
fn only_points_that_nobody_beats_in_both_are_kept() {
    let frontier = frontier(&[
        (1.0, 100.0),
        (0.1, 200.0),
        (0.5, 210.0),
        (0.1, 190.0),
        (2.0, 100.0),
        (f64::NAN, 1.0),
        (0.0, 300.0),
    ]);
    let kept: Vec<_> = frontier
        .points()
        .iter()
        .map(|point| point.replica_hours)
        .collect();
    assert_eq!(kept, [300.0, 190.0, 100.0]);
}

#[test]
fn between_two_settings_cost_goes_with_the_logarithm_of_the_overload() {
    let frontier = frontier(&[(0.1, 200.0), (10.0, 100.0)]);
    // (overload allowed, cost)
    let table = [
        (0.1, Some(200.0)),
        (1.0, Some(150.0)),
        (10.0, Some(100.0)),
        (50.0, Some(100.0)),
        (0.05, None),
    ];
    for (overload, cost) in table {
        let got = frontier.hours_at(overload);
        assert_eq!(got.map(f64::round), cost, "{overload} %");
    }
    // And back.
    for (cost, overload) in [
        (200.0, Some(0.1)),
        (150.0, Some(1.0)),
        (500.0, Some(0.1)),
        (99.0, None),
    ] {
        let got = frontier.overload_at(cost);
        assert_eq!(
            got.map(|o| (o * 1000.0).round() / 1000.0),
            overload,
            "{cost} h"
        );
    }
}

#[test]
fn no_overload_at_all_is_a_place_on_the_scale() {
    let frontier = frontier(&[(0.0, 300.0), (1.0, 100.0)]);
    assert_eq!(frontier.hours_at(0.0), Some(300.0));
    let between = frontier.hours_at(0.1).unwrap();
    assert!((100.0..300.0).contains(&between), "{between}");
    let overload = frontier.overload_at(299.0).unwrap();
    assert!((LEAST_OVERLOAD..0.01).contains(&overload), "{overload}");
    assert_eq!(frontier.overload_at(400.0), Some(0.0));
}

#[test]
fn the_captured_share_is_counted_from_one_frontier_to_the_limit() {
    let hpa = frontier(&[(0.1, 200.0), (1.0, 150.0)]);
    let limit = frontier(&[(0.0, 100.0)]);
    // (the other's cost at 0.1 %, share captured)
    for (cost, share) in [(150.0, 0.5), (100.0, 1.0), (200.0, 0.0), (220.0, -0.2)] {
        let other = frontier(&[(0.1, cost)]);
        let got = hpa.captured_by(&other, &limit, 0.1).unwrap();
        assert!((got - share).abs() < 1e-9, "{cost}: {got}");
    }
    let careless = frontier(&[(2.0, 50.0)]);
    assert_eq!(hpa.captured_by(&careless, &limit, 0.1), None);
    assert_eq!(
        limit.captured_by(&hpa, &limit, 0.1),
        None,
        "nothing to be had"
    );
}

#[test]
fn overload_at_equal_cost_is_compared_with_what_there_really_is() {
    // Even its cheapest setting is short for no more than 0.2 %.
    let hpa = frontier(&[(0.1, 200.0), (0.2, 150.0)]);
    let other = frontier(&[(0.1, 150.0)]);
    // (overload allowed, ratio)
    for (allowed, ratio) in [(1.0, 0.5), (0.2, 0.5), (0.1, 1.0)] {
        let got = hpa.overload_ratio_of(&other, allowed).unwrap();
        assert!((got - ratio).abs() < 1e-9, "{allowed} %: {got}");
    }
    assert_eq!(hpa.overload_ratio_of(&other, 0.05), None, "not kept to");
    let dear = frontier(&[(0.1, 300.0)]);
    assert_eq!(hpa.overload_ratio_of(&dear, 1.0), None, "not as cheap");
    let never_short = frontier(&[(0.0, 100.0)]);
    assert_eq!(never_short.overload_ratio_of(&hpa, 1.0), None);
    assert_eq!(never_short.overload_ratio_of(&never_short, 1.0), None);
}

#[test]
fn a_policy_without_a_single_run_has_nothing_to_say() {
    let empty = Frontier::new([]);
    assert_eq!((empty.hours_at(1.0), empty.overload_at(1.0)), (None, None));
}
