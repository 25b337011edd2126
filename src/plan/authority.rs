//! `mode: auto`: a plan earns its say on evidence, and loses it.
//!
//! It begins as a shadow. Scaling out is unlocked first, scaling in later, each on the plan's own grades (see `grade`),
//! and both are taken back on drift. Three things keep it from flipping: a step up takes clearly better grades than those on
//! which a step down is taken, over everything that was scored and over the last day; and it waits a day after the last
//! change, in whichever direction that was.
//!
//! What makes a workload unpredictable: forecasts that are no better than the last value (they have lost their trust, see
//! `analyze`), trials that would rather start from the measured load, or a plan that is no better than an HPA with as many
//! spare replicas as the plan costs. On such a one nothing is ever unlocked, however few minutes the plan misses: a plan
//! that is only generous is not foresight.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::aim;
use super::case::Case;
use super::grade::{self, Comparison};
use super::ledger::{amount, span};
use crate::domain::{Authority, Basis, Grade, Stage, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// Minutes of grades before the plan may scale out …
const BEFORE_SCALE_OUT: f64 = 1440.0;
/// … and before it may scale in: the first weekday after a weekend is then among them, or the other way round, on most
/// days of the week.
const BEFORE_SCALE_IN: f64 = 3.0 * 1440.0;

/// Between two steps up, and between a step down and the next one up.
const STEP_WAITS: Duration = DAY;

/// The plan is better when it misses no more than this share of what an HPA of its cost misses …
const BETTER: f64 = 0.75;
/// … and so many minutes a day less, …
const BETTER_MINUTES: f64 = 2.0;
/// … and over all grades by so many standard deviations (Poisson) of what both have missed: a handful of minutes more or less
/// is chance; …
const BETTER_BEYOND: f64 = 2.0;
/// … or when it costs no more than this share of an HPA that misses as little, over all grades as little as the plan may yet.
const CHEAPER: f64 = 0.95;

/// The plan is worse when it misses more than this share of what an HPA of its cost misses …
const WORSE: f64 = 1.25;
/// … and so many minutes a day more, …
const WORSE_MINUTES: f64 = 5.0;
/// … or when it costs more than this share of one that misses as little.
const DEARER: f64 = 1.1;

/// The last day says something of its own from so many minutes on.
const LATELY_MINUTES: f64 = 360.0;

const DAY_MINUTES: f64 = 1440.0;

/// What the plan has earned by now. `rests_on` is what it rests on at present.
pub(super) fn judge(case: &Case<'_>, grade: &Grade, rests_on: Basis) -> Authority {
    let before = case.past.authority().cloned().map(|before| Authority {
        // A moment that a clock has been set back from does not come for long.
        since: before.since.min(case.now),
        ..before
    });
    let before = before.unwrap_or_else(|| Authority {
        stage: Stage::Shadow,
        since: case.now,
        why: "the plan is graded before it has a say".to_owned(),
        next: None,
    });
    let evidence = Evidence {
        all: grade::overall(grade),
        day: grade::lately(grade),
        objective: (case.spec.max_overload)
            .map_or(0.0, |share| aim::in_force(case, share).max(share)),
        distrust: case.distrust,
        rests_on,
    };
    if let Some((stage, why)) = evidence.step_down(before.stage) {
        return evidence.at(stage, case.now, why);
    }
    match evidence.step_up(before.stage, before.waited(case.now)) {
        Ok((stage, why)) => evidence.at(stage, case.now, why),
        Err(next) => Authority { next, ..before },
    }
}

impl Authority {
    fn waited(&self, now: Timestamp) -> Duration {
        now.since(self.since)
    }
}

/// What speaks for and against the plan.
struct Evidence<'a> {
    all: Comparison,
    day: Comparison,
    /// The share of time that may be short, and more where the fleet has shown that it then is less so.
    objective: f64,
    distrust: Option<&'a str>,
    rests_on: Basis,
}

/// A stage and what led there.
type Step = (Stage, String);

impl Evidence<'_> {
    /// A step that was taken just now.
    fn at(&self, stage: Stage, now: Timestamp, why: String) -> Authority {
        let next = self.step_up(stage, Duration::ZERO).err().flatten();
        Authority {
            stage,
            since: now,
            why,
            next,
        }
    }

    /// What is taken back, and why.
    fn step_down(&self, stage: Stage) -> Option<Step> {
        if stage == Stage::Shadow {
            return None;
        }
        if let Some(why) = self.distrust {
            let why = format!("forecasts have lost their trust, {why}");
            return Some((Stage::Shadow, why));
        }
        let day = &self.day;
        if day.minutes < LATELY_MINUTES {
            return None;
        }
        let margin = WORSE_MINUTES / DAY_MINUTES;
        if day.missed > WORSE * day.rival_missed + margin {
            let why = format!(
                "lately the plan was no better than spare replicas: {}",
                day.text()
            );
            return Some((Stage::Shadow, why));
        }
        if day.cost > DEARER * day.rival_cost {
            let why = format!("lately the plan was dear: {}", day.text());
            return Some((Stage::Shadow, why));
        }
        let allowed = day.plain_missed.max(self.objective);
        if stage == Stage::Predictive && day.missed > WORSE * allowed + margin {
            let why = format!("lately the plan missed too much: {}", day.text());
            return Some((Stage::ScaleOut, why));
        }
        None
    }

    /// What is unlocked, and why; or what is missing.
    fn step_up(&self, stage: Stage, waited: Duration) -> Result<Step, Option<String>> {
        let (to, minutes) = match stage {
            Stage::Shadow => (Stage::ScaleOut, BEFORE_SCALE_OUT),
            Stage::ScaleOut => (Stage::Predictive, BEFORE_SCALE_IN),
            Stage::Predictive => return Err(None),
        };
        if let Some(why) = self.missing(to, minutes, waited) {
            return Err(Some(format!("{to} is not unlocked: {why}")));
        }
        Ok((to, format!("the plan has earned it: {}", self.all.text())))
    }

    fn missing(&self, to: Stage, minutes: f64, waited: Duration) -> Option<String> {
        if let Some(why) = self.distrust {
            return Some(format!("forecasts have lost their trust, {why}"));
        }
        if self.all.minutes < minutes {
            let (has, asked) = (lasting(self.all.minutes), lasting(minutes));
            return Some(format!(
                "{has} of grades are too few, {asked} are asked for"
            ));
        }
        if waited < STEP_WAITS {
            let (waited, asked) = (span(waited), span(STEP_WAITS));
            return Some(format!(
                "the last change was {waited} ago, and a step up waits {asked}"
            ));
        }
        if self.rests_on != Basis::Forecast {
            return Some("the plan does not rest on a forecast at present".to_owned());
        }
        let both = [&self.all, &self.day];
        let gains = [self.all.gains(Some(BETTER_BEYOND)), self.day.gains(None)];
        if let Some((weak, _)) = both.into_iter().zip(gains).find(|(_, gains)| !gains) {
            let text = weak.text();
            return Some(format!("the plan is no better than spare replicas: {text}"));
        }
        let misses = |it: &&Comparison| it.missed > it.plain_missed.max(self.objective);
        if let Some(weak) = both.into_iter().find(misses) {
            return Some(format!("the plan misses too much: {}", weak.text()));
        }
        let dear = |it: &&Comparison| it.cost > it.rival_cost;
        let dear = both.into_iter().find(dear);
        dear.filter(|_| to == Stage::Predictive)
            .map(|weak| format!("the plan is dear: {}", weak.text()))
    }
}

impl Comparison {
    /// Whether the plan has brought more than what it costs would have brought a plain HPA, `beyond` so many standard deviations
    /// where that is asked.
    fn gains(&self, beyond: Option<f64>) -> bool {
        let fewer = self.rival_missed - self.missed;
        let both = (self.rival_missed + self.missed) * self.minutes;
        let beyond_chance = fewer * self.minutes >= beyond.unwrap_or(0.0) * both.sqrt();
        let worth_it = fewer * DAY_MINUTES >= BETTER_MINUTES;
        let better = beyond_chance && worth_it && self.missed <= BETTER * self.rival_missed;
        // Where no number of spare replicas misses as little, only fewer misses at the plan's cost count.
        let as_good = beyond.map_or(self.rival_cost, |_| self.sure_cost);
        let cheaper = as_good.is_finite() && self.cost <= CHEAPER * as_good;
        better || cheaper
    }

    fn text(&self) -> String {
        format!(
            "over {} of grades the plan was short {} of the time with {} replicas on average, plain scaling {} with {}, and {} \
             with spare replicas for the same cost",
            lasting(self.minutes),
            share(self.missed),
            amount(self.cost),
            share(self.plain_missed),
            amount(self.plain_cost),
            share(self.rival_missed),
        )
    }
}

fn share(share: f64) -> String {
    format!("{} %", amount(100.0 * share))
}

fn lasting(minutes: f64) -> String {
    span(Duration::from_mins(minutes as u64))
}
