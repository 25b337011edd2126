//! The words that the API and the metrics use are those that their documents list.

use serde::de::DeserializeOwned;

use crate::domain::{AnomalyKind, Basis};
use crate::knowledge::FaultKind;

const API: &str = include_str!("../../../docs/http-api.md");
const METRICS: &str = include_str!("../../../docs/metrics.md");

/// All names of an enum without fields, as serde lists them when it is given another one.
fn names_of<T: DeserializeOwned>() -> Vec<String> {
    let refused = serde_json::from_str::<T>(r#""no such name""#).err();
    let text = refused.expect("no such name").to_string();
    let (_, listed) = text.split_once("expected one of").expect("a list");
    in_backticks(listed)
}

/// The names in backticks that stand in a document behind `before`, up to `until`.
fn documented(document: &str, before: &str, until: &str) -> Vec<String> {
    let (_, text) = document.split_once(before).expect(before);
    let (text, _) = text.split_once(until).expect(until);
    in_backticks(text)
}

fn in_backticks(text: &str) -> Vec<String> {
    (text.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn kinds_of_faults_are_documented() {
    let real = names_of::<FaultKind>();
    assert!(real.len() > 5, "{real:?}");
    assert_eq!(
        documented(
            API,
            "`health.fault`, when there is one, has `at`, `kind` (",
            ")"
        ),
        real
    );
    assert_eq!(
        documented(
            METRICS,
            "refreshes by outcome: `ok`, or the kind of fault (",
            ")"
        ),
        real
    );
}

#[test]
fn kinds_of_anomalies_and_bases_of_plans_are_documented() {
    let kinds = names_of::<AnomalyKind>();
    let paragraph = documented(API, "oldest first. `kind`:", "`magnitude`");
    for kind in &kinds {
        assert!(paragraph.contains(kind), "{kind} is not in {paragraph:?}");
    }
    assert_eq!(
        documented(METRICS, "found in histories as they came:", ";"),
        kinds
    );
    let bases = names_of::<Basis>();
    assert_eq!(documented(API, "`plan.basis`:", "\n"), bases);
    assert_eq!(
        documented(METRICS, "plans by what they rest on:", "|"),
        bases
    );
}
