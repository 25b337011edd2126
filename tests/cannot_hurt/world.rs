//! The world outside of a life: true time, true load, and what is wrong with the sources.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use forescale::domain::{ManualClock, Sample, Timestamp};
use forescale::monitor::{FetchError, FetchErrorKind, Fetched, Script, Span};

use super::{PLACES, WORKLOADS};

/// What is wrong with the source of one workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    Error(FetchErrorKind),
    /// Answers, so many seconds late.
    Slow(u64),
    /// Gives up, so many seconds late.
    TimesOut(u64),
    Empty,
    NotFinite,
    /// The newest samples are so many seconds old.
    Stale(u64),
    /// One sample in so many is there.
    Holes(u64),
    /// Part of the storage is away, and so many percent of the load are seen.
    Partial(u64),
}

/// The world outside: true time, true load, and what is wrong.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) state: Mutex<State>,
}

#[derive(Clone)]
pub(crate) struct State {
    /// The true time. The loop's clock may be off by `offset` milliseconds.
    pub(crate) now: Timestamp,
    pub(crate) offset: i64,
    pub(crate) faults: [Fault; PLACES],
}

/// A number that looks random and is the same for the same input.
fn mixed(seed: u64, input: i64) -> u64 {
    let mut bits = seed ^ input.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^ (bits >> 32)
}

impl World {
    /// Waves, steps and noise between 60 and about 600; never nothing.
    pub(crate) fn load(&self, place: usize, at: Timestamp) -> f64 {
        let secs = at.as_secs();
        let wave = 250.0 + 120.0 * (at.as_secs_f64() / (600.0 + 300.0 * place as f64)).sin();
        let level = [1.0, 1.0, 0.5, 1.6][mixed(self.seed, secs.div_euclid(700)) as usize % 4];
        let noise = mixed(self.seed, secs) % 1000;
        wave * level * (1.0 + noise as f64 / 10_000.0)
    }

    pub(crate) fn pass(&self, secs: u64) {
        let mut state = self.state.lock().unwrap();
        state.now = state.now + Duration::from_secs(secs);
        let there = Timestamp::from_millis(state.now.as_millis() + state.offset);
        self.clock.set(there);
    }

    fn samples(&self, place: usize, span: Span, until: Timestamp, one_in: u64) -> Vec<Sample> {
        let (mut samples, mut at) = (Vec::new(), span.from);
        while at <= span.until && at <= until {
            if mixed(self.seed ^ 7, at.as_secs()).is_multiple_of(one_in) {
                let value = self.load(place, at);
                samples.push(Sample { at, value });
            }
            at = at + span.step;
        }
        samples
    }
}

impl Script for World {
    fn load(&self, query: &str, span: Span) -> Result<Fetched, FetchError> {
        let place = WORKLOADS.iter().position(|(name, _)| *name == query);
        let place = place.unwrap();
        let State { now, faults, .. } = self.state.lock().unwrap().clone();
        let answer = |until: Timestamp, one_in: u64| {
            let samples = self.samples(place, span, until, one_in);
            Ok(Fetched {
                series: usize::from(!samples.is_empty()),
                samples,
                ..Fetched::default()
            })
        };
        let error = |kind: FetchErrorKind| Err(FetchError::new(kind, "on purpose"));
        match faults[place] {
            Fault::None => answer(now, 1),
            Fault::Error(kind) => error(kind),
            Fault::Slow(secs) => {
                self.pass(secs);
                answer(now, 1)
            }
            Fault::TimesOut(secs) => {
                self.pass(secs);
                error(FetchErrorKind::Timeout)
            }
            Fault::Empty => Ok(Fetched::default()),
            Fault::NotFinite => Ok(Fetched {
                not_finite: span.points() as usize,
                series: 1,
                ..Fetched::default()
            }),
            Fault::Stale(age) => answer(now - Duration::from_secs(age), 1),
            Fault::Holes(one_in) => answer(now, one_in),
            Fault::Partial(percent) => answer(now, 1).map(|mut fetched| {
                fetched.partial = true;
                for sample in &mut fetched.samples {
                    sample.value *= percent as f64 / 100.0;
                }
                fetched
            }),
        }
    }

    /// Ready replicas, as wrong as they can be.
    fn beside(&self, query: &str, span: Span) -> Result<Fetched, FetchError> {
        let dice = mixed(self.seed, span.until.as_secs());
        let value = [0.0, 1.0, 17.0, 30.0, -5.0, 1e300][dice as usize % 6];
        match dice % 9 {
            7 => Ok(Fetched::default()),
            8 => Err(FetchError::new(FetchErrorKind::Query, query)),
            _ => Ok(Fetched {
                samples: vec![Sample {
                    at: span.until,
                    value,
                }],
                series: 1,
                ..Fetched::default()
            }),
        }
    }
}
