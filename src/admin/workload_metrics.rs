//! A set of series for each workload, read off the board when Prometheus scrapes: nothing to keep in step, and a workload
//! that is forgotten is gone from the next scrape. Their number is bounded by `knowledge.maxWorkloads`;
//! `admin.workloadMetrics: false` leaves them out.

mod grade;
mod reasons;
mod standing;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::domain::{Basis, Forecast, Grade, Plan, Quantile, Standing, Timestamp};
use crate::knowledge::{Board, Published, SideQuery, Workload};
use crate::telemetry::Registry;

/// The levels that are shown besides the plan's own.
const LEVELS: [f64; 3] = [0.5, 0.9, 0.99];

const BASES: [Basis; 4] = [
    Basis::Forecast,
    Basis::Reactive,
    Basis::Held,
    Basis::Restored,
];

/// Registers the series of the board's workloads.
pub fn register_workload_metrics(registry: &mut Registry, board: Arc<Board>) {
    registry.register_collector(Box::new(WorkloadMetrics { board }));
}

#[derive(Debug)]
struct WorkloadMetrics {
    board: Arc<Board>,
}

/// One workload at the moment of the scrape.
struct Row {
    workload: Arc<Workload>,
    published: Option<Arc<Published>>,
    trigger: String,
    samples: usize,
    readings: [(SideQuery, Option<f64>); 4],
    grade: Option<Arc<Grade>>,
}

impl Row {
    fn of(workload: Arc<Workload>) -> Self {
        let (samples, readings, grade) = {
            let learned = workload.learned();
            let readings = reasons::readings(&learned.side);
            (
                learned.history.len(),
                readings,
                learned.memory.grade.clone(),
            )
        };
        Self {
            published: workload.published(),
            // Enough to tell the triggers of one ScaledObject apart.
            trigger: workload.key.id().to_string()[..8].to_owned(),
            samples,
            readings,
            grade,
            workload,
        }
    }

    fn plan(&self) -> Option<&Plan> {
        Some(&self.published.as_deref()?.plan)
    }

    fn standing(&self) -> Option<&Standing> {
        self.published.as_deref()?.standing.as_deref()
    }

    fn labels(&self) -> [(&'static str, String); 3] {
        let key = &self.workload.key;
        [
            ("namespace", key.namespace.to_string()),
            ("name", key.name.to_string()),
            ("trigger", self.trigger.clone()),
        ]
    }
}

impl Collector for WorkloadMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let rows: Vec<Row> = self.board.all().into_iter().map(Row::of).collect();
        if rows.is_empty() {
            return Ok(());
        }
        for (name, help, value) in GAUGES {
            let one = |row: &Row| -> Values {
                value(row).map(|value| (None, value)).into_iter().collect()
            };
            family(&mut encoder, name, help, &rows, one)?;
        }
        let help = "Load that the forecast expects at the end of the lead time, by quantile";
        family(
            &mut encoder,
            "forescale_workload_forecast_load",
            help,
            &rows,
            forecast_load,
        )?;
        let help = "What the served number rests on: 1 for the present basis, 0 for the others";
        family(&mut encoder, "forescale_workload_basis", help, &rows, basis)?;
        reasons::info(&mut encoder, &rows)?;
        for (name, help, values) in reasons::FAMILIES.into_iter().chain(standing::FAMILIES) {
            family(&mut encoder, name, help, &rows, values)?;
        }
        let help =
            "How much of the plan counts in auto mode: 1 for the present stage, 0 for the others";
        family(
            &mut encoder,
            "forescale_workload_authority",
            help,
            &rows,
            grade::stage,
        )?;
        for (name, help, value) in grade::FAMILIES {
            let values = |row: &Row| grade::values(row, value);
            family(&mut encoder, name, help, &rows, values)?;
        }
        Ok(())
    }
}

type Gauge = (&'static str, &'static str, fn(&Row) -> Option<f64>);

const GAUGES: [Gauge; 17] = [
    (
        "forescale_workload_observed_load",
        "Newest measured load",
        |row| Some(row.plan()?.observed?.value),
    ),
    (
        "forescale_workload_planned_replicas",
        "Replicas that the plan asks for",
        |row| Some(f64::from(row.plan()?.planned)),
    ),
    (
        "forescale_workload_served_replicas",
        "Replicas that KEDA is told",
        |row| Some(f64::from(row.plan()?.replicas)),
    ),
    (
        "forescale_workload_served_value",
        "Value that KEDA is told, on which the HPA lands",
        |row| Some(row.plan()?.served.value),
    ),
    (
        "forescale_workload_served_target",
        "Target that goes with it",
        |row| Some(row.plan()?.served.target),
    ),
    (
        "forescale_workload_reactive_replicas",
        "Replicas that the measured load asks for",
        |row| row.plan()?.reactive.map(f64::from),
    ),
    (
        "forescale_workload_lead_time_seconds",
        "How far ahead the plan looks",
        |row| Some(row.plan()?.lead_time.get().as_secs_f64()),
    ),
    (
        "forescale_workload_capacity",
        "Load that one replica was found to carry within the latency objective",
        |row| Some(row.plan()?.capacity?.per_replica),
    ),
    (
        "forescale_workload_capacity_dropped",
        "Whether that is much less than it was within the last day",
        |row| {
            let dropped = row.plan()?.capacity?.dropped;
            Some(f64::from(u8::from(dropped.is_some())))
        },
    ),
    (
        "forescale_workload_aimed_overload_ratio",
        "Share of the time that plans on trial may be short, so that the fleet keeps to maxOverload",
        |row| {
            let chosen = row.plan()?.chosen?;
            chosen.aim.or(row.workload.spec.max_overload)
        },
    ),
    (
        "forescale_workload_trial_overload_ratio",
        "Share of the time that the plan which is followed would have been short on trial",
        |row| {
            // With `shortageCost` it is counted in replicas.
            row.workload.spec.max_overload?;
            Some(row.plan()?.chosen?.short)
        },
    ),
    (
        "forescale_workload_active",
        "Whether the workload should run at all",
        |row| Some(f64::from(u8::from(row.plan()?.active))),
    ),
    (
        "forescale_workload_plan_timestamp_seconds",
        "When the plan was made",
        |row| Some(row.plan()?.at.as_secs_f64()),
    ),
    (
        "forescale_workload_last_success_timestamp_seconds",
        "When Prometheus last gave a usable sample",
        |row| {
            row.published
                .as_deref()?
                .health
                .last_success
                .map(Timestamp::as_secs_f64)
        },
    ),
    (
        "forescale_workload_faults_in_a_row",
        "Refreshes in a row that ended with a fault",
        |row| Some(f64::from(row.published.as_deref()?.health.faults_in_a_row)),
    ),
    (
        "forescale_workload_last_asked_timestamp_seconds",
        "When KEDA last asked",
        |row| Some(row.workload.last_asked().as_secs_f64()),
    ),
    (
        "forescale_workload_history_samples",
        "Samples in the history",
        |row| Some(row.samples as f64),
    ),
];

/// A label besides the workload's own, and a value.
type Extra = (&'static str, String);
type Values = Vec<(Option<Extra>, f64)>;

fn family<L: IntoIterator<Item = Extra>>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: &[Row],
    values: impl Fn(&Row) -> Vec<(L, f64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for row in rows {
        let values = values(row);
        if values.is_empty() {
            continue;
        }
        let labels = row.labels();
        for (extra, value) in values {
            let labels: Vec<_> = labels.iter().cloned().chain(extra).collect();
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn forecast_load(row: &Row) -> Values {
    let Some(published) = row.published.as_deref() else {
        return vec![];
    };
    let (plan, Some(forecast)) = (&published.plan, published.forecast.as_deref()) else {
        return vec![];
    };
    let Some(step) = step_at(forecast, plan.at + plan.lead_time.get()) else {
        return vec![];
    };
    let fixed = LEVELS
        .into_iter()
        .filter_map(|level| Quantile::new(level).ok());
    let mut levels: Vec<Quantile> = fixed.chain([plan.quantile]).collect();
    levels.sort_by(|a, b| a.get().total_cmp(&b.get()));
    levels.dedup();
    let value = |level: Quantile| {
        let label = ("quantile", level.get().to_string());
        (Some(label), forecast.quantile(level, step))
    };
    levels.into_iter().map(value).collect()
}

/// The step at or after `at`.
fn step_at(forecast: &Forecast, at: Timestamp) -> Option<usize> {
    (0..forecast.steps()).find(|step| forecast.time_of(*step) >= at)
}

fn basis(row: &Row) -> Values {
    let Some(plan) = row.plan() else {
        return vec![];
    };
    let one = |basis: Basis| {
        (
            Some(("basis", basis.to_string())),
            f64::from(u8::from(basis == plan.basis)),
        )
    };
    BASES.into_iter().map(one).collect()
}
