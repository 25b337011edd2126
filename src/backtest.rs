//! What Forescale would have done on recorded history, in money and minutes, beside what others would have done.
//!
//! The recording is measured as a query would have measured it, and the production loop ([`crate::control::replay`]) lives
//! through it on a virtual clock: it reads, fits, forecasts, learns and plans as `serve` does. What it told KEDA then moves a
//! simulated cluster ([`crate::simulate`]), and so does what every other policy says. The load does not depend on the
//! fleet, so that one life of the loop serves every safety setting; where the trigger reads its Ready replicas, each setting
//! has its own fleet from the loop's first moment on.

mod compare;
mod configured;
mod equal;
mod forescale;
mod gain;
pub mod html;
mod moments;
mod record;
mod report;
#[cfg(test)]
mod samples;
mod table;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

pub use self::configured::{CONFIGURED, Configured, MOST_REPLICAS};
pub use self::gain::Gain;
pub use self::moments::{Moments, PathPoint, Replicas, Stretch, Why};
pub use self::report::{AgainstHpa, AtItsPoint, Gap, PolicyReport, Report, Scored, TraceReport};
pub use self::table::table;

use crate::analyze::models::Registry;
use crate::dataset::Dataset;
use crate::domain::{HumanDuration, TriggerSpec};
use crate::simulate::cluster::{Cluster, Scene, TICK};
use crate::simulate::metric::MetricPath;
use crate::simulate::pods::{NodePool, StartUp};
use crate::simulate::policies::Kind;
use crate::simulate::queueing::Service;
use crate::simulate::trace::Trace;
use crate::{analyze, plan};

/// The name of our own policy.
pub const FORESCALE: &str = "forescale";

/// Overload, in percent of the time, at which policies are compared.
pub const OVERLOADS: [f64; 3] = [0.1, 0.5, 1.0];

const NOT_THE_LIMIT: &str = "with nodes perfect foresight is no limit: it takes every new replica for one that waits for a node, and so has \
     more of them than it must; `x perf.` and the share that is captured are a little better than they ought to be";

/// How a backtest is done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From a replica that is wanted to one that is Ready.
    pub start_up: HumanDuration,
    /// Whether that is the median of a distribution with a tail instead of what every pod takes.
    pub start_up_spread: bool,
    /// Nodes that may have to come first; `None` where there is always room.
    pub nodes: Option<NodePool>,
    /// Load that one replica carries; derived from `replicas_at_median` when unset.
    pub capacity: Option<f64>,
    /// So many replicas carry the median load, when the capacity is not given.
    pub replicas_at_median: f64,
    /// The last share of the record that is judged.
    pub judged: f64,
    /// How much history the loop lives through before the judged part.
    pub history: HumanDuration,
    /// What a replica costs an hour.
    pub price: f64,
    /// What that is counted in, where it is known.
    pub currency: Option<String>,
    /// Our own trigger but for its query and threshold, which come from the record. Its lead time is the start-up, unless it is given
    /// or there is a `replicasQuery`: the simulated cluster answers that.
    pub trigger: TriggerSpec,
    /// The ScaledObject, where one was given.
    pub configured: Option<Configured>,
    /// What a reader should know about how the trigger was read.
    pub notes: Vec<String>,
    /// Other policies.
    pub rivals: Vec<Kind>,
    /// Whether each policy is swept over its safety setting.
    pub frontier: bool,
    /// How requests are served.
    pub service: Service,
    /// Settings of the server that plans: calendars, bounds and defaults.
    pub plan: plan::Config,
    /// Those of its forecasts.
    pub analyze: analyze::Config,
    /// What chance is drawn from.
    pub seed: u64,
}

/// A record that can't be judged on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{trace}`: {text}")]
pub struct BacktestError {
    /// Its name.
    pub trace: String,
    /// What is wrong and what is needed.
    pub text: String,
}

/// The settings as they stand in a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Protocol {
    /// Seconds from a replica that is wanted to one that is Ready.
    pub start_up_seconds: u64,
    /// Whether that is the median of a distribution with a tail.
    pub start_up_spread: bool,
    /// Nodes that had to come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Nodes>,
    /// Whether our trigger reads its Ready replicas instead of being told how long they take.
    pub reads_replicas: bool,
    /// What the HPA that follows our plans ignores.
    pub hpa_tolerance: HpaTolerance,
    /// The last share of each record that is judged.
    pub judged_share: f64,
    /// Seconds that the loop lived through before, at most.
    pub history_seconds: u64,
    /// What a replica costs an hour.
    pub price_per_replica_hour: f64,
    /// What that is counted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// How requests are served, and what is promised.
    pub slo: Slo,
    /// Overload at which policies are compared, in percent of the time.
    pub compared_at_overload_percent: [f64; 3],
    /// Seed of the simulated cluster.
    pub seed: u64,
    /// What a reader should know about how the trigger was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Changes of the ratio of value to target that an HPA ignores, as shares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HpaTolerance {
    /// Upwards.
    pub up: f64,
    /// Downwards.
    pub down: f64,
}

/// Nodes of a size, and what one of them takes to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Nodes {
    /// Pods of the workload that one takes.
    pub pods_per_node: u32,
    /// Seconds from a pod without room to a node that runs it.
    pub provisioning_seconds: u64,
    /// Nodes that stay though nobody needs them.
    pub spare: u32,
}

impl Settings {
    /// As it stands in a report.
    pub fn protocol(&self) -> Protocol {
        let mut notes = self.notes.clone();
        notes.extend(self.nodes.map(|_| NOT_THE_LIMIT.to_owned()));
        Protocol {
            start_up_seconds: self.start_up.get().as_secs(),
            start_up_spread: self.start_up_spread,
            nodes: self.nodes.map(|pool| Nodes {
                pods_per_node: pool.pods_per_node,
                provisioning_seconds: pool.provisioning.as_secs(),
                spare: pool.spare,
            }),
            reads_replicas: self.trigger.replicas_query.is_some(),
            hpa_tolerance: configured::followed(self.configured.as_ref(), &self.trigger),
            judged_share: self.judged,
            history_seconds: self.history.get().as_secs(),
            price_per_replica_hour: self.price,
            currency: self.currency.clone(),
            slo: Slo::of(&self.service),
            compared_at_overload_percent: OVERLOADS,
            seed: self.seed,
            notes,
        }
    }
}

/// What is promised of requests, and how they are served: what SLO minutes are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Slo {
    /// Percent of the requests of a minute that must not take longer than `seconds`.
    pub percent: f64,
    /// What a request may take.
    pub seconds: f64,
    /// Mean time to serve one.
    pub service_seconds: f64,
    /// Requests that one replica works on at once.
    pub concurrency: u32,
}

impl Slo {
    fn of(service: &Service) -> Self {
        Self {
            percent: 100.0 * (1.0 - service.allowed),
            seconds: service.objective.as_secs_f64(),
            service_seconds: service.mean.as_secs_f64(),
            concurrency: service.concurrency,
        }
    }

    /// A minute in which it is missed, in words.
    fn missed(&self) -> String {
        let more = (1e6 * (100.0 - self.percent)).round() / 1e6;
        format!(
            "more than {more} % of requests would have taken over {:.0} ms",
            1000.0 * self.seconds
        )
    }
}

impl Protocol {
    /// What sums are counted in, as it stands behind them.
    fn currency(&self) -> String {
        let name = self.currency.as_deref();
        name.map_or_else(String::new, |name| format!(" {name}"))
    }

    /// From wanted to Ready, in words that say whether every replica takes that long.
    fn start_up(&self) -> String {
        let time = HumanDuration::from_secs(self.start_up_seconds);
        let mut text = if self.start_up_spread {
            format!("{time} (the median: one in ten takes 1.3 times that or longer)")
        } else {
            time.to_string()
        };
        if let Some(nodes) = self.nodes {
            let provisioning = HumanDuration::from_secs(nodes.provisioning_seconds);
            // Writing to a string can't fail.
            let _ = write!(
                text,
                " (where a node must come first, for each {} pods, {provisioning} more)",
                nodes.pods_per_node
            );
        }
        text
    }
}

/// The way of the metric: as late as the trigger takes it to be, so that a query over five minutes is not tried as one
/// over one; a trigger that knows of no lag is tried with the usual window.
fn metric(trigger: &TriggerSpec) -> MetricPath {
    let usual = MetricPath::default();
    let lag = trigger.metric_lag.unwrap_or_default().get();
    let rate_window = if lag.is_zero() {
        usual.rate_window
    } else {
        (2 * lag).max(2 * usual.scrape_interval)
    };
    MetricPath {
        rate_window,
        ..usual
    }
}

/// One record with its cluster, ready to be run on.
#[derive(Debug)]
pub struct Case {
    name: String,
    trace: Trace,
    cluster: Cluster,
    notes: Vec<String>,
}

// === impl Case ===

impl Case {
    /// Looks at a record.
    ///
    /// # Errors
    /// When it is too short, or holds no load, to say anything.
    pub fn new(dataset: &Dataset, settings: &Settings) -> Result<Self, BacktestError> {
        let case = Self::of_any_length(dataset, settings)?;
        record::enough(&case.trace, settings).map_err(|text| BacktestError {
            trace: dataset.name.clone(),
            text,
        })?;
        Ok(case)
    }

    /// The same of a record however little of it is known, to show what that makes of a plan.
    ///
    /// # Errors
    /// When it holds no load.
    pub fn of_any_length(dataset: &Dataset, settings: &Settings) -> Result<Self, BacktestError> {
        let refuse = |text: String| BacktestError {
            trace: dataset.name.clone(),
            text,
        };
        let trace = Trace::new(&dataset.series);
        let capacity = record::capacity(&trace, settings).map_err(refuse)?;
        let mut cluster = Cluster::new(capacity, settings.start_up.get());
        if settings.start_up_spread {
            cluster.start_up = StartUp::around(settings.start_up.get());
        }
        if let Some(configured) = &settings.configured {
            cluster.object = configured.object.clone();
            if configured.behavior.is_none() {
                // What KEDA makes of a ScaledObject that says nothing.
                cluster.behavior = None;
            }
        }
        configured::bind(&mut cluster.object, &settings.trigger);
        cluster.nodes = settings.nodes;
        cluster.service = Some(settings.service);
        cluster.seed = settings.seed;
        cluster.metric = metric(&settings.trigger);
        let mut notes = dataset.notes.clone();
        notes.extend(record::notes(&dataset.series, &trace, &cluster, settings));
        Ok(Self {
            name: dataset.name.clone(),
            trace,
            cluster,
            notes,
        })
    }

    /// The record's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster and the part that is judged.
    pub fn scene(&self, settings: &Settings) -> Scene<'_> {
        let from = record::from(&self.trace, settings);
        Scene::new(&self.cluster, &self.trace, from, self.trace.end())
    }

    /// Control ticks that our loop lives through.
    pub fn ticks(&self, settings: &Settings) -> u64 {
        let scene = self.scene(settings);
        let begin = forescale::begin(&scene, settings);
        let lived = scene.until().since(begin).as_millis();
        u64::try_from(lived.div_ceil(TICK.as_millis())).unwrap_or(u64::MAX)
    }

    /// Runs every policy. `progress` is told how many ticks of our loop have passed since it was last told.
    ///
    /// # Errors
    /// When the loop can't be set up.
    pub async fn run(
        &self,
        settings: &Settings,
        models: &Arc<Registry>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<TraceReport, BacktestError> {
        let scene = self.scene(settings);
        let lives = forescale::live(&scene, settings, models, progress)
            .await
            .map_err(|error| BacktestError {
                trace: self.name.clone(),
                text: error.to_string(),
            })?;
        Ok(TraceReport {
            notes: self.notes.clone(),
            ..compare::compare(&self.name, &scene, settings, &lives)
        })
    }
}
