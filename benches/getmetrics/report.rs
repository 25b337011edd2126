//! The numbers, for people and for machines.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::drive::{Load, Round};

/// One size of the board.
pub(crate) struct Row {
    pub(crate) workloads: usize,
    pub(crate) bytes_per_workload: Option<u64>,
    pub(crate) noop: Side,
    pub(crate) forescale: Side,
}

/// One server: medians of its rounds.
pub(crate) struct Side {
    pub(crate) calls_per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Side {
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let at = |round: &Round, share: f64| {
            let index = ((round.latencies.len().saturating_sub(1)) as f64 * share).round();
            round
                .latencies
                .get(index as usize)
                .copied()
                .unwrap_or_default()
        };
        Self {
            calls_per_second: median(rounds.iter().map(|round| round.calls_per_second)),
            p50: seconds(median(
                rounds.iter().map(|round| at(round, 0.5).as_secs_f64()),
            )),
            p99: seconds(median(
                rounds.iter().map(|round| at(round, 0.99).as_secs_f64()),
            )),
        }
    }
}

impl Row {
    fn ratio(&self) -> f64 {
        self.forescale.calls_per_second / self.noop.calls_per_second
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn seconds(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

/// A table for people.
pub(crate) fn table(rows: &[Row], load: Load) -> String {
    let mut text = format!(
        "GetMetrics over loopback, {} connections with {} calls in flight each, medians of interleaved rounds\n\n",
        load.connections, load.in_flight
    );
    text.push_str(
        "workloads  server          calls/s     p50 µs     p99 µs   of no-op   KiB/workload\n",
    );
    for row in rows {
        line(&mut text, row, "no-op", &row.noop, "", "");
        let ratio = format!("{:.3}", row.ratio());
        let memory = row.bytes_per_workload.map_or_else(
            || "-".to_owned(),
            |bytes| format!("{:.1}", bytes as f64 / 1024.0),
        );
        line(&mut text, row, "forescale", &row.forescale, &ratio, &memory);
    }
    text
}

fn line(text: &mut String, row: &Row, name: &str, side: &Side, ratio: &str, memory: &str) {
    writeln!(
        text,
        "{:>9}  {name:<10} {:>12.0} {:>10.0} {:>10.0} {ratio:>10} {memory:>14}",
        row.workloads,
        side.calls_per_second,
        side.p50.as_secs_f64() * 1e6,
        side.p99.as_secs_f64() * 1e6,
    )
    .expect("a string takes everything");
}

/// The same as JSON.
pub(crate) fn json(rows: &[Row], load: Load) -> String {
    let side = |side: &Side| -> Value {
        json!({
            "callsPerSecond": side.calls_per_second,
            "p50Seconds": side.p50.as_secs_f64(),
            "p99Seconds": side.p99.as_secs_f64(),
        })
    };
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "workloads": row.workloads,
                "bytesPerWorkload": row.bytes_per_workload,
                "noop": side(&row.noop),
                "forescale": side(&row.forescale),
                "ratio": row.ratio(),
            })
        })
        .collect();
    let report = json!({
        "connections": load.connections,
        "inFlightPerConnection": load.in_flight,
        "rows": rows,
    });
    format!("{report:#}\n")
}
