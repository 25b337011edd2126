//! One backtest, and what is kept of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forescale::analyze::models::Registry;
use forescale::backtest::{Case, Settings, TraceReport};
use forescale::dataset;
use forescale::domain::{HumanDuration, Series, TriggerSpec};
use forescale::execute::keda::parse_metadata;
use forescale::simulate::policies::{Kind, Search};
use forescale::simulate::queueing::Service;
use forescale::simulate::trace::Trace;
use serde::{Deserialize, Serialize};

const START_UPS: [u64; 4] = [30, 90, 240, 600];
const REPLICAS: [f64; 4] = [5.0, 20.0, 100.0, 500.0];
const HISTORIES: [u64; 4] = [0, 3 * 3600, 24 * 3600, 7 * 24 * 3600];

const USUAL_REPLICAS: f64 = 20.0;
const USUAL_HISTORY: u64 = 14 * 24 * 3600;
/// Start-up times at which all records are run.
pub(crate) const MAIN: [u64; 2] = [90, 240];

/// The kind of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shows {
    /// All policies.
    Policies,
    /// How it moves with start-up time or granularity.
    Cluster,
    /// How it moves with history: the last day alone is judged, and the metric's store knows no more than the history.
    History,
    /// The last day alone, lived by a loop that meets the workload as it begins, and reads its history back.
    FirstDay,
    /// A trigger that reads its Ready replicas, where the others are told how long they take.
    Reading,
}

impl Shows {
    pub(crate) const ALL: [Self; 5] = [
        Self::Policies,
        Self::Reading,
        Self::Cluster,
        Self::History,
        Self::FirstDay,
    ];

    /// As `--only` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::Reading => "reading",
            Self::Cluster => "cluster",
            Self::History => "history",
            Self::FirstDay => "first-day",
        }
    }

    /// Whether one day alone is judged.
    fn one_day(self) -> bool {
        matches!(self, Self::History | Self::FirstDay)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    file: PathBuf,
    shows: Shows,
    start_up: u64,
    replicas: f64,
    history: u64,
}

/// What is kept of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The build that it was worked out by.
    #[serde(default)]
    pub(crate) build: String,
    pub(crate) trace: String,
    pub(crate) step: f64,
    pub(crate) shows: Shows,
    pub(crate) start_up: u64,
    pub(crate) replicas: f64,
    pub(crate) history: u64,
    pub(crate) days: f64,
    pub(crate) policies: Vec<Policy>,
    pub(crate) against: Vec<Against>,
    /// Where one day is judged: the HPA's cost, tolerance 0.1, at the overload that ours had out of the box.
    pub(crate) hpa_hours_at_ours: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) overload: f64,
    pub(crate) slo_minutes: Option<f64>,
    pub(crate) hours: f64,
    pub(crate) changes: f64,
    /// At each compared overload.
    pub(crate) hours_at: Vec<Option<f64>>,
    /// Replica hours and overload of each setting.
    pub(crate) frontier: Vec<(f64, f64)>,
}

/// At one overload.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Against {
    pub(crate) overload: f64,
    pub(crate) ours: Option<f64>,
    pub(crate) perfect: Option<f64>,
    /// The HPA with the better of two tolerances; with its default one.
    pub(crate) hpa: [Option<f64>; 2],
    pub(crate) captured: [Option<f64>; 2],
    pub(crate) overload_ratio: [Option<f64>; 2],
}

impl Against {
    /// The share of the gap that is captured; below all others where only the HPA can keep to the overload.
    pub(crate) fn share(&self, which: usize) -> Option<f64> {
        match (self.ours, self.hpa[which]) {
            (None, Some(_)) => Some(f64::NEG_INFINITY),
            _ => self.captured[which],
        }
    }
}

/// Every run: all records with all policies first, then those with a trigger that reads its replicas, then the sensitivity
/// of a few to the cluster, then a day of each with little history or little time.
pub(crate) fn all(files: &[PathBuf], sensitive: usize) -> Vec<Job> {
    let job = |file: &PathBuf, shows, start_up, replicas, history| Job {
        file: file.clone(),
        shows,
        start_up,
        replicas,
        history,
    };
    let mut jobs = Vec::new();
    for shows in [Shows::Policies, Shows::Reading] {
        for start_up in MAIN {
            let (replicas, history) = (USUAL_REPLICAS, USUAL_HISTORY);
            let each = files.iter();
            jobs.extend(each.map(|file| job(file, shows, start_up, replicas, history)));
        }
    }
    let every = (files.len() / sensitive.max(1)).max(1);
    for file in files.iter().step_by(every).take(sensitive) {
        for start_up in START_UPS {
            jobs.push(job(
                file,
                Shows::Cluster,
                start_up,
                USUAL_REPLICAS,
                USUAL_HISTORY,
            ));
        }
        for replicas in REPLICAS
            .into_iter()
            .filter(|replicas| *replicas != USUAL_REPLICAS)
        {
            jobs.push(job(file, Shows::Cluster, 90, replicas, USUAL_HISTORY));
        }
    }
    for file in files {
        let day = |shows, history| job(file, shows, 90, USUAL_REPLICAS, history);
        jobs.extend(HISTORIES.map(|history| day(Shows::History, history)));
        jobs.push(day(Shows::FirstDay, 0));
    }
    jobs
}

impl Job {
    pub(crate) fn shows(&self) -> Shows {
        self.shows
    }

    pub(crate) fn name(&self) -> String {
        let (shows, replicas) = (self.shows, self.replicas);
        let trace = dataset::name_of(&self.file);
        format!(
            "{trace}-{shows:?}-{}s-{replicas}-{}h",
            self.start_up,
            self.history / 3600
        )
    }

    pub(crate) fn run(&self, models: &Arc<Registry>, build: &str) -> Result<Row, String> {
        let mut data = read(&self.file)?;
        let span = data.series.step() * u32::try_from(data.series.len()).unwrap_or(u32::MAX);
        let one_day = self.shows.one_day();
        let judged = if one_day {
            Duration::from_hours(24).as_secs_f64() / span.as_secs_f64().max(1.0)
        } else {
            0.3
        };
        let capacity = (self.shows == Shows::History)
            .then(|| Trace::new(&data.series))
            .and_then(|trace| trace.median(trace.start(), trace.end()))
            .map(|median| median / self.replicas);
        if self.shows == Shows::History {
            let known = Duration::from_secs(self.history) + Duration::from_hours(24);
            data.series = newest(&data.series, known);
        }
        let settings = Settings {
            start_up: HumanDuration::from_secs(self.start_up),
            start_up_spread: false,
            nodes: None,
            capacity,
            replicas_at_median: self.replicas,
            judged: judged.min(0.5),
            history: HumanDuration::from_secs(self.history),
            price: 0.05,
            currency: None,
            trigger: TriggerSpec {
                replicas_query: (self.shows == Shows::Reading).then(|| "ready".to_owned()),
                ..trigger()?
            },
            configured: None,
            notes: Vec::new(),
            rivals: match self.shows {
                Shows::Policies => Kind::ALL.to_vec(),
                Shows::Reading => vec![Kind::Perfect],
                Shows::Cluster => Vec::new(),
                Shows::History | Shows::FirstDay => vec![Kind::Hpa, Kind::Perfect],
            },
            frontier: !one_day,
            service: Service::default(),
            plan: forescale::plan::Config::default(),
            analyze: forescale::analyze::Config::default(),
            seed: 0,
        };
        let case = if one_day {
            Case::of_any_length(&data, &settings)
        } else {
            Case::new(&data, &settings)
        };
        let case = case.map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let report = runtime
            .block_on(case.run(&settings, models, &|_| ()))
            .map_err(|error| error.to_string())?;
        let hpa_hours = one_day.then(|| {
            let ours = report.policies[0].usual.figures.overload_percent;
            let hpa = Search::on(&case.scene(&settings)).usual_frontier();
            hpa.hours_at(ours.max(0.01))
        });
        Ok(self.row(&report, hpa_hours.flatten(), build))
    }

    fn row(&self, report: &TraceReport, hpa_hours_at_ours: Option<f64>, build: &str) -> Row {
        let policies = report.policies.iter().map(|policy| {
            let figures = &policy.usual.figures;
            let swept = policy.frontier.iter().flatten();
            Policy {
                name: policy.policy.clone(),
                overload: figures.overload_percent,
                slo_minutes: figures.slo_violation_minutes,
                hours: figures.replica_hours,
                changes: figures.changes_per_hour,
                hours_at: policy.replica_hours_at.clone(),
                frontier: swept
                    .map(|scored| {
                        (
                            scored.figures.replica_hours,
                            scored.figures.overload_percent,
                        )
                    })
                    .collect(),
            }
        });
        let against = report.against_hpa.iter().map(|at| {
            let (best, usual) = (at.hpa, at.default_tolerance);
            Against {
                overload: at.overload_percent,
                ours: at.forescale_hours,
                perfect: at.perfect_hours,
                hpa: [best.hpa_hours, usual.hpa_hours],
                captured: [best.captured, usual.captured],
                overload_ratio: [
                    best.overload_ratio_at_equal_cost,
                    usual.overload_ratio_at_equal_cost,
                ],
            }
        });
        let judged = report.judged_until.since(report.judged_from);
        Row {
            build: build.to_owned(),
            trace: report.name.clone(),
            step: report.step_seconds,
            shows: self.shows,
            start_up: self.start_up,
            replicas: self.replicas,
            history: self.history,
            days: judged.as_secs_f64() / 86_400.0,
            policies: policies.collect(),
            against: against.collect(),
            hpa_hours_at_ours,
        }
    }
}

impl Row {
    pub(crate) fn ours(&self) -> &Policy {
        &self.policies[0]
    }

    pub(crate) fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    pub(crate) fn at(&self, overload: f64) -> Option<&Against> {
        self.against
            .iter()
            .find(|at| (at.overload - overload).abs() < 1e-9)
    }
}

fn read(file: &Path) -> Result<dataset::Dataset, String> {
    dataset::read(file).map_err(|error| error.to_string())
}

/// A series of which only the newest stretch is known, to the metric's store as well.
fn newest(series: &Series, known: Duration) -> Series {
    let steps = (known.as_secs_f64() / series.step().as_secs_f64()).ceil() as usize;
    let unknown = series.len().saturating_sub(steps + 1);
    let mut values = series.values().to_vec();
    values[..unknown].fill(f64::NAN);
    Series::new(series.start(), series.step(), values)
}

/// The trigger as it is when nothing is said, on an HPA whose tolerance is 0 as in the manifests.
fn trigger() -> Result<TriggerSpec, String> {
    let keys = [("query", "load"), ("threshold", "1"), ("hpaTolerance", "0")];
    let metadata = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let parsed = parse_metadata(&metadata.into_iter().collect());
    parsed
        .map(|parsed| parsed.spec)
        .map_err(|errors| format!("{errors:?}"))
}
