//! What the replicas have taught, and what plans make of it.

use std::sync::Arc;

use super::*;
use crate::domain::{Capacity, CapacityBound, Experience, LeadSource, LoadLatency};
use crate::plan::{Readings, learn};

/// A fleet behind a scenario: replicas are ready a while after KEDA is told, longer for more at once.
struct Fleet {
    scenario: Scenario,
    ready: u32,
    starting: Vec<(Timestamp, u32)>,
    served: u32,
}

impl Fleet {
    fn new() -> Self {
        let scenario = Scenario::new().with(|spec| {
            spec.lead_time = LeadTime::Auto;
            spec.replicas_query = Some("ready".into());
        });
        Self {
            scenario,
            ready: 1,
            starting: vec![],
            served: 1,
        }
    }

    /// 15 s later, under this load.
    fn sees(&mut self, load: f64) -> Plan {
        let plan = self.scenario.later(15).sees(load);
        let now = self.scenario.now;
        if plan.replicas > self.served {
            let wait = 40 + 5 * u64::from(plan.replicas - self.served);
            self.starting
                .push((now + Duration::from_secs(wait), plan.replicas));
        }
        self.served = plan.replicas;
        self.starting.retain(|(_, target)| *target <= self.served);
        let started = self.starting.iter().filter(|(at, _)| *at <= now);
        let started = started.map(|(_, target)| *target).max().unwrap_or(0);
        self.ready = self.ready.max(started).min(self.served);
        learn_ready(&mut self.scenario, &plan, f64::from(self.ready));
        plan
    }

    /// Ups and downs of several sizes.
    fn lives(&mut self) {
        for step in [1, 4, 1, 8, 2, 6, 1, 3, 8, 5] {
            (0..8).for_each(|_| drop(self.sees(100.0)));
            (0..12).for_each(|_| drop(self.sees(100.0 + 100.0 * f64::from(step))));
        }
        (0..8).for_each(|_| drop(self.sees(100.0)));
    }
}

/// Learns from a plan beside so many Ready replicas.
fn learn_ready(scenario: &mut Scenario, plan: &Plan, ready: f64) {
    let now = scenario.now;
    let readings = Readings {
        ready: Some(Sample {
            at: now,
            value: ready,
        }),
        ..Readings::default()
    };
    learn_readings(scenario, plan, &readings);
}

/// Learns from a plan beside these readings.
fn learn_readings(scenario: &mut Scenario, plan: &Plan, readings: &Readings) {
    let memory = std::mem::take(&mut scenario.memory);
    scenario.memory = learn(&scenario.spec, scenario.now, plan, readings, None, memory);
}

/// The batch and the seconds of each scale-up that was seen.
fn scale_ups(scenario: &Scenario) -> Vec<(u32, f32)> {
    let lead = &scenario.memory.experience.as_ref().unwrap().lead;
    let each = lead.scale_ups.iter();
    each.map(|it| (it.batch, it.seconds)).collect()
}

#[test]
fn before_a_scale_up_was_seen_the_default_holds_and_the_plan_says_so() {
    let mut fleet = Fleet::new();
    fleet.scenario.expect(&[100.0; 30]);
    let plan = fleet.sees(100.0);
    assert_eq!(plan.lead_time, HumanDuration::from_secs(180));
    assert_eq!(plan.lead_source, LeadSource::Default { seen: 0 });
    assert_eq!(
        reason(&plan, Limit::LeadTime).text,
        "looking 3m ahead: the server's default of 3m, for 0 scale-ups seen so far are too few"
    );
}

#[test]
fn the_plan_looks_as_far_ahead_as_replicas_have_taken_to_start_further_for_many_at_once() {
    let mut fleet = Fleet::new();
    fleet.lives();
    fleet.scenario.expect(&[150.0; 30]);
    let small = fleet.sees(100.0);
    let LeadSource::Learned { scale_ups, batch } = small.lead_source else {
        panic!("{:?}", small.lead_source)
    };
    assert_eq!((scale_ups, batch), (10, 1));
    // 45 s, seen on a grid of 15 s, and no more than another look on top.
    assert!(
        (45..=75).contains(&small.lead_time.get().as_secs()),
        "{small:?}"
    );
    fleet.scenario.expect(&[900.0; 30]);
    let large = fleet.sees(100.0);
    assert!(large.lead_time > small.lead_time, "{large:?}");
    assert!(
        (75..=110).contains(&large.lead_time.get().as_secs()),
        "{large:?}"
    );
    let said = &large.reasons[0];
    assert_eq!((said.limit, said.from, said.to), (Limit::LeadTime, 1, 1));
    assert!(
        said.text.contains(
            "nine in ten of 10 scale-ups were ready within 1m25s, for 7 replicas at once"
        ),
        "{}",
        said.text
    );
}

#[test]
fn a_lead_time_that_is_given_is_not_learned_away() {
    let mut fleet = Fleet::new();
    fleet.lives();
    fleet.scenario.spec.lead_time = LeadTime::Fixed(HumanDuration::from_secs(240));
    fleet.scenario.expect(&[900.0; 30]);
    let plan = fleet.sees(100.0);
    assert_eq!(plan.lead_time, HumanDuration::from_secs(240));
    assert_eq!(plan.lead_source, LeadSource::Given);
    assert!(!has(&plan, Limit::LeadTime));
}

#[test]
fn without_readings_beside_the_load_nothing_is_remembered_of_them() {
    let mut scenario = Scenario::new().with(|spec| spec.lead_time = LeadTime::Auto);
    let plan = scenario.sees(100.0);
    let memory = learn(
        &scenario.spec,
        scenario.now,
        &plan,
        &Readings::default(),
        None,
        scenario.memory.clone(),
    );
    assert_eq!(memory, scenario.memory);
    assert!(memory.experience.is_none());
}

#[test]
fn a_memory_of_an_older_version_is_one_without_experience() {
    let old = serde_json::json!({"recent": [], "last_good": null});
    let memory: PlanMemory = serde_json::from_value(old).unwrap();
    assert_eq!(memory, PlanMemory::default());
    let mut fleet = Fleet::new();
    fleet.lives();
    let kept = serde_json::to_string(&fleet.scenario.memory).unwrap();
    let again: PlanMemory = serde_json::from_str(&kept).unwrap();
    assert_eq!(again, fleet.scenario.memory);
}

/// A scenario in which one replica was found to carry so much.
pub(super) fn carrying(per_replica: f64) -> Scenario {
    let mut scenario = Scenario::new().with(|spec| {
        spec.latency_query = Some("latency".into());
        spec.latency_slo = Some(Duration::from_millis(250).into());
    });
    let mut experience = Experience::default();
    experience.capacity.known = Some(Capacity {
        per_replica,
        bound: CapacityBound::Within,
        pairs: 240,
        dropped: None,
    });
    scenario.memory.experience = Some(Arc::new(experience));
    scenario
}

#[test]
fn a_capacity_of_which_nothing_was_seen_for_a_day_asks_for_no_fewer_replicas() {
    let reactive = |per_replica, age: Duration| {
        let mut scenario = carrying(per_replica);
        let mut experience = scenario.memory.experience.take().map(Arc::unwrap_or_clone);
        let seen = LoadLatency(scenario.now - age, 90.0, 0.1);
        let known = experience.as_mut().unwrap();
        known.capacity.pairs.push_back(seen);
        scenario.memory.experience = experience.map(Arc::new);
        scenario.sees(400.0).reactive
    };
    let (hour, days) = (Duration::from_hours(1), Duration::from_hours(49));
    assert_eq!(
        (reactive(200.0, hour), reactive(200.0, days)),
        (Some(2), Some(4))
    );
    assert_eq!(
        (reactive(50.0, hour), reactive(50.0, days)),
        (Some(8), Some(8))
    );
}

#[test]
fn a_learned_capacity_replaces_the_threshold_in_the_plan_and_not_on_the_wire() {
    let mut scenario = carrying(50.0);
    scenario.expect(&[600.0; 30]);
    let plan = scenario.sees(400.0);
    assert_eq!(
        (plan.planned, plan.replicas, plan.reactive),
        (12, 12, Some(8))
    );
    assert_eq!((plan.served.value, plan.served.target), (1200.0, 100.0));
    let said = &plan.reasons[0];
    assert_eq!((said.limit, said.from, said.to), (Limit::Capacity, 4, 8));
    assert_eq!(
        said.text,
        "one replica carries 50 within the `latencySlo` of 250ms, as 240 pairs of load and latency show; `threshold` says 100"
    );
    assert_eq!((plan.reasons[1].from, plan.reasons[1].to), (8, 12));
    assert_eq!(
        plan.capacity.unwrap().per_replica.to_bits(),
        50.0_f64.to_bits()
    );
    let plan = carrying(200.0).sees(400.0);
    assert_eq!((plan.planned, plan.served.value), (2, 200.0));
}

#[test]
fn in_shadow_and_reactive_mode_the_threshold_alone_tells_keda() {
    for (mode, planned) in [(Mode::Shadow, 8), (Mode::Reactive, 4)] {
        let mut scenario = carrying(50.0).with(|spec| spec.mode = mode);
        let plan = scenario.sees(400.0);
        assert_eq!(
            (plan.planned, plan.replicas, plan.reactive),
            (planned, 4, Some(4))
        );
        let last = plan.reasons.last().unwrap();
        assert!(last.text.contains("400 at 100 per replica"), "{last:?}");
    }
}

#[test]
fn latency_teaches_the_capacity_with_ready_replicas_or_with_what_keda_was_told() {
    for replicas_query in [Some("ready".to_owned()), None] {
        let mut scenario = Scenario::new().with(|spec| {
            spec.latency_query = Some("latency".into());
            spec.latency_slo = Some(Duration::from_millis(250).into());
            spec.replicas_query = replicas_query;
            // Ten replicas all the time, whatever the load.
            spec.min_replicas = Some(10);
            spec.max_replicas = Some(10);
        });
        for minute in 0..200 {
            let load = 300.0 + f64::from(minute * 7 % 60) * 10.0;
            let plan = scenario.later(60).sees(load);
            let at = scenario.now;
            let value = |value| Some(Sample { at, value });
            let readings = Readings {
                load: value(load),
                ready: value(10.0),
                latency: value(0.05 / (1.0 - load / 1000.0)),
                ..Readings::default()
            };
            let memory = std::mem::take(&mut scenario.memory);
            scenario.memory = learn(&scenario.spec, at, &plan, &readings, None, memory);
        }
        let known = scenario.memory.experience.as_ref().unwrap().capacity.known;
        let known = known.expect("a capacity").per_replica;
        assert!((68.0..=80.0).contains(&known), "{known}: truly 80");
    }
}

#[test]
fn what_pods_use_becomes_advice_that_is_published_with_the_plan_and_grows_with_the_peak() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.cpu_query = Some("cores".into());
        spec.replicas_query = Some("ready".into());
        spec.max_replicas = Some(10);
    });
    let mut plan = scenario.sees(500.0);
    assert_eq!(plan.vertical, None);
    for minute in 0..90 {
        let load = 500.0 + f64::from(minute % 30) * 10.0;
        plan = scenario.later(60).sees(load);
        let at = scenario.now;
        let value = |value| Some(Sample { at, value });
        let readings = Readings {
            load: value(load),
            ready: value(10.0),
            cpu: value(load / 100.0),
            ..Readings::default()
        };
        let memory = std::mem::take(&mut scenario.memory);
        scenario.memory = learn(&scenario.spec, at, &plan, &readings, None, memory);
    }
    let request = |plan: &Plan| plan.vertical.unwrap().cpu.unwrap().request;
    let calm = request(&plan);
    assert!((0.87..0.95).contains(&calm), "{calm} for 0.76 cores");
    // Twice the load that ten replicas have seen so far, and no more than ten allowed.
    scenario.expect(&[1500.0; 30]);
    let busy = request(&scenario.later(60).sees(500.0));
    assert!((1.7..1.75).contains(&busy), "{busy} for 1.5 cores");
    assert_eq!(plan.vertical.unwrap().memory, None);
}

#[test]
fn a_number_within_the_tolerance_starts_no_replicas_and_teaches_no_lead_time() {
    // In shadow KEDA is told the measured load's number as it is: at 20 replicas the HPA ignores 21.
    let mut scenario = Scenario::new().with(|spec| {
        spec.mode = Mode::Shadow;
        spec.hpa_tolerance = Some(0.1);
        spec.lead_time = LeadTime::Auto;
        spec.replicas_query = Some("ready".into());
    });
    // Told, and ready by the time of the look.
    let looks = [
        (2000.0, 20, 40),
        (2100.0, 20, 120),
        (2400.0, 20, 4),
        (2400.0, 24, 4),
    ];
    for (load, ready, times) in looks {
        for _ in 0..times {
            let plan = scenario.later(15).sees(load);
            learn_ready(&mut scenario, &plan, f64::from(ready));
        }
    }
    assert_eq!(scale_ups(&scenario), [(4, 60.0)]);
}

#[test]
fn what_keda_is_told_while_a_workload_sleeps_begins_no_scale_up() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.lead_time = LeadTime::Auto;
        spec.replicas_query = Some("ready".into());
        spec.activation_threshold = 50.0;
    });
    let mut look = |load: f64, ready: f64, times: usize| {
        for _ in 0..times {
            let plan = scenario.later(15).sees(load);
            learn_ready(&mut scenario, &plan, ready);
        }
    };
    // A little load needs a replica and wakes nobody, for twenty minutes; then there is more of it.
    look(0.0, 0.0, 4);
    look(30.0, 0.0, 80);
    look(300.0, 0.0, 6);
    look(300.0, 3.0, 4);
    assert_eq!(scale_ups(&scenario), [(3, 90.0)]);
}

#[test]
fn scale_ups_that_take_longer_than_the_horizon_are_told_as_they_are() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.lead_time = LeadTime::Auto;
        spec.replicas_query = Some("ready".into());
    });
    scenario.learned_lead(2500.0);
    scenario.expect(&[100.0; 30]);
    let plan = scenario.sees(100.0);
    assert_eq!(plan.lead_time, HumanDuration::from_secs(1800));
    let text = &reason(&plan, Limit::LeadTime).text;
    assert!(
        text.contains("within 41m40s") && text.contains("`horizon` of 30m is shorter"),
        "{text}"
    );
}

#[test]
fn a_default_that_is_longer_than_the_horizon_is_told_too() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.lead_time = LeadTime::Auto;
        spec.horizon = HumanDuration::from_secs(60);
    });
    scenario.expect(&[100.0; 30]);
    let plan = scenario.sees(100.0);
    let text = &reason(&plan, Limit::LeadTime).text;
    assert!(
        text.contains("default of 3m") && text.contains("`horizon` of 1m is shorter"),
        "{text}"
    );
}

#[test]
fn a_workload_that_is_let_sleep_is_not_short() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.activation_threshold = 5000.0;
        spec.replicas_query = Some("ready".into());
    });
    let looks = |scenario: &mut Scenario, ready: f64| {
        for _ in 0..20 {
            let plan = scenario.later(15).sees(4000.0);
            assert!(!plan.active);
            let at = Sample {
                at: scenario.now,
                value: 4000.0,
            };
            let ready = Sample { value: ready, ..at };
            let readings = Readings {
                load: Some(at),
                ready: Some(ready),
                ..Readings::default()
            };
            learn_readings(scenario, &plan, &readings);
        }
        let grade = scenario.memory.grade.as_ref().unwrap();
        grade.actual.all.overload_minutes
    };
    assert!(looks(&mut scenario, 0.0).abs() < 1e-9);
    // Where some are kept, and more are needed, it is.
    let minutes = looks(&mut scenario, 10.0);
    assert!(minutes > 4.0, "{minutes}");
}
