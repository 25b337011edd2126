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
    #[expect(
        clippy::needless_range_loop,
        reason = "places of fixed arrays are free of checks whatever gets inlined; this runs at each step"
    )]
    pub(super) fn replace(&mut self, leaving: f64, entering: f64) {
        let known = self.sorted;
        // Whatever is not below the leaving value moves down by one; so it is gone.
        let mut rest = [0.0; WINDOW];
        for i in 0..WINDOW {
            rest[i] = if known[i] < leaving {
                known[i]
            } else {
                known[i + 1]
            };
        }
        // Each place then holds its own value, the entering one or its lower neighbour's, whichever keeps the order:
        // the smaller of its own and the larger of the other two.
        let mut below = f64::NEG_INFINITY;
        for i in 0..WINDOW {
            let larger = if below > entering { below } else { entering };
            self.sorted[i] = if rest[i] < larger { rest[i] } else { larger };
            below = rest[i];
        }
    }
}
