//! How much Forescale costs on top of gRPC itself: `GetMetrics` against the real service and against a server that does
//! nothing, in one process, over loopback, in turns.
//!
//! ```text
//! cargo bench --bench getmetrics                        # 1, 1,000 and 10,000 workloads
//! cargo bench --bench getmetrics -- --json report.json  # the same, and the numbers as JSON
//! cargo bench --bench getmetrics -- --quick             # a smoke test of some seconds
//! cargo bench --bench getmetrics -- --serve-noop 127.0.0.1:7000   # only the server that does nothing, for loadtest/scaler
//! ```
//!
//! `cargo test` runs it as the smoke test too. Rounds against the two servers are interleaved, and medians of the rounds
//! are compared, so that a machine that is busy for a while disturbs both alike. Client and server share the machine's
//! cores: the ratio tells what a client sees, not what the handler alone costs.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reports to whoever runs it"
)]

#[path = "getmetrics/board.rs"]
mod board;
#[path = "getmetrics/drive.rs"]
mod drive;
#[path = "getmetrics/report.rs"]
mod report;
#[path = "getmetrics/servers.rs"]
mod servers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use board::Filled;
use drive::{Load, Round};
use report::{Row, Side};

/// How a run is cut.
struct Plan {
    workloads: Vec<usize>,
    rounds: usize,
    round: Duration,
    load: Load,
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if let Some("--serve-noop") = args.next().as_deref() {
        return serve_noop(args.next());
    }
    match plan(std::env::args().skip(1)) {
        Ok(plan) => run(&plan),
        Err(error) => {
            eprintln!(
                "error: {error}\nhint: --quick, --json FILE, --connections N, --in-flight N, --seconds N"
            );
            ExitCode::from(2)
        }
    }
}

/// Serves the no-op server until the process is ended.
fn serve_noop(addr: Option<String>) -> ExitCode {
    let Some(addr) = addr.and_then(|addr| addr.parse().ok()) else {
        eprintln!("error: `--serve-noop` needs an address such as `127.0.0.1:7000`");
        return ExitCode::from(2);
    };
    let noop = servers::noop(addr);
    eprintln!("listening on {}", noop.addr);
    loop {
        std::thread::park();
    }
}

/// Reads the flags. Without cargo's own `--bench` it is a test run, and those are quick.
fn plan(args: impl Iterator<Item = String>) -> Result<Plan, String> {
    let args: Vec<String> = args.collect();
    let value = |flag: &str| -> Result<Option<&String>, String> {
        match args.iter().position(|arg| arg == flag) {
            None => Ok(None),
            Some(at) => args
                .get(at + 1)
                .map(Some)
                .ok_or_else(|| format!("`{flag}` needs a value")),
        }
    };
    let number = |flag: &str, default: usize| match value(flag)? {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| format!("`{flag} {text}`: a whole number is needed")),
    };
    let quick = args.iter().any(|arg| arg == "--quick") || !args.iter().any(|arg| arg == "--bench");
    let seconds = number("--seconds", 3)?;
    Ok(Plan {
        workloads: if quick {
            vec![1, 100]
        } else {
            vec![1, 1000, 10_000]
        },
        rounds: if quick { 2 } else { 7 },
        round: if quick {
            Duration::from_millis(300)
        } else {
            Duration::from_secs(seconds as u64)
        },
        load: Load {
            connections: number("--connections", 4)?.max(1),
            in_flight: number("--in-flight", 8)?.max(1),
        },
        json: value("--json")?.map(PathBuf::from),
    })
}

fn run(plan: &Plan) -> ExitCode {
    let mut rows = Vec::new();
    for workloads in &plan.workloads {
        eprintln!("{workloads} workloads: filling the board");
        let filled = Filled::new(*workloads);
        eprintln!(
            "{workloads} workloads: {} rounds of {:?} against each server",
            plan.rounds, plan.round
        );
        let rounds = measure(plan, &filled);
        rows.push(Row {
            workloads: *workloads,
            bytes_per_workload: filled.bytes_per_workload,
            noop: Side::of(&rounds.0),
            forescale: Side::of(&rounds.1),
        });
    }
    println!("{}", report::table(&rows, plan.load));
    if let Some(file) = &plan.json
        && let Err(error) = std::fs::write(file, report::json(&rows, plan.load))
    {
        eprintln!("error: failed to write `{}`: {error}", file.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The rounds against the no-op server and against Forescale.
fn measure(plan: &Plan, filled: &Filled) -> (Vec<Round>, Vec<Round>) {
    let noop = servers::noop(SocketAddr::from(([127, 0, 0, 1], 0)));
    let forescale = servers::forescale(filled);
    let clients = drive::Clients::new(plan.load, &filled.requests);
    // Both are warm before anything counts: connections are up, caches are filled.
    clients.round(noop.addr, plan.round / 3);
    clients.round(forescale.addr, plan.round / 3);
    let mut rounds = (Vec::new(), Vec::new());
    for index in 0..plan.rounds {
        // Who goes first changes, so that neither always runs on what the other left behind.
        if index % 2 == 0 {
            rounds.0.push(clients.round(noop.addr, plan.round));
            rounds.1.push(clients.round(forescale.addr, plan.round));
        } else {
            rounds.1.push(clients.round(forescale.addr, plan.round));
            rounds.0.push(clients.round(noop.addr, plan.round));
        }
    }
    rounds
}
