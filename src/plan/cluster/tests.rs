//! What the cluster says, in plans.

use super::*;
use crate::domain::{Experience, HumanDuration, LeadSource, LeadTime, Mode, PlanRecord, PodBatch};
use crate::plan::tests::Scenario;
use crate::plan::{Readings, learn};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[expect(clippy::unnecessary_wraps, reason = "it fills a field")]
fn bound(replicas: u32) -> Option<ScalingBound> {
    let by = BoundBy::ScaledObject;
    Some(ScalingBound { replicas, by })
}

/// A cluster that says 3 to 40 replicas, a tolerance of 0 up and 10 % down, and `replicas` that are all Ready.
fn facts(at: Timestamp, replicas: u32) -> ClusterFacts {
    ClusterFacts {
        scaling: Some(Scaling {
            at,
            min: bound(3),
            max: bound(40),
            up: ScalingRules {
                tolerance: Some(0.0),
                ..ScalingRules::usual_up()
            },
            down: ScalingRules::usual_down(),
            paused: false,
        }),
        fleet: Some(Fleet {
            at,
            replicas,
            ready: Some(replicas),
            rollout: false,
        }),
        ..ClusterFacts::default()
    }
}

/// A scenario whose trigger leaves everything open.
fn open(replicas: u32) -> Scenario {
    let mut scenario = Scenario::new().with(|spec| {
        spec.hpa_tolerance = None;
        spec.lead_time = LeadTime::Auto;
    });
    scenario.facts = Some(facts(scenario.now, replicas));
    scenario
}

fn text(plan: &crate::domain::Plan, limit: Limit) -> &str {
    let found = plan.reasons.iter().find(|reason| reason.limit == limit);
    found.map_or("nothing", |reason| reason.text.as_str())
}

#[test]
fn bounds_come_from_the_scaled_object_where_the_trigger_has_none() {
    let plan = open(3).sees(50.0);
    assert_eq!(plan.replicas, 3);
    assert_eq!(
        text(&plan, Limit::MinReplicas),
        "the ScaledObject's `minReplicaCount` asks for at least 3 replicas"
    );
    let plan = open(40).sees(9000.0);
    assert_eq!(plan.replicas, 40);
    assert_eq!(
        text(&plan, Limit::MaxReplicas),
        "the ScaledObject's `maxReplicaCount` allows no more than 40 replicas"
    );
}

#[test]
fn what_the_metadata_says_wins_and_a_bound_of_the_hpa_below_it_is_told() {
    let mut scenario = open(40).with(|spec| {
        spec.min_replicas = Some(1);
        spec.max_replicas = Some(60);
    });
    assert_eq!(scenario.sees(50.0).replicas, 1);
    let mut scenario = open(40).with(|spec| spec.max_replicas = Some(60));
    let plan = scenario.sees(5000.0);
    assert_eq!(plan.replicas, 50);
    assert_eq!(
        text(&plan, Limit::Cluster),
        "the ScaledObject's `maxReplicaCount` allows no more than 40 replicas, whatever `maxReplicas` says"
    );
}

#[test]
fn each_direction_has_its_own_tolerance() {
    // 21 at 20 is a step for an HPA without a tolerance upwards.
    let plan = open(20).sees(2100.0);
    assert_eq!(
        (plan.replicas, text(&plan, Limit::Tolerance)),
        (21, "nothing")
    );
    // Downwards it has the usual one: 9.45 of a replica is beyond 10 % of 11, and lands on 10.
    let plan = open(11).sees(1000.0);
    assert_eq!((plan.replicas, plan.served.value), (10, 945.0));
    let band = text(&plan, Limit::Tolerance);
    assert!(band.contains("10 % (`hpaTolerance`)"), "{band}");
    let given = open(20)
        .with(|spec| spec.hpa_tolerance = Some(0.1))
        .sees(2100.0);
    assert_eq!(given.replicas, 23, "the trigger's wins");
}

#[test]
fn an_hpa_that_ignores_any_change_is_told_no_multiple_of_the_plan_and_never_none() {
    let told = |tolerance: f64, replicas: u32| {
        let mut scenario = open(replicas);
        let scaling = scenario.facts.as_mut().unwrap().scaling.as_mut().unwrap();
        scaling.up.tolerance = Some(tolerance);
        scaling.max = None;
        scenario.sees(100.0 * f64::from(replicas + 1))
    };
    // `tolerance: "1G"` in its `behavior`.
    for tolerance in [0.9, 1.0, 1e9, 1e18] {
        let plan = told(tolerance, 20);
        assert_eq!((plan.planned, plan.replicas), (21, 39), "{tolerance}");
        let band = text(&plan, Limit::Tolerance);
        assert!(band.contains("90 % (its `behavior`)"), "{band}");
    }
    assert_eq!(told(0.2, 20).replicas, 25);
}

#[test]
fn what_is_asked_for_while_nothing_may_follow_teaches_no_lead_time() {
    let mut scenario = open(10).with(|spec| {
        spec.hpa_tolerance = Some(0.0);
        spec.replicas_query = Some("ready".into());
    });
    let mut turn = |load: f64, replicas: u32, paused: bool| {
        let plan = scenario.later(60).sees(load);
        let now = scenario.now;
        let mut told = facts(now, replicas);
        told.scaling.as_mut().unwrap().paused = paused;
        let readings = Readings {
            ready: Some(Sample {
                at: now,
                value: f64::from(replicas),
            }),
            ..Readings::default()
        };
        let memory = std::mem::take(&mut scenario.memory);
        let memory = learn(&scenario.spec, now, &plan, &readings, Some(&told), memory);
        scenario.memory = memory;
        scenario.facts = Some(told);
    };
    for step in 0..12 {
        turn(1000.0 + 100.0 * f64::from(step), 10, true);
    }
    turn(2100.0, 10, false);
    turn(2100.0, 21, false);
    let lead = &scenario.memory.experience.as_ref().unwrap().lead;
    assert_eq!(
        (lead.scale_ups.len(), lead.pending.len()),
        (0, 0),
        "{lead:?}"
    );
}

#[test]
fn without_a_cluster_the_usual_tolerance_holds() {
    let mut scenario = open(20);
    scenario.facts = None;
    scenario.ready = Some(Sample {
        at: scenario.now,
        value: 20.0,
    });
    assert_eq!(scenario.sees(2100.0).replicas, 23);
}

#[test]
fn an_hpa_that_stands_elsewhere_than_it_was_told_is_led_from_there() {
    let mut scenario = open(20).with(|spec| spec.hpa_tolerance = Some(0.1));
    assert_eq!(scenario.sees(3000.0).replicas, 30);
    // Its rates have held it up at 28, where 30 is within the band.
    scenario.later(120);
    scenario.facts = Some(facts(scenario.now, 28));
    assert_eq!(scenario.sees(3000.0).replicas, 31);
}

#[test]
fn old_facts_do_not_count() {
    let mut scenario = open(3);
    scenario.later(300);
    assert_eq!(scenario.sees(50.0).replicas, 3);
    scenario.later(1);
    assert_eq!(scenario.sees(50.0).replicas, 1);
}

#[test]
fn in_reactive_mode_the_hpa_alone_applies_its_bounds() {
    let mut scenario = open(3).with(|spec| spec.mode = Mode::Reactive);
    assert_eq!(scenario.sees(50.0).replicas, 1);
}

#[test]
fn what_the_hpa_waits_for_is_not_waited_for_twice() {
    let falls = |known: bool| {
        let mut scenario = open(20).with(|spec| {
            spec.scale_down_window = None;
            spec.max_overload = None;
        });
        scenario.sees(2000.0);
        let mut waited = 0;
        loop {
            waited += 15;
            scenario.later(15);
            scenario.facts = known.then(|| facts(scenario.now, 20));
            if scenario.sees(500.0).planned == 5 {
                return waited;
            }
        }
    };
    assert_eq!((falls(false), falls(true)), (300, 120));
}

#[test]
fn a_pause_and_a_rollout_are_told() {
    let mut scenario = open(5);
    let told = scenario.facts.as_mut().unwrap();
    told.scaling.as_mut().unwrap().paused = true;
    told.fleet.as_mut().unwrap().rollout = true;
    let plan = scenario.sees(500.0);
    let notes = plan.reasons.iter().filter(|it| it.limit == Limit::Cluster);
    let notes: Vec<&str> = notes.map(|it| it.text.as_str()).collect();
    assert!(
        notes[0].contains("paused") && notes[1].contains("rollout"),
        "{notes:?}"
    );
    let end = plan.reasons.last().unwrap();
    assert_eq!((end.from, end.to), (5, 5), "they move nothing");
}

/// Pods that took `took` seconds, one batch of `pods` a minute.
fn started(from: Timestamp, batches: u64, pods: u32, took: u64) -> PodStarts {
    let batch = |index: u64| {
        let created = from + secs(60 * index);
        PodBatch {
            created,
            ready: created + secs(took),
            pods,
        }
    };
    PodStarts {
        at: from + secs(60 * batches + took),
        batches: (0..batches).map(batch).collect(),
    }
}

/// The scenario with what these pods teach.
fn taught(starts: PodStarts, rollout: bool) -> Scenario {
    let mut scenario = open(4);
    let mut facts = facts(scenario.now, 4);
    facts.fleet.as_mut().unwrap().rollout = rollout;
    facts.starts = Some(PodStarts {
        at: scenario.now,
        ..starts
    });
    let plan = scenario.sees(400.0);
    for _ in 0..2 {
        let memory = std::mem::take(&mut scenario.memory);
        let readings = Readings::default();
        scenario.memory = learn(
            &scenario.spec,
            scenario.now,
            &plan,
            &readings,
            Some(&facts),
            memory,
        );
    }
    scenario.facts = Some(facts);
    scenario
}

#[test]
fn pods_teach_the_lead_time_once_each_with_the_hpa_s_sync_before_them() {
    let begin = Scenario::new().now - secs(3600);
    let mut scenario = taught(started(begin, 6, 2, 45), false);
    let Experience { lead, .. } = &**scenario.memory.experience.as_ref().unwrap();
    assert_eq!(
        lead.scale_ups.len(),
        6,
        "the second look teaches nothing new"
    );
    assert!(lead.pending.is_empty());
    let plan = scenario.sees(400.0);
    assert_eq!(plan.lead_time, HumanDuration::from_secs(60));
    let learned = LeadSource::Learned {
        scale_ups: 6,
        batch: 1,
    };
    assert_eq!(plan.lead_source, learned);
}

#[test]
fn what_the_hpa_takes_for_a_large_step_comes_on_top() {
    let begin = Scenario::new().now - secs(3600);
    let mut scenario = taught(started(begin, 6, 2, 45), false);
    // 4 pods a minute: 16 more take four steps, the first one at once.
    let scaling = scenario.facts.as_mut().unwrap().scaling.as_mut().unwrap();
    scaling.up.policies = vec![Ramp {
        by: RampStep::Replicas(4),
        per: HumanDuration::from_secs(60),
    }];
    scenario.expect(&[2000.0; 30]);
    let plan = scenario.sees(400.0);
    assert_eq!(plan.lead_time, HumanDuration::from_secs(60 + 180));
    assert_eq!(
        text(&plan, Limit::LeadTime),
        "looking 4m ahead: nine in ten of 6 scale-ups were ready within 1m, for 4 replicas at once, and the HPA's \
         `behavior` takes 3m to ask for 16 replicas"
    );
}

#[test]
fn nothing_is_learned_of_replicas_during_a_rollout() {
    let mut scenario = open(4);
    let plan = scenario.sees(400.0);
    let mut facts = facts(scenario.now, 4);
    facts.fleet.as_mut().unwrap().rollout = true;
    let readings = Readings {
        cpu: Some(Sample {
            at: scenario.now,
            value: 2.0,
        }),
        load: Some(Sample {
            at: scenario.now,
            value: 400.0,
        }),
        ..Readings::default()
    };
    scenario.spec.cpu_query = Some("cpu".into());
    let taught = |facts: &ClusterFacts| {
        let memory = scenario.memory.clone();
        let memory = learn(
            &scenario.spec,
            scenario.now,
            &plan,
            &readings,
            Some(facts),
            memory,
        );
        let experience = memory.experience.unwrap();
        (experience.lead.read_at, experience.usage.clone())
    };
    let before = Experience::default();
    assert_eq!(taught(&facts), (None, before.usage.clone()));
    facts.fleet.as_mut().unwrap().rollout = false;
    let (read_at, usage) = taught(&facts);
    assert_eq!(read_at, Some(scenario.now));
    assert_ne!(usage, before.usage);
}

#[test]
fn a_rate_is_reckoned_as_the_hpa_applies_it() {
    let policy = |by, per| Ramp {
        by,
        per: HumanDuration::from_secs(per),
    };
    for (by, from, batch, takes) in [
        (RampStep::Replicas(4), 10, 4, 0),
        (RampStep::Replicas(4), 10, 5, 60),
        (RampStep::Percent(100.0), 4, 4, 0),
        (RampStep::Percent(100.0), 4, 20, 120),
        (RampStep::Percent(10.0), 5, 2, 60),
        (RampStep::Percent(100.0), 0, 1, 0),
    ] {
        assert_eq!(
            climb(policy(by, 60), from, batch),
            secs(takes),
            "{by:?} {from} {batch}"
        );
    }
    let never = climb(policy(RampStep::Percent(0.0), 60), 5, 1);
    assert_eq!(never, secs(60 * u64::from(MOST_PERIODS - 1)));
}

#[test]
fn a_record_with_facts_leads_to_the_same_plan() {
    let mut scenario = open(20);
    let now = scenario.now;
    let observed = Some(Sample {
        at: now,
        value: 9000.0,
    });
    let record = scenario.on_record(observed).unwrap();
    let json = serde_json::to_string(&record).unwrap();
    let read: PlanRecord<crate::plan::Config> = serde_json::from_str(&json).unwrap();
    assert_eq!(read.differences(), Vec::<String>::new());
    let mut other = read;
    other.inputs.facts = None;
    assert!(
        !other.differences().is_empty(),
        "the facts had a part in it"
    );
}
