//! The plan beside a plain HPA, at equal cost and at equal misses.

use crate::domain::{Grade, Score, Tally};

/// Standard deviations (Poisson) by which a count of minutes may be lower than what it stands for …
const LIKELY: f64 = 2.0;
/// … and minutes: where none was missed, three may have been due (Hanley and Lippman-Hand, "If nothing goes wrong, is everything
/// all right?", 1983).
const NEVER_SEEN: f64 = 3.0;

/// The plan beside a plain HPA over one stretch of time. Costs are replicas on average, misses the share of time in overload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::plan) struct Comparison {
    /// Minutes that were scored.
    pub(in crate::plan) minutes: f64,
    pub(in crate::plan) cost: f64,
    pub(in crate::plan) missed: f64,
    /// What the plain HPA cost.
    pub(in crate::plan) plain_cost: f64,
    /// What the plain HPA missed.
    pub(in crate::plan) plain_missed: f64,
    /// What an HPA misses that costs as much as the plan: the plain one, or one with spare replicas.
    pub(in crate::plan) rival_missed: f64,
    /// What an HPA costs that misses no more than the plan; infinite when none does.
    pub(in crate::plan) rival_cost: f64,
    /// The same of one that misses no more than the plan may come to miss, going by how few minutes it has missed.
    pub(in crate::plan) sure_cost: f64,
}

/// Over the last day.
pub(in crate::plan) fn lately(grade: &Grade) -> Comparison {
    compare(grade, |score| &score.day)
}

/// Over everything that was scored.
pub(in crate::plan) fn overall(grade: &Grade) -> Comparison {
    compare(grade, |score| &score.all)
}

fn compare(grade: &Grade, of: fn(&Score) -> &Tally) -> Comparison {
    let plan = of(&grade.plan);
    let point = |score: &Score| (of(score).replicas(), of(score).overload());
    let reactive = point(&grade.reactive);
    let curve: Vec<(f64, f64)> = grade.spare.iter().map(point).collect();
    let (cost, missed) = (plan.replicas(), plan.overload());
    // Half a minute, so that none at all has a logarithm.
    let floor = 0.5 / plan.minutes.max(1.0);
    let as_dear = Some(reactive.1).filter(|_| reactive.0 <= cost);
    let costs_at = |missed: f64| {
        let as_good = Some(reactive.0).filter(|_| reactive.1 <= missed);
        cost_at(&curve, missed, floor).min(as_good.unwrap_or(f64::INFINITY))
    };
    let count = plan.overload_minutes;
    let likely = count + LIKELY * count.sqrt() + NEVER_SEEN;
    Comparison {
        minutes: plan.minutes,
        cost,
        missed,
        plain_cost: reactive.0,
        plain_missed: reactive.1,
        rival_missed: missed_at(&curve, cost, floor).min(as_dear.unwrap_or(f64::INFINITY)),
        rival_cost: costs_at(missed),
        sure_cost: costs_at(likely / plan.minutes.max(1.0)),
    }
}

/// Misses at a cost; the outermost ones beyond. Between two points the logarithm is linear, because each further replica
/// saves a share of what is still missed.
fn missed_at(curve: &[(f64, f64)], cost: f64, floor: f64) -> f64 {
    let above = curve.partition_point(|point| point.0 < cost);
    let below = above.checked_sub(1).map(|below| curve[below]);
    match (below, curve.get(above).copied()) {
        (Some((c0, m0)), Some((c1, m1))) => {
            let (l0, l1) = ((m0 + floor).ln(), (m1 + floor).ln());
            let log = l0 + (l1 - l0) * (cost - c0) / (c1 - c0);
            (log.exp() - floor).max(0.0)
        }
        (Some((_, missed)), None) | (None, Some((_, missed))) => missed,
        (None, None) => 0.0,
    }
}

/// The least cost at which no more is missed, in the same way.
fn cost_at(curve: &[(f64, f64)], missed: f64, floor: f64) -> f64 {
    let Some(first) = curve.iter().position(|point| point.1 <= missed) else {
        return f64::INFINITY;
    };
    let (c1, m1) = curve[first];
    match first.checked_sub(1).map(|before| curve[before]) {
        Some((c0, m0)) => {
            let log = |missed: f64| (missed + floor).ln();
            c0 + (c1 - c0) * (log(m0) - log(missed)) / (log(m0) - log(m1))
        }
        None => c1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hpa_is_compared_at_the_plans_own_cost_and_at_its_own_misses() {
        let curve = [(10.0, 0.08), (12.0, 0.02), (14.0, 0.0), (16.0, 0.0)];
        for (cost, missed) in [(9.0, 0.08), (11.0, 0.04), (14.0, 0.0), (20.0, 0.0)] {
            let found = missed_at(&curve, cost, 1e-9);
            assert!((found - missed).abs() < 1e-6, "{cost} {found}");
        }
        for (missed, cost) in [(0.1, 10.0), (0.04, 11.0), (0.0, 14.0)] {
            let found = cost_at(&curve, missed, 1e-9);
            assert!((found - cost).abs() < 1e-6, "{missed} {found}");
        }
        assert!(cost_at(&curve[..2], 0.01, 1e-9).is_infinite());
    }
}
