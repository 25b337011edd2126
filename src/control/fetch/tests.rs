use super::*;
use crate::execute::keda::parse_metadata;

const MINUTE: Duration = Duration::from_mins(1);

fn spec(step: &str, interval: &str) -> TriggerSpec {
    let metadata = [
        ("query", "up"),
        ("threshold", "5"),
        ("step", step),
        ("interval", interval),
        ("history", "7d"),
        ("horizon", "1h"),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    parse_metadata(&metadata.into()).unwrap().spec
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

#[test]
fn a_tail_read_is_small_whatever_the_step_is_and_covers_the_steps_of_the_last_minutes() {
    for (step, interval, most) in [
        ("10s", "1s", 131),
        ("1m", "15s", 25),
        ("1m", "1s", 360),
        ("2m", "15s", 48),
        ("5m", "15s", 41),
        ("10m", "1s", 601),
        ("1h", "15s", 41),
        ("1h", "1s", 601),
        ("1h", "10m", 3),
    ] {
        let spec = spec(step, interval);
        for second in (0..7200).step_by(7) {
            let now = at(second);
            let span = tail_span(&spec, now);
            assert!(span.points() <= most, "{step} {interval}: {span:?}");
            assert!(now.since(span.until) < span.step);
            let newest = now.floor_to(spec.step());
            if now.since(newest) < 9 * MINUTE {
                // It is one of the moments that are asked for.
                let into = newest.since(span.from).as_millis();
                assert!(span.from <= newest, "{step} {interval}: {span:?}");
                assert_eq!(into % span.step.as_millis(), 0, "{step} {interval}");
            }
        }
    }
}

#[test]
fn only_a_step_that_lies_before_a_tail_read_is_unread() {
    let spec = spec("1h", "15s");
    let hour = at(0).floor_to(Duration::from_hours(1));
    let unread = |known, from| {
        let span = Span {
            from,
            until: from + 10 * MINUTE,
            step: Duration::from_secs(15),
        };
        last_unread(&spec, known, span)
    };
    let before = hour - 60 * MINUTE;
    assert_eq!(unread(before, hour), None, "it is in the read");
    assert_eq!(unread(before, hour + MINUTE), Some(hour));
    assert_eq!(unread(hour, hour + 59 * MINUTE), None);
    assert_eq!(unread(hour - 300 * MINUTE, hour), Some(before));
}
