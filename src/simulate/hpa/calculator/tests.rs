use std::time::Duration;

use super::super::{Behavior, Hpa};
use super::*;
use crate::domain::Timestamp;

const DEFAULT: Tolerances = Tolerances { down: 0.1, up: 0.1 };

/// Ten pods that request 1000m and should use 50 % of it.
fn cpu(measured: u32, usage_milli: i64, ignored: u32, missing: u32) -> Resource {
    Resource {
        target_percent: 50,
        request_milli: 1000,
        measured,
        usage_milli,
        ignored,
        missing,
    }
}

fn fleet(spec: u32, ready: u32) -> Fleet {
    Fleet {
        spec,
        status: spec,
        ready,
    }
}

fn metric(value: f64, target: f64) -> Metric {
    Metric {
        value_milli: (value * 1000.0) as i64,
        target_milli: (target * 1000.0) as i64,
    }
}

#[test]
fn a_value_is_compared_as_it_is_and_multiplies_the_ready_pods() {
    // (value, target, replicas, ready, replicas after)
    let table = [
        (100.0, 100.0, 10, 10, 10),
        (110.0, 100.0, 10, 10, 10),
        (150.0, 100.0, 10, 10, 15),
        (150.0, 100.0, 10, 6, 9),
        (50.0, 100.0, 10, 10, 5),
        (50.0, 100.0, 10, 4, 2),
        (0.0, 100.0, 10, 10, 0),
        (250.0, 100.0, 0, 0, 3),
    ];
    for (value, target, replicas, ready, after) in table {
        let source = Source::Value(metric(value, target));
        let got = source.replicas(fleet(replicas, ready), DEFAULT);
        assert_eq!(
            got,
            Some(after),
            "{value} of {target}, {ready} of {replicas} ready"
        );
    }
}

#[test]
fn cpu_of_a_fleet_that_is_all_there_is_a_whole_percentage_of_its_requests() {
    // (used by ten pods together, replicas after)
    let table = [
        (5000, 10),
        (5500, 10),
        // 55.9 % is 55 % there, so the ratio is 1.1 and not beyond it.
        (5590, 10),
        (5600, 12),
        (10_000, 20),
        (4500, 10),
        (4490, 9),
        (2000, 4),
        (0, 0),
    ];
    for (usage, after) in table {
        let got = cpu(10, usage, 0, 0).replicas(10, DEFAULT);
        assert_eq!(got, Some(after), "{usage}m of 10000m");
    }
}

#[test]
fn pods_that_are_not_ready_hold_scaling_up_back_and_do_not_matter_on_the_way_down() {
    // (measured, their usage, not counted, replicas after) of ten.
    let table = [
        // 100 % on six pods, but four more are coming: 60 % on ten is 12.
        (6, 6000, 4, 12),
        // 80 % on six is 48 % on ten, which turns the direction.
        (6, 4800, 4, 10),
        // 84 % on six is 50 % on ten.
        (6, 5040, 4, 10),
        // 30 % on six: down to what the six need.
        (6, 1800, 4, 4),
    ];
    for (measured, usage, ignored, after) in table {
        let got = cpu(measured, usage, ignored, 0).replicas(10, DEFAULT);
        assert_eq!(
            got,
            Some(after),
            "{usage}m on {measured}, {ignored} not ready"
        );
    }
}

#[test]
fn pods_without_a_sample_count_as_idle_going_up_and_as_busy_going_down() {
    // (measured, their usage, without a sample, replicas after) of ten.
    let table = [
        // 100 % on eight is 80 % on ten.
        (8, 8000, 2, 16),
        // 60 % on eight is 48 % on ten: would turn the direction.
        (8, 4800, 2, 10),
        // 20 % on eight and two at 100 % is 36 % on ten.
        (8, 1600, 2, 8),
        // 45 % on eight and two at 100 % is 56 %: would turn the direction.
        (8, 3600, 2, 10),
        // Exactly on target nothing is filled in and nothing happens.
        (8, 4000, 2, 10),
    ];
    for (measured, usage, missing, after) in table {
        let got = cpu(measured, usage, 0, missing).replicas(10, DEFAULT);
        assert_eq!(
            got,
            Some(after),
            "{usage}m on {measured}, {missing} without a sample"
        );
    }
}

#[test]
fn missing_pods_count_at_the_target_where_that_is_above_the_request() {
    let burst = Resource {
        target_percent: 200,
        ..cpu(8, 8000, 0, 2)
    };
    // 100 % on eight, two at 200 %: 120 % of 200 % on ten.
    assert_eq!(burst.replicas(10, DEFAULT), Some(6));
}

#[test]
fn uncounted_pods_may_not_turn_the_number_of_replicas_against_its_direction() {
    // Three of the ten pods are counted at all: 60 % on three asks for more than 3, which is fewer than ten.
    assert_eq!(cpu(3, 2100, 1, 0).replicas(10, DEFAULT), Some(10));
}

#[test]
fn without_a_single_pod_to_count_the_metric_is_an_error() {
    assert_eq!(cpu(0, 0, 10, 0).replicas(10, DEFAULT), None);
    let mut hpa = Hpa::new(1, 100, Behavior::default());
    let now = Timestamp::from_secs(0);
    let nothing = Some(Source::Resource(cpu(0, 0, 10, 0)));
    assert_eq!(hpa.sync_on(now, fleet(10, 0), &[nothing]), 10);
}

#[test]
fn of_metrics_of_different_kinds_the_highest_wins_and_an_error_forbids_going_down() {
    let busy = Some(Source::Resource(cpu(10, 9000, 0, 0)));
    let calm = Some(Source::Resource(cpu(10, 2000, 0, 0)));
    let broken = Some(Source::Resource(cpu(0, 0, 10, 0)));
    let low = Some(Source::AverageValue(metric(400.0, 100.0)));
    let high = Some(Source::AverageValue(metric(1500.0, 100.0)));
    let table = [
        ([busy, low], 18),
        ([calm, high], 15),
        ([calm, low], 4),
        ([broken, low], 10),
        ([broken, high], 15),
        ([None, calm], 10),
    ];
    for (sources, after) in table {
        let mut behavior = Behavior::default();
        behavior.scale_down.stabilization = Duration::ZERO;
        let mut hpa = Hpa::new(1, 100, behavior);
        let got = hpa.sync_on(Timestamp::from_secs(0), fleet(10, 10), &sources);
        assert_eq!(got, after, "{sources:?}");
    }
}

#[test]
fn a_cpu_metric_at_its_limit_grows_the_fleet_by_no_more_than_limit_over_target_at_a_time() {
    let mut hpa = Hpa::new(1, 1000, Behavior::default());
    let mut replicas = 10;
    let mut steps = vec![replicas];
    for secs in (0..60).step_by(15) {
        // However large the load, each pod uses 100 % of its limit.
        let saturated = Resource {
            target_percent: 70,
            ..cpu(replicas, i64::from(replicas) * 1000, 0, 0)
        };
        let sources = [Some(Source::Resource(saturated))];
        replicas = hpa.sync_on(
            Timestamp::from_secs(secs),
            fleet(replicas, replicas),
            &sources,
        );
        steps.push(replicas);
    }
    assert_eq!(steps, [10, 15, 22, 32, 46]);
}
