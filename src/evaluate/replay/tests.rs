use super::*;
use crate::analyze::Config;
use crate::domain::HumanDuration;

const MINUTE: Duration = Duration::from_mins(1);
const PER_DAY: usize = 1440;

/// Days of minutes with some restlessness, the tenth day missing.
fn series(days: usize) -> Series {
    let value = |i: usize| {
        let turn = std::f64::consts::TAU * i as f64 / PER_DAY as f64;
        let restless = (i * 7919 % 1009) as f64 / 50.0;
        if i / PER_DAY == 10 {
            f64::NAN
        } else {
            100.0 + 40.0 * turn.sin() + restless
        }
    };
    let values = (0..days * PER_DAY).map(value).collect();
    Series::new(Timestamp::from_secs(1_700_006_400), MINUTE, values)
}

fn replay(history_days: u64, series: &Series) -> ServerReplay {
    let config = Config {
        model_dirs: Vec::new(),
        shipped_networks: false,
        ..Config::default()
    };
    let protocol = Protocol {
        events: crate::domain::Events::default(),
        models: vec!["auto".to_owned()],
        horizons: vec![HumanDuration::from_secs(1800)],
        test_fraction: 0.3,
        stride: HumanDuration::from_secs(300),
        history: HumanDuration::from_secs(history_days * 86_400),
        refit: HumanDuration::from_secs(6 * 3600),
        timezone: "UTC".to_owned(),
    };
    ServerReplay::new(Arc::new(Registry::new(&config).unwrap()), &protocol, series)
}

#[test]
fn two_weeks_are_what_was_measured_to_the_last_bit() {
    let series = series(20);
    let seen = Seen::new(&series, series.len() - 1);
    let fortnight = Duration::from_hours(14 * 24);
    let remembered = replay(14, &series).remembered(seen, fortnight);
    let bits = |series: &Series| {
        series
            .values()
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&remembered), bits(&series.tail(14 * PER_DAY)));
    assert_eq!(remembered.fine_from(), 0);
}

#[test]
fn of_longer_histories_it_remembers_what_a_server_would_and_nothing_of_what_comes() {
    let series = series(24);
    let long = Duration::from_hours(18 * 24);
    let mut replay = replay(18, &series);
    let mut server = History::new(MINUTE, 18 * PER_DAY);
    let mut lived = 0;
    // With gaps between the moments, one of them within the day that is missing.
    for origin in [
        3,
        9 * PER_DAY,
        10 * PER_DAY + 77,
        15 * PER_DAY,
        20 * PER_DAY + 5,
    ] {
        let remembered = replay.remembered(Seen::new(&series, origin), long);
        // The first moment of a server is late: it reads back what it has missed.
        for index in lived..=origin {
            server.record(series.time_of(index), series.values()[index]);
        }
        lived = origin + 1;
        let (one, two) = (&remembered, server.series());
        assert_eq!((one.start(), one.end()), (two.start(), two.end()));
        assert_eq!(one.fine_from(), two.fine_from());
        let pairs = one.values().iter().zip(two.values());
        assert!(
            pairs
                .clone()
                .all(|(a, b)| (a - b).abs() < 0.01 || (a.is_nan() && b.is_nan()))
        );
        assert!(
            one.end() <= series.time_of(origin + 1),
            "nothing of what comes"
        );
    }
    let end = Seen::new(&series, 20 * PER_DAY + 5);
    assert!(replay.remembered(end, long).fine_from() > 3 * PER_DAY);
    let recent = replay.remembered(end, LOOKBACK);
    assert_eq!(recent.fine_from(), 0);
    assert_eq!(recent.len(), 8 * PER_DAY + 240);
}
