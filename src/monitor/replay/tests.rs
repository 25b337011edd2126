use super::*;

/// Minutes since the epoch; nothing at minute 7, infinite at 8, not a number at 9.
struct Minutes;

impl ReplaySource for Minutes {
    fn value(&self, _: &str, at: Timestamp) -> Option<f64> {
        match at.as_secs() / 60 {
            7 => None,
            8 => Some(f64::INFINITY),
            9 => Some(f64::NAN),
            minute => Some(minute as f64 + 0.5),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(600)
    }

    fn knows(&self, query: &str) -> bool {
        query == "minutes"
    }
}

fn ask_range(url: &str) -> Result<Value, String> {
    range(&Minutes, &Parameters::parse(Some(url), b"")).map_err(|refusal| refusal.error)
}

fn ask_instant(form: &str) -> Result<Value, String> {
    instant(&Minutes, &Parameters::parse(None, form.as_bytes())).map_err(|refusal| refusal.error)
}

#[test]
fn a_range_has_prometheus_shape_and_ends_at_the_replay_s_present() {
    let data = ask_range("query=minutes&start=360&end=1200&step=1m").unwrap();
    let values = json!([
        [360.0, "6.5"],
        [480.0, "+Inf"],
        [540.0, "NaN"],
        [600.0, "10.5"]
    ]);
    let expected = json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]});
    assert_eq!(data, expected);
}

#[test]
fn a_range_of_the_future_is_empty() {
    let data = ask_range("query=minutes&start=601&end=1200&step=60").unwrap();
    assert_eq!(data, json!({"resultType": "matrix", "result": []}));
}

#[test]
fn one_step_over_the_limit_is_refused_in_prometheus_words() {
    assert!(ask_range("query=minutes&start=0&end=11000&step=1").is_ok());
    let error = ask_range("query=minutes&start=0&end=11001&step=1").unwrap_err();
    assert!(
        error.starts_with("exceeded maximum resolution of 11,000 points"),
        "{error}"
    );
}

#[test]
fn an_instant_takes_seconds_or_rfc_3339_and_is_now_by_default() {
    for form in [
        "query=minutes&time=300",
        "query=minutes&time=1970-01-01T00:05:00Z",
    ] {
        let data = ask_instant(form).unwrap();
        assert_eq!(data["result"][0]["value"], json!([300.0, "5.5"]), "{form}");
    }
    let now = ask_instant("query=minutes").unwrap();
    assert_eq!(now["result"][0]["value"], json!([600.0, "10.5"]));
    let future = ask_instant("query=minutes&time=660").unwrap();
    assert_eq!(future["result"], json!([]));
}

#[test]
fn mistakes_are_named() {
    let cases = [
        ("start=0&end=1&step=1", "query"),
        ("query=other&start=0&end=1&step=1", "other"),
        ("query=minutes&end=1&step=1", "start"),
        ("query=minutes&start=0&end=1e99&step=1", "end"),
        ("query=minutes&start=0&end=1&step=0", "step"),
        ("query=minutes&start=0&end=1&step=NaN", "step"),
        ("query=minutes&start=2&end=1&step=1", "end"),
    ];
    for (url, word) in cases {
        let error = ask_range(url).unwrap_err();
        assert!(error.contains(word), "{url}: {error}");
    }
}
