//! Evidence from history: what the plans would have cost and missed where a fit has tried its models.
//!
//! The trials are minutes apart, so that what was asked for in between is not known. What is asked for at a trial is what is
//! Ready a lead time later: a plan is taken to be short when the load of that moment is above it. To take the highest load
//! up to then would count a short peak once for each trial that it lies ahead of. Only of plans that follow each sample of the
//! load it is right, looked at backwards: as often as the load rises above what is asked for within a lead time, it was lower,
//! and so was what they asked for.

use std::time::Duration;

use super::super::case::Case;
use super::super::{Config, Inputs};
use super::family::LOAD_WINDOWS;
use super::{Asked, Measured, arrange, ask, expect, objective, score};
use crate::domain::{
    ClusterFacts, Forecast, PlanMemory, PlanTrials, Rehearsed, Series, Timestamp, TriggerSpec,
};

/// No trial speaks for longer than this.
const LONGEST: Duration = Duration::from_mins(30);

/// Standard deviations of a count of trials.
const DOUBT: f64 = 0.5;

/// An expectation is refuted at 95 % by a count that is lower by so many standard deviations and so many trials: where none of
/// them was short, more than three were not to be expected.
const REFUTED: f64 = 1.65;
const NEVER_SEEN: f64 = 3.0;

/// Judges every plan of the family where `said` was forecast, oldest first, on the load of `history` that came after it.
/// The lead time and the capacity are those of `memory`; `None` where the trigger gives the quantile itself.
pub(in crate::plan) fn rehearse(
    config: &Config,
    spec: &TriggerSpec,
    facts: Option<&ClusterFacts>,
    memory: &PlanMemory,
    history: &Series,
    said: &[Forecast],
) -> Option<PlanTrials> {
    let objective = objective(spec)?;
    let known = experience_of(memory);
    let mut facts = facts.cloned();
    let mut trials = PlanTrials::default();
    let mut before: Option<Timestamp> = None;
    let mut heard = history.start();
    let mut lead_time = Duration::ZERO;
    for forecast in said {
        let at = forecast.origin();
        if let Some(facts) = &mut facts {
            take_for(facts, at);
        }
        let inputs = inputs(spec, facts.as_ref(), &known, at);
        let case = Case::new(
            config,
            &Inputs {
                forecast: Some(forecast),
                ..inputs
            },
        );
        lead_time = case.lead;
        arrange(&mut trials, &case);
        hear(&mut trials, history, heard, at);
        heard = at;
        let until = at + case.ahead();
        let (Some(load), Some(then)) = (history.get(at), load_after(history, at, case.ahead()))
        else {
            continue;
        };
        let up_to_then = measured(history, at + history.step(), until);
        let most = up_to_then.fold(then, |most, (_, value)| most.max(value));
        let Asked {
            peak: foreseen,
            asks,
            ..
        } = ask(&mut trials, &case, objective, load);
        let since = before.map_or(history.step(), |before| at.since(before));
        before = Some(at);
        let judged = Measured {
            minutes: since.min(LONGEST).as_secs_f64() / 60.0,
            need: case.load_in_replicas(then),
            most: case.load_in_replicas(most),
            floor: case.measured_need(load),
        };
        let minutes = judged.minutes;
        score(&mut trials, &case, objective, judged, (&asks, &asks));
        expect(
            &mut trials,
            &case,
            objective,
            foreseen.as_ref(),
            (&asks, minutes),
        );
    }
    hear(&mut trials, history, heard, history.end());
    doubt(&mut trials, said.len());
    trials.at = before;
    trials.rehearsed = Some(Rehearsed {
        lead: lead_time.into(),
        minutes: trials.minutes,
    });
    // What was lived through was lived through, though it is rehearsed anew.
    trials.lived = Some(memory.trials.lived_through());
    Some(trials)
}

/// The lead time that a rehearsal would reckon with now.
pub(in crate::plan) fn lead_time(
    config: &Config,
    spec: &TriggerSpec,
    facts: Option<&ClusterFacts>,
    memory: &PlanMemory,
    now: Timestamp,
) -> Duration {
    let known = experience_of(memory);
    Case::new(config, &inputs(spec, facts, &known, now)).lead
}

/// What a rehearsal takes over: what the replicas have taught, and nothing of what was planned.
fn experience_of(memory: &PlanMemory) -> PlanMemory {
    PlanMemory {
        experience: memory.experience.clone(),
        ..PlanMemory::default()
    }
}

fn inputs<'a>(
    spec: &'a TriggerSpec,
    facts: Option<&'a ClusterFacts>,
    memory: &'a PlanMemory,
    now: Timestamp,
) -> Inputs<'a> {
    Inputs {
        now,
        spec,
        observed: None,
        fault: None,
        forecast: None,
        distrust: None,
        ready: None,
        facts,
        memory,
    }
}

/// Bounds and rules are taken to have been then what they are; how many replicas there were is not known.
fn take_for(facts: &mut ClusterFacts, then: Timestamp) {
    facts.fleet = None;
    facts.scaling.iter_mut().for_each(|it| it.at = then);
    facts.starts.iter_mut().for_each(|it| it.at = then);
}

/// A trial that was short speaks for all the minutes until the next one, so that a handful of them decides whether a plan keeps
/// to an objective. Each plan gets the benefit of half a standard deviation of that count (Poisson); but what was to be
/// expected of it counts where it is more, as far as the count does not refute it.
fn doubt(trials: &mut PlanTrials, count: usize) {
    let each = trials.minutes / count.max(1) as f64;
    for (short, expected) in trials.short.iter_mut().zip(&trials.expected) {
        let counted = f64::from(*short);
        let deviation = (counted * each).sqrt();
        let most = counted + REFUTED * deviation + NEVER_SEEN * each;
        let least = (counted - DOUBT * deviation).max(0.0);
        *short = least.max(f64::from(*expected).min(most)) as f32;
    }
}

/// Notes the loads down that were measured since, for the windows over which the highest one counts.
fn hear(trials: &mut PlanTrials, history: &Series, since: Timestamp, until: Timestamp) {
    let longest = LOAD_WINDOWS.iter().max().map_or(0, |minutes| *minutes);
    let since = since.max(until - Duration::from_mins(u64::from(longest)));
    let slots = longest as usize + 1;
    for (at, value) in measured(history, since, until) {
        trials.loads.put(at, &[value as f32], slots, f32::max);
    }
}

/// The load `ahead` of a step, on the straight line between the two measured ones beside it; a step ahead at least, for what comes
/// before the next one is not known.
fn load_after(history: &Series, from: Timestamp, ahead: Duration) -> Option<f64> {
    let step = history.step();
    let steps = ahead.max(step).as_secs_f64() / step.as_secs_f64();
    let left = from + step * (steps as u32);
    let share = steps.fract();
    let value = history.get(left)?;
    if share <= 0.0 {
        return Some(value);
    }
    Some(value + share * (history.get(left + step)? - value))
}

/// What was measured from `since` on, before `until`.
fn measured(
    history: &Series,
    since: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = (Timestamp, f64)> {
    let first = history.index_of(since).unwrap_or(0);
    let first = if since < history.end() {
        first
    } else {
        history.len()
    };
    let each = history.values().iter().enumerate().skip(first);
    let timed = each.map(|(index, value)| (history.time_of(index), *value));
    timed
        .take_while(move |(at, _)| *at < until)
        .filter(move |(at, value)| *at >= since && value.is_finite())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::domain::{BoundBy, HumanDuration, Quantile, Scaling, ScalingBound, ScalingRules};
    use crate::plan::tests::Scenario;
    use crate::plan::trials::family::{RISK_PLANS, RISKS};

    const MINUTE: Duration = Duration::from_mins(1);
    const START: i64 = 1_700_000_040;
    const DAYS: usize = 4;

    /// A day's wave between 200 and 1800 with a little noise, seen with 100 per replica.
    fn wave(minute: usize) -> f64 {
        let noise = ((minute * 7919) % 1009) as f64 / 1009.0 - 0.5;
        1000.0 - 800.0 * (TAU * minute as f64 / 1440.0).cos() + 60.0 * noise
    }

    fn time_of(minute: usize) -> Timestamp {
        Timestamp::from_secs(START) + MINUTE * u32::try_from(minute).unwrap()
    }

    /// A forecast that knows the wave and takes it for `share` of what it is.
    fn said_at(minute: usize, share: f64) -> Forecast {
        let levels = [0.1, 0.5, 0.9, 0.99].map(|level| Quantile::new(level).unwrap());
        let widths = [-30.0, 0.0, 30.0, 60.0];
        let values = widths.iter().flat_map(|width| {
            (1..=10).map(move |ahead| (share * (wave(minute + ahead) + width)) as f32)
        });
        let values = values.collect();
        let origin = time_of(minute);
        Forecast::new("test", origin, MINUTE, levels.to_vec(), values, Some(0.0)).unwrap()
    }

    fn history(minutes: usize) -> Series {
        Series::new(time_of(0), MINUTE, (0..minutes).map(wave).collect())
    }

    fn aims_at(share: f64) -> Scenario {
        Scenario::new().with(|spec| {
            spec.max_overload = Some(share);
            spec.scale_down_window = None;
        })
    }

    fn rehearsed(scenario: &Scenario, share: f64) -> Option<PlanTrials> {
        let minutes = (0..DAYS * 1440).step_by(11);
        let said: Vec<Forecast> = minutes.map(|minute| said_at(minute, share)).collect();
        let history = history(DAYS * 1440);
        let memory = &scenario.memory;
        crate::plan::rehearse(
            &scenario.config,
            &scenario.spec,
            None,
            memory,
            &history,
            &said,
        )
    }

    #[test]
    fn a_rehearsal_teaches_what_as_many_days_of_life_would() {
        let mut scenario = aims_at(0.005);
        for minute in 0..DAYS * 1440 {
            scenario.forecast = Some(said_at(minute, 0.9));
            scenario.now = time_of(minute);
            scenario.sees(wave(minute));
        }
        let lived = &scenario.memory.trials;
        let seen = rehearsed(&aims_at(0.005), 0.9).unwrap();
        let share =
            |trials: &PlanTrials, plan: usize| f64::from(trials.short[plan]) / trials.minutes;
        assert!(
            (seen.minutes / lived.minutes - 1.0).abs() < 0.01,
            "{}",
            seen.minutes
        );
        // What was asked for in the five minutes before a trial is not known.
        let blurred = RISKS..RISK_PLANS;
        for plan in (0..lived.cost.len()).filter(|plan| !blurred.contains(plan)) {
            let cost = |trials: &PlanTrials| trials.cost[plan] / trials.minutes;
            assert!((cost(&seen) / cost(lived) - 1.0).abs() < 0.03, "{plan}");
            let more = share(&seen, plan) - share(lived, plan);
            let blur = 0.04 + 0.1 * share(lived, plan);
            // Nor is what a plan still holds from the minutes before a trial: that counts against it.
            assert!((-blur..0.05 + blur).contains(&more), "{plan}: {more}");
        }
    }

    #[test]
    fn the_first_plan_after_it_follows_what_it_taught() {
        let mut scenario = aims_at(0.005);
        let trials = rehearsed(&scenario, 0.8).unwrap();
        scenario.memory.trials = std::sync::Arc::new(trials);
        let (mut short, mut minutes) = (0, 0);
        let mut plans = std::collections::VecDeque::new();
        for minute in DAYS * 1440..(DAYS + 1) * 1440 {
            scenario.forecast = Some(said_at(minute, 0.8));
            scenario.now = time_of(minute);
            let plan = scenario.sees(wave(minute));
            assert!(plan.chosen.is_some());
            plans.push_back(plan.replicas);
            if plans.len() > 4 {
                plans.pop_front();
                let ready = f64::from(*plans.iter().min().unwrap());
                short += i32::from(wave(minute) > 100.0 * ready);
                minutes += 1;
            }
        }
        assert!(
            f64::from(short) <= 0.01 * f64::from(minutes),
            "{short} of {minutes}"
        );
    }

    #[test]
    fn the_bounds_of_the_cluster_hold_in_a_rehearsal_as_those_of_the_trigger_do() {
        let minutes = (0..DAYS * 1440).step_by(11);
        let said: Vec<Forecast> = minutes.map(|minute| said_at(minute, 1.0)).collect();
        let taught = |scenario: &Scenario| {
            let (config, spec, memory) = (&scenario.config, &scenario.spec, &scenario.memory);
            let facts = scenario.facts.as_ref();
            rehearse(config, spec, facts, memory, &history(DAYS * 1440), &said).unwrap()
        };
        let mut read = aims_at(0.005);
        let by = BoundBy::ScaledObject;
        let bound = |replicas| Some(ScalingBound { replicas, by });
        read.facts = Some(ClusterFacts {
            scaling: Some(Scaling {
                // Read now, long after what is rehearsed.
                at: time_of(DAYS * 1440),
                min: bound(10),
                max: bound(15),
                up: ScalingRules::usual_up(),
                down: ScalingRules::usual_down(),
                paused: false,
            }),
            ..ClusterFacts::default()
        });
        let given = aims_at(0.005).with(|spec| {
            spec.min_replicas = Some(10);
            spec.max_replicas = Some(15);
        });
        let (read, given) = (taught(&read), taught(&given));
        assert_eq!((read.cost, read.short), (given.cost, given.short));
    }

    #[test]
    fn what_was_lived_through_is_not_replaced_by_as_much_rehearsal() {
        let mut scenario = aims_at(0.005);
        let trials = rehearsed(&scenario, 1.0).unwrap();
        scenario.memory.trials = std::sync::Arc::new(trials);
        assert_eq!(rehearsed(&scenario, 1.0), None);
        let tried = Duration::from_hours(24 * DAYS as u64);
        let wants = |scenario: &Scenario| {
            let (spec, memory) = (&scenario.spec, &scenario.memory);
            crate::plan::wants_rehearsal(&scenario.config, spec, None, memory, scenario.now, tried)
        };
        assert!(!wants(&scenario) && wants(&aims_at(0.005)) && !wants(&Scenario::new()));
    }

    #[test]
    fn a_rehearsal_for_another_lead_time_is_done_anew_while_it_is_most_of_what_is_known() {
        let mut scenario = aims_at(0.005).with(|spec| {
            spec.lead_time = crate::domain::LeadTime::Auto;
            spec.replicas_query = Some("ready".into());
        });
        scenario.memory.trials = rehearsed(&scenario, 1.0).unwrap().into();
        scenario.learned_lead(200.0);
        assert_eq!(rehearsed(&scenario, 1.0), None, "as long as the default");
        scenario.learned_lead(600.0);
        let anew = rehearsed(&scenario, 1.0).unwrap();
        assert_eq!(anew.rehearsed.unwrap().lead, HumanDuration::from_secs(600));
        // Once more has been lived through than was rehearsed, that speaks for the new one.
        let trials = &*scenario.memory.trials;
        let lived = PlanTrials {
            minutes: 2.5 * trials.minutes,
            ..trials.clone()
        };
        scenario.memory.trials = lived.into();
        assert_eq!(rehearsed(&scenario, 1.0), None);
    }

    #[test]
    fn what_was_lived_through_stays_so_when_it_is_rehearsed_anew() {
        let mut scenario = aims_at(0.005).with(|spec| {
            spec.lead_time = crate::domain::LeadTime::Auto;
            spec.replicas_query = Some("ready".into());
        });
        let a_day = HumanDuration::from_secs(86_400);
        scenario.memory.trials = rehearsed(&scenario, 1.0).unwrap().into();
        let mut lived = Vec::new();
        // Evidence fades a little within a day, that of the rehearsal too.
        for minute in DAYS * 1440..(DAYS + 1) * 1440 + 30 {
            scenario.forecast = Some(said_at(minute, 1.0));
            scenario.now = time_of(minute);
            lived.push(scenario.sees(wave(minute)).chosen.unwrap().lived.unwrap());
        }
        assert!(lived[..1440].iter().all(|lived| *lived < a_day));
        let last = *lived.last().unwrap();
        assert!(last >= a_day, "{last}");
        scenario.learned_lead(600.0);
        scenario.memory.trials = rehearsed(&scenario, 1.0).unwrap().into();
        scenario.later(60);
        let chosen = scenario.sees(1000.0).chosen.unwrap();
        assert_eq!(chosen.lived, Some(last));
        assert!(crate::plan::trials::is_proven(&chosen));
    }

    #[test]
    fn where_nothing_was_measured_nothing_is_judged() {
        let scenario = aims_at(0.005);
        let mut values: Vec<f64> = (0..2880).map(wave).collect();
        values[600..2000].fill(f64::NAN);
        let history = Series::new(time_of(0), MINUTE, values);
        let said: Vec<Forecast> = (0..2880).step_by(7).map(|m| said_at(m, 1.0)).collect();
        let (config, spec) = (&scenario.config, &scenario.spec);
        let seen = rehearse(config, spec, None, &scenario.memory, &history, &said).unwrap();
        assert!((1440.0..1530.0).contains(&seen.minutes), "{}", seen.minutes);
        let none = rehearse(config, spec, None, &scenario.memory, &history, &[]).unwrap();
        assert!(none.minutes <= 0.0 && none.cost.is_empty());
    }

    #[test]
    fn the_load_of_a_moment_lies_on_the_line_between_two_that_were_measured() {
        let values = vec![1.0, 5.0, f64::NAN, 2.0, 4.0, f64::NAN];
        let history = Series::new(time_of(0), MINUTE, values);
        let after = |from: usize, secs: u64| {
            super::load_after(&history, time_of(from), Duration::from_secs(secs))
        };
        assert_eq!(after(0, 60), Some(5.0));
        assert_eq!(after(0, 90), None);
        assert_eq!(after(2, 90), Some(3.0));
        assert_eq!(after(3, 60), Some(4.0));
        assert_eq!(after(3, 61), None);
        assert_eq!(after(4, 600), None);
        // A lead time shorter than the step is judged by the next one.
        assert_eq!(after(0, 20), Some(5.0));
    }
}
