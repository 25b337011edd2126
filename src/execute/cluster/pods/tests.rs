use super::*;

const T0: Timestamp = Timestamp::from_secs(1_700_000_000);

fn at(secs: u64) -> Timestamp {
    T0 + Duration::from_secs(secs)
}

fn pod(created: u64, ready: Option<u64>) -> Pod {
    Pod {
        created: at(created),
        ready: ready.map(at),
    }
}

fn batch(created: u64, ready: u64, pods: u32) -> PodBatch {
    PodBatch {
        created: at(created),
        ready: at(ready),
        pods,
    }
}

#[test]
fn pods_that_are_created_together_are_one_scale_up_that_ends_with_the_last() {
    let mut starts = Starts::default();
    for (name, created) in [("a", 100), ("b", 101), ("c", 104), ("d", 130)] {
        starts.saw(name, pod(created, None));
    }
    starts.saw("a", pod(100, Some(140)));
    starts.saw("b", pod(101, Some(142)));
    starts.saw("d", pod(130, Some(150)));
    assert_eq!(
        starts.batches(at(151)),
        [batch(130, 150, 1)],
        "`c` is awaited"
    );
    starts.saw("c", pod(104, Some(170)));
    starts.saw("c", pod(104, Some(900)));
    let whole = [batch(130, 150, 1), batch(100, 170, 3)];
    assert_eq!(starts.batches(at(901)), whole, "a pod counts once");
    starts.lost("a");
    assert_eq!(starts.batches(at(901)), whole, "what was seen stays seen");
}

#[test]
fn a_pod_that_never_starts_holds_the_others_up_for_ten_minutes_only() {
    let mut starts = Starts::default();
    starts.saw("stuck", pod(100, None));
    starts.saw("fine", pod(100, None));
    starts.saw("fine", pod(100, Some(130)));
    assert_eq!(starts.batches(at(600)), []);
    assert_eq!(starts.batches(at(701)), [batch(100, 130, 1)]);
}

#[test]
fn at_first_sight_only_a_quick_start_is_believed() {
    let mut starts = Starts::default();
    starts.saw("quick", pod(0, Some(45)));
    starts.saw("flapped", pod(50, Some(5000)));
    assert_eq!(starts.batches(at(6000)), [batch(0, 45, 1)]);
}

#[test]
fn a_rollout_teaches_nothing_and_a_name_may_come_again() {
    let mut starts = Starts {
        rollout: true,
        ..Starts::default()
    };
    starts.saw("db-0", pod(0, None));
    starts.rollout = false;
    starts.saw("db-0", pod(0, Some(20)));
    assert_eq!(starts.batches(at(30)), []);
    starts.saw("db-0", pod(100, None));
    starts.saw("db-0", pod(100, Some(120)));
    assert_eq!(starts.batches(at(130)), [batch(100, 120, 1)]);
}

#[test]
fn only_the_newest_are_told() {
    let mut starts = Starts::default();
    for index in 0..400 {
        starts.saw(&index.to_string(), pod(index * 60, Some(index * 60 + 30)));
    }
    let batches = starts.batches(at(400 * 60));
    assert_eq!(batches.len(), TOLD);
    assert_eq!(batches.last(), Some(&batch(399 * 60, 399 * 60 + 30, 1)));
}
