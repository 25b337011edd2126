//! The one lead time that stands for all where there is room for one.

/// A quarter of an hour: by then most pods are Ready, and the last value is no longer a good forecast.
const USUAL_SECONDS: u32 = 900;

/// Place of the lead time (in seconds) nearest to a quarter of an hour, the shorter one of two equally near.
pub(super) fn nearest(leads: &[u32]) -> Option<usize> {
    let distance = |(_, lead): &(usize, &u32)| lead.abs_diff(USUAL_SECONDS);
    leads
        .iter()
        .enumerate()
        .min_by_key(distance)
        .map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_to_a_quarter_of_an_hour_stands_for_all() {
        assert_eq!(nearest(&[60, 300, 900, 1800]), Some(2));
        assert_eq!(nearest(&[60, 120]), Some(1));
        assert_eq!(nearest(&[600, 1200]), Some(0), "the shorter one");
        assert_eq!(nearest(&[]), None);
    }
}
