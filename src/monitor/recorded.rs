//! Sources in memory: a script answers in the place of every server, with nothing on the wire. What reads from it is the
//! production code, so that a backtest is production.

use std::fmt;
use std::sync::Arc;

use super::error::FetchError;
use super::replay::ReplaySource;
use super::span::{Fetched, Span};
use crate::domain::Sample;

/// Answers in the place of every source, faults included.
pub trait Script: Send + Sync + 'static {
    /// What the load's own `query` returns over `span`.
    ///
    /// # Errors
    /// What a source would say that can't answer.
    fn load(&self, query: &str, span: Span) -> Result<Fetched, FetchError>;

    /// What another `query` returns over `span`.
    ///
    /// # Errors
    /// As [`Script::load`].
    fn beside(&self, query: &str, span: Span) -> Result<Fetched, FetchError>;
}

/// A script as the monitor holds it.
#[derive(Clone)]
pub(super) struct Scripted(pub(super) Arc<dyn Script>);

/// A recording of the load, which answers beside it only what it knows of the present.
pub(super) struct Recorded(pub(super) Arc<dyn ReplaySource>);

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Script for Recorded {
    /// What a server would answer at the recording's present.
    fn load(&self, query: &str, span: Span) -> Result<Fetched, FetchError> {
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
        Ok(fetched)
    }

    fn beside(&self, query: &str, span: Span) -> Result<Fetched, FetchError> {
        let value = self.0.beside(query).ok_or_else(|| {
            FetchError::config(format!(
                "`{query}`: a recording holds the load and nothing beside it"
            ))
        })?;
        let at = span.until.min(self.0.now());
        Ok(Fetched {
            samples: vec![Sample { at, value }],
            series: 1,
            ..Fetched::default()
        })
    }
}
