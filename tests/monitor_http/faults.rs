use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use forescale::domain::{HumanDuration, TriggerSpec};
use forescale::monitor::{FetchErrorKind, SourceConfig};

use crate::fixtures::{
    Server, ask, matrix, minutes, monitor, nobody, ones, prometheus_error, quick, raw_server, spec,
};

/// 64 KiB of spaces, compressed by gzip.
const SPACES_GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x81, 0x00, 0x00, 0x00,
    0x00, 0x80, 0x20, 0x95, 0xfd, 0x29, 0x17, 0xa9, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6a, 0x94, 0x19, 0x2c, 0xb4, 0x00, 0x00, 0x01,
    0x00,
];

#[tokio::test]
async fn a_read_is_one_post_with_everything_the_trigger_and_the_source_add() {
    let server = Server::of(|_, seen| ones(&seen)).await;
    let source = SourceConfig {
        headers: [("X-Scope-OrgID".to_owned(), "shop".to_owned())].into(),
        query_parameters: [("dedup".to_owned(), "true".to_owned())].into(),
        ..quick(&format!("{}/prometheus/", server.url))
    };
    let spec = TriggerSpec {
        query_parameters: vec![("max_source_resolution".to_owned(), "5m & more".to_owned())],
        custom_headers: vec![("X-Team".to_owned(), "blue".to_owned())],
        ..spec()
    };
    let fetched = monitor(source).fetch(&spec, minutes(5)).await.unwrap();
    assert_eq!((fetched.samples.len(), fetched.series), (5, 1));
    assert_eq!(fetched.samples[0].at, minutes(5).from);

    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    let seen = &seen[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str(), &seen.url_query),
        ("POST", "/prometheus/api/v1/query_range", &None)
    );
    for (name, value) in [
        ("query", "sum(rate(load[1m]))"),
        ("start", "1700000040"),
        ("end", "1700000280"),
        ("step", "60"),
        ("timeout", "5"),
        ("dedup", "true"),
        ("max_source_resolution", "5m & more"),
    ] {
        assert_eq!(seen.get(name), value, "{name}");
    }
    assert_eq!(seen.header("x-scope-orgid"), "shop");
    assert_eq!(seen.header("x-team"), "blue");
    assert_eq!(seen.header("authorization"), "");
}

#[tokio::test]
async fn a_server_that_refuses_post_is_asked_by_get_from_then_on() {
    let server = Server::of(|_, seen| match seen.method.as_str() {
        "GET" => ones(&seen).into_response(),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    })
    .await;
    let monitor = monitor(quick(&server.url));
    for _ in 0..2 {
        let fetched = monitor.fetch(&spec(), minutes(5)).await.unwrap();
        assert_eq!(fetched.samples.len(), 5);
    }
    let methods: Vec<String> = (server.seen().iter())
        .map(|seen| seen.method.to_string())
        .collect();
    assert_eq!(methods, ["POST", "GET", "GET"]);
}

/// As a proxy in front of a tenancy port does: the right is asked for by the parameter in the URL, and
/// the verb is taken from the method.
#[tokio::test]
async fn a_namespace_goes_by_get_since_a_proxy_looks_for_it_in_the_url() {
    let server = Server::of(|_, seen| {
        let url = seen.url_query.as_deref().unwrap_or_default();
        if !url.split('&').any(|pair| pair == "namespace=web") {
            return StatusCode::BAD_REQUEST.into_response();
        }
        if seen.method != "GET" {
            return StatusCode::FORBIDDEN.into_response();
        }
        ones(&seen).into_response()
    })
    .await;
    let of_trigger = TriggerSpec {
        namespace: Some("web".to_owned()),
        ..spec()
    };
    let of_source = SourceConfig {
        query_parameters: [("namespace".to_owned(), "web".to_owned())].into(),
        ..quick(&server.url)
    };
    for (source, spec) in [(quick(&server.url), of_trigger), (of_source, spec())] {
        let fetched = monitor(source).fetch(&spec, minutes(5)).await.unwrap();
        assert_eq!(fetched.samples.len(), 5);
    }
    assert_eq!(server.count(), 2, "at the first attempt");
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let error = ask(&format!("http://{}", nobody().await))
        .await
        .unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Unreachable, "{error}");
    assert!(error.text.contains("source `default`"), "{error}");
    assert!(error.text.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    // A resolver that can't be reached itself takes its time to say so.
    let mut source = quick("http://no-such-host.invalid:9090");
    source.timeout = HumanDuration(Duration::from_mins(1));
    source.total_timeout = source.timeout;
    source.retries.max_attempts = 1;
    let error = monitor(source).fetch(&spec(), minutes(5)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn a_connection_that_closes_without_a_word_is_unreachable() {
    let url = raw_server(Vec::new(), false).await;
    let error = ask(&url).await.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Unreachable, "{error}");
    assert!(error.text.contains("no answer"), "{error}");
}

#[tokio::test]
async fn silence_and_a_body_that_never_ends_are_time_outs() {
    let never = Server::start(|_, _| Box::pin(std::future::pending())).await;
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\":".to_vec();
    let half = raw_server(half, true).await;
    for url in [never.url.as_str(), half.as_str()] {
        let mut source = quick(url);
        source.timeout = HumanDuration(Duration::from_millis(100));
        source.retries.max_attempts = 1;
        let error = monitor(source).fetch(&spec(), minutes(5)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Timeout, "{error}");
        assert!(error.text.contains("100ms"), "{error}");
    }
}

#[tokio::test]
async fn a_trigger_s_own_time_out_replaces_the_source_s() {
    let never = Server::start(|_, _| Box::pin(std::future::pending())).await;
    let mut source = quick(&never.url);
    source.retries.max_attempts = 1;
    let impatient = TriggerSpec {
        timeout: Some(HumanDuration(Duration::from_millis(1500))),
        ..spec()
    };
    let error = monitor(source).fetch(&impatient, minutes(5)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Timeout, "{error}");
    assert!(error.text.contains("1s 500ms"), "{error}");
    assert_eq!(
        never.seen()[0].get("timeout"),
        "1.500",
        "the server stops too"
    );
}

#[tokio::test]
async fn bodies_that_are_cut_off_are_told_from_bodies_that_are_wrong() {
    let json = matrix(r#"{"metric":{},"values":[[1700000040,"1"]]}"#);
    let half = &json[..json.len() / 2];
    let cases = [
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{half}",
            json.len()
        ),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{half}\r\n",
            half.len()
        ),
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{half}"),
    ];
    for case in cases {
        let error = ask(&raw_server(case.clone().into_bytes(), false).await).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Body, "{case}: {error}");
        assert!(error.text.contains("cut off"), "{case}: {error}");
    }
    let whole = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{json}");
    let fetched = ask(&raw_server(whole.into_bytes(), false).await)
        .await
        .unwrap();
    assert_eq!(fetched.samples.len(), 1);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_given_up_also_when_it_came_small() {
    let large = Server::always(200, " ".repeat(5000)).await;
    let packed = Server::of(|_, _| ([(header::CONTENT_ENCODING, "gzip")], SPACES_GZIP)).await;
    for server in [large, packed] {
        let mut source = quick(&server.url);
        source.max_body_bytes = 4096;
        let error = monitor(source).fetch(&spec(), minutes(5)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Body, "{error}");
        assert!(error.text.contains("maxBodyBytes"), "{error}");
        assert_eq!(server.count(), 1, "it would be as large again");
    }
}

#[tokio::test]
async fn each_fault_has_its_kind_and_only_what_may_mend_is_asked_again() {
    use FetchErrorKind::{Body, ManySeries, Query, Status, Timeout};
    let html = "<html><title>Bad gateway</title></html>";
    let json_error = |error_type: &str| {
        format!(r#"{{"status":"error","errorType":"{error_type}","error":"words of the server"}}"#)
    };
    let two = matrix(
        r#"{"metric":{"pod":"a"},"values":[[1700000040,"1"]]},{"metric":{"pod":"b"},"values":[[1700000040,"1"]]}"#,
    );
    let cases = [
        (400, json_error("bad_data"), Query, 1),
        (422, json_error("execution"), Status, 1),
        (503, json_error("timeout"), Timeout, 3),
        (500, json_error("internal"), Status, 3),
        (502, html.to_owned(), Status, 3),
        (503, String::new(), Status, 3),
        (401, "no org id".to_owned(), Status, 1),
        (403, html.to_owned(), Status, 1),
        (404, "404 page not found".to_owned(), Status, 1),
        (200, html.to_owned(), Body, 1),
        (200, String::new(), Body, 1),
        (200, "[1, 2]".to_owned(), Body, 1),
        (200, two, ManySeries, 1),
    ];
    for (status, body, kind, requests) in cases {
        let server = Server::always(status, body.clone()).await;
        let error = ask(&server.url).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status} {body}: {error}");
        assert_eq!(server.count(), requests, "{status} {body}: {error}");
        assert!(error.text.contains("source `default`"), "{error}");
    }
}

#[tokio::test]
async fn an_empty_result_and_one_without_numbers_are_no_failures_and_no_zeros() {
    let empty = Server::always(200, matrix("")).await;
    let fetched = ask(&empty.url).await.unwrap();
    assert_eq!((fetched.series, fetched.samples.len()), (0, 0));

    let series = r#"{"metric":{},"values":[[1700000040,"NaN"],[1700000100,"+Inf"]]}"#;
    let nan = Server::always(200, matrix(series)).await;
    let fetched = ask(&nan.url).await.unwrap();
    assert_eq!(
        (fetched.series, fetched.samples.len(), fetched.not_finite),
        (1, 0, 2)
    );
}

#[tokio::test]
async fn a_server_that_recovers_between_attempts_is_a_success() {
    let server = Server::of(|turn, seen| match turn {
        0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        1 => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")]).into_response(),
        _ => ones(&seen).into_response(),
    })
    .await;
    assert_eq!(ask(&server.url).await.unwrap().samples.len(), 5);
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_rate_limit_says_until_when_and_is_not_knocked_at_before() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (until, seconds) in [("120", 120), ("Sun, 06 Nov 1994 08:51:07 GMT", 90)] {
        let server = Server::of(move |_, _| {
            let headers = [(header::RETRY_AFTER, until), (header::DATE, date)];
            (StatusCode::TOO_MANY_REQUESTS, headers)
        })
        .await;
        let error = ask(&server.url).await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::RateLimited, "{error}");
        assert_eq!(error.retry_after, Some(Duration::from_secs(seconds)));
        assert_eq!(server.count(), 1, "the wait would outlast the read");
    }
}

#[tokio::test]
async fn warnings_come_along() {
    let body = r#"{"status":"success","warnings":["store gateway away"],"data":{"resultType":"matrix","result":[]}}"#;
    let server = Server::always(200, body).await;
    assert_eq!(
        ask(&server.url).await.unwrap().warnings,
        ["store gateway away"]
    );
}

#[tokio::test]
async fn the_texts_of_refused_queries_hold_the_query_and_the_server_s_reason() {
    let server = Server::of(|_, _| prometheus_error(400, "bad_data", "1:5: unexpected end")).await;
    let text = ask(&server.url).await.unwrap_err().text;
    assert!(text.contains("sum(rate(load[1m]))"), "{text}");
    assert!(text.contains("1:5: unexpected end"), "{text}");
}
