//! Both engines give the numbers that the network's equations give, alone and in a batch.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as they do")]

#[path = "support/onnx_reference.rs"]
mod reference;
#[path = "support/onnx.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use forescale::analyze::ForecastInput;
use forescale::analyze::models::onnx::card::Card;
use forescale::analyze::models::onnx::engine::{self, Engine, Network, Tensor};
use forescale::analyze::models::onnx::{MAX_BATCH, Networks};
use forescale::train::networks::Cell;
use reference::{Row, forward_mlp, forward_recurrent, row};
use support::{card, mlp, recurrent, workload};

/// Relative to the larger of 1 and the number itself.
const TOLERANCE: f64 = 1e-5;

type Forward = Box<dyn Fn(&Row) -> Vec<f64>>;

/// A network, its file and its equations.
struct Case {
    name: &'static str,
    file: Vec<u8>,
    forward: Forward,
    /// The first three outputs for the row of seed 100, computed from the file by the ONNX project's own reference
    /// evaluator, so that the file, the engines and the equations can't be wrong together.
    golden: [f64; 3],
}

fn cases(card: &Card) -> Vec<Case> {
    let dense = mlp(card, 32);
    let gru = recurrent(card, Cell::Gru, 16, 1);
    let lstm = recurrent(card, Cell::Lstm, 12, 2);
    vec![
        Case {
            name: "mlp",
            file: dense.to_onnx(card).unwrap(),
            forward: Box::new(move |row| forward_mlp(&dense, row)),
            golden: [-0.088_245_12, 0.130_937_73, -0.228_868_61],
        },
        Case {
            name: "gru",
            file: gru.to_onnx(card).unwrap(),
            forward: Box::new(move |row| forward_recurrent(&gru, row)),
            golden: [0.275_986_70, -0.100_440_54, 0.320_393_59],
        },
        Case {
            name: "lstm",
            file: lstm.to_onnx(card).unwrap(),
            forward: Box::new(move |row| forward_recurrent(&lstm, row)),
            golden: [-0.000_535_71, -0.452_311_16, 0.344_471_13],
        },
    ]
}

fn engines() -> Vec<Arc<dyn Engine>> {
    support::configs(Path::new("."))
        .iter()
        .map(|c| engine::open(c.onnx_engine, c.onnx_library.as_deref(), |_| None).unwrap())
        .collect()
}

fn run(network: &dyn Network, card: &Card, rows: &[Row]) -> Vec<f32> {
    let n = rows.len();
    let tensor = |shape: &[usize], part: fn(&Row) -> &[f32]| Tensor {
        shape: shape.to_vec(),
        data: rows.iter().flat_map(part).copied().collect(),
    };
    let features = card.calendar.len();
    let inputs = [
        ("context", tensor(&[n, card.context], |row| &row.context)),
        ("mask", tensor(&[n, card.context], |row| &row.mask)),
        (
            "calendar",
            tensor(&[n, card.horizon, features], |row| &row.calendar),
        ),
    ];
    let output = network.run(&inputs, &["quantiles"]).unwrap().remove(0);
    assert_eq!(output.shape, [n, card.horizon, card.levels.len()]);
    output.data
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let allowed = TOLERANCE * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= allowed,
        "{what}: {found} is not {expected}"
    );
}

#[test]
fn the_equations_give_the_committed_numbers() {
    let card = card();
    for case in cases(&card) {
        let outputs = (case.forward)(&row(&card, 100));
        for (found, expected) in outputs.iter().zip(case.golden) {
            assert_close(
                *found,
                expected,
                &format!("{}: {:?}", case.name, &outputs[..3]),
            );
        }
    }
}

#[test]
fn both_engines_compute_what_the_equations_say_for_a_batch_of_64() {
    let card = card();
    let rows: Vec<Row> = (100..164).map(|seed| row(&card, seed)).collect();
    for engine in engines() {
        for case in cases(&card) {
            let network = engine.load(case.file.clone().into()).unwrap();
            let found = run(&*network, &card, &rows);
            let expected = rows.iter().flat_map(|row| (case.forward)(row));
            for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                let what = format!("{} in {}, output {i}", case.name, engine.name());
                assert_close(f64::from(*found), expected, &what);
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours_in_the_batch() {
    let card = card();
    let rows: Vec<Row> = (100..164).map(|seed| row(&card, seed)).collect();
    for engine in engines() {
        for case in cases(&card) {
            let network = engine.load(case.file.clone().into()).unwrap();
            let together = run(&*network, &card, &rows);
            let each = card.horizon * card.levels.len();
            for (i, alone) in rows
                .chunks(1)
                .map(|row| run(&*network, &card, row))
                .enumerate()
            {
                for (one, all) in alone.iter().zip(&together[i * each..]) {
                    let what = format!("{} in {}, row {i}", case.name, engine.name());
                    assert_close(f64::from(*one), f64::from(*all), &what);
                }
            }
        }
    }
}

#[test]
fn whole_forecasts_agree_between_engines_and_between_batches() {
    let card = card();
    let folder = tempfile::tempdir().unwrap();
    for case in cases(&card) {
        std::fs::write(
            folder.path().join(format!("{}.onnx", case.name)),
            &case.file,
        )
        .unwrap();
    }
    // More than one engine batch, and histories of quite different size.
    let workloads: Vec<ForecastInput> = (0..MAX_BATCH + 7)
        .map(|i| {
            let size = 10_f64.powi(i32::try_from(i % 7).unwrap() - 3);
            let wave = |minute: i32| size * (3.0 + (f64::from(minute) / 9.0 + i as f64).sin());
            workload(60, (0..40).map(wave).collect(), 6)
        })
        .collect();
    let configs = support::configs(folder.path());
    let engines: Vec<Networks> = configs.iter().map(|c| Networks::new(c).unwrap()).collect();
    for name in ["mlp", "gru", "lstm"] {
        let reference = engines[0].load(name).unwrap().forecast(&workloads);
        for networks in &engines {
            let model = networks.load(name).unwrap();
            let together = model.forecast(&workloads);
            for (i, (input, one)) in workloads.iter().zip(&together).enumerate() {
                let one = one.as_ref().unwrap();
                let alone = model
                    .forecast(std::slice::from_ref(input))
                    .remove(0)
                    .unwrap();
                let other = reference[i].as_ref().unwrap();
                let unit = f64::from(one.path(1)[0]).abs();
                for level in 0..3 {
                    for step in 0..6 {
                        let found = f64::from(one.path(level)[step]);
                        for expected in [&alone, other].map(|f| f64::from(f.path(level)[step])) {
                            let difference = (found - expected).abs();
                            assert!(
                                difference <= TOLERANCE * unit.max(expected.abs()),
                                "{name} in {}, workload {i}: {found} is not {expected}",
                                networks.engine()
                            );
                        }
                    }
                }
            }
        }
    }
}
