//! Training from series to file, with networks so small that it takes a moment.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as they do")]

use std::time::Duration;

use candle_core::Tensor;
use proptest::prelude::*;

use super::corpus::{Amounts, Corpus};
use super::cutter::Cutter;
use super::export;
use super::net::{Architecture, Net, Shape};
use super::recipe::{Recipe, SHIPPED};
use super::session::{Plan, Session, start_from};
use super::synthetic;
use crate::analyze::OnnxEngine;
use crate::analyze::models::onnx::card::Card;
use crate::analyze::models::onnx::engine;
use crate::analyze::models::onnx::row::Row;
use crate::analyze::prepare;
use crate::dataset::Dataset;
use crate::domain::{Series, Timestamp};

const AMOUNTS: Amounts = Amounts {
    windows: 60,
    checks: 20,
    synthetic: 2,
    synthetic_windows: 40,
    seed: 3,
};

fn card(name: &str) -> Card {
    let recipe = Recipe::read(SHIPPED).unwrap();
    recipe.networks[name].card("MIT").unwrap()
}

fn minutes(values: Vec<f64>) -> Series {
    let start = Timestamp::from_secs(1_767_571_200);
    Series::new(start, Duration::from_mins(1), values)
}

/// Two days of a wave with outliers, gaps and a bit of noise.
fn wavy(minutes_long: usize) -> Vec<f64> {
    (0..minutes_long)
        .map(|i| {
            let noise = ((i * 7919) % 101) as f64 / 50.0;
            let wave = 50.0 + 30.0 * (i as f64 / 229.0).sin() + noise;
            match i % 397 {
                11 => f64::NAN,
                13..=19 if i % 3 == 0 => f64::NAN,
                200 => wave * 40.0,
                300..=301 => wave * 30.0,
                _ => wave,
            }
        })
        .collect()
}

fn dataset(name: &str, values: Vec<f64>) -> Dataset {
    Dataset {
        name: name.to_owned(),
        series: minutes(values),
        notes: vec![],
    }
}

fn corpus(card: &Card, shape: &Shape, values: Vec<f64>) -> Corpus {
    let datasets = [dataset("web", values)];
    Corpus::gather(card, shape, &datasets, &[], AMOUNTS, false, |_| {}).unwrap()
}

fn plan(steps: usize) -> Plan {
    Plan {
        steps,
        batch: 32,
        rate: 3e-3,
        check_every: 5,
        patience: 100,
        seed: 5,
        checkpoint: None,
    }
}

#[test]
fn a_window_is_what_the_server_would_have_seen_at_its_origin() {
    let card = card("mlp");
    let raw = minutes(wavy(2900));
    let cutter = Cutter::new(&card, &raw).unwrap();
    let mut compared = 0;
    for origin in cutter
        .origins(raw.start(), raw.end())
        .into_iter()
        .step_by(41)
    {
        // Just after outliers, too, when some steps must not yet be known as such.
        let (row, _) = cutter.cut(origin, None).unwrap().unwrap();
        let known = minutes(raw.values()[..=origin].to_vec());
        let server = Row::new(
            &card,
            &prepare(&known).series,
            None,
            &jiff::tz::TimeZone::UTC,
        );
        let server = server.unwrap();
        assert_eq!(row.window, server.window, "at {origin}");
        assert_eq!(row.calendar, server.calendar, "at {origin}");
        compared += 1;
    }
    assert!(compared > 50);
    for origin in [200, 201, 202, 300, 301, 302, 303].map(|at| at + 397 * 4) {
        let (row, _) = cutter.cut(origin, None).unwrap().unwrap();
        let known = minutes(raw.values()[..=origin].to_vec());
        let server = Row::new(
            &card,
            &prepare(&known).series,
            None,
            &jiff::tz::TimeZone::UTC,
        );
        assert_eq!(row.window, server.unwrap().window, "at {origin}");
    }
}

#[test]
fn a_target_is_the_value_that_came_restored_by_the_servers_own_code() {
    for name in ["mlp", "hybrid"] {
        let card = card(name);
        let values: Vec<f64> = (0..4000)
            .map(|i| {
                let day = (std::f64::consts::TAU * f64::from(i) / 1440.0).sin();
                100.0 + 40.0 * day + f64::from(i * 7919 % 101) / 20.0
            })
            .collect();
        let raw = minutes(values);
        let cutter = Cutter::new(&card, &raw).unwrap();
        let origins = cutter.origins(raw.start(), raw.end());
        assert!(origins.len() > 100, "{name}");
        for origin in origins.into_iter().step_by(311) {
            let (row, targets) = cutter.cut(origin, None).unwrap().unwrap();
            for (step, target) in targets.steps.iter().enumerate() {
                let came = raw.values()[origin + 1 + step];
                assert!((row.restore(step, *target) - came).abs() < 1e-3, "{name}");
            }
            for (lead, target) in card.peak_leads.iter().zip(&targets.peaks) {
                let highest = raw.values()[origin + 1..=origin + lead].iter().copied();
                let highest = highest.reduce(f64::max).unwrap();
                assert!(
                    (row.restore_peak(*lead, *target) - highest).abs() < 1e-3,
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn five_minute_and_ten_second_workloads_make_windows_too() {
    for (step, ahead) in [(10, 180), (300, 6)] {
        let values: Vec<f64> = (0..2000).map(f64::from).collect();
        let raw = Series::new(
            Timestamp::from_secs(1_767_571_200),
            Duration::from_secs(step),
            values,
        );
        let card = card("mlp");
        let cutter = Cutter::new(&card, &raw).unwrap();
        let (row, targets) = cutter.cut(1500, None).unwrap().unwrap();
        let last = row.restore(29, targets.steps[29]);
        let came = if step == 10 { 1500.0 + 177.5 } else { 1506.0 };
        assert!((last - came).abs() < 0.1, "{last} after {ahead} steps");
        assert_eq!(targets.steps[0].is_nan(), step == 300);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_comes_after_an_origin_changes_no_window(origin in 2400_usize..3500, other in 0.0..1e4_f64) {
        for name in ["mlp", "hybrid"] {
            let card = card(name);
            let values = wavy(3600);
            let mut changed = values.clone();
            changed[origin + 1..].fill(other);
            let rows = [values, changed].map(|values| {
                let raw = minutes(values);
                let cutter = Cutter::new(&card, &raw).unwrap();
                cutter.row(origin, None)
            });
            let [a, b] = rows.map(Result::unwrap);
            prop_assert_eq!(a.window, b.window);
            prop_assert_eq!(a.calendar, b.calendar);
        }
    }

    #[test]
    fn what_comes_after_the_cut_changes_nothing_that_is_learned_from(other in 0.0..1e4_f64) {
        let card = card("mlp");
        let shape = Shape::new(Architecture::Mlp, &card, 4);
        let values = wavy(2900);
        let mut changed = values.clone();
        changed[2030..].fill(other);
        let [a, b] = [values, changed].map(|values| corpus(&card, &shape, values));
        let bits = |c: &Corpus| -> Vec<u32> {
            let parts = [&c.train, &c.validation].map(|e| [&e.inputs, &e.targets, &e.held]);
            parts.iter().flatten().flat_map(|part| part.iter().map(|v| v.to_bits())).collect()
        };
        prop_assert_eq!(bits(&a), bits(&b));
        prop_assert!(a.held_out.is_empty());
    }
}

#[test]
fn a_file_says_what_the_trainer_says() {
    for (name, kind) in [
        ("mlp", Architecture::Mlp),
        ("gru", Architecture::Gru),
        ("hybrid", Architecture::Lstm),
    ] {
        let card = card(name);
        let net = Net::new(Shape::new(kind, &card, 6), 7).unwrap();
        let file = export::to_onnx(&net, &card).unwrap();
        let raw = minutes(wavy(4000));
        let cutter = Cutter::new(&card, &raw).unwrap();
        let origins = cutter
            .origins(raw.start(), raw.end())
            .into_iter()
            .step_by(97);
        let rows: Vec<Row> = origins
            .filter_map(|origin| cutter.cut(origin, None).unwrap())
            .map(|(row, _)| row)
            .collect();
        assert!(rows.len() > 8);
        let rten = engine::open(OnnxEngine::Rten, None, |_| None).unwrap();
        let difference = export::difference(&net, &card, &file, &*rten, &rows).unwrap();
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn training_gets_better_and_the_same_seed_gives_the_same_network() {
    let card = card("mlp");
    let shape = Shape::new(Architecture::Mlp, &card, 8);
    let corpus = corpus(&card, &shape, wavy(2900));
    let train = || {
        let net = Net::new(shape.clone(), 1).unwrap();
        let plan = plan(40);
        let mut losses = Vec::new();
        let mut session =
            Session::new(&net, &corpus, &plan, &card.levels, &card.peak_leads).unwrap();
        let outcome = session.run(|_, loss| losses.extend(loss)).unwrap();
        (net.numbers("last.weight"), outcome, losses)
    };
    let (weights, outcome, losses) = train();
    assert!(losses.last() < losses.first(), "{losses:?}");
    let (again, same, _) = train();
    assert_eq!((weights, outcome), (again, same));
}

#[test]
fn a_training_that_was_cut_off_ends_as_if_it_had_not_been() {
    let card = card("mlp");
    let shape = Shape::new(Architecture::Mlp, &card, 4);
    let corpus = corpus(&card, &shape, wavy(2900));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.safetensors");
    let levels = (&card.levels, &card.peak_leads);
    let whole = Net::new(shape.clone(), 1).unwrap();
    Session::new(&whole, &corpus, &plan(20), levels.0, levels.1)
        .unwrap()
        .run(|_, _| {})
        .unwrap();
    let kept = Plan {
        checkpoint: Some(path.clone()),
        ..plan(20)
    };
    // The first ten steps, of a plan for twenty.
    let first = Net::new(shape.clone(), 1).unwrap();
    let mut session = Session::new(&first, &corpus, &kept, levels.0, levels.1).unwrap();
    session.run_until(10, |_, _| {}).unwrap();
    let second = Net::new(shape.clone(), 9).unwrap();
    let mut session = Session::new(&second, &corpus, &kept, levels.0, levels.1).unwrap();
    session.resume(&path).unwrap();
    session.run(|_, _| {}).unwrap();
    assert_eq!(
        second.numbers("first.weight"),
        whole.numbers("first.weight")
    );
    // Tuning starts from the best weights.
    let tuned = Net::new(shape, 4).unwrap();
    start_from(&tuned, &path).unwrap();
    assert_eq!(
        tuned.numbers("first.weight"),
        second.numbers("first.weight")
    );
    let other = Net::new(Shape::new(Architecture::Gru, &card, 4), 1).unwrap();
    let error = start_from(&other, &path).unwrap_err().to_string();
    assert!(error.contains("of another network"), "{error}");
}

#[test]
fn a_network_answers_all_that_is_asked_of_it() {
    let card = card("mlp");
    for kind in [Architecture::Mlp, Architecture::Gru, Architecture::Lstm] {
        let net = Net::new(Shape::new(kind, &card, 4), 1).unwrap();
        let inputs = Tensor::ones(
            (3, net.shape.inputs()),
            candle_core::DType::F32,
            &candle_core::Device::Cpu,
        );
        let (paths, peaks) = net.forward(&inputs.unwrap()).unwrap();
        assert_eq!(paths.dims(), [3, net.shape.knots.len(), 9]);
        assert_eq!(peaks.dims(), [3, 7, 9]);
    }
}

#[test]
fn synthetic_series_are_the_same_for_a_seed_and_never_negative() {
    for index in 0..8 {
        let series = synthetic::series(1, index);
        assert_eq!(series, synthetic::series(1, index));
        assert!(series.values().iter().all(|v| v.is_finite() && *v >= 0.0));
    }
    assert_ne!(synthetic::series(1, 0), synthetic::series(2, 0));
    let steps: Vec<u64> = (0..8)
        .map(|i| synthetic::series(1, i).step().as_secs())
        .collect();
    assert_eq!(steps, [60, 60, 60, 60, 60, 60, 10, 300]);
}

#[test]
fn a_series_without_windows_is_told_and_is_no_training_alone() {
    let card = card("mlp");
    let shape = Recipe::read(SHIPPED).unwrap().networks["mlp"].shape(&card);
    let empty = |name: &str, value: f64| dataset(name, vec![value; 3 * 1440]);
    let coarse = Dataset {
        series: Series::new(
            Timestamp::from_secs(1_767_571_200),
            Duration::from_hours(1),
            (0..40 * 24).map(|hour| f64::from(hour % 24)).collect(),
        ),
        ..empty("coarse", 1.0)
    };
    let gathered =
        |datasets: &[Dataset]| Corpus::gather(&card, &shape, datasets, &[], AMOUNTS, false, |_| {});
    for (without, why) in [
        (empty("flat", 0.0), "`flat`: gives no windows: every value"),
        (
            empty("gone", f64::NAN),
            "`gone`: gives no windows: no value",
        ),
        (coarse, "`coarse`: gives no windows: its step is 1h"),
        (
            dataset("short", wavy(20)),
            "`short`: gives no windows: the 14 steps",
        ),
    ] {
        let refused = gathered(std::slice::from_ref(&without)).unwrap_err();
        assert!(refused.starts_with(why), "{refused}");
        let beside = gathered(&[dataset("web", wavy(2880)), without]).unwrap();
        let told: Vec<String> = beside
            .without_windows()
            .map(|(name, why)| format!("`{name}`: {why}"))
            .collect();
        assert!(told.len() == 1 && told[0].starts_with(why), "{told:?}");
    }
    assert!(
        gathered(&[]).is_ok(),
        "synthetic series alone, as asked for"
    );
}
