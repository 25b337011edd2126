//! Control ticks a second of a run without a forecast in it: 14 days of minutes, on one core.
//!
//! `cargo bench --bench simulate`. Criterion's `elem/s` is ticks a second.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use forescale::domain::{Series, Timestamp};
use forescale::simulate::cluster::{Cluster, Policy, Scene, TICK, run};
use forescale::simulate::hpa::Behavior;
use forescale::simulate::pods::StartUp;
use forescale::simulate::policies::{HpaOnCpu, HpaOnMetric};
use forescale::simulate::queueing::Service;
use forescale::simulate::trace::Trace;

const MINUTES: usize = 14 * 24 * 60;

/// A policy for each run.
type Make = Box<dyn Fn() -> Box<dyn Policy>>;

/// Days, noise that stays for a while, and a burst now and then; about 20 replicas of 100 at the median.
fn trace() -> Trace {
    let mut noise = 0.0;
    let mut random = 1_u64;
    let values = (0..MINUTES).map(|minute| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        noise = 0.9 * noise + 0.1 * ((random >> 40) as f64 / f64::from(1 << 23) - 1.0);
        let day = (std::f64::consts::TAU * minute as f64 / 1440.0).sin();
        let burst = if random >> 54 == 0 { 1500.0 } else { 0.0 };
        (2000.0 * (1.0 + 0.5 * day) * (1.0 + noise) + burst).max(0.0)
    });
    Trace::new(&Series::new(
        Timestamp::from_secs(1_700_000_040),
        Duration::from_mins(1),
        values.collect(),
    ))
}

fn ticks(criterion: &mut Criterion) {
    let trace = trace();
    let plain = Cluster::new(100.0, Duration::from_secs(90));
    let mut latency = plain.clone();
    latency.service = Some(Service::default());
    latency.start_up = StartUp::around(Duration::from_secs(90));
    let mut slow_down = Behavior::default().with_tolerance(0.0);
    slow_down.scale_down.stabilization = Duration::from_mins(30);
    let cases: [(&str, &Cluster, Make); 4] = [
        (
            "hpa",
            &plain,
            Box::new(|| Box::new(HpaOnMetric::new(100.0, 0.7))),
        ),
        (
            "hpa-30m-window",
            &plain,
            Box::new(move || {
                Box::new(HpaOnMetric::new(100.0, 0.7).with_behavior(slow_down.clone()))
            }),
        ),
        ("hpa-cpu", &plain, Box::new(|| Box::new(HpaOnCpu::new(0.7)))),
        (
            "latency",
            &latency,
            Box::new(|| Box::new(HpaOnMetric::new(100.0, 0.7))),
        ),
    ];
    let mut group = criterion.benchmark_group("ticks");
    for (name, cluster, policy) in cases {
        let scene = Scene::new(cluster, &trace, trace.start(), trace.end());
        let length = scene.until().since(scene.begin()).as_secs() / TICK.as_secs();
        group.throughput(Throughput::Elements(length));
        group.bench_function(name, |bench| {
            bench.iter(|| black_box(run(&scene, policy().as_mut())));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = ticks
}
criterion_main!(benches);
