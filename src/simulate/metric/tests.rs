use super::*;

const TICK: Duration = Duration::from_secs(15);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn path(scrape: u64, window: u64, delay: u64) -> MetricPath {
    MetricPath {
        scrape_interval: Duration::from_secs(scrape),
        rate_window: Duration::from_secs(window),
        delay: Duration::from_secs(delay),
    }
}

/// Readings at 0 s, 15 s, … of a load that steps from 100 to 200 at `step`.
fn readings(path: MetricPath, step: i64, until: i64) -> Vec<(i64, Option<f64>)> {
    let mut meter = Meter::new(path, at(0));
    let mut out = Vec::new();
    for secs in (0..=until).step_by(15) {
        out.push((secs, meter.read(at(secs)).map(|sample| sample.value)));
        let rate = if secs < step { 100.0 } else { 200.0 };
        meter.count(at(secs), TICK, Some(rate));
    }
    out
}

/// Seconds from the step until half of it, and all of it, is seen.
fn seen_after(path: MetricPath) -> (i64, i64) {
    let readings = readings(path, 600, 1200);
    let first = |level: f64| {
        let seen = |(_, value): &&(i64, Option<f64>)| value.is_some_and(|value| value >= level);
        readings.iter().find(seen).unwrap().0 - 600
    };
    (first(150.0), first(200.0))
}

#[test]
fn a_step_in_load_is_seen_late_and_the_path_says_how_late() {
    // (scrape interval, window, delay, half of the step seen after, all of it)
    let table = [
        (15, 60, 0, 30, 45),
        (15, 60, 15, 45, 60),
        (30, 120, 0, 60, 90),
        (15, 30, 0, 15, 15),
    ];
    for (scrape, window, delay, half, all) in table {
        let seen = seen_after(path(scrape, window, delay));
        assert_eq!(seen, (half, all), "{scrape} s, [{window}s], {delay} s late");
    }
}

#[test]
fn a_steady_load_is_measured_exactly_whatever_the_scrape_interval() {
    for (scrape, window) in [(15, 60), (10, 60), (7, 60), (30, 120)] {
        let readings = readings(path(scrape, window, 0), i64::MAX, 600);
        let settled = readings.iter().filter(|(secs, _)| *secs > 120);
        for (secs, value) in settled {
            let value = value.unwrap();
            assert!(
                (value - 100.0).abs() < 1e-9,
                "{scrape} s at {secs}: {value}"
            );
        }
    }
}

#[test]
fn a_window_that_holds_fewer_than_two_scrapes_returns_nothing() {
    let readings = readings(path(60, 60, 0), i64::MAX, 600);
    assert!(readings.iter().all(|(_, value)| value.is_none()));
}

#[test]
fn while_nothing_is_scraped_the_result_runs_empty_and_comes_back() {
    let mut meter = Meter::new(path(15, 60, 0), at(0));
    let mut answers = Vec::new();
    for secs in (0..600).step_by(15) {
        answers.push((secs, meter.read(at(secs)).is_some()));
        let rate = (!(120..300).contains(&secs)).then_some(50.0);
        meter.count(at(secs), TICK, rate);
    }
    let empty: Vec<_> = answers.iter().filter(|(_, found)| !found).collect();
    assert_eq!(
        empty.first(),
        Some(&&(0, false)),
        "one scrape is not enough"
    );
    assert!(
        empty
            .iter()
            .skip(1)
            .all(|(secs, _)| (165..=315).contains(secs))
    );
    assert!(!empty.is_empty() && answers.last().unwrap().1);
}

#[test]
fn the_reading_says_when_it_was_true() {
    let mut meter = Meter::new(path(15, 60, 30), at(0));
    for secs in (0..300).step_by(15) {
        meter.count(at(secs), TICK, Some(1.0));
    }
    assert_eq!(meter.read(at(300)).unwrap().at, at(270));
}
