use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::analyze::{Prepared, prepare};
use crate::domain::{Series, Timestamp};

const DAY: usize = 1440;
const KNOTS: [u32; 5] = [1, 3, 5, 10, 30];

/// A Monday's midnight.
const MONDAY: i64 = 1_780_876_800;

fn history(values: Vec<f64>) -> Prepared {
    let start = Timestamp::from_secs(MONDAY);
    prepare(&Series::new(start, Duration::from_mins(1), values))
}

fn looking<T>(history: &Prepared, at: impl FnOnce(&Look<'_>) -> T) -> T {
    let view = View::new(history, 30, "UTC");
    at(&Look {
        view: &view,
        profile: None,
        knots: &KNOTS,
    })
}

/// About 100, and about 250 in the first ten minutes of each hour.
fn jobs(days: usize) -> Vec<f64> {
    let noise = |index: usize| ((index * 7919) % 101) as f64 / 10.0;
    let at = |index: usize| noise(index) + if index % 60 < 10 { 250.0 } else { 100.0 };
    (0..days * DAY).map(at).collect()
}

#[test]
fn a_job_on_the_hour_is_foreseen_minutes_before_and_only_then() {
    let history = history(jobs(7));
    looking(&history, |look| {
        let learned = learn(look, 6 * DAY).unwrap();
        let at = |minute: usize, knot: usize| {
            foresee(look, &learned, 6 * DAY + 600 + minute)[knot].unwrap()
        };
        for (minute, knot) in [(58, 1), (56, 2), (52, 3)] {
            let said = at(minute, knot);
            let told = (said.middle - 258.0).abs() < 12.0 && said.band < 15.0;
            assert!(told, "{minute}: {said:?}");
        }
        for (minute, knot) in [(30, 1), (40, 2), (45, 3)] {
            let said = at(minute, knot);
            let told = (said.middle - 108.0).abs() < 6.0 && said.band < 12.0;
            assert!(told, "{minute}: {said:?}");
        }
    });
}

#[test]
fn what_comes_after_the_origin_and_after_the_end_of_learning_changes_nothing() {
    let values = jobs(4);
    let mut other = values.clone();
    other[3 * DAY + 101..].rotate_left(333);
    let said = |values: Vec<f64>| {
        looking(&history(values), |look| {
            let learned = learn(look, 3 * DAY).unwrap();
            (foresee(look, &learned, 3 * DAY + 100), learned)
        })
    };
    assert!(said(values) == said(other));
}

#[test]
fn its_band_covers_what_it_should_where_nothing_can_be_foreseen() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let values: Vec<f64> = (0..9 * DAY)
        .map(|_| 100.0 * (0.2 * (random.random::<f64>() + random.random::<f64>())).exp())
        .collect();
    let history = history(values);
    looking(&history, |look| {
        let learned = learn(look, 7 * DAY).unwrap();
        let (mut below, mut within, mut count) = (0.0, 0.0, 0.0);
        for origin in (7 * DAY..9 * DAY - 10).step_by(7) {
            let said = foresee(look, &learned, origin)[2].unwrap();
            let window = &look.view.seen[origin + 1..=origin + 5];
            let highest = window.iter().fold(0.0_f64, |a, b| a.max(*b));
            below += f64::from(u8::from(highest <= said.middle));
            within += f64::from(u8::from(highest <= said.middle + said.band));
            count += 1.0;
        }
        let (below, within) = (below / count, within / count);
        assert!((below - 0.5).abs() < 0.08, "{below}");
        assert!((within - 0.95).abs() < 0.04, "{within}");
    });
}

#[test]
fn little_history_and_one_without_moves_teach_nothing() {
    for values in [
        vec![],
        jobs(1)[..500].to_vec(),
        vec![40.0; 3 * DAY],
        vec![0.0; 3 * DAY],
    ] {
        looking(&history(values), |look| {
            assert_eq!(learn(look, look.view.len()), None);
            assert_eq!(foresee(look, &[], 0), vec![None; KNOTS.len()]);
        });
    }
}

#[test]
fn longer_lead_times_than_are_learned_are_left_to_others() {
    let history = history(jobs(3));
    looking(&history, |look| {
        let learned = learn(look, 3 * DAY).unwrap();
        let said = foresee(look, &learned, 3 * DAY - 1);
        let known: Vec<bool> = said.iter().map(Option::is_some).collect();
        assert_eq!(known, [true, true, true, true, false]);
    });
}

#[test]
fn what_is_no_number_is_not_said() {
    let history = history(jobs(3));
    looking(&history, |look| {
        let mut learned = learn(look, 3 * DAY).unwrap();
        assert!(foresee(look, &learned, 3 * DAY - 1)[0].is_some());
        learned[HEAD + 1] = f32::NAN;
        let said = foresee(look, &learned, 3 * DAY - 1);
        let known: Vec<bool> = said.iter().map(Option::is_some).collect();
        assert_eq!(known, [false, true, true, true, false]);
    });
}

/// A call each minute that lasts ten seconds, at a step of ten seconds: each moment of the minute is among what is learned from.
#[test]
fn all_moments_of_a_minute_are_learned_from() {
    let values: Vec<f64> = (0..7 * 8640)
        .map(|index| if index % 6 == 0 { 300.0 } else { 100.0 })
        .collect();
    let start = Timestamp::from_secs(MONDAY);
    let history = prepare(&Series::new(start, Duration::from_secs(10), values));
    let view = View::new(&history, 30, "UTC");
    let space = Space::log(view.magnitude);
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let rows = rises(&view, space, 1, view.len(), &mut random);
    let mut moments = [0_usize; 6];
    for row in &rows {
        moments[row.origin % 6] += 1;
    }
    assert!(rows.len() > CANDIDATES * 9 / 10, "{}", rows.len());
    assert!(
        moments.iter().all(|many| *many > rows.len() / 8),
        "{moments:?}"
    );
}

proptest! {
    #[test]
    fn whatever_a_snapshot_holds_nothing_panics(
        unit in any::<f32>(),
        own in prop::collection::vec(prop_oneof![
            3 => (0.0..4096.0_f32).prop_map(f32::trunc), 1 => any::<f32>(), 2 => Just(0.0), 2 => -0.1..0.1_f32
        ], ALL_OF_LEAD - 1),
        cut in 0..ALL_OF_LEAD,
        origin in 0..300_usize,
    ) {
        let history = history(jobs(1)[..300].to_vec());
        looking(&history, |look| {
            // Of the first lead time all, of the second a part.
            let mut learned = vec![unit, KNOTS[0] as f32];
            learned.extend(&own);
            learned.push(KNOTS[1] as f32);
            learned.extend(&own[..cut.min(own.len() - 1)]);
            let said = foresee(look, &learned, origin);
            assert!(said[1..].iter().all(Option::is_none));
            for said in said.into_iter().flatten() {
                assert!(said.middle.is_finite() && said.band.is_finite());
            }
        });
    }

    #[test]
    fn whatever_the_history_nothing_panics(
        step in prop_oneof![Just(10_u64), Just(60), Just(900), Just(86_400), Just(200_000)],
        values in prop::collection::vec(
            prop_oneof![8 => 0.0..100.0_f64, 1 => Just(f64::NAN), 1 => -5.0..1e30_f64], 620..1500),
    ) {
        let series = Series::new(Timestamp::from_secs(MONDAY), Duration::from_secs(step), values);
        let history = prepare(&series);
        looking(&history, |look| {
            if let Some(learned) = learn(look, look.view.len()) {
                for origin in [0, 1, look.view.len() - 1] {
                    foresee(look, &learned, origin);
                }
            }
        });
    }
}
