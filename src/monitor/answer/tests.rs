use std::time::Duration;

use ::http::HeaderValue;

use super::*;
use crate::domain::{Sample, Timestamp};
use crate::monitor::FetchErrorKind::{Body, ManySeries, Query, RateLimited, Status, Timeout};
use crate::monitor::too_long::TooLong;

fn judge(status: u16, body: &str) -> Result<Fetched, Failure> {
    judge_with(status, body, &HeaderMap::new())
}

fn judge_with(status: u16, body: &str, headers: &HeaderMap) -> Result<Fetched, Failure> {
    let redactor = Redactor::default();
    let asked = Asked {
        place: "source `x`",
        query: "sum(load)",
        span: Span {
            from: Timestamp::from_secs(0),
            until: Timestamp::from_secs(600),
            step: Duration::from_mins(1),
        },
        redactor: &redactor,
    };
    asked.judge(&Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: body.as_bytes(),
    })
}

fn matrix(series: &[(&str, &str)]) -> String {
    let series: Vec<String> = (series.iter())
        .map(|(labels, values)| format!(r#"{{"metric":{labels},"values":{values}}}"#))
        .collect();
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        series.join(",")
    )
}

fn samples(pairs: &[(i64, f64)]) -> Vec<Sample> {
    (pairs.iter())
        .map(|(millis, value)| Sample {
            at: Timestamp::from_millis(*millis),
            value: *value,
        })
        .collect()
}

#[test]
fn one_series_becomes_samples() {
    let fetched = judge(
        200,
        &matrix(&[("{}", r#"[[0,"1"],[60,"2.5"],[120,"1e3"]]"#)]),
    )
    .unwrap();
    assert_eq!(
        fetched.samples,
        samples(&[(0, 1.0), (60_000, 2.5), (120_000, 1000.0)])
    );
    assert_eq!((fetched.series, fetched.not_finite), (1, 0));
    assert!(fetched.warnings.is_empty());
}

#[test]
fn an_empty_result_is_no_series_and_not_zero() {
    for result in ["[]", "null"] {
        let body =
            format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}}}}"#);
        assert_eq!(judge(200, &body).unwrap(), Fetched::default());
    }
}

#[test]
fn values_that_are_not_finite_are_left_out_and_counted() {
    let values = r#"[[0,"NaN"],[60,"+Inf"],[120,"-Inf"],[180,"4"]]"#;
    let fetched = judge(200, &matrix(&[("{}", values)])).unwrap();
    assert_eq!(fetched.samples, samples(&[(180_000, 4.0)]));
    assert_eq!((fetched.series, fetched.not_finite), (1, 3));
}

#[test]
fn order_repetition_and_odd_times_do_no_harm() {
    let values = r#"[[120,"3"],[60.0004,"1"],[0.1234567,"0"],[60,"2"],[601,"9"],[-1,"9"]]"#;
    let fetched = judge(200, &matrix(&[("{}", values)])).unwrap();
    assert_eq!(
        fetched.samples,
        samples(&[(123, 0.0), (60_000, 2.0), (120_000, 3.0)]),
        "by time, the last one given wins, times outside of the window are left out"
    );
}

#[test]
fn several_series_name_the_query_the_number_and_three_of_them() {
    let labels: Vec<String> = (0..5).map(|i| format!(r#"{{"pod":"p{i}"}}"#)).collect();
    let series: Vec<(&str, &str)> = (labels.iter())
        .map(|labels| (labels.as_str(), r#"[[0,"1"],[600,"2"]]"#))
        .collect();
    let failure = judge(200, &matrix(&series)).unwrap_err();
    assert_eq!(failure.error.kind, ManySeries);
    let text = failure.error.text;
    for word in [
        "source `x`",
        "`sum(load)`",
        "5 series",
        r#"{pod="p2"}"#,
        "2 more",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert!(!text.contains("p3"), "{text}");
}

#[test]
fn series_that_take_turns_are_one_and_moments_with_two_are_left_out() {
    let old = (r#"{"pod":"old"}"#, r#"[[0,"1"],[60,"2"],[120,"3"]]"#);
    let new = (r#"{"pod":"new"}"#, r#"[[120,"4"],[180,"5"]]"#);
    let fetched = judge(200, &matrix(&[old, new])).unwrap();
    assert_eq!(
        fetched.samples,
        samples(&[(0, 1.0), (60_000, 2.0), (180_000, 5.0)])
    );
    assert_eq!(fetched.series, 1);
    assert!(
        fetched.warnings[0].contains("2 series") && fetched.warnings[0].contains("1 of 4"),
        "{:?}",
        fetched.warnings
    );
}

#[test]
fn vectors_and_scalars_are_read_and_strings_and_histograms_are_no_numbers() {
    let data = |kind: &str, result: &str| {
        let body =
            format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#);
        judge(200, &body)
    };
    let vector = data("vector", r#"[{"metric":{},"value":[60,"2"]}]"#).unwrap();
    assert_eq!(
        (vector.series, vector.samples),
        (1, samples(&[(60_000, 2.0)]))
    );
    let scalar = data("scalar", r#"[60,"3"]"#).unwrap();
    assert_eq!(
        (scalar.series, scalar.samples),
        (1, samples(&[(60_000, 3.0)]))
    );

    let string = data("string", r#"[60,"text"]"#).unwrap_err();
    assert_eq!(string.error.kind, Query);
    let histogram = data(
        "matrix",
        r#"[{"metric":{},"histograms":[[60,{"count":"1","sum":"2"}]]}]"#,
    );
    let histogram = histogram.unwrap_err().error;
    assert_eq!(histogram.kind, Query);
    assert!(histogram.text.contains("histogram_quantile"));
}

#[test]
fn warnings_infos_and_partial_answers_are_kept_within_bounds() {
    let many: Vec<String> = (0..50)
        .map(|i| format!("\"w{i} {}\"", "x".repeat(999)))
        .collect();
    let body = format!(
        r#"{{"status":"success","isPartial":true,"data":{{"resultType":"matrix","result":[]}},"warnings":[{}],"infos":["i"]}}"#,
        many.join(",")
    );
    let fetched = judge(200, &body).unwrap();
    assert_eq!(fetched.warnings.len(), MAX_WARNINGS);
    assert!(fetched.warnings[0].contains("partial") && fetched.partial);
    assert!(
        (fetched.warnings.iter()).all(|warning| warning.chars().count() <= MAX_WARNING_CHARS + 1)
    );
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":null,"infos":["metric might not be a counter"]}"#;
    assert_eq!(
        judge(200, body).unwrap().warnings,
        ["metric might not be a counter"]
    );
}

#[test]
fn an_answer_is_partial_when_storage_says_so_and_not_for_what_the_language_says() {
    let partial = |more: &str| {
        let body =
            format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[]}}{more}}}"#);
        judge(200, &body).unwrap().partial
    };
    assert!(!partial(""));
    assert!(partial(r#","isPartial":true"#));
    assert!(!partial(r#","isPartial":false"#));
    assert!(partial(
        r#","warnings":["fetch series for {store: a}: rpc error: unavailable"]"#
    ));
    assert!(!partial(
        r#","warnings":["PromQL warning: encountered a mix of histograms and floats"]"#
    ));
    assert!(!partial(
        r#","infos":["PromQL info: metric might not be a counter"]"#
    ));
}

#[test]
fn every_refusal_and_status_has_its_kind_and_says_whether_it_may_mend() {
    let error = |error_type: &str, error: &str| {
        format!(r#"{{"status":"error","errorType":"{error_type}","error":"{error}"}}"#)
    };
    let html = "<html><head><title>502 Bad Gateway</title></head></html>";
    let cases = [
        (400, error("bad_data", "parse error"), Query, false),
        (200, error("bad_data", "parse error"), Query, false),
        (422, error("execution", "many-to-many"), Status, false),
        (503, error("timeout", "timed out"), Timeout, true),
        (503, error("canceled", "canceled"), Timeout, true),
        (500, error("internal", "disk"), Status, true),
        (503, error("unavailable", "starting"), Status, true),
        (404, error("not_found", "what"), Status, false),
        (
            429,
            error("too_many_requests", "slow down"),
            RateLimited,
            true,
        ),
        // VictoriaMetrics.
        (422, error("422", "cannot parse"), Query, false),
        (503, error("503", "overloaded"), Status, true),
        (429, error("429", "slow down"), RateLimited, true),
        // Proxies, login pages and other programs.
        (502, html.to_owned(), Status, true),
        (504, String::new(), Status, true),
        (401, "no org id".to_owned(), Status, false),
        (403, html.to_owned(), Status, false),
        (404, "404 page not found".to_owned(), Status, false),
        (408, String::new(), Status, true),
        (301, String::new(), Status, false),
        (429, html.to_owned(), RateLimited, true),
        (200, html.to_owned(), Body, false),
        (200, String::new(), Body, false),
        (200, "{}".to_owned(), Body, false),
        (200, r#"{"status":"success"}"#.to_owned(), Body, false),
        (
            200,
            r#"{"status":"fine","data":null}"#.to_owned(),
            Body,
            false,
        ),
        (
            200,
            r#"{"status":"success","data":{"resultType":"matrix","resu"#.to_owned(),
            Body,
            true,
        ),
        (200, matrix(&[("{}", r#"[[0,"twelve"]]"#)]), Body, false),
    ];
    for (status, body, kind, mends) in cases {
        let failure = judge(status, &body).unwrap_err();
        assert_eq!(
            (failure.error.kind, failure.mends),
            (kind, mends),
            "{status} {body}: {}",
            failure.error.text
        );
        let text = failure.error.text;
        assert!(text.starts_with("source `x`"), "{text}");
        assert!(
            kind == Body || kind == Query || text.contains(&status.to_string()),
            "{text}"
        );
        assert!(text.len() < 900 && !text.ends_with('.'), "{text}");
    }
}

#[test]
fn texts_help_whoever_reads_them() {
    let mut moved = HeaderMap::new();
    let target = HeaderValue::from_static("https://login.example.com/?state=secret");
    moved.insert(::http::header::LOCATION, target);
    let text = judge_with(302, "", &moved).unwrap_err().error.text;
    assert!(
        text.contains("https://login.example.com/") && !text.contains("secret"),
        "{text}"
    );

    let html = "<html><title>Sign\n in</title><body>…</body></html>";
    let text = judge(200, html).unwrap_err().error.text;
    assert!(
        text.contains("`Sign in`") && text.contains("login page"),
        "{text}"
    );
    let text = judge(401, "no org id").unwrap_err().error.text;
    assert!(
        text.contains("no org id") && text.contains("X-Scope-OrgID"),
        "{text}"
    );
    let json = r#"{"status":"error","errorType":"forbidden","error":"no org id"}"#;
    let text = judge(403, json).unwrap_err().error.text;
    assert!(
        text.contains("no org id") && text.contains("`auth` of the source"),
        "{text}"
    );
    let text = judge(404, "").unwrap_err().error.text;
    assert!(text.contains("path prefix"), "{text}");
    let refused = r#"{"status":"error","errorType":"bad_data","error":"1:4: parse error"}"#;
    let text = judge(400, refused).unwrap_err().error.text;
    assert!(
        text.contains("`sum(load)`") && text.contains("1:4: parse error"),
        "{text}"
    );
}

#[test]
fn a_window_that_is_too_long_is_told_apart_from_a_mistake() {
    let prometheus = r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries."}"#;
    let failure = judge(400, prometheus).unwrap_err();
    assert_eq!(
        (failure.error.kind, failure.too_long),
        (Query, Some(TooLong::Points))
    );
    let plain = "the query time range exceeds the limit (query length: 2h, limit: 1h)";
    assert_eq!(
        judge(422, plain).unwrap_err().too_long,
        Some(TooLong::Range)
    );
    assert_eq!(judge(500, plain).unwrap_err().too_long, None);
}

#[test]
fn retry_after_reaches_the_caller() {
    let mut headers = HeaderMap::new();
    headers.insert(::http::header::RETRY_AFTER, HeaderValue::from_static("30"));
    for status in [429, 503] {
        let failure = judge_with(status, "busy", &headers).unwrap_err();
        assert_eq!(failure.error.retry_after, Some(Duration::from_secs(30)));
    }
}
