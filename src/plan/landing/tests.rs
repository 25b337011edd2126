use super::*;

const EDGES: [u32; 9] = [
    0,
    1,
    2,
    20,
    21,
    9_000_000,
    u32::MAX / 2,
    u32::MAX - 1,
    u32::MAX,
];

#[test]
fn a_number_is_the_plan_or_more_within_reach_whatever_the_tolerance_and_the_fleet() {
    let tolerances = [0.0, 0.1, 0.9, 1.0, 1e9, f64::MAX, f64::INFINITY, f64::NAN];
    for (threshold, tolerance) in [0.001, 100.0, 1e9]
        .into_iter()
        .flat_map(|threshold| tolerances.map(|tolerance| (threshold, tolerance)))
    {
        let band = DeadBand::new(threshold, tolerance);
        for (current, wanted) in EDGES
            .into_iter()
            .flat_map(|current| EDGES.map(|wanted| (current, wanted)))
        {
            for max in EDGES.into_iter().filter(|max| *max >= wanted) {
                let case = format!("{wanted} up to {max} at {current}, {tolerance} of {threshold}");
                for number in [
                    band.steady(current, wanted, max),
                    band.number(current, wanted, max),
                ] {
                    assert!(
                        (wanted..=max).contains(&number.replicas),
                        "{case}: {number:?}"
                    );
                    // No plan of some replicas is told as none.
                    assert!(wanted == 0 || number.value_milli > 0, "{case}: {number:?}");
                }
            }
        }
    }
}

#[test]
fn upwards_the_fewest_replicas_beyond_the_band_are_told() {
    for (tolerance, current, wanted, told) in [
        (0.1, 20, 21, 23),
        (0.1, 20, 23, 23),
        (0.1, 20, 30, 30),
        (0.0, 20, 21, 21),
        (0.9, 20, 21, 39),
        (0.1, 10_000_000, 10_000_001, 11_000_001),
    ] {
        let number = DeadBand::new(100.0, tolerance).steady(current, wanted, u32::MAX);
        assert_eq!(number.replicas, told, "{wanted} at {current}, {tolerance}");
        let below = DeadBand::new(100.0, tolerance).exactly(told - 1);
        let band = DeadBand::new(100.0, tolerance);
        assert!(told == wanted || band.follow(current, below) == current);
    }
}
