//! Empirical mode decomposition (Huang et al. 1998): what oscillates fastest is what remains when the mean of the upper
//! and the lower envelope is taken away again and again.

use super::spline;

/// Siftings for a mode: a fixed number keeps modes comparable and noise filtering near dyadic (Wu and Huang 2009).
const SIFTINGS: usize = 10;

/// Extrema of one kind below which there is nothing to sift.
const FEWEST: usize = 2;

/// Extrema that are mirrored at each end, so that the envelopes don't run away there.
const MIRRORED: usize = 2;

/// The fastest mode; `None` when the values hardly oscillate.
pub(super) fn first_mode(values: &[f64]) -> Option<Vec<f64>> {
    let mut mode = values.to_vec();
    for sifting in 0..SIFTINGS {
        let Some(mean) = mean_envelope(&mode) else {
            return (sifting > 0).then_some(mode);
        };
        for (value, mean) in mode.iter_mut().zip(mean) {
            *value -= mean;
        }
    }
    Some(mode)
}

/// Up to `most` modes, from the fastest on, without what remains.
pub(super) fn modes(values: &[f64], most: usize) -> Vec<Vec<f64>> {
    let mut rest = values.to_vec();
    let mut modes = Vec::new();
    while modes.len() < most {
        let Some(mode) = first_mode(&rest) else { break };
        for (value, part) in rest.iter_mut().zip(&mode) {
            *value -= part;
        }
        modes.push(mode);
    }
    modes
}

fn mean_envelope(values: &[f64]) -> Option<Vec<f64>> {
    let (maxima, minima) = extrema(values);
    let upper = envelope(values, &maxima)?;
    let lower = envelope(values, &minima)?;
    let pairs = upper.iter().zip(&lower);
    Some(pairs.map(|(u, l)| f64::midpoint(*u, *l)).collect())
}

fn envelope(values: &[f64], places: &[usize]) -> Option<Vec<f64>> {
    if places.len() < FEWEST {
        return None;
    }
    let last = (values.len() - 1) as f64;
    let left = places.iter().take(MIRRORED).rev();
    let right = places.iter().rev().take(MIRRORED);
    let xs: Vec<f64> = left
        .clone()
        .map(|place| -(*place as f64))
        .chain(places.iter().map(|place| *place as f64))
        .chain(right.clone().map(|place| 2.0 * last - *place as f64))
        .collect();
    let ys: Vec<f64> = left
        .chain(places)
        .chain(right)
        .map(|place| values[*place])
        .collect();
    Some(spline::through(&xs, &ys, values.len()))
}

/// Places of maxima and minima, never the first or the last value; of a plateau its middle.
fn extrema(values: &[f64]) -> (Vec<usize>, Vec<usize>) {
    let (mut maxima, mut minima) = (Vec::new(), Vec::new());
    let mut rising: Option<bool> = None;
    let mut since = 0;
    for index in 1..values.len() {
        let (before, value) = (values[index - 1], values[index]);
        if value.to_bits() == before.to_bits() {
            continue;
        }
        let rises = value > before;
        if rising.is_some_and(|rising| rising != rises) {
            let middle = usize::midpoint(since, index - 1);
            if rises {
                minima.push(middle);
            } else {
                maxima.push(middle);
            }
        }
        rising = Some(rises);
        since = index;
    }
    (maxima, minima)
}
