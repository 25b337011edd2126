//! Between a workload's step and a network's, when one is a multiple of the other.
//!
//! Both grids meet at the origin, the newest value: a coarser step's last bin ends there, so that no bin is half empty
//! and nothing new is thrown away.

use std::borrow::Cow;
use std::time::Duration;

/// How a workload's step relates to a network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// The same step.
    Same,
    /// So many of the workload's steps make one of the network's.
    Finer(usize),
    /// So many of the network's steps make one of the workload's.
    Coarser(usize),
}

impl Ratio {
    /// # Errors
    /// When neither step is a multiple of the other.
    pub fn between(workload: Duration, network: Duration) -> Result<Self, String> {
        let (ours, theirs) = (workload.as_millis().max(1), network.as_millis().max(1));
        let times = |n: u128| usize::try_from(n).unwrap_or(usize::MAX);
        if ours == theirs {
            Ok(Self::Same)
        } else if theirs % ours == 0 {
            Ok(Self::Finer(times(theirs / ours)))
        } else if ours % theirs == 0 {
            Ok(Self::Coarser(times(ours / theirs)))
        } else {
            Err(format!(
                "the workload's step of {}s and the network's of {}s don't fit: one must be a multiple of the other",
                workload.as_secs_f64(),
                network.as_secs_f64()
            ))
        }
    }

    /// How many of the workload's steps hold `steps` of the network's.
    pub fn source_steps(self, steps: usize) -> usize {
        match self {
            Self::Same => steps,
            Self::Finer(n) => steps.saturating_mul(n),
            Self::Coarser(n) => (steps / n).saturating_add(2),
        }
    }

    /// How many of the network's steps it takes to reach `steps` of the workload's.
    pub fn network_steps(self, steps: usize) -> usize {
        match self {
            Self::Same => steps,
            Self::Finer(n) => steps.div_ceil(n),
            Self::Coarser(n) => steps.saturating_mul(n),
        }
    }

    /// The workload's steps that make `steps` of the network's; `None` when that is no whole number.
    pub fn workload_steps(self, steps: usize) -> Option<usize> {
        match self {
            Self::Same => Some(steps),
            Self::Finer(n) => steps.checked_mul(n),
            Self::Coarser(n) => steps.is_multiple_of(n).then(|| steps / n),
        }
    }

    /// A workload's values on a network's step: the mean of what was observed in each bin, or linear between two
    /// neighbours that were both observed; `NaN` otherwise.
    pub fn to_network(self, values: &[f64]) -> Cow<'_, [f64]> {
        match self {
            Self::Same => Cow::Borrowed(values),
            Self::Finer(n) => {
                let mut bins: Vec<f64> = values.rchunks(n).map(mean_observed).collect();
                bins.reverse();
                Cow::Owned(bins)
            }
            Self::Coarser(n) => {
                let between = |pair: &[f64]| {
                    let (from, to) = (pair[0], pair[1]);
                    let share = move |k: usize| k as f64 / n as f64;
                    (0..n).map(move |k| {
                        if k == 0 {
                            from
                        } else {
                            from + (to - from) * share(k)
                        }
                    })
                };
                let mut fine: Vec<f64> = values.windows(2).flat_map(between).collect();
                fine.extend(values.last());
                Cow::Owned(fine)
            }
        }
    }

    /// A network's path on the first `steps` of the workload's steps: linear between the network's steps, its first
    /// value before the first of them. `path` must reach that far ([`Ratio::network_steps`]).
    pub fn to_workload(self, path: &[f64], steps: usize) -> Vec<f64> {
        match self {
            Self::Same => path[..steps].to_vec(),
            Self::Coarser(n) => (1..=steps).map(|step| path[step * n - 1]).collect(),
            Self::Finer(n) => (1..=steps)
                .map(|step| {
                    let (whole, rest) = (step / n, step % n);
                    if whole == 0 {
                        return path[0];
                    }
                    let from = path[whole - 1];
                    if rest == 0 {
                        return from;
                    }
                    from + (path[whole] - from) * (rest as f64 / n as f64)
                })
                .collect(),
        }
    }
}

fn mean_observed(values: &[f64]) -> f64 {
    let (sum, count) = values
        .iter()
        .filter(|value| !value.is_nan())
        .fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn between(workload: u64, network: u64) -> Result<Ratio, String> {
        Ratio::between(Duration::from_secs(workload), Duration::from_secs(network))
    }

    #[test]
    fn a_finer_workload_is_averaged_in_bins_that_end_at_the_origin() {
        let ratio = between(60, 180).unwrap();
        let bins = ratio.to_network(&[9.0, 1.0, NAN, 3.0, NAN, NAN, NAN, 4.0, 5.0, 6.0]);
        assert!(bins[2].is_nan(), "nothing observed");
        assert_eq!((bins[0], bins[1], bins[3], bins.len()), (9.0, 2.0, 5.0, 4));
        assert_eq!(ratio.network_steps(7), 3);
        let back = ratio.to_workload(&[3.0, 6.0, 9.0], 7);
        assert_eq!(back, [3.0, 3.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn a_coarser_workload_is_interpolated_but_not_across_a_gap() {
        let ratio = between(120, 60).unwrap();
        let fine = ratio.to_network(&[1.0, 3.0, NAN, 5.0]);
        assert_eq!(fine[..3], [1.0, 2.0, 3.0]);
        assert!(fine[3].is_nan() && fine[4].is_nan() && fine[5].is_nan());
        assert_eq!((fine[6], fine.len()), (5.0, 7));
        assert_eq!(ratio.network_steps(2), 4);
        assert_eq!(ratio.to_workload(&[1.0, 2.0, 3.0, 4.0], 2), [2.0, 4.0]);
    }

    #[test]
    fn steps_that_do_not_fit_are_both_named() {
        let error = between(40, 60).unwrap_err();
        assert!(error.contains("40s") && error.contains("60s"), "{error}");
    }
}
