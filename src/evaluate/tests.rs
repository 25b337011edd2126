use std::collections::VecDeque;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::analyze::Config;
use crate::domain::{DEFAULT_LEVELS, Forecast, Quantile, Series, Timestamp};

const STEP: Duration = Duration::from_mins(10);

fn dataset(values: Vec<f64>) -> Dataset {
    Dataset {
        name: "web".to_owned(),
        series: Series::new(Timestamp::from_secs(1_700_000_400), STEP, values),
        notes: Vec::new(),
    }
}

/// A day's wave with some restlessness that needs no seed.
fn wave(steps: usize) -> Vec<f64> {
    (0..steps)
        .map(|i| {
            let angle = i as f64 / 144.0 * std::f64::consts::TAU;
            let restless = (i as f64 * 12.9898).sin() * 43_758.547;
            100.0 + 40.0 * angle.sin() + 6.0 * (restless - restless.floor())
        })
        .collect()
}

fn protocol(models: &[&str]) -> Protocol {
    Protocol {
        events: Events::default(),
        models: models.iter().map(|name| (*name).to_owned()).collect(),
        horizons: vec![
            HumanDuration::from_secs(600),
            HumanDuration::from_secs(1800),
        ],
        test_fraction: 0.3,
        stride: HumanDuration::from_secs(600),
        history: HumanDuration::from_secs(14 * 86_400),
        refit: HumanDuration::from_secs(6 * 3600),
        timezone: "UTC".to_owned(),
    }
}

fn registry() -> Arc<Registry> {
    let config = Config {
        model_dirs: Vec::new(),
        shipped_networks: false,
        ..Config::default()
    };
    Arc::new(Registry::new(&config).unwrap())
}

/// A server whose forecasts are written down: `spread` around a multiple of the last value, for one model and for the
/// reference, whose multiple is 1. Every `fails`th answer is a stand-in, every `silent`th is none.
#[derive(Debug)]
struct Scripted {
    multiple: f64,
    spread: f64,
    fails: usize,
    silent: usize,
    asked: usize,
}

impl Scripted {
    fn new(multiple: f64, spread: f64) -> Self {
        Self {
            multiple,
            spread,
            fails: usize::MAX,
            silent: usize::MAX,
            asked: 0,
        }
    }

    fn forecast(&self, history: &Series, multiple: f64) -> Forecast {
        let last = history.last_observed().unwrap().value;
        let at = |level: &Quantile| last * multiple + self.spread * (level.get() - 0.5);
        let values = DEFAULT_LEVELS
            .iter()
            .flat_map(|level| [at(level) as f32; 3])
            .collect();
        let end = history.time_of(history.len() - 1);
        Forecast::new(
            "scripted",
            end,
            history.step(),
            DEFAULT_LEVELS.to_vec(),
            values,
            None,
        )
        .unwrap()
    }
}

impl Replay for Scripted {
    fn at(&mut self, seen: Seen<'_>) -> Moment {
        self.asked += 1;
        let history = seen.tail(Duration::from_hours(24));
        let answer = |forecast, unanswered| Answer {
            forecast,
            unanswered,
            took: Duration::from_millis(2),
        };
        let own = self.forecast(&history, self.multiple);
        let silent = self.asked.is_multiple_of(self.silent);
        let failed = self.asked.is_multiple_of(self.fails);
        Moment {
            answers: vec![answer(
                (!silent).then_some(own),
                failed.then(|| "not today".to_owned()),
            )],
            reference: answer(Some(self.forecast(&history, 1.0)), None),
            prepare: Duration::from_millis(1),
            fit: (self.asked == 1).then(|| Fitting {
                took: Duration::from_millis(8),
                bytes: 100,
            }),
        }
    }
}

fn scripted(values: Vec<f64>, replay: &mut Scripted) -> report::Trace {
    evaluate(&dataset(values), &protocol(&["one"]), replay, &|_| {}).unwrap()
}

fn near(found: Option<f64>, wanted: f64) {
    let found = found.unwrap();
    assert!((found - wanted).abs() < 1e-6, "{found} instead of {wanted}");
}

#[test]
fn errors_are_what_their_formulas_say() {
    // A value that rises by 1 a step; the model says 10 % more than the last value, naive the last value.
    let values: Vec<f64> = (0..300).map(f64::from).collect();
    let trace = scripted(values, &mut Scripted::new(1.1, 20.0));
    assert_eq!((trace.origins, trace.fits, trace.fit_bytes), (89, 1, 100));
    let entry = trace.entry("one", 1800).unwrap();
    assert_eq!(
        entry.n, 87,
        "the last two origins have no target half an hour ahead"
    );
    // Origins are the steps 210 to 296, targets three steps later.
    let errors: Vec<f64> = (210..297).map(|i| 0.1 * f64::from(i) - 3.0).collect();
    let n = errors.len() as f64;
    let mae = errors.iter().sum::<f64>() / n;
    near(entry.mae, mae);
    near(
        entry.rmse,
        (errors.iter().map(|e| e * e).sum::<f64>() / n).sqrt(),
    );
    near(entry.rel_mae_vs_naive, mae / 3.0);
    near(entry.mase, mae / 144.0);
    let targets: Vec<f64> = (213..300).map(f64::from).collect();
    let size: f64 = targets.iter().sum();
    near(entry.bias, mae * n / size);
    let symmetric = errors
        .iter()
        .zip(&targets)
        .map(|(e, y)| 200.0 * e / (2.0 * y + e));
    near(entry.smape, symmetric.sum::<f64>() / n);
    let pinball: f64 = (errors.iter().zip(&targets))
        .flat_map(|(e, y)| {
            LOSS_LEVELS.map(|level| {
                let over = y - (y + e + 20.0 * (level - 0.5));
                (level * over).max((level - 1.0) * over)
            })
        })
        .sum();
    near(entry.wql, 2.0 * pinball / (4.0 * size));
    near(entry.peak_wql, 2.0 * pinball / (4.0 * size));
    let coverage = entry.coverage.as_ref().unwrap();
    assert!(
        (coverage["0.5"] - 1.0).abs() < 1e-9,
        "10 % more is always enough"
    );
    assert!((entry.fit_ms - 8.0).abs() < 1e-9 && (entry.predict_ms - 2.0).abs() < 1e-9);
}

#[test]
fn coverage_counts_values_at_or_below_the_quantile() {
    // One value in five is 4 higher: the quantile .8 covers it or not by the spread alone.
    let values: Vec<f64> = (0..500)
        .map(|i| if i % 5 == 0 { 104.0 } else { 100.0 })
        .collect();
    let trace = scripted(values, &mut Scripted::new(1.0, 0.0));
    let coverage = trace.entry("one", 600).unwrap().coverage.clone().unwrap();
    let keys: Vec<&str> = coverage.keys().map(String::as_str).collect();
    assert_eq!(keys, ["0.5", "0.8", "0.9", "0.95", "0.99"]);
    // From 100 the next is 104 one time in four; from 104 it is always 100.
    assert!((coverage["0.99"] - 0.8).abs() < 0.01, "{coverage:?}");
}

#[test]
fn a_pair_counts_for_every_model_or_for_none_and_stand_ins_are_counted() {
    let mut replay = Scripted {
        fails: 4,
        silent: 5,
        ..Scripted::new(1.0, 5.0)
    };
    let trace = scripted(wave(400), &mut replay);
    let entry = trace.entry("one", 600).unwrap();
    assert_eq!(trace.origins, 119);
    assert_eq!(
        entry.n,
        119 - 23,
        "an origin without any forecast counts for nobody"
    );
    assert_eq!(entry.unanswered, 29 - 5);
    near(entry.rel_mae_vs_naive, 1.0);
    assert!(trace.notes[0].contains("not today"), "{:?}", trace.notes);
}

#[test]
fn nothing_is_scored_where_nothing_was_measured() {
    let mut values = wave(400);
    for gap in [300..310, 350..351] {
        values[gap].fill(f64::NAN);
    }
    let trace = scripted(values, &mut Scripted::new(1.0, 5.0));
    assert_eq!(
        trace.origins_skipped, 11,
        "without a new sample there is no new forecast"
    );
    assert_eq!(trace.missing, 11);
    let entry = trace.entry("one", 1800).unwrap();
    // Of 117 origins with a target within the trace, 11 are gaps and 4 look into one from outside.
    assert_eq!(entry.n, 117 - 11 - 4);
    assert!(entry.peaks < entry.n, "a peak over a gap is no peak");
}

#[test]
fn a_constant_trace_makes_no_number_up() {
    let trace = scripted(vec![5.0; 300], &mut Scripted::new(1.0, 0.0));
    let entry = trace.entry("one", 600).unwrap();
    near(entry.rel_mae_vs_naive, 1.0);
    assert_eq!(entry.mase, None, "nothing changes from day to day");
    let zeros = scripted(vec![0.0; 300], &mut Scripted::new(1.0, 0.0));
    let entry = zeros.entry("one", 600).unwrap();
    assert_eq!((entry.smape, entry.wql), (Some(0.0), None));
    let worse = scripted(vec![5.0; 300], &mut Scripted::new(2.0, 0.0));
    assert_eq!(worse.entry("one", 600).unwrap().rel_mae_vs_naive, None);
}

#[test]
fn a_horizon_that_is_no_whole_number_of_steps_is_rounded_and_said() {
    let mut protocol = protocol(&["one"]);
    protocol.horizons = vec![HumanDuration::from_secs(60), HumanDuration::from_secs(1700)];
    let data = dataset(wave(300));
    let trace = evaluate(&data, &protocol, &mut Scripted::new(1.0, 1.0), &|_| {}).unwrap();
    let scored: Vec<u64> = trace.models.iter().map(|e| e.scored_seconds).collect();
    assert_eq!(scored, [600, 1800]);
    assert_eq!(
        trace.models[0].horizon_seconds, 60,
        "named as it was asked for"
    );
    assert!(trace.notes[0].contains("1m") && trace.notes[0].contains("600 s"));
}

#[test]
fn a_trace_that_is_too_short_is_named() {
    let data = dataset(vec![1.0, f64::NAN]);
    let error = evaluate(
        &data,
        &protocol(&["one"]),
        &mut Scripted::new(1.0, 1.0),
        &|_| {},
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("trace `web`: no forecast could be compared"),
        "{error}"
    );
}

#[test]
fn settings_out_of_range_name_the_flag_and_what_is_allowed() {
    let with = |change: fn(&mut Protocol)| {
        let mut wrong = protocol(&["auto"]);
        change(&mut wrong);
        wrong.validate().unwrap_err()
    };
    for (text, flag) in [
        (with(|p| p.test_fraction = 1.0), "`--test-fraction` 1"),
        (
            with(|p| p.test_fraction = f64::NAN),
            "`--test-fraction` NaN",
        ),
        (with(|p| p.horizons.clear()), "`--horizons`"),
        (
            with(|p| p.horizons[0] = HumanDuration::from_secs(8 * 86_400)),
            "`--horizons` 8d",
        ),
        (
            with(|p| p.stride = HumanDuration::default()),
            "`--stride` 0s",
        ),
        (
            with(|p| p.refit = HumanDuration::from_secs(1)),
            "`--refit` 1s",
        ),
        (with(|p| p.models.clear()), "`--models`"),
    ] {
        assert!(text.contains(flag), "{text}");
    }
    assert_eq!(protocol(&["auto"]).validate(), Ok(()));
}

/// Everything the server replay says at every origin, as text.
#[derive(Debug)]
struct Recorded {
    inner: ServerReplay,
    said: Mutex<VecDeque<String>>,
}

impl Replay for Recorded {
    fn at(&mut self, seen: Seen<'_>) -> Moment {
        let moment = self.inner.at(seen);
        let answers = moment.answers.iter().map(|a| format!("{:?}", a.forecast));
        let said = answers.collect::<Vec<_>>().join("\n");
        self.said.lock().unwrap().push_back(said);
        moment
    }
}

fn said(values: Vec<f64>, protocol: &Protocol) -> Vec<String> {
    let data = dataset(values);
    let mut replay = Recorded {
        inner: ServerReplay::new(registry(), protocol, &data.series),
        said: Mutex::default(),
    };
    evaluate(&data, protocol, &mut replay, &|_| {}).unwrap();
    replay.said.into_inner().unwrap().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn nothing_after_an_origin_changes_its_forecast(keep in 410_usize..500, factor in 0.0..4.0) {
        let mut protocol = protocol(&["auto", "linear", "holt-winters"]);
        protocol.stride = HumanDuration::from_secs(3 * 3600);
        let values = wave(576);
        let mut changed = values.clone();
        for value in &mut changed[keep..] {
            *value = 1000.0 - factor * *value;
        }
        let (before, after) = (said(values, &protocol), said(changed, &protocol));
        // Origins are every 18 steps from step 403 on.
        let same = (keep - 1 - 403) / 18 + 1;
        prop_assert_eq!(&before[..same], &after[..same]);
        prop_assert_ne!(before, after, "the change shows where it may");
    }
}

#[test]
fn a_seasonal_trace_is_forecast_better_than_by_holding_on() {
    let datasets = [dataset(wave(720)), dataset(wave(600))];
    let mut protocol = protocol(&["auto", "naive"]);
    protocol.stride = HumanDuration::from_secs(3600);
    let run = |jobs| {
        let told = AtomicUsize::new(0);
        let report = run(&datasets, &protocol, &registry(), jobs, &|n| {
            told.fetch_add(n as usize, Ordering::Relaxed);
        });
        (report, told.into_inner() as u64)
    };
    let (report, told) = run(NonZero::<usize>::MIN);
    let expected: u64 = datasets.iter().map(|d| origins(&d.series, &protocol)).sum();
    assert_eq!(told, expected, "progress reaches its end");
    let auto = &report.summary[1];
    assert_eq!(
        (auto.model.as_str(), auto.horizon_seconds, auto.traces),
        ("auto", 1800, 2)
    );
    assert!(auto.rel_mae_vs_naive.unwrap() < 0.8, "{auto:?}");
    assert_eq!(auto.better_than_naive, 2);
    assert!(auto.coverage_error["0.9"].mean < 0.1, "{auto:?}");
    let naive = report.traces[0].entry("naive", 600).unwrap();
    near(naive.rel_mae_vs_naive, 1.0);
    // Its bands are calibrated as it goes, the reference's are those of the fit.
    let loss = naive.rel_wql_vs_naive.unwrap();
    assert!((0.7..1.3).contains(&loss), "{loss}");

    let (parallel, _) = run(NonZero::new(2).unwrap());
    for (one, other) in report.traces.iter().zip(&parallel.traces) {
        for (a, b) in one.models.iter().zip(&other.models) {
            assert_eq!(
                (a.n, a.mae, a.wql),
                (b.n, b.mae, b.wql),
                "threads change nothing"
            );
        }
    }
    written(&report);
}

/// The three ways to write a report.
fn written(report: &Report) {
    let json = serde_json::to_value(report).unwrap();
    let entry = &json["traces"][0]["models"][0];
    for field in [
        "model",
        "horizon_seconds",
        "n",
        "mae",
        "rmse",
        "mase",
        "rel_mae_vs_naive",
        "smape",
        "wql",
        "peak_wql",
        "coverage",
        "fit_ms",
        "predict_ms",
    ] {
        assert!(!entry[field].is_null(), "`{field}` is missing: {entry:#}");
    }
    assert_eq!(json["traces"][0]["step_seconds"], 600);
    assert_eq!(json["protocol"]["horizons"][0], "10m");
    let table = table(report);
    assert!(
        table.contains("auto") && table.contains("Over 2 traces (all)"),
        "{table}"
    );
    let page = html::html(report);
    assert!(page.contains("<svg") && page.contains("Coverage") && page.contains("web"));
    assert!(!page.contains("http") && !page.contains("NaN"));
}

#[test]
fn what_is_excluded_is_neither_scored_nor_learned_from() {
    let quiet = wave(10 * 144);
    // 2023-11-23 16:40 in Berlin.
    let begins = 1_700_754_000;
    let first = usize::try_from((begins - 1_700_000_400) / 600).unwrap();
    let mut tested = quiet.clone();
    for value in &mut tested[first..first + 12] {
        *value *= 20.0;
    }
    let score = |values: &[f64], text: &str| {
        let mut protocol = protocol(&["auto", "linear"]);
        protocol.events = Events::parse(text).unwrap();
        protocol.timezone = "Europe/Berlin".to_owned();
        protocol.stride = HumanDuration::from_secs(1800);
        protocol.refit = HumanDuration::from_secs(86_400);
        let data = dataset(values.to_vec());
        let mut replay = ServerReplay::new(registry(), &protocol, &data.series);
        evaluate(&data, &protocol, &mut replay, &|_| {}).unwrap()
    };
    let quiet = score(&quiet, "");
    let marked = score(&tested, "exclude:2023-11-23T16:40/2h load test");
    let unmarked = score(&tested, "");
    let pairs = quiet
        .models
        .iter()
        .zip(&marked.models)
        .zip(&unmarked.models);
    for ((quiet, marked), unmarked) in pairs {
        // Four origins and as many targets, some of which are both.
        let left_out = quiet.n - marked.n;
        assert!((4..=8).contains(&left_out), "{left_out}");
        assert_eq!(quiet.n, unmarked.n);
        let [calm, with, without] = [quiet, marked, unmarked].map(|entry| entry.mae.unwrap());
        let model = &quiet.model;
        assert!(with < 1.1 * calm, "{model}: {with} after {calm}");
        assert!(without > 3.0 * calm, "{model}: {without} after {calm}");
    }
}
