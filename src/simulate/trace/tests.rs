use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn trace(values: &[f64]) -> Trace {
    Trace::new(&Series::new(at(0), MINUTE, values.to_vec()))
}

#[test]
fn demand_is_a_straight_line_between_the_points_of_the_grid() {
    let trace = trace(&[10.0, 20.0, 0.0]);
    for (secs, demand) in [(0, 10.0), (15, 12.5), (60, 20.0), (90, 10.0), (120, 0.0)] {
        let got = trace.rate(at(secs)).unwrap();
        assert!((got - demand).abs() < 1e-12, "{secs} s: {got}");
    }
    assert_eq!(trace.rate(at(-1)), None);
    assert_eq!(trace.rate(at(121)), None);
}

#[test]
fn the_mean_of_a_stretch_is_exact_though_it_spans_points() {
    let trace = trace(&[10.0, 20.0, 0.0]);
    // From 30 s to 60 s it is 17.5 in the mean, from 60 s to 75 s it falls from 20 to 15.
    let mean = trace.mean(at(30), at(75)).unwrap();
    assert!((mean - (17.5 * 30.0 + 17.5 * 15.0) / 45.0).abs() < 1e-12);
    assert_eq!(trace.mean(at(30), at(30)), trace.rate(at(30)));
    assert_eq!(trace.mean(at(110), at(125)), None, "beyond the record");
}

#[test]
fn a_short_gap_is_bridged_and_a_long_one_is_not_known() {
    let mut values = vec![f64::NAN; 30];
    values[0] = 10.0;
    values[5] = 20.0;
    values[29] = 20.0;
    let trace = trace(&values);
    let bridged = trace.rate(at(120)).unwrap();
    assert!((bridged - 14.0).abs() < 1e-12);
    assert_eq!(trace.rate(at(301)), None);
    assert_eq!(trace.mean(at(300), at(315)), None);
    assert_eq!(trace.rate(at(300)), Some(20.0));
}

#[test]
fn what_cannot_be_demand_is_missing() {
    let trace = trace(&[5.0, -3.0, f64::INFINITY, 5.0]);
    assert_eq!(trace.rate(at(60)), Some(5.0), "bridged");
    assert_eq!(trace.median(at(0), at(600)), Some(5.0));
    assert_eq!(trace.median(at(600), at(900)), None);
}
