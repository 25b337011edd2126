//! Runs every record, several at a time, with progress.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::analyze::models::Registry;
use crate::backtest::{self, BacktestError, Case, Settings, TraceReport};
use crate::cli::progress::Progress;
use crate::dataset::LeftOut;

type Outcome = Result<TraceReport, BacktestError>;

/// Those that could be run, in the order of `cases`, and what was wrong with the others.
pub(super) fn run(
    cases: &[Case],
    settings: &Settings,
    models: &Arc<Registry>,
    jobs: Option<NonZero<usize>>,
) -> anyhow::Result<(Vec<TraceReport>, Vec<LeftOut>)> {
    let progress = Progress::new(cases.iter().map(|c| c.ticks(settings)).sum(), "ticks");
    let cores = || std::thread::available_parallelism().ok();
    let jobs = jobs.or_else(cores).map_or(1, NonZero::get).min(cases.len());
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Option<Outcome>>> = cases.iter().map(|_| Mutex::default()).collect();
    let work = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let (Some(case), Some(outcome)) = (cases.get(place), outcomes.get(place)) else {
                return Ok(());
            };
            let report = runtime.block_on(one(case, settings, models, &progress));
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        // What a thread that panicked was at has no outcome, and others go on with what it left.
        let ended = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or(Ok(())));
        // All of them are joined, whatever the first one says.
        ended
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<anyhow::Result<()>>()
    })?;
    progress.finish();
    let (mut traces, mut left_out) = (Vec::new(), Vec::new());
    for (case, outcome) in cases.iter().zip(outcomes) {
        match outcome.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(report)) => traces.push(report),
            Some(Err(error)) => left_out.push(error.into()),
            None => left_out.push(LeftOut {
                name: case.name().to_owned(),
                why: "its backtest panicked; please report this".to_owned(),
            }),
        }
    }
    Ok((traces, left_out))
}

async fn one(
    case: &Case,
    settings: &Settings,
    models: &Arc<Registry>,
    progress: &Progress,
) -> Outcome {
    let stage = Stage::of(case.name(), case.ticks(settings));
    progress.say(format!("{}: {}", case.name(), backtest::FORESCALE));
    let passed = |ticks| {
        progress.advance(ticks);
        if let Some(text) = stage.after(ticks) {
            progress.say(text);
        }
    };
    case.run(settings, models, &passed).await
}

/// What a backtest is at, beside a bar that moves with Forescale's own life only: the other policies come after it, and the
/// searches among them take as long again.
pub(super) struct Stage<'a> {
    trace: &'a str,
    ticks: u64,
    passed: AtomicU64,
}

impl<'a> Stage<'a> {
    /// Before the first of `ticks`.
    pub(super) fn of(trace: &'a str, ticks: u64) -> Self {
        Self {
            trace,
            ticks,
            passed: AtomicU64::new(0),
        }
    }

    /// What is to be said once so many more ticks have passed; `None` where nothing is new.
    pub(super) fn after(&self, ticks: u64) -> Option<String> {
        let before = self.passed.fetch_add(ticks, Ordering::Relaxed);
        let done = before < self.ticks && before + ticks >= self.ticks;
        done.then(|| format!("{}: other policies", self.trace))
    }
}
