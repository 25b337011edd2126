//! A window's values by size, kept so without a branch: what a processor guesses wrong half of the time costs it more
//! than moving all twenty values.

use super::WINDOW;

/// The values by size.
pub(super) struct Ranks {
    /// And infinity after them.
    sorted: [f64; WINDOW + 1],
}

impl Ranks {
    pub(super) fn of(values: &[f64; WINDOW]) -> Self {
        let mut sorted = [f64::INFINITY; WINDOW + 1];
        sorted[..WINDOW].copy_from_slice(values);
        sorted.sort_unstable_by(f64::total_cmp);
        Self { sorted }
    }

    #[inline]
    pub(super) fn sorted(&self) -> &[f64] {
        &self.sorted[..WINDOW]
    }

    /// Takes out `leaving`, which must be among the values, and puts `entering` in; both are numbers.
    #[inline]
    pub(super) fn replace(&mut self, leaving: f64, entering: f64) {
        // Whatever is not below the leaving value moves down by one; so it is gone.
        let mut rest = [0.0; WINDOW];
        let pairs = self.sorted[..WINDOW].iter().zip(&self.sorted[1..]);
        for (place, (own, above)) in rest.iter_mut().zip(pairs) {
            *place = if *own < leaving { *own } else { *above };
        }
        // Each place then holds its own value, the entering one or its lower neighbour's, whichever keeps the order:
        // the smaller of its own and the larger of the other two.
        let mut below = f64::NEG_INFINITY;
        for (place, own) in self.sorted.iter_mut().zip(rest) {
            let larger = if below > entering { below } else { entering };
            *place = if own < larger { own } else { larger };
            below = own;
        }
    }
}
