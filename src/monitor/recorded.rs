//! A source in memory: a recording answers in the place of a server, with nothing on the wire. What reads from it is the
//! production code, so that a backtest is production.

use std::fmt;
use std::sync::Arc;

use super::replay::ReplaySource;
use super::span::{Fetched, Span};
use crate::domain::Sample;

/// A recording.
#[derive(Clone)]
pub(super) struct Recorded(pub(super) Arc<dyn ReplaySource>);

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorded")
    }
}

impl Recorded {
    /// What a server would answer at the recording's present.
    pub(super) fn read(&self, query: &str, span: Span) -> Fetched {
        let now = self.0.now();
        let mut fetched = Fetched::default();
        let mut at = span.from;
        while at <= span.until && at <= now {
            match self.0.value(query, at) {
                Some(value) if value.is_finite() => fetched.samples.push(Sample { at, value }),
                Some(_) => fetched.not_finite += 1,
                None => {}
            }
            at = at + span.step;
        }
        fetched.series = usize::from(!fetched.samples.is_empty());
        fetched
    }
}
