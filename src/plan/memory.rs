//! What the planner remembers between two plans, in under two kibibytes beside the trials: the plans of the longest ramp period in detail,
//! those of the rest of the scale-down window in coarser buckets that keep the highest raw plan.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::case::{Case, Decision};
use super::{guard, smooth};
use crate::domain::{
    Authority, Experience, GoodPlan, Grade, Guards, Landed, PastPlan, PlanMemory, PlanTrials,
    Spending, Timestamp, TriggerSpec,
};

/// Never more entries than this: 48 of 16 bytes.
const MOST_ENTRIES: usize = 48;
/// Buckets within the longest ramp period.
const FINE: u32 = 16;
/// Buckets within the whole horizon.
const COARSE: u32 = 24;

/// The past as of now, tidied.
pub(super) struct Past {
    recent: VecDeque<PastPlan>,
    last_good: Option<GoodPlan>,
    trials: Arc<PlanTrials>,
    experience: Option<Arc<Experience>>,
    landed: Option<Landed>,
    grade: Option<Arc<Grade>>,
    authority: Option<Arc<Authority>>,
    spending: Option<Box<Spending>>,
    guards: Guards,
}

impl Past {
    /// Recalls. Plans from the future (the clock has jumped back) can't be placed in time any more: they become one
    /// plan made now, so that the fleet shrinks no faster for the jump.
    pub(super) fn recall(memory: &PlanMemory, now: Timestamp) -> Self {
        let (mut recent, future): (VecDeque<PastPlan>, VecDeque<PastPlan>) = memory
            .recent
            .iter()
            .copied()
            .partition(|plan| plan.at <= now);
        if let Some(last) = future.back() {
            recent.push_back(PastPlan {
                at: now,
                raw: future.iter().map(|plan| plan.raw).max().unwrap_or(last.raw),
                planned: last.planned,
            });
        }
        Self {
            recent,
            last_good: memory.last_good,
            trials: Arc::clone(&memory.trials),
            experience: memory.experience.clone(),
            landed: memory.landed,
            grade: memory.grade.clone(),
            authority: memory.authority.clone(),
            spending: memory.spending.clone(),
            guards: memory.guards.clone(),
        }
    }

    /// Where the HPA stands by what it was told.
    pub(super) fn landed(&self) -> Option<Landed> {
        self.landed
    }

    /// The plans on trial.
    pub(super) fn trials(&self) -> &PlanTrials {
        &self.trials
    }

    /// What stands in the way of a scale-down.
    pub(super) fn guards(&self) -> &Guards {
        &self.guards
    }

    /// When the plan before this one was made.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.recent.back().map(|plan| plan.at)
    }

    /// Replicas of the plan before this one.
    pub(super) fn previous(&self) -> Option<u32> {
        self.recent.back().map(|plan| plan.planned)
    }

    /// Replicas planned at `at`; the oldest plan known when none is that old.
    pub(super) fn planned_at(&self, at: Timestamp) -> Option<u32> {
        let then = self.recent.iter().rev().find(|plan| plan.at <= at);
        then.or(self.recent.front()).map(|plan| plan.planned)
    }

    /// The highest raw plan made after `since`.
    pub(super) fn highest_raw(&self, since: Timestamp) -> Option<u32> {
        let within = self.recent.iter().filter(|plan| plan.at > since);
        within.map(|plan| plan.raw).max()
    }

    /// The plan's score so far.
    pub(super) fn grade(&self) -> Option<&Grade> {
        self.grade.as_deref()
    }

    /// How much of the plan counts so far, in `auto` mode.
    pub(super) fn authority(&self) -> Option<&Authority> {
        self.authority.as_deref()
    }

    /// Replica hours of the day.
    pub(super) fn spending(&self) -> Option<&Spending> {
        self.spending.as_deref()
    }

    /// What the replicas have taught.
    pub(super) fn experience(&self) -> Option<&Experience> {
        self.experience.as_deref()
    }

    /// The last plan that rested on fresh data.
    pub(super) fn last_good(&self) -> Option<GoodPlan> {
        self.last_good
    }
}

/// The memory with this decision in it.
pub(super) fn remember(case: &Case<'_>, decision: &mut Decision, asked: u32) -> PlanMemory {
    // While nothing is measured the plan goes on costing.
    let budget = decision.budget.take().or_else(|| Budget::unseen(case));
    let guards = decision.guards.take();
    let guards = guards.unwrap_or_else(|| case.past.guards.clone());
    let newest = PastPlan {
        at: case.now,
        raw: decision.raw,
        planned: decision.planned,
    };
    let good = decision.fresh.map(|sample| GoodPlan {
        at: case.now,
        planned: decision.planned,
        served: decision.replicas,
        active: decision.active,
        observed: Some(sample),
    });
    let plans = case.past.recent.iter().copied().chain([newest]);
    PlanMemory {
        recent: thin_out(plans, case.spec, case.now),
        last_good: good.or(decision.held).or(case.past.last_good),
        trials: (decision.trials.as_ref())
            .map_or_else(|| Arc::clone(&case.past.trials), Arc::clone),
        experience: case.past.experience.clone(),
        landed: case.past.landed,
        grade: (decision.grade.as_ref())
            .or(case.past.grade.as_ref())
            .map(Arc::clone),
        authority: (decision.authority.as_ref())
            .or(case.past.authority.as_ref())
            .map(Arc::clone),
        spending: budget.map(|budget| Box::new(budget.close(asked, case.rests(decision.active)))),
        guards: guard::remember(case, guards, decision.planned),
    }
}

/// Drops what no window or ramp looks back to, but one plan, where ramps begin; merges the rest by buckets.
fn thin_out(
    plans: impl Iterator<Item = PastPlan>,
    spec: &TriggerSpec,
    now: Timestamp,
) -> VecDeque<PastPlan> {
    let fine = longest_ramp(spec);
    let horizon = fine.max(smooth::longest_look_back(spec));
    let mut kept: Vec<PastPlan> = Vec::with_capacity(MOST_ENTRIES + 1);
    for plan in plans {
        match kept.last_mut() {
            Some(last) if plan.at <= now - horizon => *last = plan,
            Some(last)
                if last.at > now - horizon && same_bucket(*last, plan, fine, horizon, now) =>
            {
                // The later time keeps the highest raw plan in the window for at most a bucket too long, never too
                // short.
                let raw = last.raw.max(plan.raw);
                *last = PastPlan { raw, ..plan };
            }
            _ => kept.push(plan),
        }
    }
    let surplus = kept.len().saturating_sub(MOST_ENTRIES);
    kept.drain(..surplus);
    kept.shrink_to_fit();
    kept.into()
}

/// The plan before this one always stays on its own when a ramp needs it; older ones share the buckets of their age.
fn same_bucket(
    a: PastPlan,
    b: PastPlan,
    fine: Duration,
    horizon: Duration,
    now: Timestamp,
) -> bool {
    let width = if b.at > now - fine {
        fine / FINE
    } else {
        horizon / COARSE
    };
    let width = width.max(Duration::from_millis(1));
    a.at.floor_to(width) == b.at.floor_to(width)
}

fn longest_ramp(spec: &TriggerSpec) -> Duration {
    let ramps = [spec.ramp_up, spec.ramp_down];
    let periods = ramps.iter().flatten().map(|ramp| ramp.per.get());
    periods.max().unwrap_or_default()
}
