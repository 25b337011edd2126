use super::erlang::waits;
use super::*;

fn queue() -> Queue {
    Queue::new(Service::default())
}

#[test]
fn erlang_c_agrees_with_published_values() {
    // (servers, offered load in erlangs, probability of waiting); one server waits with its utilisation.
    let table = [
        (1, 0.5, 0.5),
        (1, 0.9, 0.9),
        (2, 1.0, 1.0 / 3.0),
        (3, 2.0, 4.0 / 9.0),
        (5, 4.0, 0.5541),
        (10, 8.0, 0.4092),
    ];
    for (servers, offered, expected) in table {
        let got = waits(servers, offered / f64::from(servers));
        assert!(
            (got - expected).abs() < 1e-3,
            "{servers} servers, {offered} erlang: {got}"
        );
    }
}

#[test]
fn at_capacity_exactly_the_allowed_share_is_over_the_objective() {
    for allowed in [0.01, 0.05, 0.2] {
        let mut queue = Queue::new(Service {
            allowed,
            ..Service::default()
        });
        let over = queue.pass(100.0, 100.0, 15.0).over;
        assert!((over - allowed).abs() < 1e-3, "{allowed}: {over}");
    }
}

#[test]
fn more_load_more_variation_and_less_concurrency_all_make_requests_slower() {
    let over = |load: f64| queue().pass(load, 100.0, 15.0).over;
    let shares: Vec<f64> = [10.0, 50.0, 90.0, 100.0, 104.0].map(over).to_vec();
    assert!(shares.is_sorted(), "{shares:?}");
    let knee = |concurrency: u32, variation: f64| {
        let service = Service {
            concurrency,
            variation,
            ..Service::default()
        };
        Queue::new(service).utilisation_at_capacity()
    };
    assert!(knee(16, 0.0) > knee(16, 1.0) && knee(16, 1.0) > knee(16, 1.5));
    assert!(knee(16, 1.0) > knee(4, 1.0) && knee(4, 1.0) > knee(1, 1.0));
}

#[test]
fn an_overload_is_felt_until_the_line_has_gone() {
    let mut queue = queue();
    let full = 100.0 / queue.utilisation_at_capacity();
    // 1 % above what the fleet can do at all, for a minute: 0.6 s of work in line.
    for _ in 0..4 {
        queue.pass(1.01 * full, 100.0, 15.0);
    }
    assert!((queue.wait(100.0) - 0.6).abs() < 1e-9);
    // Then 2 % below: gone after half a minute, and until the wait is bearable everybody is late.
    let after: Vec<f64> = (0..4)
        .map(|_| queue.pass(0.98 * full, 100.0, 15.0).over)
        .collect();
    assert!(after[0] > 0.99, "{after:?}");
    assert!(
        after[1] > after[2] && (after[2] - after[3]).abs() < 1e-9,
        "{after:?}"
    );
    assert!(queue.wait(100.0) < 1e-9);
}

#[test]
fn requests_give_up_when_the_line_is_too_long_and_are_counted() {
    let mut queue = queue();
    let full = 100.0 / queue.utilisation_at_capacity();
    let mut dropped = 0.0;
    for _ in 0..40 {
        let passage = queue.pass(2.0 * full, 100.0, 15.0);
        dropped += passage.dropped;
    }
    // Ten seconds of work stay in line, all the rest of the surplus has gone.
    assert!((dropped - full * (600.0 - 10.0)).abs() < 1e-6 * full);
    assert!((queue.wait(100.0) - 10.0).abs() < 1e-9);
}

#[test]
fn a_fleet_of_nothing_serves_nobody_and_nothing_divides_by_zero() {
    let mut queue = queue();
    let passage = queue.pass(50.0, 0.0, 15.0);
    assert!(
        (passage.over - 1.0).abs() < 1e-9 || passage.over > 0.9,
        "{passage:?}"
    );
    assert!((passage.dropped - 750.0).abs() < 1e-9);
    let idle = queue.pass(0.0, 0.0, 15.0);
    assert!(idle.over.abs() < 1e-9 && idle.dropped.abs() < 1e-9);
}

#[test]
fn a_service_slower_than_its_objective_is_over_it_always() {
    let slow = Service {
        mean: Duration::from_secs(1),
        variation: 0.0,
        ..Service::default()
    };
    assert!(Queue::new(slow).pass(1.0, 100.0, 15.0).over > 0.99);
}
