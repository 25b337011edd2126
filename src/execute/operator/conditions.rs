//! Conditions as Kubernetes has them: the time of the last change of state is kept while the state stays.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff;

/// The object that scales is in place and was accepted.
pub(super) const READY: &str = "Ready";
/// The load is known.
pub(super) const DATA_FRESH: &str = "DataFresh";
/// The plan rests on a forecast.
pub(super) const FORECASTING: &str = "Forecasting";
/// Somebody else has set a part of what is owned.
pub(super) const YIELDED: &str = "Yielded";

/// A condition's longest message; the API server refuses more than 32 KiB.
const LONGEST: usize = 4096;

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) kind: &'static str,
    /// `None` is `Unknown`.
    pub(super) holds: Option<bool>,
    /// In PascalCase.
    pub(super) reason: String,
    pub(super) message: String,
}

impl Said {
    pub(super) fn new(
        kind: &'static str,
        holds: impl Into<Option<bool>>,
        reason: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            holds: holds.into(),
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// Says it among `conditions`.
pub(super) fn say(
    conditions: &mut Vec<Condition>,
    said: Said,
    generation: Option<i64>,
    now: jiff::Timestamp,
) {
    let status = match said.holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let before = conditions.iter().position(|it| it.type_ == said.kind);
    let since = before
        .map(|index| &conditions[index])
        .filter(|it| it.status == status)
        .map(|it| it.last_transition_time.clone());
    let mut message = said.message;
    if message.len() > LONGEST {
        let end = message.floor_char_boundary(LONGEST);
        message.truncate(end);
        message.push('…');
    }
    let condition = Condition {
        type_: said.kind.to_owned(),
        status: status.to_owned(),
        reason: said.reason,
        message,
        observed_generation: generation,
        last_transition_time: since.unwrap_or(Time(now)),
    };
    match before {
        Some(index) => conditions[index] = condition,
        None => conditions.push(condition),
    }
}

/// The state of a condition; `None` when it is unknown or was never said.
pub(super) fn holds(conditions: &[Condition], kind: &str) -> Option<bool> {
    let condition = conditions.iter().find(|it| it.type_ == kind)?;
    match condition.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

/// The message of a condition.
pub(super) fn message<'a>(conditions: &'a [Condition], kind: &str) -> &'a str {
    let condition = conditions.iter().find(|it| it.type_ == kind);
    condition.map_or("", |it| &it.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_the_last_change_of_state() {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let mut conditions = Vec::new();
        let ready = |holds, message: &str| Said::new(READY, holds, "Reason", message);
        say(&mut conditions, ready(true, "a"), Some(1), at(10));
        say(&mut conditions, ready(true, "b"), Some(2), at(20));
        assert_eq!(conditions.len(), 1);
        assert_eq!(conditions[0].last_transition_time, Time(at(10)));
        assert_eq!(conditions[0].message, "b");
        assert_eq!(conditions[0].observed_generation, Some(2));
        say(&mut conditions, ready(false, "c"), Some(2), at(30));
        assert_eq!(conditions[0].last_transition_time, Time(at(30)));
        assert_eq!(holds(&conditions, READY), Some(false));
        assert_eq!(holds(&conditions, FORECASTING), None);
        assert_eq!(message(&conditions, READY), "c");
    }

    #[test]
    fn a_long_message_is_cut_between_letters() {
        let mut conditions = Vec::new();
        let said = Said::new(READY, None, "Reason", "ü".repeat(LONGEST));
        say(&mut conditions, said, None, jiff::Timestamp::UNIX_EPOCH);
        assert!(conditions[0].message.len() <= LONGEST + 3);
        assert_eq!(conditions[0].status, "Unknown");
    }
}
