//! Which peaks to leave uncovered when some shortage is allowed.
//!
//! The replicas that have to exist over time are taken apart into peaks upon peaks: a peak is a longest stretch on which
//! more than some count is needed, and stands on the wider peak below it. To leave one uncovered saves its area and
//! costs the ticks in which demand really is above the count below. Those that save most for a tick are taken first, as
//! long as they fit into the allowance; since one long peak may use up what many short ones would have used better, this
//! is done with several limits on the length of a peak, and the best outcome counts. It is a knapsack on a tree and
//! this is not its proven optimum.

/// The peaks of a run.
#[derive(Clone, Debug)]
pub(super) struct Peaks {
    peaks: Vec<Peak>,
    lead: usize,
}

#[derive(Clone, Copy, Debug)]
struct Peak {
    /// First place, and the one after the last.
    start: usize,
    end: usize,
    /// Count below it.
    floor: u32,
    /// Area above the floor, all peaks upon it included.
    area: f64,
    /// Judged ticks in which demand is above the floor.
    short: usize,
}

/// A peak that has not ended yet.
struct Open {
    level: u32,
    start: usize,
    /// Area of the peaks that stand on it.
    area: f64,
}

impl Peaks {
    /// Of the replicas that have to `exist` for `needed`, `lead` ticks after; the first ticks are not `judged`.
    pub(super) fn of(needed: &[u32], exist: &[u32], lead: usize, unjudged: usize) -> Self {
        let mut peaks: Vec<Peak> = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let lowest = exist.iter().copied().min().unwrap_or(0);
        for place in 0..=exist.len() {
            // After the end everything above the lowest count ends.
            let level = exist.get(place).copied().unwrap_or(lowest);
            let mut start = place;
            // Area of the peak that has just ended and stands on what comes next.
            let mut upon = 0.0;
            while let Some(top) = open.pop_if(|top| top.level > level) {
                let floor = open.last().map_or(lowest, |open| open.level).max(level);
                let reach = (place + lead).min(needed.len());
                let judged = &needed[top.start.max(unjudged).min(reach)..reach];
                let height = f64::from(top.level - floor);
                start = top.start;
                upon += top.area + height * (place - start) as f64;
                peaks.push(Peak {
                    start,
                    end: place,
                    floor,
                    area: upon,
                    short: judged.iter().filter(|needed| **needed > floor).count(),
                });
            }
            match open.last_mut() {
                Some(top) if top.level == level => top.area += upon,
                _ if level > lowest => open.push(Open {
                    level,
                    start,
                    area: upon,
                }),
                _ => {}
            }
        }
        Self { peaks, lead }
    }

    /// `needed` less what is left uncovered, in at most `allowed` judged ticks.
    pub(super) fn without_dearest(&self, needed: &[u32], allowed: usize) -> Vec<u32> {
        let mut by_worth = self.peaks.clone();
        let worth = |peak: &Peak| peak.area / peak.short.max(1) as f64;
        by_worth.sort_unstable_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.start.cmp(&b.start)));
        let lengths = std::iter::successors(Some(allowed), |longest| {
            (*longest > 1).then_some(longest / 2)
        });
        let choices = lengths.map(|longest| chosen(&by_worth, allowed, longest));
        let best = choices.max_by(|a, b| area(a).total_cmp(&area(b)));
        let mut covered = needed.to_vec();
        for peak in best.unwrap_or_default() {
            let reach = (peak.end + self.lead).min(covered.len());
            for needed in &mut covered[peak.start..reach] {
                *needed = (*needed).min(peak.floor);
            }
        }
        covered
    }
}

/// Takes of `by_worth` what fits into `allowed` and is short for at most `longest`; what stands on one that is taken goes
/// with it. In order of their start.
fn chosen(by_worth: &[Peak], allowed: usize, longest: usize) -> Vec<Peak> {
    let (mut chosen, mut spent): (Vec<Peak>, usize) = (Vec::new(), 0);
    for peak in by_worth.iter().filter(|peak| peak.short <= longest) {
        let first = chosen.partition_point(|other| other.start < peak.start);
        let before = first.checked_sub(1).and_then(|index| chosen.get(index));
        let gone = |other: &Peak| other.start <= peak.start && other.end >= peak.end;
        if before.is_some_and(gone) || chosen.get(first).is_some_and(gone) {
            continue;
        }
        let upon = chosen[first..].partition_point(|other| other.end <= peak.end);
        let upon = first..first + upon;
        let after = spent - short(&chosen[upon.clone()]) + peak.short;
        if after <= allowed {
            spent = after;
            chosen.splice(upon, [*peak]);
        }
    }
    chosen
}

fn area(peaks: &[Peak]) -> f64 {
    peaks.iter().map(|peak| peak.area).sum()
}

fn short(peaks: &[Peak]) -> usize {
    peaks.iter().map(|peak| peak.short).sum()
}
