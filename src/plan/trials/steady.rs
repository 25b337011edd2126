//! What keeps the plans that weigh the risk from flapping.
//!
//! A replica that is given back and wanted again within its start-up is paid for while it carries nothing, and a fleet that
//! follows every forecast changes with every one. So a rule looks twice: over the lead time for what it *needs*, and
//! [`LASTING`] further for what will *do* for a while. What it asks for stays while it lies between the two. Below, it is
//! raised at once, and to what will do, so that the next step isn't due a moment later; above, it falls to what will do, once
//! it has been above for [`SETTLED_AFTER`]. On trial all plans are judged with this, as the one that is chosen is followed.

use std::time::Duration;

use super::super::case::Case;
use super::super::smooth::SETTLED_AFTER;
use super::family::{RISK_WINDOWS, RISKS};
use super::raise;
use crate::domain::PlanTrials;

/// How long a change should last once its replicas are Ready. As many replicas more as a ramp needs in that time are paid for
/// early, whatever the lead time is: of a long one, as long again is too much.
pub(super) const LASTING: Duration = SETTLED_AFTER;

/// What each rule asks for that needs `needs`, for a while `lasting`, and asked for `before` a moment ago. `before` is
/// empty where that is not known, and then what is needed is asked for: in a rehearsal that is on the safe side.
pub(super) fn keep(needs: &[f32; RISKS], lasting: &[f32; RISKS], before: &[f32]) -> [f32; RISKS] {
    std::array::from_fn(|rule| {
        let (needs, lasting) = (needs[rule], lasting[rule].max(needs[rule]));
        match before.get(rule) {
            None => needs,
            Some(before) if (needs..=lasting).contains(before) => *before,
            Some(_) => lasting,
        }
    })
}

/// Lets what each plan asks for fall only where it has been lower for a while, as [`super::super::smooth::settle`] does to the
/// plan that is followed.
pub(super) fn settle(trials: &PlanTrials, case: &Case<'_>, asks: &mut [f32]) {
    let plans = asks
        .chunks_exact_mut(RISKS)
        .zip(trials.held.chunks_exact(RISKS));
    for ((asks, before), window) in plans.zip(RISK_WINDOWS) {
        let mut highest = asks.to_vec();
        let since = case.now - Duration::from_mins(u64::from(window)) - SETTLED_AFTER;
        raise(&mut highest, &trials.wishes, since);
        for ((ask, before), highest) in asks.iter_mut().zip(before).zip(highest) {
            if *ask < *before && highest >= *before {
                *ask = *before;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(needs: f32, lasting: f32, before: f32) -> f32 {
        keep(&[needs; RISKS], &[lasting; RISKS], &[before; RISKS])[RISKS - 1]
    }

    #[test]
    fn what_is_asked_for_stays_while_it_is_enough_and_not_too_much() {
        for before in [10.0, 11.0, 12.0] {
            assert_eq!(kept(10.0, 12.0, before).to_bits(), before.to_bits());
        }
    }

    #[test]
    fn a_step_up_or_down_goes_to_what_will_do_for_longer() {
        assert_eq!(kept(10.0, 12.0, 9.0).to_bits(), 12.0_f32.to_bits());
        assert_eq!(kept(10.0, 12.0, 15.0).to_bits(), 12.0_f32.to_bits());
        // What is needed is part of what will do, whatever the forecast says.
        assert_eq!(kept(10.0, 8.0, 15.0).to_bits(), 10.0_f32.to_bits());
    }

    #[test]
    fn what_is_needed_is_asked_for_where_nothing_is_known_of_before() {
        let wishes = keep(&[10.0; RISKS], &[13.0; RISKS], &[]);
        assert!(wishes.iter().all(|wish| (*wish - 10.0).abs() < 1e-9));
    }
}
