//! `forescale serve`: from the command line to a running service, and out again on SIGTERM.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::analyze::OnnxEngine;
use crate::control::service::Service;
use crate::settings::{Overrides, Settings};
use crate::telemetry;

/// Flags of `serve`. Each may be given by its environment variable; all of them win over the settings file.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Settings file (YAML); docs/forescale.yaml shows every key with its default
    #[arg(long, value_name = "FILE", env = "FORESCALE_CONFIG")]
    config: Option<PathBuf>,
    /// Base URL of the default Prometheus [default: `http://localhost:9090`]
    #[arg(long, value_name = "URL", env = "FORESCALE_PROMETHEUS")]
    prometheus: Option<String>,
    /// Address of the gRPC server that KEDA calls [default: 0.0.0.0:6000]
    #[arg(long, value_name = "ADDR", env = "FORESCALE_GRPC_ADDR")]
    grpc_addr: Option<SocketAddr>,
    /// Address of the HTTP server: metrics, health, API, page [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDR", env = "FORESCALE_HTTP_ADDR")]
    http_addr: Option<SocketAddr>,
    /// Look after PredictiveAutoscaler objects in the cluster (docs/operator.md) [default: false]
    #[arg(long, value_name = "BOOL", env = "FORESCALE_OPERATOR", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new())]
    operator: Option<bool>,
    /// Certificate of the gRPC server (PEM), which turns TLS on; taken over while running when it is replaced
    #[arg(long, value_name = "FILE", env = "FORESCALE_TLS_CERT_FILE")]
    tls_cert_file: Option<PathBuf>,
    /// Key of that certificate (PEM)
    #[arg(long, value_name = "FILE", env = "FORESCALE_TLS_KEY_FILE")]
    tls_key_file: Option<PathBuf>,
    /// Only clients with a certificate of one of these authorities (PEM) may call: mutual TLS
    #[arg(long, value_name = "FILE", env = "FORESCALE_TLS_CLIENT_CA_FILE")]
    tls_client_ca_file: Option<PathBuf>,
    /// Folder for snapshots, so that a restart answers at once [default: none, nothing is written]
    #[arg(long, value_name = "DIR", env = "FORESCALE_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Append every reading and decision to this file, for `forescale replay` [default: none, nothing is recorded]
    #[arg(long, value_name = "FILE", env = "FORESCALE_RECORD")]
    record: Option<PathBuf>,
    /// Watch ScaledObjects, HPAs, scale targets and pods, as far as rights allow, and learn from them [default: false]
    #[arg(long, value_name = "BOOL", env = "FORESCALE_CLUSTER", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new())]
    cluster: Option<bool>,
    /// Folder searched first for NAME.onnx of `model: onnx:NAME` [default: models]
    #[arg(long, value_name = "DIR", env = "FORESCALE_MODELS_DIR")]
    models_dir: Option<PathBuf>,
    /// Engine of ONNX models: `auto`, `onnx-runtime` (a missing library is fatal) or `rten` [default: auto]
    #[arg(long, value_name = "ENGINE", env = "FORESCALE_ONNX_ENGINE", value_parser = engine)]
    onnx_engine: Option<OnnxEngine>,
    /// ONNX Runtime's shared library [default: `ORT_DYLIB_PATH`, then the usual places]
    #[arg(long, value_name = "FILE", env = "FORESCALE_ONNX_LIBRARY")]
    onnx_library: Option<PathBuf>,
    /// Log filter: a level, or levels by module such as `info,forescale::monitor=debug` [default: info]
    #[arg(long, value_name = "FILTER", env = "FORESCALE_LOG")]
    log: Option<String>,
    /// Log format [default: auto, which is text on a terminal and JSON elsewhere]
    #[arg(long, value_name = "FORMAT", env = "FORESCALE_LOG_FORMAT", value_enum)]
    log_format: Option<telemetry::Format>,
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let file = args.config.clone();
    let settings = Settings::load(file.as_deref(), overrides(args)).map_err(Failure::usage)?;
    let log = telemetry::init(&settings.log.filter, settings.log.format)
        .map_err(|text| Failure::usage(anyhow::anyhow!(text)))?;
    super::runtime()?.block_on(async {
        let service = Service::bind(&settings, Some(log)).await?;
        let shutdown = CancellationToken::new();
        on_signal(&shutdown)?;
        service.run(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn overrides(args: Args) -> Overrides {
    Overrides {
        prometheus: args.prometheus,
        grpc_addr: args.grpc_addr,
        http_addr: args.http_addr,
        operator: args.operator,
        tls_cert_file: args.tls_cert_file,
        tls_key_file: args.tls_key_file,
        tls_client_ca_file: args.tls_client_ca_file,
        data_dir: args.data_dir,
        record: args.record,
        cluster: args.cluster,
        models_dir: args.models_dir,
        onnx_engine: args.onnx_engine,
        onnx_library: args.onnx_library,
        log_filter: args.log,
        log_format: args.log_format,
    }
}

pub(super) fn engine(text: &str) -> Result<OnnxEngine, String> {
    serde_yaml::from_str(text).map_err(|_| "write `auto`, `onnx-runtime` or `rten`".to_owned())
}

/// Cancels `shutdown` on SIGTERM or SIGINT; a second signal ends the process at once.
fn on_signal(shutdown: &CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let name = next().await;
        tracing::info!(signal = name, "shutting down");
        shutdown.cancel();
        let name = next().await;
        tracing::warn!(signal = name, "second signal, ending at once");
        std::process::exit(1);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn operator(flags: &[&str]) -> Option<bool> {
        let words = ["forescale", "serve"].iter().chain(flags);
        match Cli::try_parse_from(words).unwrap().command {
            Command::Serve(args) => overrides(args).operator,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_operator_is_switched_by_a_flag_alone_and_by_any_word_for_yes_and_no() {
        assert_eq!(operator(&[]), None);
        assert_eq!(operator(&["--operator"]), Some(true));
        for (word, on) in [("1", true), ("true", true), ("0", false), ("false", false)] {
            assert_eq!(
                operator(&[&format!("--operator={word}")]),
                Some(on),
                "{word}"
            );
        }
    }
}
