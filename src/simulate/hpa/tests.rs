use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// A metric whose value asks for `replicas` at a target of 1.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a metric that is there, in a list of metrics that may be missing"
)]
fn asks(replicas: f64) -> Option<Metric> {
    Some(Metric {
        value_milli: (replicas * 1000.0).round() as i64,
        target_milli: 1000,
    })
}

/// Syncs every 15 s, the replicas following at once.
fn run(hpa: &mut Hpa, start: u32, asked: &[f64]) -> Vec<u32> {
    let mut replicas = start;
    let syncs = asked.iter().zip((0..).step_by(15));
    syncs
        .map(|(asked, secs)| {
            replicas = hpa.sync(at(secs), replicas, &[asks(*asked)]);
            replicas
        })
        .collect()
}

fn instant() -> Behavior {
    let mut behavior = Behavior::default();
    behavior.scale_down.stabilization = Duration::ZERO;
    behavior
}

#[test]
fn within_the_tolerance_nothing_happens_and_its_bounds_belong_to_it() {
    // (replicas, asked, tolerance, replicas after) with `1 - tol <= ratio <= 1 + tol`.
    let table = [
        (10, 10.4, 0.1, 10),
        (10, 11.0, 0.1, 10),
        (10, 11.001, 0.1, 12),
        (10, 9.0, 0.1, 10),
        (10, 8.9, 0.1, 9),
        (20, 21.0, 0.1, 20),
        (20, 21.0, 0.0, 21),
        (20, 20.0, 0.0, 20),
        (20, 19.5, 0.0, 20),
        (20, 19.0, 0.0, 19),
        (100, 104.0, 0.05, 100),
        (100, 106.0, 0.05, 106),
    ];
    for (replicas, asked, tolerance, after) in table {
        let mut hpa = Hpa::new(1, 1000, instant().with_tolerance(tolerance));
        hpa.sync(at(-15), replicas, &[asks(f64::from(replicas))]);
        let got = hpa.sync(at(0), replicas, &[asks(asked)]);
        assert_eq!(
            got, after,
            "{replicas} asked for {asked} at tolerance {tolerance}"
        );
    }
}

#[test]
fn tolerance_may_differ_by_direction() {
    let mut behavior = instant();
    behavior.scale_up.tolerance = Some(0.0);
    behavior.scale_down.tolerance = Some(0.3);
    let mut hpa = Hpa::new(1, 100, behavior);
    assert_eq!(run(&mut hpa, 10, &[10.0, 10.1, 8.0, 7.0]), [10, 11, 11, 7]);
}

#[test]
fn the_ratio_counts_every_replica_ready_or_not_so_a_slow_start_is_not_answered_twice() {
    let mut hpa = Hpa::new(1, 100, Behavior::default());
    assert_eq!(hpa.sync(at(0), 4, &[asks(8.0)]), 8);
    // None of the four new pods is ready, the load still asks for 8: nothing more is added.
    assert_eq!(hpa.sync(at(15), 8, &[asks(8.0)]), 8);
}

#[test]
fn scaling_up_takes_the_larger_of_four_pods_and_doubling_every_15_seconds() {
    let mut hpa = Hpa::new(1, 1000, Behavior::default());
    assert_eq!(run(&mut hpa, 1, &[100.0; 6]), [5, 10, 20, 40, 80, 100]);
}

#[test]
fn without_a_behavior_scaling_up_is_bound_by_twice_the_replicas_or_four() {
    let mut hpa = Hpa::without_behavior(1, 1000);
    assert_eq!(run(&mut hpa, 1, &[100.0; 6]), [4, 8, 16, 32, 64, 100]);
}

#[test]
fn without_a_behavior_the_tolerance_is_the_controllers() {
    let lands = |mut hpa: Hpa| run(&mut hpa, 20, &[21.0]);
    assert_eq!(lands(Hpa::without_behavior(1, 100)), [20]);
    let exact = Hpa::without_behavior(1, 100).with_tolerance(0.0);
    assert_eq!(lands(exact), [21]);
    let own = Behavior::default().with_tolerance(0.0);
    assert_eq!(lands(Hpa::new(1, 100, own).with_tolerance(0.2)), [21]);
}

#[test]
fn scaling_down_waits_for_the_highest_recommendation_of_five_minutes() {
    for (mut hpa, syncs_held) in [
        // "After" the cut-off with a behavior, "not before" it without: one sync apart.
        (Hpa::new(1, 100, Behavior::default()), 20),
        (Hpa::without_behavior(1, 100), 21),
    ] {
        let mut asked = vec![10.0];
        asked.extend([5.0; 25]);
        let replicas = run(&mut hpa, 10, &asked);
        let held = replicas
            .iter()
            .take_while(|replicas| **replicas == 10)
            .count();
        assert_eq!(held, syncs_held);
        assert_eq!(replicas.last(), Some(&5));
    }
}

#[test]
fn a_controller_that_has_just_started_does_not_shrink_the_fleet_at_once() {
    let mut hpa = Hpa::new(1, 100, Behavior::default());
    assert_eq!(hpa.sync(at(0), 50, &[asks(5.0)]), 50);
}

#[test]
fn an_up_window_takes_the_lowest_recommendation_in_it() {
    let mut behavior = instant();
    behavior.scale_up.stabilization = Duration::from_mins(1);
    let mut hpa = Hpa::new(1, 100, behavior);
    // The first look, at 4, stays in the window for 60 s.
    assert_eq!(
        run(&mut hpa, 4, &[4.0, 8.0, 7.0, 8.0, 8.0, 8.0]),
        [4, 4, 4, 4, 7, 7]
    );
}

#[test]
fn policies_bound_the_change_within_their_period() {
    let cases: [(Vec<Policy>, Select, [u32; 4]); 6] = [
        (vec![Policy::pods(2, 30)], Select::Max, [12, 12, 14, 14]),
        (vec![Policy::percent(10, 30)], Select::Max, [11, 11, 13, 13]),
        (
            vec![Policy::pods(2, 15), Policy::percent(50, 15)],
            Select::Max,
            [15, 23, 35, 40],
        ),
        (
            vec![Policy::pods(2, 15), Policy::percent(50, 15)],
            Select::Min,
            [12, 14, 16, 18],
        ),
        (vec![Policy::pods(5, 60)], Select::Max, [15, 15, 15, 15]),
        (
            vec![Policy::pods(5, 15)],
            Select::Disabled,
            [10, 10, 10, 10],
        ),
    ];
    for (policies, select, after) in cases {
        let mut behavior = instant();
        behavior.scale_up.policies.clone_from(&policies);
        behavior.scale_up.select = select;
        let mut hpa = Hpa::new(1, 40, behavior);
        assert_eq!(
            run(&mut hpa, 10, &[100.0; 4]),
            after,
            "{policies:?} {select:?}"
        );
    }
}

#[test]
fn policies_bound_shrinking_too_and_truncate() {
    let cases: [(Vec<Policy>, Select, [u32; 4]); 5] = [
        (vec![Policy::pods(2, 30)], Select::Max, [8, 8, 6, 6]),
        (vec![Policy::percent(15, 15)], Select::Max, [8, 6, 5, 4]),
        (
            vec![Policy::pods(1, 15), Policy::percent(50, 15)],
            Select::Max,
            [5, 2, 1, 1],
        ),
        (
            vec![Policy::pods(1, 15), Policy::percent(50, 15)],
            Select::Min,
            [9, 8, 7, 6],
        ),
        (
            vec![Policy::pods(1, 15)],
            Select::Disabled,
            [10, 10, 10, 10],
        ),
    ];
    for (policies, select, after) in cases {
        let mut behavior = instant();
        behavior.scale_down.policies.clone_from(&policies);
        behavior.scale_down.select = select;
        let mut hpa = Hpa::new(1, 40, behavior);
        assert_eq!(
            run(&mut hpa, 10, &[0.5; 4]),
            after,
            "{policies:?} {select:?}"
        );
    }
}

#[test]
fn min_and_max_bound_every_answer_and_bring_outsiders_inside_without_asking_metrics() {
    let mut hpa = Hpa::new(3, 12, instant());
    assert_eq!(hpa.sync(at(0), 10, &[asks(100.0)]), 12);
    assert_eq!(hpa.sync(at(15), 12, &[asks(0.0)]), 3);
    assert_eq!(hpa.sync(at(30), 20, &[None]), 12);
    assert_eq!(hpa.sync(at(45), 1, &[None]), 3);
}

#[test]
fn a_target_at_zero_is_left_to_keda() {
    let mut hpa = Hpa::new(0, 10, Behavior::default());
    assert_eq!(hpa.sync(at(0), 0, &[asks(5.0)]), 0);
    assert_eq!(
        hpa.sync(at(15), 1, &[asks(0.0)]),
        1,
        "the lowest it goes is 1"
    );
}

#[test]
fn several_metrics_take_the_highest_and_a_missing_one_forbids_scaling_down() {
    // (metrics, replicas after) from 10 replicas.
    let table: [(&[Option<Metric>], u32); 6] = [
        (&[asks(12.0), asks(15.0)], 15),
        (&[asks(4.0), asks(6.0)], 6),
        (&[None], 10),
        (&[], 10),
        (&[None, asks(5.0)], 10),
        (&[None, asks(15.0)], 15),
    ];
    for (metrics, after) in table {
        let mut hpa = Hpa::new(1, 100, instant());
        assert_eq!(hpa.sync(at(0), 10, metrics), after, "{metrics:?}");
    }
}

#[test]
fn numbers_out_of_range_are_capped() {
    let mut hpa = Hpa::new(1, 100, Behavior::default());
    let huge = Metric {
        value_milli: i64::MAX,
        target_milli: 1,
    };
    let negative = Metric {
        value_milli: -5,
        target_milli: 1000,
    };
    assert_eq!(hpa.sync(at(0), 50, &[Some(huge)]), 100);
    assert_eq!(
        hpa.sync(at(15), 60, &[Some(negative)]),
        100,
        "taken for an overflow"
    );
}

#[test]
fn wanted_replicas_that_are_not_there_yet_are_not_asked_for_again() {
    let mut hpa = Hpa::new(1, 100, Behavior::default());
    // Quota lets only 6 of 10 exist; the value asks for 10, the ratio is counted on those 6.
    assert_eq!(hpa.sync_scale(at(0), 10, 6, &[asks(10.0)]), 10);
}
