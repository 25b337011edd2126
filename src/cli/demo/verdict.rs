//! What may be said about a run: the numbers are compared first, the sentence is made from the comparison.
//!
//! A gain is claimed only when the run shows one that does not rest on spending more. Where the two clusters spent
//! different amounts, a third one decides: a plain HPA whose threshold was tuned, with hindsight, until it spent as
//! much as Forescale did.

use serde::Serialize;

use super::totals::{EqualCost, Totals};
use crate::domain::HumanDuration;

/// A run that is shorter than this is over before either scaler has done anything that counts: some looks of the HPA, and no
/// more than a start-up or two.
const SHORTEST: HumanDuration = HumanDuration::from_secs(30 * 60);

/// Differences in overload smaller than this many minutes are called equal.
const SAME_MINUTES: f64 = 1.0;
/// Differences in unmet demand smaller than this many percentage points are called equal.
const SAME_UNMET_POINTS: f64 = 0.01;
/// So are differences in either below this share of the larger.
const SAME_SERVICE_SHARE: f64 = 0.05;
/// Differences in replica hours below this share are called equal.
const SAME_COST_SHARE: f64 = 0.01;

/// What a run has shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verdict {
    /// In a word.
    pub(super) outcome: Outcome,
    /// Whether the run shows a gain that more replicas alone would not have given.
    pub(super) gain: bool,
    /// In words.
    pub(super) text: String,
}

/// Forescale against the plain HPA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Better in one of service and cost, and not worse in the other.
    Better,
    /// Better in one, worse in the other.
    Trade,
    /// No difference worth the name.
    Tie,
    /// Worse in one, and not better in the other.
    Worse,
    /// Fewer minutes of overload but more unmet demand, or the other way round.
    Unclear,
    /// It ended before there was anything to compare.
    TooShort,
}

/// How Forescale compares in one respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Better,
    Same,
    Worse,
    /// Better by one measure, worse by another.
    Split,
}

/// Judges a run.
fn judge(forescale: &Totals, plain: &Totals, equal_cost: Option<&EqualCost>) -> Verdict {
    let (service, cost) = (
        compare_service(forescale, plain),
        compare_cost(forescale, plain),
    );
    let outcome = outcome(service, cost);
    let tuned = equal_cost.map(|tuned| compare_service(forescale, &tuned.totals));
    let gain = match outcome {
        Outcome::Better | Outcome::Trade if cost != Side::Same => tuned == Some(Side::Better),
        Outcome::Better => true,
        _ => false,
    };
    let mut text = headline(outcome, service, cost).to_owned();
    text.push_str(&numbers(forescale, plain, cost));
    if cost != Side::Same {
        text.push_str(&at_equal_cost(equal_cost, tuned, gain));
    }
    Verdict {
        outcome,
        gain,
        text,
    }
}

/// The same, if the run was long enough to be judged.
pub(super) fn judge_over(
    length: HumanDuration,
    forescale: &Totals,
    plain: &Totals,
    equal_cost: Option<&EqualCost>,
) -> Verdict {
    if length >= SHORTEST {
        return judge(forescale, plain, equal_cost);
    }
    Verdict {
        outcome: Outcome::TooShort,
        gain: false,
        text: format!(
            "No verdict: {length} of virtual time are too little to compare anything by; it takes {SHORTEST}, and a day says more."
        ),
    }
}

fn outcome(service: Side, cost: Side) -> Outcome {
    match (service, cost) {
        (Side::Split, _) | (_, Side::Split) => Outcome::Unclear,
        (Side::Same, Side::Same) => Outcome::Tie,
        (Side::Better, Side::Worse) | (Side::Worse, Side::Better) => Outcome::Trade,
        (Side::Better, _) | (_, Side::Better) => Outcome::Better,
        (Side::Worse, _) | (_, Side::Worse) => Outcome::Worse,
    }
}

fn headline(outcome: Outcome, service: Side, cost: Side) -> &'static str {
    match (outcome, service, cost) {
        (Outcome::Better, Side::Better, Side::Better) => {
            "Forescale had less overload with fewer replica hours"
        }
        (Outcome::Better, Side::Better, _) => {
            "Forescale had less overload with about the same replica hours"
        }
        (Outcome::Better, ..) => "Forescale spent fewer replica hours at about the same overload",
        (Outcome::Trade, Side::Better, _) => {
            "Forescale had less overload but spent more replica hours"
        }
        (Outcome::Trade, ..) => "Forescale spent fewer replica hours but had more overload",
        (Outcome::Tie, ..) => "A tie: Forescale and the plain HPA did about the same",
        (Outcome::Worse, Side::Worse, Side::Worse) => {
            "Forescale did worse: more overload with more replica hours"
        }
        (Outcome::Worse, Side::Worse, _) => {
            "Forescale did worse: more overload with about the same replica hours"
        }
        (Outcome::Worse, ..) => {
            "Forescale did worse: more replica hours at about the same overload"
        }
        (Outcome::Unclear | Outcome::TooShort, ..) => {
            "No clear result: minutes of overload and unmet demand point different ways"
        }
    }
}

fn numbers(forescale: &Totals, plain: &Totals, cost: Side) -> String {
    let change = if cost != Side::Same && plain.replica_hours > 0.0 {
        let percent = 100.0 * (forescale.replica_hours / plain.replica_hours - 1.0);
        format!(", {percent:+.1} %")
    } else {
        String::new()
    };
    format!(
        " ({:.1} overload minutes against {:.1}, {:.2} % of demand unmet against {:.2} %, {:.1} replica hours against {:.1}{change}).",
        forescale.overload_minutes,
        plain.overload_minutes,
        forescale.unmet_percent,
        plain.unmet_percent,
        forescale.replica_hours,
        plain.replica_hours,
    )
}

fn at_equal_cost(tuned: Option<&EqualCost>, service: Option<Side>, gain: bool) -> String {
    let (Some(tuned), Some(service)) = (tuned, service) else {
        return " No plain HPA could be tuned to spend as much, so the run does not show a gain or a loss at equal cost."
            .to_owned();
    };
    let judged = match service {
        Side::Better if gain => "at equal cost Forescale did better",
        Side::Better => "Forescale did better than that one",
        Side::Same => "no gain at equal cost",
        Side::Worse => "at equal cost the plain HPA did better",
        Side::Split => "no clear result at equal cost",
    };
    format!(
        " A plain HPA tuned with hindsight to spend the same (threshold {:.3}) had {:.1} overload minutes and {:.2} % unmet: {judged}.",
        Rounded(tuned.threshold),
        tuned.totals.overload_minutes,
        tuned.totals.unmet_percent,
    )
}

/// Prints a threshold in at most four digits after the point, without trailing zeros.
struct Rounded(f64);

impl std::fmt::Display for Rounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let text = format!("{:.digits$}", self.0);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

fn compare_service(ours: &Totals, theirs: &Totals) -> Side {
    let minutes = less(
        ours.overload_minutes,
        theirs.overload_minutes,
        SAME_MINUTES,
        SAME_SERVICE_SHARE,
    );
    let unmet = less(
        ours.unmet_percent,
        theirs.unmet_percent,
        SAME_UNMET_POINTS,
        SAME_SERVICE_SHARE,
    );
    match (minutes, unmet) {
        (Side::Better, Side::Worse) | (Side::Worse, Side::Better) => Side::Split,
        (Side::Same, other) | (other, _) => other,
    }
}

/// Whether the two spent different amounts.
pub(super) fn costs_differ(ours: &Totals, theirs: &Totals) -> bool {
    compare_cost(ours, theirs) != Side::Same
}

fn compare_cost(ours: &Totals, theirs: &Totals) -> Side {
    less(
        ours.replica_hours,
        theirs.replica_hours,
        0.0,
        SAME_COST_SHARE,
    )
}

/// Less is better; within `absolute`, or within `share` of the larger, is the same. What can't be compared is the same.
fn less(ours: f64, theirs: f64, absolute: f64, share: f64) -> Side {
    let difference = ours - theirs;
    if difference.is_nan() || difference.abs() <= absolute.max(share * ours.max(theirs)) {
        Side::Same
    } else if difference < 0.0 {
        Side::Better
    } else {
        Side::Worse
    }
}

#[cfg(test)]
mod tests;
