//! Histories whose older part is known only as means: what may be learned from it and what not.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::analyze::prepare;
use crate::domain::Series;

const MINUTE: Duration = Duration::from_mins(1);
const PER_DAY: usize = 1440;

/// A Monday, 00:00 UTC.
const MONDAY: i64 = 1_699_833_600;

/// Days of a wave with noise; the older part, before step `fine`, is held over ten minutes and lifted by `lift`.
fn history(days: usize, fine: usize, lift: f64) -> Prepared {
    let noise = |i: usize| (i * 7919 % 1009) as f64 / 50.0;
    let value = |i: usize| {
        let turn = std::f64::consts::TAU * i as f64 / PER_DAY as f64;
        300.0 - 200.0 * turn.cos() + noise(i)
    };
    let held = |i: usize| (i / 10 * 10..i / 10 * 10 + 10).map(value).sum::<f64>() / 10.0;
    let at = |i: usize| if i < fine { held(i) + lift } else { value(i) };
    let values = (0..days * PER_DAY).map(at).collect();
    let series = Series::new(Timestamp::from_secs(MONDAY), MINUTE, values);
    prepare(&series.with_fine_from(fine))
}

fn coefficients(prepared: &Prepared, model: &str) -> Vec<f32> {
    let fit = fit(prepared, 30, "UTC", prepared.series.end());
    fit.coefficients_of(model).unwrap_or_default().to_vec()
}

proptest! {
    #[test]
    fn no_origin_lies_in_the_coarse_part(
        fine in 0..4000_usize,
        skip in 0..200_usize,
        until in 0..5000_usize,
        most in 1..900_usize,
    ) {
        let prepared = history(3, fine, 0.0);
        let view = View::from_few(&prepared, 30, "UTC");
        let origins = origins(&view, skip, until, most);
        prop_assert!(origins.iter().all(|origin| (fine + skip..until).contains(origin)));
        prop_assert!(origins.len() <= most);
        for cut in trials::cuts(&view).iter().filter(|cut| cut.at > 0) {
            prop_assert!(fine <= cut.at && cut.at <= cut.until && cut.until <= view.len());
        }
    }
}

#[test]
fn what_learns_from_single_steps_is_deaf_to_means() {
    // The levels of the same time a week ago reach eight days back.
    let fine = 9 * PER_DAY;
    let (one, two) = (history(20, fine, 0.0), history(20, fine, 40.0));
    let holt = coefficients(&one, "holt-winters");
    assert!(!holt.is_empty());
    assert_eq!(holt, coefficients(&two, "holt-winters"));
    let typical = |prepared: &Prepared| fit(prepared, 30, "UTC", prepared.series.end()).profile;
    assert_ne!(
        typical(&one),
        typical(&two),
        "the typical day rests on all of it"
    );
    assert_ne!(coefficients(&one, "prophet"), coefficients(&two, "prophet"));
}

#[test]
fn trials_and_bands_are_those_of_the_fine_part() {
    let all = history(20, 0, 0.0);
    let coarse = history(20, 6 * PER_DAY, 0.0);
    let fits = [&all, &coarse].map(|prepared| fit(prepared, 30, "UTC", prepared.series.end()));
    for (one, two) in fits[0].scores.iter().zip(&fits[1].scores) {
        assert_eq!(one.origins, two.origins);
    }
    let width = |fit: &Fit| {
        let set = fit.bands_of(NAIVE).unwrap();
        f64::from(bands::offset(set, Quantile::new(0.95).unwrap(), 5.0) as f32)
    };
    assert!((width(&fits[0]) - width(&fits[1])).abs() < 0.01 * width(&fits[0]));
}

#[test]
fn a_fine_part_of_minutes_is_enough_to_go_on_with() {
    // As after a clock that ran ahead for a day: nearly everything has become coarse.
    for fine in [0, 1, 30, 600] {
        let prepared = history(10, 10 * PER_DAY - fine, 0.0);
        let (fit, track) = fit_and_track(&prepared, 30, "UTC", prepared.series.end(), &[]);
        assert!(fit.profile.is_some() && fit.bands_of(NAIVE).is_some());
        assert!(
            fit.scores
                .iter()
                .all(|score| score.origins as usize <= fine)
        );
        assert!(track.lanes.iter().all(|lane| lane.settled as usize <= fine));
    }
}
