//! The plans that are on trial, and their places in the tables.
//!
//! Two kinds of rules make them. A rule of the first kind weighs the risk (`risk`): a replica is worth having while it lowers
//! the chance of being short by more than 1 in its price. One of the second kind multiplies the measured load by a factor,
//! as an HPA with that target does. Each is tried with windows over which its highest wish counts, as an HPA's
//! stabilisation window does.

/// How much wider than forecast the band is taken to be.
pub(super) const STRETCHES: [f64; 3] = [1.0, 1.6, 2.5];
/// Replicas that being short is worth: powers of two.
pub(super) const PRICES: usize = 18;
/// Rules that weigh the risk.
pub(super) const RISKS: usize = STRETCHES.len() * PRICES;
/// Minutes over which the highest wish of such a rule counts.
pub(super) const RISK_WINDOWS: [u32; 2] = [0, 5];
/// Plans that they make.
pub(super) const RISK_PLANS: usize = RISKS * RISK_WINDOWS.len();

/// Minutes over which the highest measured load counts.
pub(super) const LOAD_WINDOWS: [u32; 4] = [0, 5, 30, 60];
/// Factors are powers of this, from [`LOWEST`] on.
const RATIO: f64 = 1.08;
const LOWEST: i32 = -3;
/// How many factors there are.
pub(super) const FACTORS: usize = 20;

/// All plans: first those that weigh the risk, window by window, then those on the measured load, window by window.
pub(super) const PLANS: usize = RISK_PLANS + LOAD_WINDOWS.len() * FACTORS;

/// What is asked for at once: one number for each plan that weighs the risk, one for each window on the measured load.
pub(super) const ASKS: usize = RISK_PLANS + LOAD_WINDOWS.len();

/// One of the plans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Member {
    /// Weighs the risk.
    Risk { rule: usize, window: usize },
    /// Multiplies the measured load.
    Load { window: usize, factor: usize },
}

impl Member {
    /// That of a place in the tables.
    pub(super) fn at(plan: usize) -> Self {
        match plan.checked_sub(RISK_PLANS) {
            None => Self::Risk {
                rule: plan % RISKS,
                window: plan / RISKS,
            },
            Some(rest) => Self::Load {
                window: rest / FACTORS,
                factor: rest % FACTORS,
            },
        }
    }
}

/// The price and the stretch of a rule that weighs the risk.
pub(super) fn risk_of(rule: usize) -> (f64, f64) {
    (price_of(rule % PRICES), STRETCHES[rule / PRICES])
}

/// Replicas that being short is worth.
pub(super) fn price_of(index: usize) -> f64 {
    2.0_f64.powi(i32::try_from(index).unwrap_or(0))
}

/// What the measured load is multiplied by.
pub(super) fn factor_of(factor: usize) -> f64 {
    RATIO.powi(LOWEST + i32::try_from(factor).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_in_the_tables_is_one_plan() {
        let all: Vec<Member> = (0..PLANS).map(Member::at).collect();
        for (plan, member) in all.iter().enumerate() {
            assert!(!all[..plan].contains(member), "{member:?}");
            match *member {
                Member::Risk { rule, window } => {
                    assert!(rule < RISKS && window < RISK_WINDOWS.len());
                }
                Member::Load { window, factor } => {
                    assert!(window < LOAD_WINDOWS.len() && factor < FACTORS);
                }
            }
        }
        assert_eq!(risk_of(0), (1.0, 1.0));
        assert_eq!(risk_of(RISKS - 1), (131_072.0, 2.5));
    }
}
