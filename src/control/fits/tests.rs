use super::*;
use crate::domain::Fit;
use crate::execute::keda::parse_metadata;
use crate::knowledge::samples::{NOW, key};

const EVERY: Duration = Duration::from_hours(6);
const MINUTE: Duration = Duration::from_mins(1);

/// A workload with so much history, fitted `ago`.
fn fitted(name: &str, kept: &str, length: Duration, ago: Duration) -> Workload {
    let metadata = [("query", "up"), ("threshold", "5"), ("history", kept)];
    let key = key(name, &metadata);
    let spec = parse_metadata(&key.metadata).unwrap().spec;
    let workload = Workload::new(key, spec, vec![], NOW);
    let mut learned = workload.learned();
    let now = NOW.floor_to(MINUTE);
    for at in [now - length, now] {
        learned.history.record(at, 1.0);
    }
    learned.fit_since = learned.history.first();
    learned.fit = Some(Arc::new(fit(NOW - ago)));
    drop(learned);
    workload
}

fn fit(at: Timestamp) -> Fit {
    Fit {
        at,
        ..Fit::default()
    }
}

fn due(workload: &Workload, now: Timestamp) -> bool {
    is_due(workload, &workload.learned(), EVERY, now)
}

/// The minutes from `NOW` on at which a fit that was made is outdated, when each is made that is due.
fn moments(workload: &Workload, minutes: u64) -> Vec<u64> {
    let mut moments = Vec::new();
    for minute in 0..minutes {
        let now = NOW + minute as u32 * MINUTE;
        if due(workload, now) {
            workload.learned().fit = Some(Arc::new(fit(now)));
            moments.push(minute);
        }
    }
    moments
}

#[test]
fn replicas_that_were_fitted_at_different_times_are_due_at_the_same_moment() {
    let days = Duration::from_hours(10 * 24);
    let of = |ago| moments(&fitted("web", "14d", days, ago), 18 * 60);
    // One of them has missed a moment since; from there on they go together.
    let (early, late) = (of(Duration::from_hours(7)), of(Duration::ZERO));
    assert_eq!(early[0], 0);
    assert_eq!(early[1..], late);
    assert_eq!(late.len(), 3);
    assert!(
        late.windows(2).all(|two| two[1] - two[0] == 360),
        "{late:?}"
    );
}

#[test]
fn workloads_are_due_at_different_moments() {
    let days = Duration::from_hours(10 * 24);
    let of = |i| moments(&fitted(&format!("web-{i}"), "14d", days, MINUTE), 6 * 60)[0];
    let mut hours = [0; 6];
    for i in 0..120 {
        hours[of(i) as usize / 60] += 1;
    }
    assert!(hours.iter().all(|count| *count > 5), "{hours:?}");
}

#[test]
fn a_young_workload_is_fitted_after_each_tenth_of_its_history() {
    let young = |ago| fitted("web", "14d", Duration::from_hours(10), ago);
    assert!(!due(&young(59 * MINUTE), NOW));
    assert!(due(&young(61 * MINUTE), NOW));
    let new_born = |ago| fitted("web", "14d", MINUTE, ago);
    assert!(!due(&new_born(MINUTE), NOW) && due(&new_born(2 * MINUTE), NOW));
}

#[test]
fn a_short_history_that_is_full_is_not_young_for_ever() {
    let full = fitted("web", "10h", Duration::from_mins(599), MINUTE);
    let mut learned = full.learned();
    for minute in 0..600 {
        learned
            .history
            .record(NOW.floor_to(MINUTE) - minute * MINUTE, 1.0);
    }
    learned.fit_since = Some(Timestamp::default());
    drop(learned);
    let mut moments = Vec::new();
    for minute in 1..300 {
        let now = NOW + minute * MINUTE;
        full.learned().history.record(now.floor_to(MINUTE), 1.0);
        if due(&full, now) {
            full.learned().fit = Some(Arc::new(fit(now)));
            moments.push(minute);
        }
    }
    assert!(moments.len() >= 4, "{moments:?}");
    let even = moments.windows(2).all(|two| two[1] - two[0] == 60);
    assert!(even, "{moments:?}");
}

#[test]
fn what_was_read_back_and_a_clock_that_was_set_back_call_for_a_fit_at_once() {
    let days = Duration::from_hours(10 * 24);
    let web = fitted("web", "14d", days, Duration::ZERO);
    assert!(!due(&web, NOW));
    assert!(due(&web, NOW - MINUTE), "made in a time that has not come");
    web.learned().fit_since = Some(NOW);
    assert!(due(&web, NOW));
    web.learned().fit = None;
    assert!(due(&web, NOW));
}

#[test]
fn a_refresh_is_given_its_share_and_all_of_them_together_no_more() {
    let fits = Fits::default();
    let (mut one, mut other) = (fits.allowance(), fits.allowance());
    let taken: Vec<_> = (0..AT_ONCE).filter_map(|_| one.take()).collect();
    assert_eq!(taken.len(), AT_ONCE);
    assert!(other.take().is_none(), "all are being made");
    drop(taken);
    assert!(one.take().is_none(), "this refresh has had its share");
    assert!(other.take().is_some());
    let all = fits.take_all();
    assert!(all.len() == AT_ONCE && fits.allowance().take().is_none());
}
