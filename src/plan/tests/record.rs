//! A plan on record is made again to the last bit, also after a detour through JSON.

use super::*;
use crate::domain::PlanRecord;

/// Decides, and holds the record against it.
fn decided(scenario: &mut Scenario, observed: Option<Sample>) -> Option<String> {
    let record = scenario.on_record(observed)?;
    let json = serde_json::to_string(&record).unwrap();
    let read: PlanRecord<Config> = serde_json::from_str(&json).unwrap();
    assert_eq!(
        format!("{read:?}"),
        format!("{record:?}"),
        "nothing is lost on the way"
    );
    assert_eq!(read.differences(), [""; 0]);
    Some(json)
}

#[test]
fn every_plan_of_a_life_is_made_again_from_its_record() {
    for (life, mode) in [
        Mode::Predictive,
        Mode::Auto,
        Mode::ScaleOut,
        Mode::Shadow,
        Mode::Reactive,
    ]
    .into_iter()
    .enumerate()
    {
        let mut scenario = Scenario::new().with(|spec| {
            spec.mode = mode;
            spec.max_overload = (life % 2 == 0).then_some(0.005);
            spec.shortage_cost = (life % 2 == 1).then_some(1.0 / 3.0);
            spec.ramp_down = percent(33.3, 60);
            spec.scale_down_window = None;
            spec.threshold = 0.1 + 0.2;
        });
        for minute in 0..60_u32 {
            let load = 1.0 / 3.0 + 10.0 * f64::from(minute * 37 % 23).sin().abs();
            scenario.expect(&[load as f32 * 1.1, 0.7, 3.3]);
            let observed = Sample {
                at: scenario.now,
                value: load,
            };
            let seen = (minute % 11 != 7).then_some(observed);
            decided(&mut scenario, seen);
            // A silence leaves slots that hold nothing.
            scenario.later(if minute % 13 == 5 { 170 } else { 20 });
        }
    }
}

#[test]
fn absurd_loads_and_slots_that_hold_nothing_survive_the_detour_too() {
    let mut scenario = Scenario::new().with(|spec| spec.max_overload = Some(0.005));
    let mut last = String::new();
    for value in [1e300, 0.0, 5e-324, 1e30, 123.456] {
        let observed = Some(Sample {
            at: scenario.now,
            value,
        });
        last = decided(&mut scenario, observed).unwrap();
        scenario.later(130);
    }
    assert!(last.contains("NaN") && last.contains("inf"), "{last}");
}

#[test]
fn a_plan_that_comes_out_otherwise_is_told_step_by_step() {
    let mut scenario = Scenario::new().expecting(&[900.0; 10]);
    let inputs = PlanInputs {
        now: scenario.now,
        observed: Some(Sample {
            at: scenario.now,
            value: 350.0,
        }),
        ready: None,
        facts: None,
        fault: None,
        forecast: None,
        distrust: None,
        memory: PlanMemory::default(),
    };
    let record = PlanRecord {
        settings: Config::default(),
        spec: scenario.spec.clone(),
        plan: scenario.sees(350.0).into(),
        inputs,
    };
    let differences = record.differences();
    assert_eq!(differences[0], "replicas: 9 on record, 4 when made again");
    let reason = differences.last().unwrap();
    assert!(
        reason.starts_with("reason 1: `forecast, 4 to 9: ")
            && reason.contains("`observed, 4 to 4: "),
        "{reason}"
    );
}
