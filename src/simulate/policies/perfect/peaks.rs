//! Which peaks to leave uncovered when some shortage is allowed.
//!
//! The replicas that have to exist over time are taken apart into peaks upon peaks: a peak is a longest stretch on which
//! more than some count is needed, and stands on the wider peak below it. To leave one uncovered saves its area and
//! costs the ticks in which demand really is above the count below. With a price on such a tick, the best choice is found
//! from the tops down: a peak is left out whole, or the best is done with those upon it. The price is then set so that
//! the ticks stay within the allowance.

/// Prices are looked for between these, in replicas times ticks for one tick of shortage.
const PRICES: (f64, f64) = (1e-3, 1e9);
const HALVINGS: usize = 60;

/// The peaks of a run, those that stand upon others before them.
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
    /// Index of the peak it stands on.
    below: Option<usize>,
}

/// A peak that has not ended yet.
struct Open {
    level: u32,
    start: usize,
    /// Indices of peaks that stand on it, and their area.
    upon: Vec<usize>,
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
            let mut carried = (Vec::new(), 0.0);
            while let Some(top) = open.pop_if(|top| top.level > level) {
                let below = open.last().map_or(lowest, |open| open.level).max(level);
                let reach = (place + lead).min(needed.len());
                let judged = &needed[top.start.max(unjudged).min(reach)..reach];
                let height = f64::from(top.level - below);
                let peak = Peak {
                    start: top.start,
                    end: place,
                    floor: below,
                    area: top.area + carried.1 + height * (place - top.start) as f64,
                    short: judged.iter().filter(|needed| **needed > below).count(),
                    below: None,
                };
                let index = peaks.len();
                for child in top.upon.iter().chain(&carried.0) {
                    peaks[*child].below = Some(index);
                }
                peaks.push(peak);
                start = peak.start;
                carried = (vec![index], peak.area);
            }
            match open.last_mut() {
                Some(top) if top.level == level => {
                    top.upon.append(&mut carried.0);
                    top.area += carried.1;
                }
                _ => {
                    if level > lowest {
                        let (upon, area) = carried;
                        open.push(Open {
                            level,
                            start,
                            upon,
                            area,
                        });
                    }
                }
            }
        }
        Self { peaks, lead }
    }

    /// `needed` less what is left uncovered, in at most `allowed` judged ticks.
    pub(super) fn without_dearest(&self, needed: &[u32], allowed: usize) -> Vec<u32> {
        let (mut low, mut high) = PRICES;
        for _ in 0..HALVINGS {
            let price = (low * high).sqrt();
            if short(&self.left_out(price)) <= allowed {
                high = price;
            } else {
                low = price;
            }
        }
        let mut chosen = self.left_out(high);
        chosen.sort_unstable_by_key(|peak| peak.start);
        self.fill_up(&mut chosen, allowed);
        let mut covered = needed.to_vec();
        for peak in chosen {
            let reach = (peak.end + self.lead).min(covered.len());
            for needed in &mut covered[peak.start..reach] {
                *needed = (*needed).min(peak.floor);
            }
        }
        covered
    }

    /// A price takes a large peak whole or not at all, and of many peaks alike all or none. Adds those that still fit
    /// into what is `allowed`, the best for their length first; what stands on one that is added goes with it.
    /// `chosen` is in order of their start.
    fn fill_up(&self, chosen: &mut Vec<Peak>, allowed: usize) {
        let mut more = self.peaks.clone();
        let worth = |peak: &Peak| peak.area / peak.short.max(1) as f64;
        more.sort_unstable_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.start.cmp(&b.start)));
        let mut spent = short(chosen);
        for peak in more {
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
                chosen.splice(upon, [peak]);
            }
        }
    }

    /// The peaks that are better left out, none upon another, where a tick of shortage costs `price`.
    fn left_out(&self, price: f64) -> Vec<Peak> {
        // Peaks upon others come first, so one pass sums up what can be gained upon each of them.
        let mut upon = vec![0.0; self.peaks.len()];
        let mut whole = vec![false; self.peaks.len()];
        for (index, peak) in self.peaks.iter().enumerate() {
            let gain = peak.area - price * peak.short as f64;
            whole[index] = gain > upon[index];
            let best = gain.max(upon[index]);
            if let Some(below) = peak.below {
                upon[below] += best.max(0.0);
            }
        }
        // From the ground up: what stands on a peak that is left out is left out with it.
        let mut gone = vec![false; self.peaks.len()];
        let mut left_out = Vec::new();
        for (index, peak) in self.peaks.iter().enumerate().rev() {
            let with_below = peak.below.is_some_and(|below| gone[below]);
            gone[index] = with_below || whole[index];
            if whole[index] && !with_below {
                left_out.push(*peak);
            }
        }
        left_out
    }
}

fn short(left_out: &[Peak]) -> usize {
    left_out.iter().map(|peak| peak.short).sum()
}
