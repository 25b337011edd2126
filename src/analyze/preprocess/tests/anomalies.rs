//! Storms, restarts of counters, and what the user has marked.

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn minutes(values: Vec<f64>) -> Series {
    Series::new(Timestamp::from_secs(1_700_006_400), MINUTE, values)
}

fn kinds(prepared: &Prepared) -> Vec<AnomalyKind> {
    let anomalies = prepared.anomalies();
    anomalies.iter().map(|anomaly| anomaly.kind).collect()
}

fn marked(prepared: &Prepared, mark: Mark) -> Vec<usize> {
    let marks = prepared.marks.iter().enumerate();
    marks
        .filter(|(_, m)| **m == mark)
        .map(|(index, _)| index)
        .collect()
}

#[test]
fn clients_that_try_again_after_an_outage_teach_nothing_but_are_served() {
    let mut values = busy(120);
    values[60..70].fill(0.0);
    values[70..72].fill(110.0);
    values[72..78].fill(320.0);
    let prepared = prepare(&minutes(values.clone()));
    assert_eq!(marked(&prepared, Mark::Storm), (72..78).collect::<Vec<_>>());
    assert_eq!(prepared.series.values()[72..], values[72..], "it is load");
    assert_eq!(
        kinds(&prepared),
        [AnomalyKind::Outage, AnomalyKind::RetryStorm]
    );
    let counts = Anomalies::count(&prepared.anomalies());
    assert_eq!((counts.outages, counts.retry_storms), (1, 1));
}

#[test]
fn a_storm_after_a_gap_in_the_measurements_is_one_too_and_does_not_last_for_ever() {
    let mut values = busy(200);
    values[60..75].fill(f64::NAN);
    values[75..].fill(400.0);
    let prepared = prepare(&minutes(values));
    let storm = marked(&prepared, Mark::Storm);
    assert_eq!(storm, (75..105).collect::<Vec<_>>(), "half an hour");
}

#[test]
fn a_burst_without_an_outage_before_it_is_demand() {
    let mut values = busy(200);
    values[100..120].fill(400.0);
    let prepared = prepare(&minutes(values));
    assert_eq!(prepared.anomalies(), []);
}

#[test]
fn a_counter_that_begins_anew_is_told_from_a_spike() {
    let mut values = busy(120);
    values[40] = 1e6;
    values[60] = -5000.0;
    values[80] = 300.0;
    values[100] = 0.0;
    let prepared = prepare(&minutes(values));
    assert_eq!(
        kinds(&prepared),
        [
            AnomalyKind::CounterReset,
            AnomalyKind::CounterReset,
            AnomalyKind::ScrapeSpike,
            AnomalyKind::CounterReset
        ]
    );
    for index in [40, 80] {
        assert!((prepared.series.values()[index] - 103.0).abs() < 10.0);
    }
    for index in [60, 100] {
        assert!(prepared.series.values()[index].is_nan());
    }
}

#[test]
fn a_load_test_that_was_marked_is_seen_and_not_learned_from() {
    let mut values = busy(200);
    values[60..120].fill(9000.0);
    values[90] = f64::NAN;
    let series = minutes(values.clone());
    let unmarked = prepare(&series);
    assert_eq!(unmarked.count(Mark::Excluded), 0);
    assert!(
        unmarked.count(Mark::Outage) > 0,
        "its end looks like the beginning of an outage"
    );
    let window = Window {
        from: series.time_of(60),
        until: series.time_of(120),
    };
    let prepared = prepare_with(&series, &[window]);
    assert_eq!(prepared.count(Mark::Excluded), 59);
    assert_eq!(
        marked(&prepared, Mark::Missing),
        [90],
        "a value that is held would be learned from"
    );
    assert_eq!(prepared.count(Mark::Outage), 0);
    assert_eq!(prepared.series.values()[119..], values[119..]);
    assert_eq!(kinds(&prepared), [AnomalyKind::Marked]);
    let view = View::new(&prepared, 0, "UTC");
    assert!(view.clean[60..90].iter().all(|v| v.is_nan()));
    assert!(view.present(119) && !view.measured(119) && view.measured(120));
    assert_eq!(view.last(119), Some(9000.0), "a level is taken from it");
}

proptest! {
    #[test]
    fn later_samples_change_no_mark_but_those_of_the_last_two_steps(
        values in prop::collection::vec(any_value(), 1..200),
        other in prop::collection::vec(any_value(), 0..60),
        windows in prop::collection::vec((0_i64..200, 0_i64..40), 0..3),
        share in 0.0..1.0,
    ) {
        let cut = (values.len() as f64 * share) as usize;
        let scrambled = [&values[..cut], &other].concat();
        let start = minutes(Vec::new()).start();
        let windows: Vec<Window> = windows
            .iter()
            .map(|(from, len)| Window {
                from: start + MINUTE * (*from as u32),
                until: start + MINUTE * ((from + len) as u32),
            })
            .collect();
        let one = prepare_with(&minutes(values), &windows);
        let two = prepare_with(&minutes(scrambled), &windows);
        let settled = cut.saturating_sub(CONFIRM_STEPS);
        prop_assert_eq!(&one.marks[..settled], &two.marks[..settled]);
        let bits = |p: &Prepared| p.series.values()[..settled].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&one), bits(&two));
        let seen = |p: &Prepared| p.seen()[..cut].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(seen(&one), seen(&two));
    }
}
