use super::*;
use crate::domain::{ChosenPlan, Experience, HumanDuration, PlanRule, Reason};
use crate::plan::tests::Scenario;

const SHARE: f64 = 0.005;
const LOOK: Duration = Duration::from_secs(15);
const A_DAY: usize = 24 * 240;

fn aims_at(share: f64) -> Scenario {
    Scenario::new().with(|spec| spec.max_overload = Some(share))
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

    /// So many looks at a fleet of ten that was asked for, of which so many are Ready, under a load that needs ten.
    fn looks(&mut self, count: usize, ready: f64) -> &mut Self {
        for _ in 0..count {
            self.sees(Some(Fleet {
                ready,
                need: 10.0,
                wanted: 10,
            }));
        }
        self
    }

    fn sees(&mut self, fleet: Option<Fleet>) {
        self.scenario.now = self.scenario.now + LOOK;
        let (spec, now) = (&self.scenario.spec, self.scenario.now);
        self.record = observe(self.record, spec, now, &self.plan, fleet);
    }

    fn factor(&self) -> f64 {
        of(&self.record, SHARE) / SHARE
    }
}

#[test]
fn a_fleet_that_is_never_short_lets_plans_be_short_twice_as_often_and_no_more() {
    let mut watched = Watched::new();
    watched.looks(7 * A_DAY + 1, 10.0);
    assert!((watched.factor() - 0.5_f64.exp()).abs() < 1e-3);
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
fn a_shortage_counts_only_as_long_as_replicas_take_to_start_twice() {
    let mut short = Watched::new();
    let lead = short.plan.lead_time.get();
    let looks = (2 * lead.as_secs() / LOOK.as_secs()) as usize;
    short.looks(1, 10.0).looks(looks + 1, 9.0);
    let mut long = Watched::new();
    long.looks(1, 10.0).looks(20 * looks, 9.0);
    assert!(short.factor() < 0.95, "{}", short.factor());
    assert!((short.factor() - long.factor()).abs() < 1e-9);
    assert!((long.looks(1, 10.0).factor() / short.looks(1, 10.0).factor() - 1.0).abs() < 1e-9);
}

#[test]
fn what_is_not_the_doing_of_a_plan_does_not_count() {
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
    let others: [Watched; 6] = [
        Watched::new().with(|plan| plan.mode = Mode::Shadow),
        Watched::new().with(|plan| plan.mode = Mode::Auto),
        Watched::new().with(|plan| plan.chosen = None),
        Watched::new().with(cut(Limit::MaxReplicas)),
        Watched::new().with(cut(Limit::Budget)),
        Watched::new().with(cut(Limit::RampUp)),
    ];
    for mut watched in others {
        watched.looks(1000, 10.0).looks(10, 9.0);
        assert_eq!(watched.record, AimRecord::default(), "{:?}", watched.plan);
    }
    // More replicas than were asked for.
    let mut watched = Watched::new();
    watched.looks(1000, 11.0);
    assert!((watched.factor() - 1.0).abs() < 1e-12);
    // Nothing is known of what lies between two looks that are far apart.
    watched.looks(1, 10.0);
    watched.scenario.now = watched.scenario.now + Duration::from_hours(1);
    watched.looks(1, 9.0);
    watched.sees(None);
    watched.looks(1, 9.0);
    assert!((watched.factor() - 1.0).abs() < 1e-12);
    watched.looks(1, 9.0);
    assert!(watched.factor() < 1.0);
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
    for (log_factor, aim, why) in [
        (
            2.0_f64.ln(),
            0.01,
            "taken for 1 %, because the fleet is short less often",
        ),
        (
            0.5_f64.ln(),
            0.0025,
            "taken for 0.25 %, because the fleet is short more often",
        ),
        (f64::NAN, SHARE, "within `maxOverload` of 0.5 %, short"),
    ] {
        scenario.memory.experience = Some(std::sync::Arc::new(Experience {
            aim: AimRecord {
                log_factor,
                ..AimRecord::default()
            },
            ..Experience::default()
        }));
        scenario.later(60);
        let (chosen, text) = told(&mut scenario);
        assert!(
            (chosen.aim.unwrap_or(SHARE) - aim).abs() < 1e-9,
            "{chosen:?}"
        );
        assert!(text.contains(why), "{text}");
    }
}
