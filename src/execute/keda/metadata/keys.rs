//! The table of keys: the one place that knows what each means, what it may be and what it is when it is not given.

use std::fmt;

use super::values::{
    auto_or_duration, base_url, boolean, bounds, calendar, duration, events, finer_than_keda,
    free_text, headers, lead_time, mode, model, name, number, object_name, parameters, percent,
    percentage, query, ramp, timeout, timezone, unsafe_connection, whole,
};
use crate::domain::{
    Followed, HumanDuration, LeadTime, MOST_TOLERANCE, Mode, ModelChoice, Quantile, SourceRef,
    TriggerSpec,
};

/// Sets a key's value in a spec, or says what is wrong with it.
pub(super) type Set = fn(&mut TriggerSpec, &str) -> Result<(), String>;
/// A key's value in a spec, as it would be written; `None` when it is not set.
pub(super) type Show = fn(&TriggerSpec) -> Option<String>;

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Of KEDA's prometheus trigger.
    Prometheus,
    /// Forescale's own.
    Forescale,
    /// Read by KEDA for its connection to Forescale.
    Connection,
    /// Of older KEDA versions or of its authentication.
    Legacy,
}

/// One key.
#[derive(Clone, Copy)]
pub struct Key {
    /// As it stands in the metadata.
    pub name: &'static str,
    /// Whose it is.
    pub group: Group,
    /// What may stand there, in words.
    pub allowed: &'static str,
    /// What it is when it is not given, as it would be written.
    pub default: Option<&'static str>,
    /// What it does.
    pub about: &'static str,
    pub(super) role: Role,
    /// Something about an allowed value that a person should know of.
    pub(super) warn: Option<fn(&str) -> Option<String>>,
}

/// What becomes of a key.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// It is acted on.
    Acted { set: Set, show: Show },
    /// It is KEDA's own business.
    Connection,
    /// It has no effect here.
    Legacy { why: &'static str },
    /// It must not be there.
    Refused { why: &'static str },
}

// === impl Key ===

impl Key {
    const fn new(
        group: Group,
        name: &'static str,
        allowed: &'static str,
        default: Option<&'static str>,
        about: &'static str,
        role: Role,
    ) -> Self {
        Self {
            name,
            group,
            allowed,
            default,
            about,
            role,
            warn: None,
        }
    }

    const fn warning(mut self, warn: fn(&str) -> Option<String>) -> Self {
        self.warn = Some(warn);
        self
    }

    /// Whether every trigger must have it; a trigger that follows another one needs no query.
    pub fn required(&self) -> bool {
        matches!(self.name, "query" | "threshold")
    }

    /// Whether it is refused wherever it stands.
    pub fn is_refused(&self) -> bool {
        matches!(self.role, Role::Refused { .. })
    }

    /// Its value in `spec`, as it would be written; `None` when it is not set, or is no setting.
    pub fn shown(&self, spec: &TriggerSpec) -> Option<String> {
        match self.role {
            Role::Acted { show, .. } => show(spec),
            Role::Connection | Role::Legacy { .. } | Role::Refused { .. } => None,
        }
    }

    /// Whether a bad value may hold a secret; what is said to be wrong with it repeats none of it then.
    pub(super) fn conceals(&self, value: &str) -> bool {
        matches!(self.name, "customHeaders" | "queryParameters")
            || (self.name == "serverAddress" && value.contains('@'))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The key called `name`.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// A spec in which every key has its default.
pub fn defaults() -> TriggerSpec {
    let mut spec = blank();
    for key in KEYS {
        if let (Some(default), Role::Acted { set, .. }) = (key.default, key.role) {
            let set = set(&mut spec, default);
            debug_assert_eq!(set, Ok(()), "the default of `{}`", key.name);
        }
    }
    spec
}

fn blank() -> TriggerSpec {
    let zero = HumanDuration::from_secs(0);
    TriggerSpec {
        query: String::new(),
        follows: None,
        source: SourceRef::Default,
        threshold: 1.0,
        activation_threshold: 0.0,
        query_parameters: Vec::new(),
        custom_headers: Vec::new(),
        namespace: None,
        ignore_null_values: true,
        unsafe_ssl: false,
        timeout: None,
        mode: Mode::Predictive,
        model: ModelChoice::Auto,
        horizon: zero,
        step: zero,
        history: zero,
        interval: zero,
        lead_time: LeadTime::Auto,
        metric_lag: None,
        headroom: 0.0,
        quantile: Quantile::MEDIAN,
        max_overload: None,
        shortage_cost: None,
        min_replicas: None,
        max_replicas: None,
        bounds: None,
        calendar: None,
        max_changes_per_hour: None,
        ramp_up: None,
        ramp_down: None,
        scale_down_window: None,
        hpa_tolerance: None,
        timezone: String::new(),
        max_replica_hours_per_day: None,
        latency_query: None,
        latency_slo: None,
        replicas_query: None,
        cpu_query: None,
        memory_query: None,
        events: None,
    }
}

/// The trigger to follow, to be filled in.
fn followed(spec: &mut TriggerSpec) -> &mut Followed {
    spec.follows.get_or_insert_with(|| Followed {
        trigger: String::new(),
        scaled_object: None,
        namespace: None,
    })
}

fn joined(pairs: &[(String, String)]) -> Option<String> {
    let all: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// A role that is acted on: the field, and how its text becomes a value.
macro_rules! acted {
    ($field:ident, $read:expr) => {
        acted!($field, $read, |spec| Some(spec.$field.to_string()))
    };
    ($field:ident, $read:expr, $show:expr) => {
        Role::Acted {
            set: |spec, text| {
                let read: fn(&str) -> Result<_, String> = $read;
                spec.$field = read(text)?;
                Ok(())
            },
            show: $show,
        }
    };
}

/// The same for a field that may be absent.
macro_rules! optional {
    ($field:ident, $read:expr) => {
        acted!(
            $field,
            |text| {
                let read: fn(&str) -> Result<_, String> = $read;
                read(text).map(Some)
            },
            |spec| spec.$field.as_ref().map(ToString::to_string)
        )
    };
}

const PROMQL: &str = "a PromQL expression of at most 8192 bytes that gives one series";
const IN_SOURCES: &str =
    "has no effect here: credentials for Prometheus live in the server's named sources (`source`)";
const SECRET: &str = "must not stand in trigger metadata, which is stored and shown: credentials for Prometheus live in \
                      the server's named sources (`source`)";
const READ_BY_KEDA: &str =
    "has no effect in the metadata: KEDA reads it from a TriggerAuthentication";

use Group::{Connection, Forescale, Legacy, Prometheus};

/// Every key, in the order in which they are documented and shown.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    Key::new(Prometheus, "query", PROMQL, None,
        "The load. Forescale reads its history and its newest value.",
        acted!(query, query)),
    Key::new(Prometheus, "threshold", "a number from 0.001 to 1000000000", None,
        "Load that one replica carries, in the query's unit. KEDA keeps three decimals.",
        acted!(threshold, |text| number(text, 0.001, 1e9)))
        .warning(finer_than_keda),
    Key::new(Prometheus, "activationThreshold", "a number from -1000000000000 to 1000000000000", Some("0"),
        "The workload is active when the measured load is above this, or the one expected within the lead time is by a \
         twentieth of `threshold`.",
        acted!(activation_threshold, |text| number(text, -1e12, 1e12))),
    Key::new(Prometheus, "serverAddress", "a base URL such as `http://prometheus.monitoring:9090`, without credentials, \
         on the server's allow-list", None,
        "The Prometheus to ask, if the server's `monitor.allowedServerAddresses` has it. The server's default source \
         answers when neither this nor `source` is given.",
        Role::Acted {
            set: |spec, text| { spec.source = SourceRef::Address(base_url(text)?); Ok(()) },
            show: |spec| match &spec.source { SourceRef::Address(url) => Some(url.clone()), _ => None },
        }),
    Key::new(Prometheus, "namespace", "1 to 253 characters", None,
        "Sent along as the URL parameter `namespace`, for tenancy proxies such as the one of Thanos on OpenShift.",
        optional!(namespace, |text| free_text(text, 253))),
    Key::new(Prometheus, "queryParameters", "`name=value,name=value`, at most 32, without `query`, `start`, `end`, `step`, \
         `time` and `timeout`", None,
        "Further URL parameters of the query.",
        acted!(query_parameters, parameters, |spec| joined(&spec.query_parameters))),
    Key::new(Prometheus, "customHeaders", "`name=value,name=value`, at most 32, without credentials", None,
        "Further HTTP headers of the query, such as `X-Scope-OrgID=team-a`.",
        acted!(custom_headers, headers, |spec| joined(&spec.custom_headers))),
    Key::new(Prometheus, "ignoreNullValues", "`true` or `false`", Some("true"),
        "`false` reports an empty result as a fault. Either way it never counts as zero: the last good plan is held.",
        acted!(ignore_null_values, boolean)),
    Key::new(Prometheus, "unsafeSsl", "`true` or `false`", Some("false"),
        "Skips certificate checks towards `serverAddress`. KEDA applies it to its own connection to Forescale as well.",
        acted!(unsafe_ssl, boolean))
        .warning(unsafe_connection),
    Key::new(Prometheus, "timeout", "a number of milliseconds or a duration, from 1ms to 5m", None,
        "Time-out of one query; the source's own when it is not given. Triggers with a longer one share half of the source's slots.",
        optional!(timeout, timeout)),

    Key::new(Forescale, "source", "1 to 63 letters, digits, `-`, `_` and `.`", None,
        "A named source of the server's settings, credentials included. Not together with `serverAddress`.",
        Role::Acted {
            set: |spec, text| { spec.source = SourceRef::Named(name(text)?); Ok(()) },
            show: |spec| match &spec.source { SourceRef::Named(name) => Some(name.clone()), _ => None },
        }),
    Key::new(Forescale, "triggerName", "the `name` of a trigger, 1 to 253 characters; in the place of `query`", None,
        "Another trigger, of any type, whose metric is the load: KEDA hands it on and `source` names the KEDA (see [Forecast any \
         trigger](keda-source.md)). A trigger without a `name` goes by its type, such as `kafkaScaler`.",
        Role::Acted {
            set: |spec, text| { followed(spec).trigger = free_text(text, 253)?; Ok(()) },
            show: |spec| spec.follows.as_ref().map(|followed| followed.trigger.clone()).filter(|name| !name.is_empty()),
        }),
    Key::new(Forescale, "scaledObject", "the name of a ScaledObject or ScaledJob of the same namespace", None,
        "Where the trigger of `triggerName` stands; the trigger's own ScaledObject when it is not given.",
        Role::Acted {
            set: |spec, text| { followed(spec).scaled_object = Some(object_name(text)?); Ok(()) },
            show: |spec| spec.follows.as_ref().and_then(|followed| followed.scaled_object.clone()),
        }),
    Key::new(Forescale, "mode", "`predictive`, `scale-out`, `auto`, `shadow` or `reactive`", Some("predictive"),
        "Who decides: the plan; the larger of the plan and what the measured load asks for, so that Forescale only adds \
         replicas and scale-in is the HPA's; as much of the plan as its own grades have earned, nothing at first; the \
         measured load, with the plan only published; the measured load, without forecasts.",
        acted!(mode, mode)),
    Key::new(Forescale, "model", "`auto`, `naive`, `recent-mean`, `seasonal-naive`, `holt-winters`, `ets`, `mstl`, `prophet`, `linear`, `linear-log`, \
         `mix`, `mlp`, `gru`, `lstm`, `hybrid` or `onnx:NAME`", Some("auto"),
        "Who forecasts. `auto` lets the models compete on the workload and combines them.",
        acted!(model, model)),
    Key::new(Forescale, "horizon", "a duration from 1m to 1d, at least one `step`, at most 1440 of them", Some("30m"),
        "How far ahead the forecast looks.",
        acted!(horizon, |text| duration(text, "1m", "1d"))),
    Key::new(Forescale, "step", "a duration from 10s to 1h, in whole seconds", Some("60s"),
        "Grid of the history and the forecast.",
        acted!(step, |text| duration(text, "10s", "1h"))),
    Key::new(Forescale, "history", "a duration from 10m to 400d, at least 2 and at most 100000 of `step`", Some("14d"),
        "How much history is kept and learned from. Two weeks show each weekday twice. The newest 20160 steps, and at least the newest week, are kept as they are; what is older as means of about ten minutes, so that 56d of 60s take less than 64 KiB.",
        acted!(history, |text| duration(text, "10m", "400d"))),
    Key::new(Forescale, "interval", "a duration from 1s to 10m, in whole seconds", Some("15s"),
        "How often the metric is read and the plan renewed. The HPA asks every 15 s. A plan covers the time until the next \
         one: a longer interval is looked ahead by as much more.",
        acted!(interval, |text| duration(text, "1s", "10m"))),
    Key::new(Forescale, "leadTime", "`auto`, or a duration from 0s to 1d, at most the `horizon`", Some("auto"),
        "From the decision to scale until the new pods are Ready: the time that the plan looks ahead, and `metricLag` more. `auto` is \
         learned with `replicasQuery` or from the cluster, and the server's `plan.defaultLeadTime` without either.",
        Role::Acted {
            set: |spec, text| { spec.lead_time = lead_time(text)?; Ok(()) },
            show: |spec| Some(match spec.lead_time {
                LeadTime::Auto => "auto".to_owned(),
                LeadTime::Fixed(time) => time.to_string(),
            }),
        }),
    Key::new(Forescale, "metricLag", "`auto`, or a duration from 0s to 30m", Some("auto"),
        "By how much the metric is behind the load; the plan looks ahead by as much more. `auto` reads it from the `query`: a mean over a \
         range, as `rate(…[2m])` is, tells of half that range ago. At most 5m are taken from a query.",
        acted!(metric_lag, |text| auto_or_duration(text, "30m"),
            |spec| Some(spec.metric_lag.map_or("auto".to_owned(), |lag| lag.to_string())))),
    Key::new(Forescale, "headroom", "a share from 0 to 5", Some("0"),
        "Extra share of the planned load: `0.1` plans for 110 %.",
        acted!(headroom, |text| number(text, 0.0, 5.0))),
    Key::new(Forescale, "quantile", "a number above 0 and below 1", Some("0.95"),
        "Level of the forecast that the plan covers: at `0.95` the peak within the lead time is above the plan one time \
         in twenty. One of `quantile`, `shortageCost` and `maxOverload`.",
        Role::Acted {
            set: |spec, text| {
                spec.quantile = text.parse().map_err(|_| "this is no level between 0 and 1".to_owned())?;
                // The one who gives the level wants that level, and nothing learned in its place.
                spec.max_overload = None;
                Ok(())
            },
            show: |spec| Some(spec.quantile.to_string()),
        }),
    Key::new(Forescale, "shortageCost", "a number from 0.01 to 10000", None,
        "What one replica-minute too few costs against one too many. It sets the quantile to cost / (1 + cost): 19 means \
         0.95. Once plans have been on trial for a day, the one that has cost the least by this measure is followed. One of `quantile`, \
         `shortageCost` and `maxOverload`.",
        Role::Acted {
            set: |spec, text| {
                let cost = number(text, 0.01, 10_000.0)?;
                spec.quantile = Quantile::new(cost / (1.0 + cost)).map_err(|error| error.to_string())?;
                spec.shortage_cost = Some(cost);
                spec.max_overload = None;
                Ok(())
            },
            show: |spec| spec.shortage_cost.map(|cost| cost.to_string()),
        }),
    Key::new(Forescale, "maxOverload", "a percentage from 0.01% to 20%", Some("0.5%"),
        "The share of time in which the load may be above what the Ready replicas carry. Once \
         forecasts have spoken for twenty minutes, the cheapest plan on trial that has kept to it is followed; until then the \
         quantile decides. One of `quantile`, \
         `shortageCost` and `maxOverload`.",
        acted!(max_overload, |text| percentage(text, 0.01, 20.0).map(Some), |spec| spec.max_overload.map(percent))),
    Key::new(Forescale, "minReplicas", "a whole number from 0 to 100000, at most `maxReplicas`", None,
        "Lower bound of the plan, beside the HPA's own. When it is not given: the ScaledObject's `minReplicaCount`, where the \
         cluster may be read.",
        optional!(min_replicas, |text| whole(text, 0, 100_000))),
    Key::new(Forescale, "maxReplicas", "a whole number from 1 to 100000, at least `minReplicas`", None,
        "Upper bound of the plan, beside the HPA's own. When it is not given: the ScaledObject's `maxReplicaCount`, where the \
         cluster may be read.",
        optional!(max_replicas, |text| whole(text, 1, 100_000))),
    Key::new(Forescale, "bounds", "entries such as `Mon-Fri 08:00-18:00 min=10 max=50` or `2026-11-27T08:00/6h min=40 ramp=30m`, separated by `;`; at most 64, at most 4096 bytes", None,
        "Bounds by time, in local time: while a window is on, its `min` and `max` hold in the place of `minReplicas` and `maxReplicas`.",
        optional!(bounds, bounds)),
    Key::new(Forescale, "calendar", "an iCalendar, `BEGIN:VCALENDAR` to `END:VCALENDAR`, or the name of one of the server's `plan.calendars`", None,
        "Bounds by time from a calendar: each event says `min=40 max=80 ramp=30m` in its summary or description, or as `X-FORESCALE-MIN` and so on.",
        optional!(calendar, calendar)),
    Key::new(Forescale, "maxChangesPerHour", "a whole number from 1 to 60", None,
        "Changes of the plan within an hour, up and down; when they are used up, steps down wait. Steps up never do.",
        optional!(max_changes_per_hour, |text| whole(text, 1, 60))),
    Key::new(Forescale, "rampUp", "an amount per time, such as `100%/1m` or `4/1m`", None,
        "Fastest growth of the forecast part of the plan. The measured load is never held back.",
        optional!(ramp_up, |text| ramp(text, 100_000.0))),
    Key::new(Forescale, "rampDown", "an amount per time, such as `10%/1m` or `1/1m`; at most 100%", None,
        "Fastest shrinking of the plan.",
        optional!(ramp_down, |text| ramp(text, 100.0))),
    Key::new(Forescale, "scaleDownWindow", "a duration from 0s to 1d", None,
        "Before it scales down, the plan must have asked for no more during this window and must expect no more within \
         it. When it is not given: 5m while the quantile decides; a plan that was chosen on trial has a window of its own \
         and waits two minutes more. The HPA's own default is 5m; where this one works, `stabilizationWindowSeconds: 0` is enough there.",
        optional!(scale_down_window, |text| duration(text, "0s", "1d"))),
    Key::new(Forescale, "hpaTolerance", "a share from 0 to 0.9", None,
        "The HPA's tolerance, within which it ignores a change. When it is not given: what the HPA's `behavior` says where the \
         cluster may be read, `0.1` otherwise. The number told is one that the HPA follows: the plan, or the fewest replicas \
         above it within reach. Write `0` where the ScaledObject's `behavior` has `tolerance: \"0\"`.",
        optional!(hpa_tolerance, |text| number(text, 0.0, MOST_TOLERANCE))),
    Key::new(Forescale, "timezone", "a name of the IANA database, such as `Europe/Berlin`", Some("UTC"),
        "Where the workload's days and weeks begin, daylight saving included.",
        acted!(timezone, timezone)),
    Key::new(Forescale, "maxReplicaHoursPerDay", "a number from 0.1 to 2400000", None,
        "Replica hours of a day of the `timezone`. What plans ask for above the measured load's need is cut so that the day keeps \
         to it; the measured load is never cut.",
        optional!(max_replica_hours_per_day, |text| number(text, 0.1, 2.4e6))),
    Key::new(Forescale, "latencyQuery", PROMQL, None,
        "Latency in seconds, such as a `histogram_quantile`. The load per ready replica at which it keeps `latencySlo` is \
         learned and takes the place of `threshold` in the plan.",
        optional!(latency_query, query)),
    Key::new(Forescale, "latencySlo", "a duration from 1ms to 10m, together with `latencyQuery`", None,
        "The latency to keep.",
        optional!(latency_slo, |text| duration(text, "1ms", "10m"))),
    Key::new(Forescale, "replicasQuery", PROMQL, None,
        "Ready replicas, such as `sum(kube_deployment_status_replicas_ready{deployment=\"web\"})`. With it, `leadTime: auto` \
         is learned from the scale-ups that are seen. Where the cluster may be read, nothing need be asked: it says them itself.",
        optional!(replicas_query, query)),
    Key::new(Forescale, "cpuQuery", PROMQL, None,
        "CPU use in cores of all pods together, such as `sum(rate(container_cpu_usage_seconds_total{…}[2m]))`. It gives advice on \
         requests and limits.",
        optional!(cpu_query, query)),
    Key::new(Forescale, "memoryQuery", PROMQL, None,
        "Memory use in bytes of all pods together, such as `sum(container_memory_working_set_bytes{…})`. It gives advice on \
         requests and limits.",
        optional!(memory_query, query)),
    Key::new(Forescale, "events", "entries such as `2026-11-27T08:00/6h sale`, `holidays:DE` or `exclude:2026-11-20T10:00/2h load test`, separated by `;`; at most 4096 bytes", None,
        "Known events, past and coming, in local time; those of one name are one thing that comes again. Prophet \
         learns what each does to the load. After `exclude:` stands a time, such as that of a load test, from which no \
         model learns.",
        optional!(events, events)),

    Key::new(Connection, "scalerAddress", "`host:port` of Forescale's gRPC port", None,
        "Where KEDA finds Forescale.", Role::Connection),
    Key::new(Connection, "enableTLS", "`true` or `false`", None,
        "KEDA speaks TLS to Forescale.", Role::Connection),
    Key::new(Connection, "tlsCertFile", "a path", None,
        "A certificate file of older KEDA versions.", Role::Connection),
    Key::new(Connection, "caCert", "in a TriggerAuthentication", None,
        "The authority that signed Forescale's certificate.", Role::Legacy { why: READ_BY_KEDA }),
    Key::new(Connection, "tlsClientCert", "in a TriggerAuthentication", None,
        "KEDA's certificate, for mutual TLS.", Role::Legacy { why: READ_BY_KEDA }),
    Key::new(Connection, "tlsClientKey", "in a TriggerAuthentication", None,
        "The key of KEDA's certificate.", Role::Refused {
            why: "must not stand in trigger metadata, which is stored and shown: KEDA reads it from a TriggerAuthentication",
        }),

    Key::new(Legacy, "cortexOrgID", "nothing: write `customHeaders: X-Scope-OrgID=…`", None,
        "The tenant, in KEDA before 2.12.", Role::Legacy {
            why: "has no effect, as in KEDA since 2.12: write `customHeaders: X-Scope-OrgID=…`" }),
    Key::new(Legacy, "metricName", "nothing", None,
        "The metric's name, in KEDA before 2.12.", Role::Legacy {
            why: "has no effect, as in KEDA since 2.12: the metric is called `forescale`" }),
    Key::new(Legacy, "authModes", "nothing", None,
        "KEDA's ways to authenticate to Prometheus.", Role::Legacy { why: IN_SOURCES }),
    Key::new(Legacy, "username", "nothing", None,
        "As `authModes`.", Role::Legacy { why: IN_SOURCES }),
    Key::new(Legacy, "customAuthHeader", "nothing", None,
        "As `authModes`.", Role::Legacy { why: IN_SOURCES }),
    Key::new(Legacy, "identityOwner", "nothing", None,
        "As `authModes`.", Role::Legacy { why: IN_SOURCES }),
    Key::new(Legacy, "awsRegion", "nothing", None,
        "As `authModes`.", Role::Legacy { why: IN_SOURCES }),
    Key::new(Legacy, "password", "nothing, it is refused", None,
        "A secret in the wrong place.", Role::Refused { why: SECRET }),
    Key::new(Legacy, "bearerToken", "nothing, it is refused", None,
        "A secret in the wrong place.", Role::Refused { why: SECRET }),
    Key::new(Legacy, "customAuthValue", "nothing, it is refused", None,
        "A secret in the wrong place.", Role::Refused { why: SECRET }),
];
