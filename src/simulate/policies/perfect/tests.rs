use std::time::Duration;

use super::*;
use crate::domain::Series;
use crate::simulate::cluster::{Cluster, run};
use crate::simulate::figures::Figures;
use crate::simulate::trace::Trace;

/// Demand by minute for replicas that carry 1 each and start in `start_up` seconds.
fn run_on(demand: &[f64], start_up: u64, allowed: f64) -> Figures {
    let series = Series::new(
        Timestamp::from_secs(0),
        Duration::from_mins(1),
        demand.to_vec(),
    );
    let trace = Trace::new(&series);
    let cluster = Cluster::new(1.0, Duration::from_secs(start_up));
    let scene = Scene::new(&cluster, &trace, Timestamp::from_secs(7200), trace.end());
    run(&scene, &mut Foresight::new(&scene).within(allowed))
}

/// A plain with a long hill and short spikes of different height.
fn hills() -> Vec<f64> {
    (0..1500)
        .map(|minute| match minute {
            400..600 => 20.0,
            700..703 => 30.0,
            800..803 => 15.0,
            900..920 => 12.0,
            _ => 4.5,
        })
        .collect()
}

#[test]
fn the_highest_value_within_reach_is_found_at_every_place() {
    let values = [1, 5, 2, 2, 7, 1, 1, 3];
    assert_eq!(ahead(&values, 0), values);
    assert_eq!(ahead(&values, 2), [5, 5, 7, 7, 7, 3, 3, 3]);
    assert_eq!(ahead(&values, 100), [7, 7, 7, 7, 7, 3, 3, 3]);
}

#[test]
fn without_an_allowance_there_is_no_overload_whatever_the_start_up() {
    for start_up in [0, 15, 90, 240, 600] {
        let figures = run_on(&hills(), start_up, 0.0);
        assert!(figures.overload_percent() < 1e-9, "{start_up} s");
    }
}

#[test]
fn with_instant_pods_it_has_exactly_what_is_needed() {
    let figures = run_on(&hills(), 0, 0.0);
    let elasticity = figures.elasticity();
    assert!(
        elasticity.tau_u < 1e-9 && elasticity.tau_o < 1e-9,
        "{elasticity:?}"
    );
}

#[test]
fn a_slower_start_and_a_smaller_allowance_both_cost_more() {
    let cost = |start_up, allowed| run_on(&hills(), start_up, allowed).replica_hours();
    let by_start: Vec<f64> = [0, 60, 240, 600].map(|secs| cost(secs, 0.0)).to_vec();
    assert!(by_start.is_sorted(), "{by_start:?}");
    let by_allowance: Vec<f64> = [5.0, 1.0, 0.3, 0.0]
        .map(|allowed| cost(90, allowed))
        .to_vec();
    assert!(by_allowance.is_sorted(), "{by_allowance:?}");
}

#[test]
fn an_allowance_is_kept_and_spent_on_the_peaks_that_save_most_for_their_length() {
    // A minute more than each spike is above the plain, on the slopes: 0.3 % of 23 hours is enough for one of them.
    for (allowed, peak) in [(0.0, 30), (0.3, 20), (0.65, 20)] {
        let figures = run_on(&hills(), 90, allowed);
        assert!(figures.overload_percent() <= allowed + 1e-9, "{allowed}");
        assert_eq!(figures.peak_replicas(), peak, "{allowed}");
    }
}

#[test]
fn a_lull_is_used_only_when_it_is_longer_than_a_start_up() {
    let lull = |minutes: usize| -> Vec<f64> {
        (0..400)
            .map(|minute| {
                if (200..200 + minutes).contains(&minute) {
                    1.0
                } else {
                    10.0
                }
            })
            .collect()
    };
    assert_eq!(run_on(&lull(3), 300, 0.0).changes(), 0);
    assert!(run_on(&lull(20), 300, 0.0).changes() > 0);
}

#[test]
fn an_allowance_is_a_share_of_the_time_in_which_the_demand_is_known() {
    let mut demand = hills();
    // More than a third of the 23 hours is missing: 0.65 % of the rest is not enough for two of the spikes.
    demand[930..1440].fill(f64::NAN);
    for allowed in [0.3, 0.65, 1.0, 5.0] {
        let figures = run_on(&demand, 90, allowed);
        assert!(figures.overload_percent() <= allowed + 1e-9, "{allowed}");
    }
}
