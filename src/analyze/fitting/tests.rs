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

fn fitted(prepared: &Prepared) -> Fit {
    fit(prepared, 30, "UTC", prepared.series.end())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

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
    let fine = 4 * PER_DAY;
    let (one, two) = (history(9, fine, 0.0), history(9, fine, 40.0));
    let (one, two) = (fitted(&one), fitted(&two));
    let holt = one.coefficients_of("holt-winters").unwrap();
    assert_eq!(Some(holt), two.coefficients_of("holt-winters"));
    assert_ne!(
        one.profile, two.profile,
        "the typical day rests on all of it"
    );
    assert_ne!(
        one.coefficients_of("prophet"),
        two.coefficients_of("prophet")
    );
}

#[test]
fn trials_and_bands_are_those_of_the_fine_part() {
    let all = history(9, 0, 0.0);
    let coarse = history(9, 4 * PER_DAY, 0.0);
    let fits = [&all, &coarse].map(fitted);
    let origins = |fit: &Fit| {
        let own = fit.scores.iter().find(|score| *score.model == *NAIVE);
        own.unwrap().origins
    };
    assert_eq!(origins(&fits[0]), origins(&fits[1]));
    let width = |fit: &Fit| {
        let set = fit.bands_of(NAIVE).unwrap();
        bands::offset(set, Quantile::new(0.95).unwrap(), 5.0)
    };
    assert!((width(&fits[0]) - width(&fits[1])).abs() < 0.01 * width(&fits[0]));
}

#[test]
fn a_fine_part_of_minutes_is_enough_to_go_on_with() {
    // As after a clock that ran ahead for a day: nearly everything has become coarse.
    for fine in [0, 1, 30, 600] {
        let prepared = history(4, 4 * PER_DAY - fine, 0.0);
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

#[test]
fn trees_are_learned_for_auto_alone() {
    let prepared = history(2, 0, 0.0);
    let learned = |wanted: &[&str]| {
        let (fit, _) = fit_and_track(&prepared, 30, "UTC", prepared.series.end(), wanted);
        let without = fit.coefficients.iter().filter(|own| *own.model != *BOOSTED);
        (fit.coefficients_of(BOOSTED).is_some(), without.count())
    };
    let (has_trees, others) = learned(&[]);
    assert!(has_trees);
    assert_eq!(learned(&["linear", "auto"]), (true, others));
    assert_eq!(learned(&["holt-winters"]), (false, others));
}
