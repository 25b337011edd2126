//! A standing in words. They are made here and nowhere else; the page and `explain` show them as they are.

use crate::admin::lead;
use crate::domain::{ExpertStanding, HumanDuration, RollingScore, Standing, Trust};

/// Closer to 1 than this, an error is the last value's own.
const SAME: f32 = 0.005;

/// What one model carries, and why: `linear carries 43 % at 15m: its error lately is 0.71 of the last value's`.
pub(super) fn expert(leads: &[u32], expert: &ExpertStanding) -> String {
    let model = &expert.model;
    let place = lead::nearest(leads).and_then(|place| {
        let weight = expert.weights.get(place)?;
        Some((HumanDuration::from_secs(leads[place].into()), weight, place))
    });
    let Some((at, weight, place)) = place else {
        return format!("{model} competes, and has no weight yet");
    };
    let carries = format!("{model} carries {} at {at}", percent(*weight));
    match expert.relative_errors.get(place) {
        Some(error) if error.is_finite() => format!("{carries}: {}", compared(*error)),
        _ => format!("{carries}; nothing of it has been scored yet"),
    }
}

/// How the published forecasts have done, in one sentence.
pub(super) fn score(score: &RollingScore) -> String {
    let mut parts = vec![
        format!(
            "over about {:.0} forecasts lately {}",
            score.origins,
            compared(score.relative_error)
        ),
        format!(
            "its loss at the levels 0.5, 0.9 and 0.95 is {:.2} of a naive forecast's",
            score.relative_loss
        ),
    ];
    if let Some(mase) = score.mase {
        parts.push(format!("its MASE against the day before is {mase:.2}"));
    }
    parts.join(", ")
}

/// Whether the plan may rest on the forecast, and why.
pub(super) fn trust(standing: &Standing) -> String {
    match (&standing.trust, &standing.score) {
        (Trust::Unproven, _) => {
            "unproven: too little has been scored to say how good it is, so its bands are wide"
                .to_owned()
        }
        (Trust::Earned, None) => "earned: lately it was better than reactive".to_owned(),
        (Trust::Earned, Some(score)) => format!("earned: {}", compared(score.relative_error)),
        (Trust::Lost { why, .. }, _) => format!(
            "lost: {why}; the measured load decides until the forecast has earned its place again"
        ),
    }
}

/// An error next to that of the last value, which is what reactive scaling goes by.
fn compared(relative: f32) -> String {
    if !relative.is_finite() {
        "its error can't be compared with the last value's".to_owned()
    } else if (relative - 1.0).abs() < SAME {
        "its error is the same as the last value's".to_owned()
    } else if relative < 1.0 {
        format!("its error is {relative:.2} of the last value's")
    } else {
        format!("its error is {relative:.2} times the last value's, so it is worse")
    }
}

fn percent(share: f32) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.5 {
        "under 1 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn one(weight: f32, error: f32) -> String {
        let standing = ExpertStanding {
            model: "linear".into(),
            weights: vec![0.9, weight],
            relative_errors: vec![0.1, error],
        };
        expert(&[60, 900], &standing)
    }

    #[test]
    fn a_model_says_what_it_carries_and_how_it_compares() {
        for (weight, error, says) in [
            (0.43, 0.71, "43 % at 15m: its error is 0.71 of"),
            (0.0, 1.3, "0 % at 15m: its error is 1.30 times"),
            (0.004, 1.001, "under 1 % at 15m: its error is the same as"),
            (0.2, f32::NAN, "20 % at 15m; nothing of it has been scored"),
        ] {
            let said = one(weight, error);
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_model_without_weights_is_named_all_the_same() {
        let newcomer = ExpertStanding {
            model: "gru".into(),
            weights: vec![],
            relative_errors: vec![],
        };
        assert_eq!(
            expert(&[900], &newcomer),
            "gru competes, and has no weight yet"
        );
        assert_eq!(
            expert(&[], &newcomer),
            "gru competes, and has no weight yet"
        );
    }

    #[test]
    fn lost_trust_says_why_and_what_decides_meanwhile() {
        let mut standing = Standing {
            trust: Trust::Lost {
                since: Timestamp::from_secs(60),
                why: "its error was 1.4 of the last value's".into(),
            },
            ..Standing::default()
        };
        let said = trust(&standing);
        assert!(
            said.contains("1.4 of") && said.contains("the measured load decides"),
            "{said}"
        );
        standing.trust = Trust::Unproven;
        assert!(trust(&standing).starts_with("unproven"));
    }
}
