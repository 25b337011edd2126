//! A load test yesterday that the user has marked changes no forecast of today; one that was not marked does.

use super::*;
use crate::analyze::ensemble::{self, Other, Wanted};
use crate::analyze::{fit_and_track, prepare_for};
use crate::domain::{Events, Track};

const STEP: u64 = 300;
const DAY: usize = 288;
const HORIZON: usize = 6;

/// The load test: the eighth day from 12:00 to 14:00. Now it is 12:30 on the ninth.
const TEST: std::ops::Range<usize> = 7 * DAY + 144..7 * DAY + 168;
const NOW: usize = 8 * DAY + 150;
const EXCLUDE: &str = "exclude:2023-11-20T12:00/2h load test";

/// Distance from the typical load, as a share of it, that counts as nothing.
const NOTHING: f64 = 0.04;

fn series(values: &[f64]) -> Series {
    let start = Timestamp::from_secs(MONDAY);
    Series::new(start, Duration::from_secs(STEP), values.to_vec())
}

fn load(tested: bool) -> Vec<f64> {
    let mut values = wave(9, STEP, 7);
    values.truncate(NOW);
    if tested {
        for value in &mut values[TEST] {
            *value = 5.0 * *value + 200.0;
        }
    }
    values
}

/// How a workload came to the present.
#[derive(Clone, Copy)]
enum Past {
    Quiet,
    Marked,
    Unmarked,
}

impl Past {
    fn prepared(self, until: usize) -> Prepared {
        let (tested, text) = match self {
            Self::Quiet => (false, ""),
            Self::Marked => (true, EXCLUDE),
            Self::Unmarked => (true, ""),
        };
        let events = Events::parse(text).unwrap();
        prepare_for(&series(&load(tested)[..until]), &events, "UTC")
    }

    fn input(self, until: usize, fit: &Arc<Fit>) -> ForecastInput {
        let mut input = input(self.prepared(until), None, HORIZON);
        input.fit = Some(Arc::clone(fit));
        input
    }

    /// The median paths of every model on a fit of all that came before.
    fn medians(self, registry: &Registry) -> Vec<(String, Vec<f64>)> {
        let history = self.prepared(NOW);
        let names = registry.names();
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        let (fit, _) = fit_and_track(&history, HORIZON, "UTC", history.series.end(), &asked);
        let fit = Arc::new(fit);
        let names = names.into_iter().filter(|name| name != "auto");
        let forecast = |name: String| {
            let choice = match name.strip_prefix("onnx:") {
                Some(network) => ModelChoice::Onnx(network.to_owned()),
                None => ModelChoice::Named(name.clone()),
            };
            let model = registry.get(&choice, Some(&fit)).unwrap();
            let forecast = model.forecast(&[self.input(NOW, &fit)]).remove(0);
            (name, median(&forecast.unwrap()))
        };
        names.map(forecast).collect()
    }

    /// The median path of `auto`, which has lived through the last day and a half.
    fn auto(self, network: &dyn Forecaster) -> (Vec<f64>, Track) {
        let first = TEST.start - 24;
        let history = self.prepared(first);
        let (fit, track) = fit_and_track(&history, HORIZON, "UTC", history.series.end(), &[]);
        let (fit, mut track) = (Arc::new(fit), track);
        let mut path = Vec::new();
        for until in first + 1..=NOW {
            let input = self.input(until, &fit);
            let forecast = network.forecast(std::slice::from_ref(&input)).remove(0);
            let other = forecast.ok().map(|forecast| Other {
                model: network.name().into(),
                forecast,
            });
            let others: Vec<Other> = other.into_iter().collect();
            let turn = ensemble::turn(&input, Wanted::Auto, &others, Some(&track)).unwrap();
            track = turn.track;
            path = median(&turn.forecast);
        }
        (path, track)
    }
}

fn median(forecast: &Forecast) -> Vec<f64> {
    let steps = 0..forecast.steps();
    steps
        .map(|step| forecast.quantile(Quantile::MEDIAN, step))
        .collect()
}

/// The largest distance, as a share of the load.
fn apart(one: &[f64], two: &[f64]) -> f64 {
    let pairs = one.iter().zip(two);
    pairs.fold(0.0, |most, (a, b)| most.max((a - b).abs() / b.abs()))
}

/// With the networks that come with the program.
fn all_models() -> Registry {
    Registry::new(&Config {
        model_dirs: Vec::new(),
        onnx_engine: OnnxEngine::Rten,
        ..Config::default()
    })
    .unwrap()
}

#[test]
fn no_model_learns_from_a_load_test_that_was_marked() {
    let registry = all_models();
    let pasts = [Past::Quiet, Past::Marked, Past::Unmarked];
    let [quiet, marked, unmarked] = pasts.map(|past| past.medians(&registry));
    assert_eq!(quiet.len(), registry.names().len() - 1, "all but `auto`");
    for ((name, quiet), (marked, unmarked)) in quiet.iter().zip(marked.iter().zip(&unmarked)) {
        let (with, without) = (apart(&marked.1, quiet), apart(&unmarked.1, quiet));
        assert!(with <= NOTHING, "`{name}` moves by {with} of the load");
        // Two look back no further than five minutes, and the third only at what looked like the present.
        if !matches!(name.as_str(), "naive" | "recent-mean" | "analog") {
            assert!(without > 1.3 * with, "`{name}`: {without}, marked {with}");
        }
    }
}

#[test]
fn auto_learns_nothing_from_a_load_test_that_was_marked() {
    let registry = all_models();
    let network = registry.get(&ModelChoice::Onnx("mlp".to_owned()), None);
    let network = network.unwrap();
    let pasts = [Past::Quiet, Past::Marked, Past::Unmarked];
    let [quiet, marked, unmarked] = pasts.map(|past| past.auto(network.as_ref()));
    let (with, without) = (apart(&marked.0, &quiet.0), apart(&unmarked.0, &quiet.0));
    assert!(with <= NOTHING, "{with}");
    assert!(without > NOTHING, "{without}");
    for (place, lane) in quiet.1.lanes.iter().enumerate() {
        let grown = |track: &Track| track.lanes[place].scale / lane.scale;
        let (with, without) = (grown(&marked.1), grown(&unmarked.1));
        assert!((with - 1.0).abs() < 0.05, "the usual error stays: {with}");
        assert!(without > 1.3, "without a mark it grows: {without}");
        assert!(
            marked.1.lanes[place].settled + 24 <= lane.settled,
            "what was said or came during the test is no evidence"
        );
    }
}

#[test]
fn while_a_marked_load_test_goes_on_it_is_the_load_there_is() {
    let registry = all_models();
    let now = TEST.end - 6;
    let fit = {
        let history = Past::Marked.prepared(TEST.start);
        Arc::new(fitted(&history, HORIZON, "UTC"))
    };
    let input = Past::Marked.input(now, &fit);
    let load = *load(true)[..now].last().unwrap();
    assert_eq!(input.history.series.values().last(), Some(&load));
    for name in ["naive", "recent-mean", "linear", "holt-winters", "onnx:mlp"] {
        let choice = match name.strip_prefix("onnx:") {
            Some(network) => ModelChoice::Onnx(network.to_owned()),
            None => ModelChoice::Named(name.to_owned()),
        };
        let model = registry.get(&choice, Some(&fit)).unwrap();
        let forecast = model.forecast(std::slice::from_ref(&input)).remove(0);
        let next = median(&forecast.unwrap())[0];
        assert!(
            (next / load - 1.0).abs() < 0.3,
            "`{name}`: {next} after {load}"
        );
    }
}

#[test]
fn a_network_is_shown_no_marked_time_but_one_that_goes_on() {
    let over = Past::Marked.prepared(NOW);
    let shown = over.shown();
    assert!(shown.values()[TEST].iter().all(|value| value.is_nan()));
    assert_eq!(shown.values()[TEST.end..], over.series.values()[TEST.end..]);
    assert_eq!(
        shown.values()[..TEST.start],
        over.series.values()[..TEST.start]
    );
    let during = Past::Marked.prepared(TEST.end - 3);
    assert_eq!(during.shown().values(), during.series.values());
}
