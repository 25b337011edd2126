//! The plan's score, as the API shows it, in numbers and in words, so that the page and `explain` say the same.

use serde::Serialize;

use crate::domain::{Grade, HumanDuration, Score, Tally, Timestamp};

/// What the plan would have cost and missed, beside plain scaling and beside what happened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GradeView {
    since: Timestamp,
    /// The last day; what is older fades.
    day: RowsView,
    /// Everything since it began.
    all: RowsView,
    text: Vec<String>,
}

/// One stretch of time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RowsView {
    plan: RowView,
    reactive: RowView,
    /// `None` where ready replicas are not read.
    actual: Option<RowView>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RowView {
    minutes: f64,
    replica_hours: f64,
    overload_minutes: f64,
    changes: f64,
    /// Replicas on average over those of plain scaling.
    cost_ratio: Option<f64>,
}

impl GradeView {
    /// `None` before anything was scored.
    pub(super) fn of(grade: &Grade) -> Option<Self> {
        let since = grade.since.filter(|_| grade.plan.all.minutes > 0.0)?;
        let (day, all) = (|score: &Score| score.day, |score: &Score| score.all);
        Some(Self {
            since,
            day: RowsView::of(grade, day),
            all: RowsView::of(grade, all),
            text: vec![
                words("over the last day, of which", grade, day),
                words(&format!("since {since}, of which"), grade, all),
            ],
        })
    }
}

impl RowsView {
    fn of(grade: &Grade, of: fn(&Score) -> Tally) -> Self {
        let plain = of(&grade.reactive);
        let row = |score: &Score| RowView::of(of(score), plain);
        Self {
            plan: row(&grade.plan),
            reactive: row(&grade.reactive),
            actual: is_scored(of(&grade.actual)).then(|| row(&grade.actual)),
        }
    }
}

impl RowView {
    fn of(tally: Tally, plain: Tally) -> Self {
        let ratio = tally.replicas() / plain.replicas();
        Self {
            minutes: tally.minutes,
            replica_hours: tally.replica_minutes / 60.0,
            overload_minutes: tally.overload_minutes,
            changes: tally.changes,
            cost_ratio: Some(ratio).filter(|ratio| ratio.is_finite()),
        }
    }
}

fn is_scored(tally: Tally) -> bool {
    tally.minutes > 0.0
}

fn words(when: &str, grade: &Grade, of: fn(&Score) -> Tally) -> String {
    let (plan, reactive, actual) = (of(&grade.plan), of(&grade.reactive), of(&grade.actual));
    let scored = HumanDuration::from_secs((plan.minutes * 60.0) as u64 / 60 * 60);
    let mut text = format!(
        "{when} {scored} are scored: the plan takes {}, the measured load alone {}",
        row(plan),
        row(reactive)
    );
    if is_scored(actual) {
        text = format!("{text}, and what was ready took {}", row(actual));
    }
    let ratio = plan.replicas() / reactive.replicas();
    if ratio.is_finite() {
        text = format!("{text}; the plan costs {ratio:.2} of the measured load alone");
    }
    text
}

fn row(tally: Tally) -> String {
    format!(
        "{:.1} replica hours and is short for {:.1} minutes, with {:.0} changes",
        tally.replica_minutes / 60.0,
        tally.overload_minutes,
        tally.changes
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(replicas: f64, short: u32) -> Score {
        let mut score = Score::default();
        for minute in 0..60 {
            score.ask(replicas);
            score.add(1.0, minute < short);
        }
        score
    }

    #[test]
    fn three_rows_say_what_each_costs_and_misses() {
        assert!(GradeView::of(&Grade::default()).is_none());
        let mut grade = Grade {
            since: Some(Timestamp::from_secs(1_700_000_040)),
            plan: score(9.0, 0),
            reactive: score(10.0, 12),
            ..Grade::default()
        };
        let view = GradeView::of(&grade).unwrap();
        assert_eq!(view.all.actual, None);
        assert!((view.all.plan.replica_hours - 9.0).abs() < 1e-9);
        assert!((view.all.plan.cost_ratio.unwrap() - 0.9).abs() < 1e-9);
        assert_eq!(
            view.text[1],
            "since 2023-11-14T22:14:00Z, of which 1h are scored: the plan takes 9.0 replica hours and is short for 0.0 \
             minutes, with 0 changes, the measured load alone 10.0 replica hours and is short for 12.0 minutes, with 0 \
             changes; the plan costs 0.90 of the measured load alone"
        );
        grade.actual = score(11.0, 3);
        let view = GradeView::of(&grade).unwrap();
        assert!(view.text[1].contains("and what was ready took 11.0 replica hours"));
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["all"]["actual"]["overloadMinutes"], 3.0, "{json}");
    }
}
