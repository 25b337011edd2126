use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn slow() -> StartUp {
    StartUp::exactly(Duration::from_mins(1))
}

#[test]
fn a_pod_counts_at_once_and_serves_when_it_is_ready() {
    let mut pods = Pods::new(slow(), 1);
    pods.scale_to(3, at(0));
    assert_eq!(
        (pods.total(), pods.ready(at(59)), pods.ready(at(60))),
        (3, 0, 3)
    );
}

#[test]
fn scaling_down_takes_starting_pods_first_then_the_youngest_ready_ones() {
    let mut pods = Pods::new(slow(), 1).with_ready(4, at(0));
    pods.scale_to(6, at(100));
    pods.scale_to(4, at(110));
    assert_eq!(
        pods.ready(at(110)),
        4,
        "the two that were starting are gone"
    );
    pods.scale_to(5, at(120));
    pods.scale_to(4, at(200));
    let old = Run {
        ready_at: at(0),
        count: 4,
    };
    assert_eq!(pods.ready, [old], "the youngest is gone");
}

#[test]
fn of_two_starting_pods_the_younger_goes_though_it_would_be_ready_sooner() {
    let mut pods = Pods::new(slow(), 1).with_ready(1, at(0));
    pods.starting = [100, 50].map(at).to_vec();
    pods.scale_to(2, at(10));
    assert_eq!((pods.ready(at(60)), pods.ready(at(100))), (1, 2));
}

#[test]
fn pods_become_ready_in_their_own_time_and_are_known_by_their_age() {
    let mut pods = Pods::new(slow(), 1).with_ready(2, at(0));
    pods.starting = [90, 70, 90].map(at).to_vec();
    pods.advance(at(100));
    assert_eq!((pods.total(), pods.ready(at(100))), (5, 5));
    let younger = |secs| pods.ready_for_less_than(Duration::from_secs(secs), at(100));
    assert_eq!(
        [younger(10), younger(11), younger(31), younger(200)],
        [0, 2, 3, 5]
    );
}

#[test]
fn start_up_times_have_their_median_and_a_tail() {
    let start_up = StartUp::around(Duration::from_secs(90));
    let mut pods = Pods::new(start_up, 7);
    pods.scale_to(2000, at(0));
    let share = |secs| f64::from(pods.ready(at(secs))) / 2000.0;
    assert!(
        (share(90) - 0.5).abs() < 0.05,
        "half are ready at the median: {}",
        share(90)
    );
    assert!(
        share(60) < 0.01,
        "the fixed part holds for all: {}",
        share(60)
    );
    assert!(
        share(120) > 0.85 && share(120) < 0.97,
        "one in ten is late: {}",
        share(120)
    );
    let usual = start_up.usual_longest().as_secs().cast_signed();
    assert!((share(usual) - 0.95).abs() < 0.02, "{}", share(usual));
}

#[test]
fn the_same_seed_gives_the_same_fleet() {
    let fleet = |seed| {
        let mut pods = Pods::new(StartUp::around(Duration::from_secs(90)), seed);
        pods.scale_to(50, at(0));
        (60..200)
            .map(|secs| pods.ready(at(secs)))
            .collect::<Vec<_>>()
    };
    assert_eq!(fleet(3), fleet(3));
    assert_ne!(fleet(3), fleet(4));
}

#[test]
fn deleted_pods_cost_until_their_grace_period_ends() {
    let mut pods = Pods::new(slow(), 1)
        .with_grace(Duration::from_secs(30))
        .with_ready(5, at(0));
    pods.scale_to(2, at(10));
    assert_eq!((pods.total(), pods.ready(at(10))), (2, 2));
    assert_eq!((pods.terminating(at(39)), pods.terminating(at(40))), (3, 0));
}

#[test]
fn a_spread_that_makes_no_sense_does_no_harm() {
    let odd = StartUp {
        spread_sigma: f64::NAN,
        spread_median: Duration::from_secs(10),
        ..slow()
    };
    let mut pods = Pods::new(odd, 1);
    pods.scale_to(1, at(0));
    assert_eq!((pods.ready(at(69)), pods.ready(at(71))), (0, 1));
}

/// Two pods a node, two minutes to a new one.
fn pool(spare: u32) -> NodePool {
    NodePool {
        pods_per_node: 2,
        provisioning: Duration::from_mins(2),
        spare,
    }
}

#[test]
fn only_the_part_of_the_pods_that_finds_no_room_waits_for_nodes() {
    // (spare nodes, ready a minute later, ready three minutes later) when 3 pods become 8.
    for (spare, soon, later) in [(0, 4, 8), (1, 6, 8), (2, 8, 8)] {
        let mut pods = Pods::new(slow(), 1)
            .with_nodes(pool(spare))
            .with_ready(3, at(0));
        pods.scale_to(8, at(0));
        let ready = (pods.ready(at(60)), pods.ready(at(180)));
        assert_eq!(ready, (soon, later), "{spare} spare nodes");
        assert_eq!(pods.ready(at(179)), soon);
    }
}

#[test]
fn an_emptied_node_stays_for_ten_minutes_and_is_then_given_back() {
    let grown_again_after = |idle: i64| {
        let mut pods = Pods::new(slow(), 1)
            .with_nodes(pool(0))
            .with_ready(8, at(0));
        pods.scale_to(2, at(0));
        pods.advance(at(idle));
        pods.scale_to(8, at(idle));
        pods.ready(at(idle + 60))
    };
    assert_eq!(grown_again_after(590), 8, "the nodes are still there");
    assert_eq!(grown_again_after(600), 2, "they have to come again");
}

#[test]
fn a_terminating_pod_still_takes_its_room() {
    let mut pods = Pods::new(slow(), 1)
        .with_grace(Duration::from_mins(5))
        .with_nodes(pool(0))
        .with_ready(4, at(0));
    pods.scale_to(2, at(0));
    pods.scale_to(4, at(15));
    assert_eq!(pods.ready(at(75)), 2, "their room is not free yet");
    assert_eq!(pods.ready(at(195)), 4);
}
