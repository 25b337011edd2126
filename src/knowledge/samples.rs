//! Workloads for tests.

use std::sync::Arc;
use std::time::Duration;

use super::{Health, Published, Workload};
use crate::domain::{
    BandScale, BandSet, Basis, Coefficients, DEFAULT_LEVELS, ExpertStanding, Fit, Forecast,
    GoodPlan, HumanDuration, LeadSource, LeadTime, Limit, Metadata, MixWeights, Mode, ModelChoice,
    ModelScore, PastPlan, Peak, Plan, Profile, Quantile, Reason, RollingScore, Sample, Served,
    SourceRef, Standing, Timestamp, TriggerSpec, Trust, WorkloadKey,
};

/// The moment at which the samples play.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_700_000_040);

pub(crate) fn key(name: &str, metadata: &[(&str, &str)]) -> WorkloadKey {
    let pairs = metadata
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    WorkloadKey::new("shop", name, pairs.collect::<Metadata>())
}

pub(crate) fn spec() -> TriggerSpec {
    TriggerSpec {
        query: "sum(rate(http_requests_total{namespace=\"shop\",service=\"web\"}[2m]))".into(),
        follows: None,
        source: SourceRef::Default,
        threshold: 50.0,
        activation_threshold: 0.0,
        query_parameters: vec![],
        custom_headers: vec![("X-Token".into(), "hush".into())],
        namespace: None,
        ignore_null_values: true,
        unsafe_ssl: false,
        timeout: None,
        mode: Mode::Predictive,
        model: ModelChoice::Auto,
        horizon: HumanDuration::from_secs(1800),
        step: HumanDuration::from_secs(60),
        history: HumanDuration::from_secs(14 * 86_400),
        interval: HumanDuration::from_secs(15),
        lead_time: LeadTime::Auto,
        metric_lag: None,
        headroom: 0.0,
        quantile: Quantile::new(0.95).unwrap(),
        max_overload: None,
        shortage_cost: None,
        min_replicas: Some(2),
        max_replicas: Some(100),
        bounds: None,
        calendar: None,
        max_changes_per_hour: None,
        ramp_up: None,
        ramp_down: None,
        scale_down_window: Some(HumanDuration::from_secs(300)),
        hpa_tolerance: Some(0.1),
        timezone: "Europe/Berlin".into(),
        max_replica_hours_per_day: None,
        latency_query: None,
        latency_slo: None,
        replicas_query: None,
        cpu_query: None,
        memory_query: None,
        events: None,
    }
}

pub(crate) fn workload(name: &str) -> Arc<Workload> {
    Arc::new(Workload::new(key(name, &METADATA), spec(), vec![], NOW))
}

/// Two weeks of minutes, a fit of 2,016 + 300 numbers, a 30 x 9 forecast, a plan with reasons.
pub(crate) fn full_workload(name: &str) -> Arc<Workload> {
    let workload = workload(name);
    fill(&workload, 20_160);
    workload
}

pub(crate) fn fill(workload: &Workload, steps: i64) {
    {
        let mut learned = workload.learned();
        for i in 0..steps {
            let at = Timestamp::from_secs(NOW.as_secs() - (steps - 1 - i) * 60);
            learned.history.record(at, load(at));
        }
        learned.live = Some(Sample {
            at: NOW,
            value: load(NOW),
        });
        learned.fit = Some(Arc::new(fit()));
        for i in 0..60 {
            learned.memory.recent.push_back(PastPlan {
                at: Timestamp::from_secs(NOW.as_secs() - (59 - i) * 15),
                raw: 11,
                planned: 12,
            });
        }
        learned.memory.last_good = Some(GoodPlan {
            at: NOW,
            planned: 12,
            served: 12,
            active: true,
            observed: learned.live,
        });
    }
    workload.publish(published(NOW));
}

pub(crate) fn load(at: Timestamp) -> f64 {
    let day = at.as_secs() as f64 / 86_400.0 * std::f64::consts::TAU;
    let noise = f64::from((at.as_secs() / 60 * 7919 % 101) as i32) / 3.0;
    500.0 - 300.0 * day.cos() + noise
}

pub(crate) fn forecast(origin: Timestamp) -> Forecast {
    let step = Duration::from_mins(1);
    let path = |level: Quantile| {
        (1..=30).map(move |i| {
            let at = origin + step * i;
            (load(at) * (1.0 + (level.get() - 0.5) * 0.01 * f64::from(i))) as f32
        })
    };
    let values = DEFAULT_LEVELS.into_iter().flat_map(path).collect();
    Forecast::new(
        "seasonal-naive",
        origin,
        step,
        DEFAULT_LEVELS.to_vec(),
        values,
        Some(0.0),
    )
    .unwrap()
}

pub(crate) fn published(at: Timestamp) -> Published {
    let forecast = Arc::new(forecast(at.floor_to(Duration::from_mins(1))));
    Published {
        plan: Arc::new(plan(at)),
        forecast: Some(forecast),
        standing: None,
        anomalies: Arc::default(),
        health: Health {
            last_success: Some(at),
            backfilled: true,
            ..Health::default()
        },
    }
}

/// Four models at four lead times, one of them never scored at the longest; better than reactive.
pub(crate) fn standing(at: Timestamp) -> Standing {
    let expert = |model: &str, weights: [f32; 4], relative_errors: [f32; 4]| ExpertStanding {
        model: model.into(),
        weights: weights.to_vec(),
        relative_errors: relative_errors.to_vec(),
    };
    let shares = [
        (0.5, 0.49),
        (0.8, 0.81),
        (0.9, 0.912),
        (0.95, 0.957),
        (0.99, 0.984),
    ];
    Standing {
        at,
        leads: vec![60, 300, 900, 1800],
        experts: vec![
            expert(
                "linear-log",
                [0.31, 0.38, 0.43, 0.4],
                [0.88, 0.79, 0.71, 0.69],
            ),
            expert(
                "seasonal-naive",
                [0.04, 0.17, 0.29, 0.41],
                [1.61, 1.1, 0.84, 0.7],
            ),
            expert(
                "onnx:gru",
                [0.2, 0.27, 0.2, 0.16],
                [0.95, 0.86, 0.8, f32::NAN],
            ),
            expert("naive", [0.45, 0.18, 0.08, 0.03], [1.0, 1.0, 1.0, 1.0]),
        ],
        score: Some(RollingScore {
            origins: 812.0,
            mase: Some(0.58),
            relative_error: 0.64,
            relative_loss: 0.61,
            coverage: shares
                .map(|(level, share)| (Quantile::new(level).unwrap(), share))
                .to_vec(),
        }),
        trust: Trust::Earned,
    }
}

pub(crate) fn plan(at: Timestamp) -> Plan {
    let reason = |limit, from, to, text: &str| Reason {
        limit,
        from,
        to,
        text: text.to_owned(),
    };
    Plan {
        at,
        mode: Mode::Predictive,
        basis: Basis::Forecast,
        replicas: 12,
        planned: 12,
        reactive: Some(9),
        active: true,
        served: Served {
            value: 600.0,
            target: 50.0,
            value_int: 600,
            target_int: 50,
        },
        observed: Some(Sample {
            at,
            value: load(at),
        }),
        peak: Some(Peak {
            value: 571.3,
            at: at + Duration::from_mins(3),
        }),
        quantile: Quantile::new(0.95).unwrap(),
        lead_time: HumanDuration::from_secs(180),
        lead_source: LeadSource::Given,
        capacity: None,
        vertical: None,
        model: Some("seasonal-naive".into()),
        chosen: None,
        authority: None,
        reasons: vec![
            reason(
                Limit::Forecast,
                0,
                12,
                "the 0.95 path peaks at 571.3 within 3m, which takes 12 replicas of 50",
            ),
            reason(
                Limit::ScaleDownWindow,
                12,
                12,
                "12 replicas were planned within the last 5m",
            ),
        ],
    }
}

fn fit() -> Fit {
    Fit {
        at: NOW,
        profile: Some(Profile {
            bin_seconds: 300,
            values: (0..2016_u16).map(f32::from).collect(),
        }),
        bands: ["naive", "seasonal-naive"]
            .map(|model| BandSet {
                model: model.into(),
                scale: BandScale::Level,
                offsets: (0..9 * 15_u16).map(f32::from).collect(),
                steps: (1..=15).collect(),
                samples: 400,
            })
            .to_vec(),
        scores: vec![ModelScore {
            model: "seasonal-naive".into(),
            relative_loss: 0.61,
            origins: 200,
        }],
        knots: vec![1, 2, 3, 5, 7, 10, 15, 20, 30],
        coefficients: vec![Coefficients {
            model: "linear".into(),
            values: (0..9 * 40_u16).map(f32::from).collect(),
        }],
        mix: ["naive", "seasonal-naive", "linear"]
            .map(|model| MixWeights {
                model: model.into(),
                weights: vec![0.25; 9],
            })
            .to_vec(),
    }
}

const METADATA: [(&str, &str); 10] = [
    (
        "serverAddress",
        "http://prometheus-server.monitoring.svc:9090",
    ),
    (
        "query",
        "sum(rate(http_requests_total{namespace=\"shop\",service=\"web\"}[2m]))",
    ),
    ("threshold", "50"),
    ("activationThreshold", "0"),
    ("ignoreNullValues", "true"),
    ("horizon", "30m"),
    ("quantile", "0.95"),
    ("minReplicas", "2"),
    ("maxReplicas", "100"),
    ("timezone", "Europe/Berlin"),
];
