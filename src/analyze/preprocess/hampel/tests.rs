use proptest::prelude::*;

use super::*;

/// The filter as its definition reads: each window sorted anew, no stretch skipped.
fn by_definition(values: &mut [f64], marks: &mut [Mark]) -> Vec<Outlier> {
    let mut before: Vec<f64> = Vec::new();
    let mut run: Option<(usize, Baseline)> = None;
    let mut found = Vec::new();
    for index in 0..values.len() {
        let value = values[index];
        if marks[index] != Mark::Observed {
            run = None;
            continue;
        }
        match run {
            Some((start, base)) if (value - base.median).abs() <= base.limit => {
                for outlier in start..index {
                    found.push(Outlier {
                        index: outlier,
                        original: values[outlier],
                    });
                    values[outlier] = base.median;
                    marks[outlier] = kind(found[found.len() - 1].original, base.median);
                }
                run = None;
            }
            Some((start, _)) if index - start >= LONGEST_OUTLIER => run = None,
            None if before.len() >= WINDOW => {
                let mut sorted = before[before.len() - WINDOW..].to_vec();
                sorted.sort_by(f64::total_cmp);
                let median = sorted[WINDOW / 2];
                let mut deviations: Vec<f64> = sorted.iter().map(|v| (v - median).abs()).collect();
                deviations.sort_by(f64::total_cmp);
                let limit = THRESHOLD * deviations[WINDOW / 2].max(QUIET * median.abs());
                if (value - median).abs() > limit {
                    run = Some((index, Baseline { median, limit }));
                }
            }
            Some(_) | None => {}
        }
        before.push(value);
    }
    found
}

/// Stretches of different character: flat, calm, restless, full of gaps, with spikes.
fn any_stretch() -> impl Strategy<Value = Vec<f64>> {
    let value = |low: f64, high: f64| low..high;
    prop_oneof![
        prop::collection::vec(value(99.0, 101.0), 0..120),
        prop::collection::vec(value(0.0, 100.0), 0..120),
        prop::collection::vec(value(-5.0, 5.0), 0..60),
        (0.0..3.0_f64, 0..80_usize).prop_map(|(v, n)| vec![v.floor(); n]),
        prop::collection::vec(
            prop_oneof![6 => value(95.0, 105.0), 1 => Just(f64::NAN), 1 => value(100.0, 2000.0), 1 => Just(0.0)],
            0..120
        ),
        prop::collection::vec((0..4_i32).prop_map(f64::from), 0..80),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_filter_does_what_its_definition_says(
        stretches in prop::collection::vec(any_stretch(), 1..6),
        scale in prop_oneof![Just(1.0), Just(1e-20), Just(1e28), Just(-1.0)],
    ) {
        let values: Vec<f64> = stretches.concat().into_iter().map(|v| v * scale).collect();
        let marks: Vec<Mark> = values
            .iter()
            .map(|v| if v.is_nan() { Mark::Missing } else { Mark::Observed })
            .collect();
        let (mut fast, mut fast_marks) = (values.clone(), marks.clone());
        let (mut slow, mut slow_marks) = (values, marks);
        prop_assert_eq!(
            replace(&mut fast, &mut fast_marks, 0),
            by_definition(&mut slow, &mut slow_marks)
        );
        prop_assert_eq!(fast_marks, slow_marks);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&fast), bits(&slow));
    }
}
