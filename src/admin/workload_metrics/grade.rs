//! The series that say what the plan would have cost and missed, and how much of it counts.

use super::{Extra, Row, Values};
use crate::domain::{Score, Stage, Tally};

/// Name, help, and what to show of one row of a score.
type Family = (&'static str, &'static str, fn(&Tally) -> f64);

/// A stretch of time by its name.
type Over = (&'static str, fn(&Score) -> Tally);

pub(super) const FAMILIES: [Family; 4] = [
    (
        "forescale_workload_grade_minutes",
        "Minutes in which the plan was scored",
        |tally| tally.minutes,
    ),
    (
        "forescale_workload_grade_replica_hours",
        "Replica hours of the plan, of plain scaling by the measured load, and of what was ready",
        |tally| tally.replica_minutes / 60.0,
    ),
    (
        "forescale_workload_grade_overload_minutes",
        "Minutes in which the load was above what the ready replicas carry, of each",
        |tally| tally.overload_minutes,
    ),
    (
        "forescale_workload_grade_changes",
        "Changes of the number of replicas, of each",
        |tally| tally.changes,
    ),
];

/// One family, for each way to scale over each stretch of time.
pub(super) fn values(row: &Row, value: fn(&Tally) -> f64) -> Vec<([Extra; 2], f64)> {
    let Some(grade) = row.grade.as_deref() else {
        return vec![];
    };
    let ways = [
        ("plan", &grade.plan),
        ("reactive", &grade.reactive),
        ("actual", &grade.actual),
    ];
    let over: [Over; 2] = [("day", |score| score.day), ("all", |score| score.all)];
    let known = ways
        .into_iter()
        .flat_map(|(way, score)| over.map(|(over, of)| (way, over, of(score))));
    known
        .filter(|(_, _, tally)| tally.minutes > 0.0)
        .map(|(way, over, tally)| {
            let labels = [("way", way.to_owned()), ("over", over.to_owned())];
            (labels, value(&tally))
        })
        .collect()
}

/// How much of the plan counts in `auto` mode.
pub(super) fn stage(row: &Row) -> Values {
    let Some(authority) = row.plan().and_then(|plan| plan.authority.as_ref()) else {
        return vec![];
    };
    let one = |stage: Stage| {
        let label = ("stage", stage.to_string());
        (Some(label), f64::from(u8::from(stage == authority.stage)))
    };
    Stage::ALL.into_iter().map(one).collect()
}
