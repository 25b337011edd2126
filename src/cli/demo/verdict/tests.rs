use super::*;

fn totals(overload_minutes: f64, unmet_percent: f64, replica_hours: f64) -> Totals {
    Totals {
        overload_minutes,
        unmet_percent,
        replica_hours,
        changes: 10,
        most_replicas: 40,
    }
}

fn tuned(overload_minutes: f64, unmet_percent: f64) -> EqualCost {
    EqualCost {
        threshold: 18.5,
        totals: totals(overload_minutes, unmet_percent, 0.0),
    }
}

const PLAIN: (f64, f64, f64) = (40.0, 1.0, 500.0);

fn against_plain(ours: (f64, f64, f64), equal_cost: Option<EqualCost>) -> Verdict {
    let plain = totals(PLAIN.0, PLAIN.1, PLAIN.2);
    judge(&totals(ours.0, ours.1, ours.2), &plain, equal_cost.as_ref())
}

#[test]
fn every_pair_of_service_and_cost_has_its_outcome() {
    use Outcome::{Better, Tie, Trade, Unclear, Worse};
    let service = [(20.0, 0.5), (40.5, 1.0), (60.0, 1.5), (20.0, 1.5)];
    let cost = [450.0, 502.0, 550.0];
    let expected = [
        [Better, Better, Trade],
        [Better, Tie, Worse],
        [Trade, Worse, Worse],
        [Unclear, Unclear, Unclear],
    ];
    for (row, (minutes, unmet)) in service.into_iter().enumerate() {
        for (column, hours) in cost.into_iter().enumerate() {
            let verdict = against_plain((minutes, unmet, hours), None);
            assert_eq!(
                verdict.outcome, expected[row][column],
                "{minutes} {unmet} {hours}"
            );
        }
    }
}

#[test]
fn a_gain_at_the_same_cost_is_claimed() {
    let verdict = against_plain((20.0, 0.5, 502.0), None);
    assert!(verdict.gain);
    assert_eq!(
        verdict.text,
        "Forescale had less overload with about the same replica hours (20.0 overload minutes against 40.0, 0.50 % of \
         demand unmet against 1.00 %, 502.0 replica hours against 500.0)."
    );
}

#[test]
fn a_gain_bought_with_replicas_is_not_claimed() {
    for (equal, says) in [
        (tuned(20.5, 0.5), "no gain at equal cost"),
        (tuned(5.0, 0.1), "at equal cost the plain HPA did better"),
        (tuned(10.0, 0.9), "no clear result at equal cost"),
    ] {
        let verdict = against_plain((20.0, 0.5, 600.0), Some(equal));
        assert_eq!(verdict.outcome, Outcome::Trade);
        assert!(!verdict.gain);
        assert!(verdict.text.contains("+20.0 %"), "{}", verdict.text);
        assert!(verdict.text.contains(says), "{}", verdict.text);
        assert!(
            !verdict.text.contains("equal cost Forescale did better"),
            "{}",
            verdict.text
        );
    }
}

#[test]
fn a_gain_that_remains_at_equal_cost_is_claimed() {
    let verdict = against_plain((20.0, 0.5, 600.0), Some(tuned(30.0, 0.8)));
    assert!(verdict.gain);
    assert!(verdict.text.ends_with(
        "A plain HPA tuned with hindsight to spend the same (threshold 18.5) had 30.0 overload minutes and 0.80 % \
         unmet: at equal cost Forescale did better."
    ));
}

#[test]
fn nothing_is_claimed_when_no_plain_hpa_could_be_tuned() {
    let verdict = against_plain((20.0, 0.5, 600.0), None);
    assert!(!verdict.gain);
    assert!(
        verdict
            .text
            .contains("does not show a gain or a loss at equal cost")
    );
}

#[test]
fn savings_are_claimed_only_when_a_plain_hpa_could_not_save_as_much() {
    let ours = (40.0, 1.0, 400.0);
    assert!(against_plain(ours, Some(tuned(70.0, 2.0))).gain);
    assert!(!against_plain(ours, Some(tuned(40.0, 1.0))).gain);
}

#[test]
fn ties_losses_and_unclear_results_claim_nothing_whatever_the_tuned_one_did() {
    for ours in [
        (40.0, 1.0, 500.0),
        (60.0, 1.5, 500.0),
        (60.0, 1.5, 550.0),
        (40.0, 1.0, 550.0),
        (20.0, 1.5, 400.0),
    ] {
        for equal in [None, Some(tuned(500.0, 20.0)), Some(tuned(0.0, 0.0))] {
            let verdict = against_plain(ours, equal);
            assert!(!verdict.gain, "{verdict:?}");
            assert!(!verdict.text.contains("less overload"), "{verdict:?}");
            assert!(
                !verdict.text.contains("equal cost Forescale did better"),
                "{verdict:?}"
            );
        }
    }
}

#[test]
fn a_difference_too_small_to_mean_anything_is_a_tie() {
    let plain = totals(0.5, 0.005, 100.0);
    let verdict = judge(&totals(0.0, 0.0, 100.5), &plain, None);
    assert_eq!(verdict.outcome, Outcome::Tie);
    assert!(!verdict.gain);
}

#[test]
fn an_empty_run_is_a_tie() {
    let verdict = judge(&Totals::default(), &Totals::default(), None);
    assert_eq!(verdict.outcome, Outcome::Tie);
}
