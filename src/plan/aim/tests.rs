use super::*;
use crate::domain::{ChosenPlan, Experience, HumanDuration, Mode, PlanRule, Reason};
use crate::plan::tests::Scenario;

const SHARE: f64 = 0.005;
const LOOK: Duration = Duration::from_secs(15);
const A_DAY: usize = 24 * 240;

fn aims_at(share: f64) -> Scenario {
    Scenario::new().with(|spec| spec.max_overload = Some(share))
}

/// A fleet under a load that needs ten, which were asked for lately: nine were before.
fn at(ready: f64) -> Fleet {
    Fleet {
        ready,
        need: 10.0,
        wanted: 10,
        promised: Some(9.0),
        owed: Some(9.0),
    }
}

/// A fleet that is looked at every 15 s.
struct Watched {
    scenario: Scenario,
    plan: Plan,
    record: AimRecord,
}

impl Watched {
    fn new() -> Self {
        let mut scenario = aims_at(SHARE);
        let mut plan = scenario.sees(1000.0);
        plan.chosen = Some(ChosenPlan {
            rule: PlanRule::Load { factor: 1.2 },
            window: HumanDuration::from_secs(300),
            short: 0.004,
            evidence: HumanDuration::from_secs(100_000),
            aim: None,
            lived: None,
        });
        plan.reasons.clear();
        Self {
            scenario,
            plan,
            record: AimRecord::default(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        self
    }

    /// So many looks at a fleet of ten that was asked for lately, of which so many are Ready, under a load that needs ten.
    fn looks(&mut self, count: usize, ready: f64) -> &mut Self {
        for _ in 0..count {
            self.sees(Some(at(ready)));
        }
        self
    }

    fn sees(&mut self, fleet: Option<Fleet>) {
        self.scenario.now = self.scenario.now + LOOK;
        let (spec, now) = (&self.scenario.spec, self.scenario.now);
        self.record = observe(self.record, spec, now, &self.plan, fleet);
    }

    fn factor(&self) -> f64 {
        self.record.log_factor.exp()
    }

    fn is_unmoved(&self) -> bool {
        self.record.log_factor.abs() < 1e-12
    }
}

#[test]
fn a_fleet_that_is_never_short_lets_plans_be_short_a_fifth_more_often_and_no_more() {
    let mut watched = Watched::new();
    watched.looks(2 * A_DAY + 1, 10.0);
    assert!((watched.factor() - (2.0_f64 / 14.0).exp()).abs() < 1e-3);
    watched.looks(30 * A_DAY, 10.0);
    assert!((watched.factor() - MOST).abs() < 1e-9);
}

#[test]
fn a_fleet_that_is_short_as_often_as_allowed_changes_nothing() {
    let mut watched = Watched::new();
    for _ in 0..70 {
        watched.looks(199, 10.0).looks(1, 9.0);
    }
    // But for the first look, before which nothing is known.
    assert!(
        (watched.factor() - 1.0).abs() < 1e-3,
        "{}",
        watched.factor()
    );
}

#[test]
fn a_fleet_that_is_short_more_often_makes_plans_safer_down_to_a_quarter() {
    let mut watched = Watched::new();
    let mut before = watched.factor();
    for _ in 0..5 {
        for _ in 0..20 {
            watched.looks(49, 10.0).looks(1, 9.0);
        }
        assert!(watched.factor() < before);
        before = watched.factor();
    }
    for _ in 0..5000 {
        watched.looks(49, 10.0).looks(1, 9.0);
    }
    assert!((watched.factor() - LEAST).abs() < 1e-9);
}

#[test]
fn a_shortage_of_what_was_asked_for_long_ago_is_not_the_plans_doing() {
    let mut watched = Watched::new();
    watched.looks(1, 10.0);
    // Ten were asked for three lead times ago, or nobody knows.
    for owed in [Some(10.0), None] {
        for _ in 0..1000 {
            watched.sees(Some(Fleet { owed, ..at(9.0) }));
        }
    }
    assert!(watched.is_unmoved());
    watched.looks(3, 10.0).looks(1, 9.0);
    assert!(watched.factor() < 1.0);
}

#[test]
fn replicas_that_others_hold_do_not_make_a_plan_look_better() {
    let mut watched = Watched::new();
    let held = |promised| Fleet {
        promised,
        ..at(12.0)
    };
    for promised in [Some(9.0), None] {
        for _ in 0..1000 {
            watched.sees(Some(held(promised)));
        }
    }
    assert!(watched.is_unmoved());
    // On the way down there are more replicas than are asked for; what was asked for would have done.
    for _ in 0..1000 {
        watched.sees(Some(held(Some(10.0))));
    }
    assert!(watched.factor() > 1.0);
}

#[test]
fn what_is_not_told_in_full_or_cut_by_a_bound_does_not_count() {
    let cut = |limit| {
        move |plan: &mut Plan| {
            plan.reasons = vec![Reason {
                limit,
                from: 12,
                to: 10,
                text: String::new(),
            }];
        }
    };
    let lived = |secs: u64| {
        move |plan: &mut Plan| {
            let chosen = plan.chosen.as_mut().unwrap();
            chosen.lived = Some(HumanDuration::from_secs(secs));
        }
    };
    let others: [Watched; 7] = [
        // Days of evidence, most of which were rehearsed.
        Watched::new().with(lived(80_000)),
        Watched::new().with(|plan| plan.mode = Mode::Shadow),
        Watched::new().with(|plan| plan.mode = Mode::Auto),
        Watched::new().with(|plan| plan.chosen = None),
        Watched::new().with(cut(Limit::MaxReplicas)),
        Watched::new().with(cut(Limit::Budget)),
        Watched::new().with(cut(Limit::RampUp)),
    ];
    for mut watched in others {
        watched.looks(1000, 10.0).looks(10, 9.0);
        assert!(watched.is_unmoved(), "{:?}", watched.plan);
    }
    let mut watched = Watched::new().with(lived(90_000));
    watched.looks(1000, 10.0);
    assert!(watched.factor() > 1.0);
    // What was cut is still missing a lead time later.
    let mut watched = Watched::new().with(cut(Limit::RampUp));
    watched.looks(1, 10.0);
    watched.plan.reasons.clear();
    let looks = (watched.plan.lead_time.get().as_secs() / LOOK.as_secs()) as usize;
    watched.looks(looks, 9.0);
    assert!(watched.is_unmoved());
    watched.looks(2, 9.0);
    assert!(watched.factor() < 1.0);
}

#[test]
fn time_that_nobody_has_seen_does_not_count() {
    let mut watched = Watched::new();
    watched.looks(1, 10.0);
    watched.scenario.now = watched.scenario.now + Duration::from_mins(4);
    watched.looks(1, 9.0);
    watched.scenario.now = watched.scenario.now + Duration::from_mins(4);
    for _ in 0..100 {
        watched.sees(None);
    }
    watched.looks(1, 9.0).looks(1, f64::NAN);
    assert!(watched.is_unmoved());
    watched.looks(1, 9.0);
    assert!(watched.factor() < 1.0);
    // Looks may be as far apart as the trigger wants them.
    let mut watched = Watched::new();
    watched.scenario.spec.interval = HumanDuration::from_secs(600);
    watched.looks(1, 10.0);
    watched.scenario.now = watched.scenario.now + Duration::from_mins(10);
    watched.looks(1, 10.0);
    assert!(watched.factor() > 1.0);
}

#[test]
fn the_plan_says_what_it_aims_at_and_why() {
    let mut scenario = aims_at(SHARE);
    let told = |scenario: &mut Scenario| {
        let plan = scenario.sees(1000.0);
        let text = |plan: &Plan| {
            let all = plan.reasons.iter().map(|reason| reason.text.clone());
            all.collect::<Vec<_>>().join("; ")
        };
        (plan.chosen.unwrap(), text(&plan))
    };
    for minute in 0..1500_u32 {
        scenario.sees(900.0 + f64::from(minute % 7) * 20.0);
        scenario.later(60);
    }
    let (chosen, text) = told(&mut scenario);
    assert_eq!(chosen.aim, None);
    assert!(
        text.contains("within `maxOverload` of 0.5 %, short"),
        "{text}"
    );
    let knows = |scenario: &mut Scenario, log_factor, at| {
        let aim = AimRecord {
            log_factor,
            at: Some(at),
            cut_at: None,
        };
        scenario.memory.experience = Some(std::sync::Arc::new(Experience {
            aim,
            ..Experience::default()
        }));
        scenario.later(60);
    };
    let now = scenario.now;
    for (log_factor, aim, why) in [
        (
            1.2_f64.ln(),
            0.006,
            "taken for 0.6 %, because the fleet has been short less often than it may be",
        ),
        (
            0.5_f64.ln(),
            0.0025,
            "taken for 0.25 %, because the fleet has been short more often than it may be",
        ),
        (9.0, 0.006, "taken for 0.6 %"),
        (f64::NAN, SHARE, "within `maxOverload` of 0.5 %, short"),
    ] {
        knows(&mut scenario, log_factor, now);
        let (chosen, text) = told(&mut scenario);
        assert!(
            (chosen.aim.unwrap_or(SHARE) - aim).abs() < 1e-9,
            "{chosen:?}"
        );
        assert!(text.contains(why), "{text}");
    }
    // A fleet that was seen long ago, and one that the plan doesn't move, say nothing.
    knows(&mut scenario, 1.2_f64.ln(), now - FORGOTTEN);
    assert_eq!(told(&mut scenario).0.aim, None);
    knows(&mut scenario, 1.2_f64.ln(), now);
    scenario.spec.mode = Mode::ScaleOut;
    assert_eq!(told(&mut scenario).0.aim, None);
}
