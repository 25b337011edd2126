use std::f64::consts::TAU;
use std::sync::Arc;

use super::family::FACTORS;
use super::*;
use crate::domain::{
    Experience, Forecast, HumanDuration, LeadLine, LeadRecord, Limit, Plan, PlanMemory, Rehearsed,
    Sample, ScaleUp, Timestamp,
};
use crate::plan::tests::Scenario;

const MINUTE: u64 = 60;

/// A day's wave between 200 and 1800, seen with 100 per replica.
fn wave(minute: usize) -> f64 {
    1000.0 - 800.0 * (TAU * minute as f64 / 1440.0).cos()
}

/// Plans every minute of `minutes` on `load`, where the forecast's upper path is `expect` of the minute; the plans of the
/// last day.
fn lived(
    scenario: &mut Scenario,
    minutes: usize,
    load: impl Fn(usize) -> f64,
    expect: impl Fn(usize) -> f64,
) -> Vec<Plan> {
    let mut plans = Vec::new();
    for minute in 0..minutes {
        let path: Vec<f32> = (1..=10)
            .map(|ahead| expect(minute + ahead) as f32)
            .collect();
        scenario.expect_around(&path, 0.97);
        let plan = scenario.sees(load(minute));
        if minute + 1440 >= minutes {
            plans.push(plan);
        }
        scenario.later(MINUTE);
    }
    plans
}

fn aims_at(share: f64) -> Scenario {
    Scenario::new().with(|spec| {
        spec.max_overload = Some(share);
        spec.scale_down_window = None;
    })
}

/// How often the load was above what the plans of three minutes before carry.
fn short(plans: &[Plan], load: impl Fn(usize) -> f64, minutes: usize) -> f64 {
    let first = minutes - plans.len();
    let ready = plans.windows(4).map(|w| w.iter().map(|p| p.replicas).min());
    let bad = ready.enumerate().filter(|(i, ready)| {
        let now = load(first + i + 3);
        now > 100.0 * f64::from(ready.unwrap_or(0))
    });
    bad.count() as f64 / plans.len() as f64
}

fn replicas(plans: &[Plan]) -> f64 {
    plans
        .iter()
        .map(|plan| f64::from(plan.replicas))
        .sum::<f64>()
        / plans.len() as f64
}

#[test]
fn a_forecast_that_is_always_a_quarter_too_low_is_raised_until_it_is_enough() {
    let mut scenario = aims_at(0.005);
    let plans = lived(&mut scenario, 3 * 1440, wave, |minute| 0.8 * wave(minute));
    let last = plans.last().unwrap();
    let chosen = last.chosen.unwrap();
    let share = short(&plans, wave, 3 * 1440);
    assert!(share <= 0.01, "{share} {chosen:?}");
    let needed = (0..1440).map(|m| (wave(m) / 100.0).ceil()).sum::<f64>() / 1440.0;
    assert!(replicas(&plans) < 1.12 * needed, "{}", replicas(&plans));
    let reason = last.reasons.iter().find(|r| r.limit == Limit::Safety);
    assert!(reason.is_none_or(|r| r.text.contains("`maxOverload` of 0.5 %")));
}

#[test]
fn a_forecast_that_is_far_too_high_costs_nothing_for_long() {
    let mut scenario = aims_at(0.005);
    let plans = lived(&mut scenario, 3 * 1440, wave, |minute| 3.0 * wave(minute));
    let needed = (0..1440).map(|m| (wave(m) / 100.0).ceil()).sum::<f64>() / 1440.0;
    assert!(replicas(&plans) < 1.25 * needed, "{}", replicas(&plans));
}

#[test]
fn where_forecasts_are_noise_the_plan_costs_no_more_than_one_on_the_measured_load() {
    let noise = |minute: usize| ((minute * 7919) % 1009) as f64 / 1009.0;
    // The load stands at one of two levels for an hour and a half each; the forecast says anything.
    let load = |minute: usize| {
        if (minute / 90).is_multiple_of(2) {
            400.0
        } else {
            900.0
        }
    };
    let mut scenario = aims_at(0.05);
    let plans = lived(&mut scenario, 4 * 1440, load, |minute| {
        4000.0 * noise(minute)
    });
    // The measured load alone asks for 4 and 9 in turn, and is short for the lead time after each rise: 1.7 % of the time.
    assert!(replicas(&plans) < 1.05 * 6.5, "{}", replicas(&plans));
    assert!(short(&plans, load, 4 * 1440) < 0.05);
}

#[test]
fn the_tighter_the_objective_the_more_replicas() {
    let jumpy = |minute: usize| {
        let burst = minute.is_multiple_of(97) || (minute + 1).is_multiple_of(97);
        wave(minute) * if burst { 1.5 } else { 1.0 }
    };
    let cost = |share| {
        let mut scenario = aims_at(share);
        replicas(&lived(&mut scenario, 3 * 1440, jumpy, wave))
    };
    let (tight, loose) = (cost(0.0005), cost(0.05));
    assert!(tight > 1.2 * loose, "{tight} {loose}");
}

/// The minute of life with which a plan was first chosen on trial.
fn first_chosen(mut scenario: Scenario, expect: Option<fn(usize) -> f64>) -> Option<usize> {
    scenario.forecast = None;
    (0..2 * 1440).find(|minute| {
        if let Some(expect) = expect {
            let path = (1..=10).map(|ahead| expect(minute + ahead) as f32);
            scenario.expect_around(&path.collect::<Vec<_>>(), 0.97);
        }
        let plan = scenario.sees(wave(*minute));
        scenario.later(MINUTE);
        plan.chosen.is_some()
    })
}

#[test]
fn twenty_minutes_of_forecasts_are_enough_to_choose_and_without_them_it_takes_a_day() {
    // A lead time goes by before the first minute counts, and evidence fades a little within a day.
    let (soon, late) = (20..=25, 1440..=1470);
    let at = |scenario, expect| first_chosen(scenario, expect).unwrap();
    assert!(soon.contains(&at(aims_at(0.005), Some(wave))));
    assert!(late.contains(&at(aims_at(0.005), None)));
    let priced = || Scenario::new().with(|spec| spec.shortage_cost = Some(20.0));
    assert!(late.contains(&at(priced(), Some(wave))));

    let mut given = Scenario::new();
    let plans = lived(&mut given, 2 * 1440, wave, wave);
    assert!(plans.iter().all(|plan| plan.chosen.is_none()));
    assert_eq!(*given.memory.trials, PlanTrials::default());
}

#[test]
fn what_a_few_hours_have_taught_stays_when_forecasts_end() {
    // Bursts that no forecast sees.
    let load = |minute: usize| if minute % 40 < 8 { 1500.0 } else { 1000.0 };
    let mut scenario = aims_at(0.005);
    lived(&mut scenario, 300, load, |_| 1000.0);
    scenario.forecast = None;
    let quiet = (300..340).filter(|minute| minute % 40 >= 8);
    let plans: Vec<u32> = quiet
        .map(|minute| {
            let plan = scenario.sees(load(minute));
            scenario.later(MINUTE);
            plan.replicas
        })
        .collect();
    assert!(plans.iter().all(|replicas| *replicas >= 15), "{plans:?}");
}

#[test]
fn a_plan_is_short_when_what_was_asked_a_lead_time_ago_is_not_enough() {
    // The load doubles at noon and nobody had expected it: for the lead time of three minutes every plan but those
    // with a factor of two is short.
    let mut scenario = aims_at(0.005);
    let load = |minute: usize| if minute < 1000 { 500.0 } else { 1000.0 };
    lived(&mut scenario, 1010, load, load_before(1000));
    let trials = &scenario.memory.trials;
    let near = |plan: usize| (trials.short[plan] - 3.0).abs() < 1.1;
    let (one, two) = (factor_at(1.0), factor_at(2.2));
    assert!(near(RISK_PLANS + one), "{}", trials.short[RISK_PLANS + one]);
    assert!(trials.short[RISK_PLANS + two] < 0.01);
}

/// Lives for `looks` at one load and then at twice as much, with nothing expected; the minutes that the cheapest plan was
/// short, and the minutes of evidence.
fn surprised_after(scenario: &mut Scenario, secs: u64, looks: u64) -> (f32, f64) {
    for look in 0..2 * looks {
        let load = if look < looks { 500.0 } else { 1000.0 };
        scenario.expect(&[500.0; 10]);
        scenario.sees(load);
        scenario.later(secs);
    }
    let trials = &scenario.memory.trials;
    (trials.short[RISK_PLANS + factor_at(1.0)], trials.minutes)
}

#[test]
fn a_lead_time_below_the_interval_is_judged_by_what_was_asked_at_the_look_before() {
    let mut scenario = aims_at(0.005).with(|spec| {
        spec.lead_time = LeadTime::Fixed(HumanDuration::from_secs(30));
        spec.interval = HumanDuration::from_secs(60);
    });
    let (short, minutes) = surprised_after(&mut scenario, 60, 60);
    assert!((short - 1.0).abs() < 0.1, "short for {short} minutes");
    assert!(minutes > 100.0, "{minutes} minutes of evidence");
}

#[test]
fn a_trigger_that_is_looked_at_seldom_learns_too() {
    let mut scenario = aims_at(0.005).with(|spec| {
        spec.interval = HumanDuration::from_secs(600);
    });
    let (short, minutes) = surprised_after(&mut scenario, 600, 30);
    assert!((short - 10.0).abs() < 1.0, "short for {short} minutes");
    assert!(minutes > 400.0, "{minutes} minutes of evidence");
}

#[test]
fn a_learned_lead_time_that_moves_with_the_step_up_forgets_nothing() {
    let mut scenario = aims_at(0.005).with(|spec| {
        spec.lead_time = LeadTime::Auto;
        spec.interval = HumanDuration::from_secs(15);
    });
    let lead = LeadRecord {
        scale_ups: vec![
            ScaleUp {
                batch: 9,
                seconds: 66.0
            };
            20
        ]
        .into(),
        line: Some(LeadLine {
            intercept: 30.0,
            slope: 4.0,
            largest: 9,
        }),
        ..LeadRecord::default()
    };
    scenario.memory.experience = Some(Arc::new(Experience {
        lead,
        ..Experience::default()
    }));
    let mut leads = Vec::new();
    for look in 0..240_usize {
        // What is expected goes up and down, and so does the step up that is wanted.
        scenario.expect_around(&[[500.0, 900.0, 700.0][look % 3]; 10], 0.97);
        leads.push(scenario.sees(500.0).lead_time);
        scenario.later(15);
    }
    leads.sort();
    leads.dedup();
    assert!(leads.len() > 1, "the lead time never moved");
    let minutes = scenario.memory.trials.minutes;
    assert!(minutes > 55.0, "{minutes} of 60 minutes were judged");
}

fn load_before(noon: usize) -> impl Fn(usize) -> f64 {
    move |minute| if minute < noon + 11 { 100.0 } else { 200.0 }
}

fn factor_at(least: f64) -> usize {
    (0..FACTORS)
        .find(|f| factor_of(*f) >= least - 1e-9)
        .unwrap()
}

#[test]
fn what_is_remembered_stays_small_and_survives_a_restart() {
    let mut scenario = aims_at(0.005);
    scenario.spec.interval = HumanDuration::from_secs(15);
    lived(&mut scenario, 1500, wave, wave);
    let packed = rmp_serde::to_vec_named(&scenario.memory).unwrap();
    assert!(packed.len() < 15 * 1024, "{} bytes", packed.len());
    let back: PlanMemory = rmp_serde::from_slice(&packed).unwrap();
    assert_eq!(
        format!("{:?}", back.trials.cost),
        format!("{:?}", scenario.memory.trials.cost)
    );
}

#[test]
fn nothing_in_the_load_or_the_clock_makes_a_plan_nonsense() {
    let mut scenario = aims_at(0.005).with(|spec| spec.max_replicas = Some(50));
    for minute in 0..4000_u64 {
        let load = match minute % 7 {
            0 => 0.0,
            1 => 1e30,
            _ => wave(usize::try_from(minute).unwrap()),
        };
        scenario.expect(&[if minute % 5 == 0 { 0.0 } else { 1e30 }]);
        let at = scenario.now;
        let plan = scenario.decide(Some(Sample { at, value: load })).unwrap();
        assert!(plan.replicas <= 50);
        if minute % 501 == 500 {
            scenario.now = Timestamp::from_secs(1_700_000_040 + i64::try_from(minute).unwrap());
        }
        scenario.later(15 + minute % 400);
    }
    let trials = &scenario.memory.trials;
    assert!(trials.cost.iter().all(|cost| cost.is_finite()));
    let forecast: Option<&Forecast> = scenario.forecast.as_ref();
    assert!(forecast.is_some());
}

#[test]
fn plans_are_judged_with_what_keeps_them_from_flapping() {
    let mut scenario = aims_at(0.005);
    lived(&mut scenario, 100, |_| 2000.0, |_| 2000.0);
    let before = scenario.memory.trials.held.clone();
    assert_eq!(before.len(), RISK_PLANS);
    let mut after = |minutes: u32| {
        for _ in 0..minutes {
            scenario.expect_around(&[900.0; 10], 0.97);
            scenario.sees(900.0);
            scenario.later(MINUTE);
        }
        let held = scenario.memory.trials.held.chunks(RISKS);
        let windows = held.zip(before.chunks(RISKS)).map(|(held, before)| {
            let pairs = held.iter().zip(before);
            pairs.filter(|(now, before)| now < before).count()
        });
        windows.collect::<Vec<usize>>()
    };
    // Two minutes after the end of its window a plan gives back what it asked for in it.
    assert_eq!(after(2), [0, 0]);
    assert_eq!(after(2), [RISKS, 0]);
    assert_eq!(after(3), [RISKS, 0]);
    assert_eq!(after(2), [RISKS, RISKS]);
}

#[test]
fn a_load_that_is_likely_enough_wakes_a_workload_though_its_middle_is_asleep() {
    let mut scenario = aims_at(0.005);
    lived(&mut scenario, 1500, |_| 0.0, |_| 0.0);
    let asleep = scenario.sees(0.0);
    assert!(asleep.chosen.is_some() && !asleep.active);
    scenario.later(MINUTE);
    scenario.expect_around(&[800.0; 10], 0.0);
    let plan = scenario.sees(0.0);
    assert!(plan.chosen.is_some() && plan.active && plan.planned > 1);
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_what_was_asked_for() {
    let mut scenario = aims_at(0.005);
    lived(&mut scenario, 100, |_| 2000.0, |_| 2000.0);
    scenario.now = scenario.now - Duration::from_hours(24);
    lived(&mut scenario, 10, |_| 900.0, |_| 900.0);
    let trials = &scenario.memory.trials;
    assert!(trials.held.iter().all(|held| *held < 20.0));
    let loads = trials.loads.values.iter();
    assert!(loads.clone().count() == 10 && loads.clone().all(|load| *load < 1000.0));
}

#[test]
fn the_bounds_of_the_trigger_hold_on_trial_too() {
    // A spike that nobody foresees each hour, which the minimum carries.
    let load = |minute: usize| {
        if minute.is_multiple_of(60) {
            900.0
        } else {
            100.0
        }
    };
    let mut scenario = aims_at(0.005).with(|spec| spec.min_replicas = Some(10));
    lived(&mut scenario, 300, load, |_| 100.0);
    let trials = Arc::clone(&scenario.memory.trials);
    assert!(trials.short.iter().all(|short| *short <= 0.0));
    assert!(trials.cost.iter().all(|cost| *cost > 9.9 * trials.minutes));
    // And what lies above the maximum is never paid.
    let mut scenario = aims_at(0.005).with(|spec| spec.max_replicas = Some(5));
    lived(&mut scenario, 300, |_| 100.0, |_| 5000.0);
    let trials = &scenario.memory.trials;
    assert!(trials.cost.iter().all(|cost| *cost < 5.1 * trials.minutes));
}

#[test]
fn a_long_horizon_does_not_lengthen_the_lead_time_that_plans_are_judged_by() {
    let mut scenario = aims_at(0.005).with(|spec| {
        spec.lead_time = LeadTime::Auto;
        spec.horizon = HumanDuration::from_secs(86_400);
    });
    scenario.sees(500.0);
    assert_eq!(scenario.memory.trials.asked.width, 30_000);
    scenario.config.default_lead_time = HumanDuration::from_secs(7200);
    scenario.later(MINUTE);
    scenario.sees(500.0);
    assert_eq!(scenario.memory.trials.asked.width, 1_350_000);
}

#[test]
fn a_constant_load_of_whole_replicas_is_not_given_one_too_many() {
    let mut scenario = aims_at(0.005);
    for _ in 0..180 {
        scenario.expect_around(&[2000.0; 10], 1.0);
        scenario.sees(2000.0);
        scenario.later(MINUTE);
    }
    assert_eq!(scenario.sees(2000.0).planned, 20);
}

#[test]
fn a_plan_beyond_the_objective_is_not_said_to_be_within_it() {
    let told = |short: f32, minutes: f64, change: fn(&mut PlanTrials)| {
        let mut scenario = aims_at(0.005);
        scenario.expect_around(&[1200.0; 10], 0.9);
        scenario.sees(1000.0);
        let mut trials = (*scenario.memory.trials).clone();
        trials.minutes = minutes;
        trials.foreseen = minutes;
        trials.cost = vec![10.0 * minutes; PLANS];
        trials.short = vec![short * minutes as f32; PLANS];
        trials.expected = trials.short.clone();
        trials.lived = None;
        change(&mut trials);
        scenario.memory.trials = Arc::new(trials);
        let plan = scenario.later(15).sees(1000.0);
        let reason = plan.reasons.iter().find(|it| it.limit == Limit::Safety);
        reason.unwrap().text.clone()
    };
    let verdict = |short, minutes| told(short, minutes, |_| {});
    let fortnight = 14.0 * 1440.0;
    let text = verdict(0.014, fortnight);
    assert!(
        text.contains("no plan keeps to `maxOverload` of 0.5 %; the one with the least product"),
        "{text}"
    );
    let text = verdict(0.001, fortnight);
    assert!(
        text.contains("the cheapest plan within `maxOverload` of 0.5 %"),
        "{text}"
    );
    let text = verdict(0.001, 300.0);
    assert!(
        text.contains("too short to tell which plan keeps to"),
        "{text}"
    );
    let four_days = 4.0 * 1440.0;
    let rehearsed: fn(&mut PlanTrials) = |trials| {
        trials.rehearsed = Some(Rehearsed {
            minutes: trials.minutes,
            ..Rehearsed::default()
        });
    };
    let text = told(0.001, four_days, rehearsed);
    assert!(
        text.contains("less than a day of it lived through, the one with the least product"),
        "{text}"
    );
    // Rehearsed anew after days of life, it keeps to the objective again.
    let text = told(0.001, four_days, |trials| {
        trials.rehearsed = Some(Rehearsed {
            minutes: trials.minutes,
            ..Rehearsed::default()
        });
        trials.lived = Some(2.0 * 1440.0);
    });
    assert!(
        text.contains("the cheapest plan within `maxOverload` of 0.5 %"),
        "{text}"
    );
}
