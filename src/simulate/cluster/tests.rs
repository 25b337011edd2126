use super::*;
use crate::domain::{Series, Timestamp};
use crate::simulate::figures::Figures;
use crate::simulate::hpa::Fleet;
use crate::simulate::policies::{HpaOnCpu, HpaOnMetric};
use crate::simulate::trace::Trace;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// Demand by minute.
fn trace(demand: impl Fn(usize) -> f64, minutes: usize) -> Trace {
    let values = (0..minutes).map(demand).collect();
    Trace::new(&Series::new(at(0), Duration::from_mins(1), values))
}

/// 1000 until minute 120, twice that from a minute later on, for four hours in all.
fn step() -> Trace {
    trace(|minute| if minute <= 120 { 1000.0 } else { 2000.0 }, 241)
}

/// Pods that carry 100 and start in a minute and a half.
fn cluster() -> Cluster {
    Cluster::new(100.0, Duration::from_secs(90))
}

fn watched(cluster: &Cluster, trace: &Trace, policy: &mut dyn Policy) -> (Figures, Vec<Tick>) {
    let scene = Scene::new(
        cluster,
        trace,
        trace.start() + Duration::from_hours(1),
        trace.end(),
    );
    let mut ticks = Vec::new();
    let figures = run_with(&scene, policy, |tick| ticks.push(*tick));
    (figures, ticks)
}

/// Seconds after minute 120 of the first tick that `is` so.
fn first(ticks: &[Tick], is: impl Fn(&Tick) -> bool) -> i64 {
    let found = ticks.iter().find(|tick| tick.at >= at(7200) && is(tick));
    found.unwrap().at.as_secs() - 7200
}

#[test]
fn a_step_in_demand_is_seen_answered_and_carried_one_after_the_other() {
    let (figures, ticks) = watched(&cluster(), &step(), &mut HpaOnMetric::new(100.0, 0.8));
    let before = ticks.iter().find(|tick| tick.at == at(7200)).unwrap();
    assert_eq!(before.fleet.spec, 13, "1000 at 80 each");
    // At 13 replicas 1000 is within the tolerance up to 1144; the load passes 1300 after 18 s, the query sees it later.
    let short = first(&ticks, |tick| tick.overloaded);
    let answered = first(&ticks, |tick| tick.fleet.spec > 13);
    let carried = first(&ticks, |tick| tick.fleet.ready > 13);
    assert_eq!((short, answered, carried), (15, 30, 120));
    let enough = first(&ticks, |tick| tick.fleet.ready >= 25);
    assert_eq!(
        enough, 180,
        "nearly all of it is seen half a minute after the step, then pods start"
    );
    let overloaded = ticks.iter().filter(|tick| tick.overloaded).count() as f64;
    assert!((figures.overload_minutes() - overloaded / 4.0).abs() < 1e-9);
}

#[test]
fn a_slower_start_and_a_slower_metric_each_cost_overload() {
    let overload = |cluster: &Cluster| {
        let (figures, _) = watched(cluster, &step(), &mut HpaOnMetric::new(100.0, 0.8));
        figures.overload_minutes()
    };
    let plain = overload(&cluster());
    let mut slow = cluster();
    slow.start_up = StartUp::exactly(Duration::from_mins(4));
    assert!(
        (overload(&slow) - plain - 2.5).abs() < 0.3,
        "{}",
        overload(&slow)
    );
    let mut late = cluster();
    late.metric.delay = Duration::from_mins(1);
    assert!(
        (overload(&late) - plain - 1.0).abs() < 0.3,
        "{}",
        overload(&late)
    );
    let mut short_of_nodes = cluster();
    short_of_nodes.nodes = Some(NodePool {
        pods_per_node: 5,
        provisioning: Duration::from_mins(2),
        spare: 0,
    });
    assert!(overload(&short_of_nodes) > plain + 1.0);
}

#[test]
fn an_hpa_on_cpu_cannot_see_how_much_is_missing() {
    let jump = trace(|minute| if minute <= 120 { 1000.0 } else { 10_000.0 }, 241);
    let until_enough = |policy: &mut dyn Policy| {
        let (_, ticks) = watched(&cluster(), &jump, policy);
        first(&ticks, |tick| tick.fleet.ready >= 100)
    };
    let on_metric = until_enough(&mut HpaOnMetric::new(100.0, 0.8));
    let on_cpu = until_enough(&mut HpaOnCpu::new(0.8));
    // A busy pod shows 100 %: the fleet grows by a quarter and waits for that to be ready before it grows again.
    assert!(on_metric <= 255, "{on_metric} s");
    assert!(on_cpu > 4 * on_metric, "{on_cpu} s against {on_metric} s");
}

#[test]
fn both_triggers_of_a_scaledobject_are_heard_and_the_higher_counts() {
    struct Both;
    impl Policy for Both {
        fn name(&self) -> &'static str {
            "both"
        }
        fn answer(&mut self, seen: &Observed<'_>) -> Reading {
            let Reading::Scaler(answer) = Reading::load(seen.load.map_or(0.0, |l| l.value), 500.0)
            else {
                unreachable!("a load is for a scaler");
            };
            Reading::ScalerAndCpu(answer, 50)
        }
    }
    let (_, ticks) = watched(&cluster(), &trace(|_| 1000.0, 241), &mut Both);
    // The scaler wants 2, CPU at 50 % wants 20.
    assert_eq!(ticks.last().unwrap().fleet.spec, 20);
}

#[test]
fn with_a_minimum_of_zero_keda_takes_an_idle_workload_away_and_brings_it_back() {
    let mut cluster = cluster();
    cluster.object.min_replicas = 0;
    let night = trace(
        |minute| {
            if (60..180).contains(&minute) {
                0.0
            } else {
                300.0
            }
        },
        241,
    );
    let (_, ticks) = watched(&cluster, &night, &mut HpaOnMetric::new(100.0, 0.8));
    let gone = ticks.iter().find(|tick| tick.fleet.spec == 0).unwrap().at;
    // Idle from minute 60 on, which the query shows a minute later; then the cooldown of five minutes.
    assert!((at(3960)..=at(4050)).contains(&gone), "{gone}");
    let back = ticks
        .iter()
        .find(|tick| tick.at > at(4050) && tick.fleet.spec > 0);
    let back = back.unwrap().at;
    assert!((at(10_740)..=at(10_800)).contains(&back), "{back}");
    assert_eq!(ticks.last().unwrap().fleet.spec, 4);
}

#[test]
fn a_value_target_multiplies_the_ready_pods() {
    let mut cluster = cluster();
    cluster.metric_type = MetricType::Value;
    cluster.object.max_replicas = 30;
    // The value is 10 times its target whatever the fleet: it grows without end.
    let (_, ticks) = watched(
        &cluster,
        &trace(|_| 1000.0, 241),
        &mut HpaOnMetric::new(100.0, 1.0),
    );
    assert_eq!(ticks.last().unwrap().fleet.spec, 30);
}

#[test]
fn an_error_holds_the_fleet_where_it_is() {
    struct Broken;
    impl Policy for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn answer(&mut self, _seen: &Observed<'_>) -> Reading {
            Reading::Scaler(None)
        }
    }
    let (figures, ticks) = watched(&cluster(), &step(), &mut Broken);
    assert_eq!(
        (figures.changes(), ticks.last().unwrap().fleet.spec),
        (0, 13)
    );
}

#[test]
fn nobody_is_judged_on_a_gap_in_the_record() {
    let gap = trace(
        |minute| {
            if (120..180).contains(&minute) {
                f64::NAN
            } else {
                1000.0
            }
        },
        241,
    );
    let (figures, ticks) = watched(&cluster(), &gap, &mut HpaOnMetric::new(100.0, 0.8));
    assert!(
        (figures.hours() - (3.0 - 61.0 / 60.0)).abs() < 0.01,
        "{}",
        figures.hours()
    );
    let blind = ticks.iter().filter(|tick| tick.measured.is_none()).count();
    assert!((230..=245).contains(&blind), "{blind} ticks");
    assert_eq!(figures.changes(), 0);
}

#[test]
fn what_is_dropped_comes_back_and_makes_an_overload_longer() {
    let overload = |retry: Option<Retry>| {
        let mut cluster = cluster();
        cluster.retry = retry;
        let (figures, ticks) = watched(&cluster, &step(), &mut HpaOnMetric::new(100.0, 0.8));
        let arrived: f64 = ticks.iter().filter_map(|tick| tick.demand).sum();
        (figures.overload_minutes(), arrived)
    };
    let retry = |share| {
        Some(Retry {
            share,
            after: Duration::from_secs(30),
        })
    };
    let (none, plain) = overload(None);
    let (nobody, same) = overload(retry(0.0));
    assert!((none - nobody).abs() < 1e-9 && (plain - same).abs() < 1e-6);
    let (most, more) = overload(retry(0.8));
    assert!(more > plain && most >= none, "{more} after {plain}");
}

#[test]
fn a_latency_objective_is_missed_while_there_is_too_little_and_while_the_line_lasts() {
    let mut cluster = cluster();
    cluster.service = Some(Service::default());
    let (figures, ticks) = watched(&cluster, &step(), &mut HpaOnMetric::new(100.0, 0.8));
    let missed = figures.slo_violation_minutes().unwrap();
    assert!(
        missed >= figures.overload_minutes().floor() && missed < 8.0,
        "{missed}"
    );
    let calm = ticks.last().unwrap().over_objective.unwrap();
    assert!(calm < 0.05, "{calm}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    let run = |seed| {
        let mut cluster = cluster();
        cluster.start_up = StartUp::around(Duration::from_secs(90));
        cluster.seed = seed;
        watched(&cluster, &step(), &mut HpaOnMetric::new(100.0, 0.8)).1
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_policy_sees_only_what_was_measured_up_to_now() {
    struct Curious(Vec<(Timestamp, usize, Option<f64>)>);
    impl Policy for Curious {
        fn name(&self) -> &'static str {
            "curious"
        }
        fn answer(&mut self, seen: &Observed<'_>) -> Reading {
            let history = seen.history;
            let last = history.time_of(history.values.len() - 1);
            assert!(last <= seen.now && seen.now < last + history.step);
            assert!(seen.load.is_none_or(|load| load.at <= seen.now));
            let load = seen.load.map(|load| load.value);
            self.0.push((seen.now, history.values.len(), load));
            Reading::load(load.unwrap_or(0.0), 80.0)
        }
    }
    // The same past with another future: up to the fork everything is the same.
    let (fork, forked) = (150, at(60 * 150));
    let seen = |after: f64| {
        let demand = move |minute| {
            if minute <= fork {
                1000.0 + 3.0 * minute as f64
            } else {
                after
            }
        };
        let mut policy = Curious(Vec::new());
        watched(&cluster(), &trace(demand, 241), &mut policy);
        policy.0
    };
    let (one, other) = (seen(10.0), seen(90_000.0));
    let until = |seen: &[(Timestamp, usize, Option<f64>)]| {
        let before = seen.iter().filter(|(now, ..)| *now <= forked);
        before.copied().collect::<Vec<_>>()
    };
    assert_eq!(until(&one), until(&other));
    assert_ne!(one, other);
}

#[test]
fn a_history_is_queried_once_a_minute_however_coarse_the_record_is() {
    struct Fresh(Duration);
    impl Policy for Fresh {
        fn name(&self) -> &'static str {
            "fresh"
        }
        fn answer(&mut self, seen: &Observed<'_>) -> Reading {
            let history = seen.history;
            let last = history.values.len() - 1;
            let age = seen.now.since(history.time_of(last));
            assert!(history.step == self.0 && age < self.0, "{age:?} old");
            if age.is_zero() {
                let load = seen.load.map_or(f64::NAN, |load| load.value);
                assert_eq!(load.to_bits(), history.values[last].to_bits());
            }
            Reading::Replicas(20)
        }
    }
    // (step of the record, of the history)
    for (step, queried) in [(10, 10), (60, 60), (300, 60), (3600, 60)] {
        let points = 6 * 3600 / step + 1;
        let values = (0..points).map(|i| 100.0 * f64::from(i)).collect();
        let series = Series::new(at(0), Duration::from_secs(step as u64), values);
        let trace = Trace::new(&series);
        let mut policy = Fresh(Duration::from_secs(queried));
        let (_, ticks) = watched(&cluster(), &trace, &mut policy);
        assert_eq!(ticks.len(), 6 * 240, "{step} s");
    }
}

#[test]
fn a_minimum_of_the_tick_holds_whatever_the_metric_says() {
    struct Above(Option<f64>);
    impl Policy for Above {
        fn name(&self) -> &'static str {
            "above"
        }
        fn answer(&mut self, seen: &Observed<'_>) -> Reading {
            let min = match seen.now.as_secs() / 60 {
                120..150 => 14,
                150..180 => 50,
                _ => 0,
            };
            Reading::load_above(self.0, 80.0, min)
        }
    }
    let mut cluster = cluster();
    cluster.object.min_replicas = 0;
    cluster.object.max_replicas = 40;
    let demand = trace(|_| 1000.0, 301);
    let wanted = |load: Option<f64>| {
        let (_, ticks) = watched(&cluster, &demand, &mut Above(load));
        [7185, 7200, 8985, 9000, 10_785, 11_400].map(|secs| {
            let tick = ticks.iter().find(|tick| tick.at == at(secs)).unwrap();
            tick.fleet.spec
        })
    };
    // 14 are within the tolerance of 13, and 50 are more than the maximum.
    assert_eq!(wanted(Some(1000.0)), [13, 14, 14, 40, 40, 13]);
    assert_eq!(wanted(Some(0.0)), [0, 14, 14, 40, 40, 0]);
    assert_eq!(wanted(None), [13, 14, 14, 40, 40, 40], "held");
}

#[test]
fn who_is_not_activated_by_keda_never_has_no_replica_at_all() {
    let mut cluster = cluster();
    cluster.object.min_replicas = 0;
    let morning = trace(|minute| if minute < 120 { 0.0 } else { 1000.0 }, 241);
    let (_, ticks) = watched(&cluster, &morning, &mut HpaOnCpu::new(0.5));
    assert_eq!(
        ticks[0].fleet,
        Fleet {
            spec: 1,
            status: 1,
            ready: 1
        }
    );
    assert!(ticks.iter().all(|tick| tick.fleet.spec >= 1));
    assert!(ticks.last().unwrap().fleet.ready >= 10);
    let (_, ticks) = watched(&cluster, &morning, &mut HpaOnMetric::new(100.0, 0.8));
    assert_eq!(ticks[0].fleet.spec, 0, "KEDA will turn it on");
}

#[test]
fn a_record_too_short_to_run_on_gives_an_empty_score() {
    for minutes in [0, 1] {
        let trace = trace(|_| 100.0, minutes);
        let (figures, ticks) = watched(&cluster(), &trace, &mut HpaOnMetric::new(100.0, 0.8));
        assert!(ticks.is_empty() && figures.hours().abs() < 1e-9);
    }
}

#[test]
fn finer_and_coarser_records_are_run_on_the_same_tick() {
    for step in [10, 60, 300] {
        let points = 4 * 3600 / step + 1;
        let values = vec![1000.0; points];
        let series = Series::new(at(0), Duration::from_secs(step as u64), values);
        let trace = Trace::new(&series);
        let (figures, ticks) = watched(&cluster(), &trace, &mut HpaOnMetric::new(100.0, 0.8));
        assert_eq!(ticks.len(), 4 * 240, "{step} s");
        assert!((figures.hours() - 3.0).abs() < 1e-9 && figures.changes() == 0);
    }
}
