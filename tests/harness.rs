//! The test tools themselves: a fault that does not break anything, or a history that is not there, would make the
//! tests built on them say nothing.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

mod support;

use std::time::Duration;

use serde_json::Value;
use support::exporter::{Exporter, Gauge};
use support::fault_proxy::{Fault, FaultProxy};
use support::openmetrics::{Backfill, to_classic};
use support::prometheus::{Prometheus, TOOLS};
use support::shape::Shape;
use support::{eventually, now, tools_are_there};

const SECOND: Duration = Duration::from_secs(1);

fn weeks(weeks: i64, every: i64) -> Backfill {
    let now = now().as_secs();
    Backfill {
        metric: "requests",
        labels: r#"app="web""#,
        shape: Shape::SHOP,
        from: now - weeks * 7 * 86_400,
        until: now - 5,
        every,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_holds_the_written_history_and_goes_on_with_live_scrapes_of_the_same_series() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let series = r#"requests{app="web"}"#;
    let exporter = Exporter::start(&[(series, Gauge::Fixed(77.0))]).await;
    let history = weeks(3, 60);
    let mut prometheus = Prometheus::start(std::slice::from_ref(&history), &[exporter.addr]).await;

    let from = history.from + 86_400;
    let samples = prometheus
        .query_range(series, history.from, history.from + 3600, 60)
        .await;
    assert_eq!(samples.len(), 61);
    for (at, value) in samples {
        let written = history
            .shape
            .at(history.from + (at - history.from) / 60 * 60);
        assert!(
            (value - written).abs() < 1e-9,
            "{value} at {at}, written: {written}"
        );
    }
    let whole = prometheus
        .query_range(series, from, from + 10_000 * 180, 180)
        .await;
    assert!(whole.len() > 9000, "{} samples", whole.len());

    let live = async |value: f64| {
        eventually("the live value", 30 * SECOND, async || {
            same(prometheus.query(series).await?, value)
        })
        .await;
    };
    live(77.0).await;
    exporter.set(series, Gauge::Fixed(78.0));
    live(78.0).await;

    prometheus.kill();
    assert_eq!(prometheus.query(series).await, None, "it is dead");
    exporter.set(series, Gauge::Fixed(79.0));
    prometheus.start_again().await;
    eventually("scrapes after the restart", 30 * SECOND, async || {
        same(prometheus.query(series).await?, 79.0)
    })
    .await;
    let old = prometheus.query_range(series, from, from, 60).await;
    assert_eq!(old.len(), 1, "the history has outlived the kill");

    exporter.crash();
    eventually("the series to go stale", 30 * SECOND, async || {
        prometheus.query(series).await.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_breaks_what_it_says() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let history = weeks(1, 60);
    let prometheus = Prometheus::start(std::slice::from_ref(&history), &[]).await;
    let proxy = FaultProxy::start(prometheus.addr()).await;
    let within = |patience| Query {
        http: reqwest::Client::builder()
            .timeout(patience)
            .build()
            .unwrap(),
        url: proxy.url(),
        start: history.until - 3600,
        end: history.until - 60,
    };
    let (query, hasty) = (within(30 * SECOND), within(SECOND));

    let good = query.ask().await.unwrap();
    assert_eq!(good.series().len(), 1);
    let samples = good.samples();
    assert!(samples.len() >= 59, "{} samples", samples.len());

    for fault in [Fault::Refuse, Fault::HangUp, Fault::CutBody] {
        proxy.switch(fault).await;
        let error = query.ask().await.unwrap_err();
        assert!(!error.is_timeout(), "{fault:?}: {error:?}");
    }
    for fault in [
        Fault::BlackHole,
        Fault::SlowHeaders,
        Fault::SlowBody,
        Fault::EndlessBody,
    ] {
        proxy.switch(fault).await;
        let error = hasty.ask().await.unwrap_err();
        assert!(error.is_timeout(), "{fault:?}: {error:?}");
        assert!(proxy.seen() >= 1, "{fault:?}");
    }
    for status in [400, 404, 422, 429, 500, 503] {
        proxy.switch(Fault::Status(status)).await;
        assert_eq!(query.ask().await.unwrap().status, status);
    }
    proxy.switch(Fault::RateLimited).await;
    let limited = query.ask().await.unwrap();
    assert_eq!(
        (limited.status, limited.retry_after.as_deref()),
        (429, Some("1"))
    );
    for (fault, status) in [
        (Fault::HtmlError, 502),
        (Fault::HtmlOk, 200),
        (Fault::GarbageJson, 200),
    ] {
        proxy.switch(fault).await;
        let answer = query.ask().await.unwrap();
        assert_eq!(answer.status, status, "{fault:?}");
        assert_eq!(answer.json, Value::Null, "{fault:?} is no JSON");
    }
    proxy.switch(Fault::OtherJson).await;
    assert_eq!(query.ask().await.unwrap().json["status"], Value::Null);

    proxy.switch(Fault::Empty).await;
    let empty = query.ask().await.unwrap();
    assert_eq!(
        (empty.series().len(), &empty.json["status"]),
        (0, &"success".into())
    );
    proxy.switch(Fault::ManySeries).await;
    let many = query.ask().await.unwrap();
    assert_eq!(many.series().len(), 2);
    assert_ne!(many.series()[0]["metric"], many.series()[1]["metric"]);
    for text in ["NaN", "+Inf", "-Inf"] {
        proxy.switch(Fault::Values(text)).await;
        let bent = query.ask().await.unwrap().samples();
        assert_eq!(bent.len(), samples.len());
        assert!(bent.iter().all(|(_, value)| value == text), "{bent:?}");
    }
    proxy.switch(Fault::Stale).await;
    let stale = query.ask().await.unwrap().samples();
    assert!(
        (40..50).contains(&stale.len()),
        "15 of 60 minutes are gone: {}",
        stale.len()
    );
    proxy.switch(Fault::Warnings).await;
    let warned = query.ask().await.unwrap();
    assert_eq!(warned.samples().len(), samples.len());
    assert_eq!(warned.json["warnings"].as_array().map(Vec::len), Some(1));

    proxy.switch(Fault::Refuse).await;
    proxy.switch(Fault::Pass).await;
    assert_eq!(
        query.ask().await.unwrap().samples(),
        samples,
        "all is well again"
    );
}

fn same(seen: f64, wanted: f64) -> Option<()> {
    ((seen - wanted).abs() < 1e-9).then_some(())
}

struct Query {
    http: reqwest::Client,
    url: String,
    start: i64,
    end: i64,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    retry_after: Option<String>,
    json: Value,
}

impl Query {
    async fn ask(&self) -> reqwest::Result<Answer> {
        let (start, end) = (self.start.to_string(), self.end.to_string());
        let answer = self
            .http
            .post(format!("{}/api/v1/query_range", self.url))
            .form(&[
                ("query", "requests"),
                ("start", &start),
                ("end", &end),
                ("step", "60"),
            ])
            .send()
            .await?;
        let retry_after = answer.headers().get("retry-after");
        Ok(Answer {
            status: answer.status().as_u16(),
            retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
            json: serde_json::from_str(&answer.text().await?).unwrap_or_default(),
        })
    }
}

impl Answer {
    fn series(&self) -> Vec<Value> {
        let result = self.json["data"]["result"].as_array();
        result.cloned().unwrap_or_default()
    }

    fn samples(&self) -> Vec<(i64, String)> {
        let series = self.series();
        let values = series.first().and_then(|first| first["values"].as_array());
        let sample = |pair: &Value| {
            let at = pair[0].as_f64().unwrap() as i64;
            (at, pair[1].as_str().unwrap().to_owned())
        };
        values.into_iter().flatten().map(sample).collect()
    }
}

#[test]
fn the_shape_of_the_load_has_busy_days_quiet_nights_and_calm_weekends() {
    let shop = Shape {
        noise: 0.0,
        ..Shape::SHOP
    };
    // 2026-01-05 was a Monday.
    let monday = 20_458 * 86_400;
    let mean = |day: i64| {
        let hours = (0..24).map(|hour| shop.at(monday + day * 86_400 + hour * 3600));
        hours.sum::<f64>() / 24.0
    };
    assert!((mean(0) - 200.0).abs() < 1.0, "{}", mean(0));
    assert!((mean(4) - 200.0).abs() < 1.0, "{}", mean(4));
    assert!((mean(5) - 140.0).abs() < 1.0, "{}", mean(5));
    assert!((mean(6) - 140.0).abs() < 1.0, "{}", mean(6));
    let hours: Vec<f64> = (0..24).map(|hour| shop.at(monday + hour * 3600)).collect();
    let highest = hours.iter().copied().fold(0.0, f64::max);
    let lowest = hours.iter().copied().fold(f64::MAX, f64::min);
    assert!(highest > 290.0 && lowest < 110.0, "{hours:?}");
    assert!((0..1000).all(|s| (Shape::SHOP.at(s) - Shape::SHOP.at(s)).abs() < f64::EPSILON));
}

#[test]
fn openmetrics_become_the_text_that_promtool_reads() {
    let open = "# HELP a_b About.\n# TYPE a_b info\na_b_info{v=\"1\"} 1\n# HELP c Count.\n# TYPE c counter\n\
                # UNIT c seconds\nc_total 1 # {trace=\"x\"} 1\n# EOF\n";
    assert_eq!(
        to_classic(open),
        "# HELP a_b_info About.\n# TYPE a_b_info gauge\na_b_info{v=\"1\"} 1\n# HELP c_total Count.\n\
         # TYPE c_total counter\nc_total 1\n"
    );
    let classic = "# TYPE c_total counter\nc_total 1\n";
    assert_eq!(to_classic(classic), classic);
}
