//! When a workload is fitted anew, and how many are at a time.
//!
//! A fit takes a good part of a second, and after an outage, or a restart after one, every workload is due for one at once.
//! Nobody's answer may wait for many of them: what is more than [`AT_ONCE`] is put off, and the workload is planned with what
//! it has, an older fit or the measured load alone. It stays due, and is fitted with one of its next refreshes.
//!
//! Fits of a workload with some history are due at moments of its own, taken from its fingerprint as the moments of its
//! refreshes are: all replicas of Forescale fit it to the same samples, whenever each has been started.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::schedule::phase_start;
use crate::domain::Timestamp;
use crate::knowledge::{Learned, Workload};

/// So many fits are made at the same time, and by one refresh. With so many workloads, or fewer, none is ever put off.
const AT_ONCE: usize = 8;

/// Fits of a young workload are renewed after this share of its history's length.
const REFIT_SHARE: u32 = 10;

/// No workload is fitted more often than this.
const REFIT_AT_MOST: Duration = Duration::from_mins(2);

/// The leave to make one fit; given back when dropped.
pub(super) type Leave = OwnedSemaphorePermit;

/// The fits that are being made.
#[derive(Debug)]
pub(super) struct Fits(Arc<Semaphore>);

/// What one refresh may still fit.
#[derive(Debug)]
pub(super) struct Allowance {
    fits: Arc<Semaphore>,
    left: usize,
}

impl Default for Fits {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Fits {
    /// What a refresh that begins may fit.
    pub(super) fn allowance(&self) -> Allowance {
        Allowance {
            fits: Arc::clone(&self.0),
            left: AT_ONCE,
        }
    }

    /// Takes every leave that there is, so that a recorded refresh puts off again what it has put off.
    pub(super) fn take_all(&self) -> Vec<Leave> {
        let mut allowance = self.allowance();
        std::iter::from_fn(|| allowance.take()).collect()
    }
}

impl Allowance {
    /// The leave to make one more fit, where that is one that nobody waits for long.
    pub(super) fn take(&mut self) -> Option<Leave> {
        let left = self.left.checked_sub(1)?;
        let leave = Arc::clone(&self.fits).try_acquire_owned().ok()?;
        self.left = left;
        Some(leave)
    }
}

/// Whether `workload` is due for a fit; `every` is how often one with a long history is.
pub(super) fn is_due(
    workload: &Workload,
    learned: &Learned,
    every: Duration,
    now: Timestamp,
) -> bool {
    let Some(fit) = &learned.fit else { return true };
    let spec = &workload.spec;
    let first = learned.history.first().unwrap_or(now);
    // History that was read back after the fit is worth a new one at once.
    let since = learned.fit_since;
    if since.is_none_or(|since| first + spec.step() < since) || fit.at > now {
        return true;
    }
    let every = every
        .min(spec.history.get() / REFIT_SHARE)
        .max(REFIT_AT_MOST);
    let age = now.since(first);
    // The newest step is not over yet, and a history that is full is a step shorter than it may be.
    let is_young = age + 2 * spec.step() < every * REFIT_SHARE;
    if is_young {
        now.since(fit.at) >= (age / REFIT_SHARE).max(REFIT_AT_MOST)
    } else {
        fit.at < phase_start(workload, every, now)
    }
}

#[cfg(test)]
mod tests;
