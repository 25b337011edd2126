//! The real `grpcurl` against the real server, by reflection alone.
//!
//! It is looked for at `$GRPCURL`, in `.cache/bin` of the repository and on the path. Where there is none the tests say so
//! and pass, unless `FORESCALE_REQUIRE_TOOLS=1` insists.

use std::path::PathBuf;
use std::process::Command;

use crate::helpers::{config, publish, start};
use crate::tls::Papers;

const REFERENCE: &str = r#""name": "web", "namespace": "shop", "scalerMetadata": {"query": "sum(up)", "threshold": "10"}"#;

fn tool() -> Option<PathBuf> {
    let given = std::env::var_os("GRPCURL").map(PathBuf::from);
    let cached = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".cache/bin/grpcurl");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("grpcurl"));
    let found = given
        .into_iter()
        .chain([cached])
        .chain(on_path)
        .find(|file| file.is_file());
    if found.is_none() {
        let required = std::env::var("FORESCALE_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "grpcurl is required (FORESCALE_REQUIRE_TOOLS=1) but was not found"
        );
        say_skipped();
    }
    found
}

#[expect(
    clippy::print_stderr,
    reason = "a test that proves nothing here must say so"
)]
fn say_skipped() {
    eprintln!("skipped: grpcurl was not found");
}

/// Runs it to its end; gives whether it succeeded, and what it wrote.
async fn run(tool: &PathBuf, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(tool);
    command.args(["-connect-timeout", "30"]).args(args);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_lists_describes_and_calls_the_service() {
    let Some(tool) = tool() else { return };
    let server = start(config());
    let addr = server.addr.to_string();
    let (ok, listed) = run(&tool, &["-plaintext", &addr, "list"]).await;
    assert!(
        ok && listed.contains("externalscaler.ExternalScaler"),
        "{listed}"
    );
    assert!(listed.contains("grpc.health.v1.Health"), "{listed}");
    let service = "externalscaler.ExternalScaler";
    let (ok, described) = run(&tool, &["-plaintext", &addr, "describe", service]).await;
    assert!(ok, "{described}");
    for rpc in [
        "IsActive",
        "StreamIsActive",
        "GetMetricSpec",
        "GetMetrics",
        "StreamMetricSpec",
    ] {
        assert!(described.contains(&format!("rpc {rpc} (")), "{described}");
    }

    let call = async |data: String, rpc: &str| {
        let method = format!("{service}/{rpc}");
        run(&tool, &["-plaintext", "-d", &data, &addr, &method]).await
    };
    let (ok, specs) = call(format!("{{{REFERENCE}}}"), "GetMetricSpec").await;
    assert!(ok && specs.contains("\"targetSizeFloat\": 10"), "{specs}");
    publish(&server.workload(), 3, true);
    let request =
        format!("{{\"scaledObjectRef\": {{{REFERENCE}}}, \"metricName\": \"forescale\"}}");
    let (ok, value) = call(request, "GetMetrics").await;
    assert!(ok && value.contains("\"metricValueFloat\": 30"), "{value}");
    assert!(value.contains("\"metricValue\": \"30\""), "{value}");
    let (ok, active) = call(format!("{{{REFERENCE}}}"), "IsActive").await;
    assert!(ok && active.contains("\"result\": true"), "{active}");
    let (ok, refused) = call(
        "{\"name\": \"web\", \"namespace\": \"shop\"}".to_owned(),
        "IsActive",
    )
    .await;
    assert!(!ok && refused.contains("InvalidArgument"), "{refused}");
    assert!(refused.contains("`query` is missing"), "{refused}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_calls_over_mutual_tls() {
    let Some(tool) = tool() else { return };
    let papers = Papers::new();
    let server = start(papers.config());
    let address = format!("localhost:{}", server.addr.port());
    let file = |name| papers.path(name).display().to_string();
    let (ca, cert, key) = (
        file("server-ca.crt"),
        file("client.crt"),
        file("client.key"),
    );
    let trusted = ["-cacert", ca.as_str()];
    let shown = ["-cert", cert.as_str(), "-key", key.as_str()];
    let args = [&trusted[..], &shown[..], &[address.as_str(), "list"][..]].concat();
    let (ok, listed) = run(&tool, &args).await;
    assert!(
        ok && listed.contains("externalscaler.ExternalScaler"),
        "{listed}"
    );
    // It tries again and again until its patience ends; the last one given counts.
    let brief = ["-connect-timeout", "3"];
    let args = [&trusted[..], &brief[..], &[address.as_str(), "list"][..]].concat();
    let (ok, text) = run(&tool, &args).await;
    assert!(!ok, "without a certificate: {text}");
    server.stop().await;
}
