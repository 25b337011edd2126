//! The way of a number, written down step by step in words for a person on call.

use std::time::Duration;

use super::case::Case;
use crate::domain::{HumanDuration, Limit, Reason, Timestamp};

/// A count of replicas that remembers what moved it.
pub(super) struct Ledger {
    count: u32,
    reasons: Vec<Reason>,
}

impl Ledger {
    /// Opens with where the number starts: it was `before`, it is `count`.
    pub(super) fn open(limit: Limit, before: u32, count: u32, text: String) -> Self {
        let mut ledger = Self {
            count,
            reasons: Vec::with_capacity(4),
        };
        ledger.write(limit, before, text);
        ledger
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Moves the number; says so only if it moves.
    pub(super) fn move_to(&mut self, limit: Limit, count: u32, text: impl FnOnce() -> String) {
        if count != self.count {
            let before = std::mem::replace(&mut self.count, count);
            self.write(limit, before, text());
        }
    }

    /// Raises the number to at least `count`.
    pub(super) fn raise_to(&mut self, limit: Limit, count: u32, text: impl FnOnce() -> String) {
        self.move_to(limit, self.count.max(count), text);
    }

    /// Lowers the number to at most `count`.
    pub(super) fn lower_to(&mut self, limit: Limit, count: u32, text: impl FnOnce() -> String) {
        self.move_to(limit, self.count.min(count), text);
    }

    /// Says something that moves nothing.
    pub(super) fn note(&mut self, limit: Limit, text: String) {
        self.write(limit, self.count, text);
    }

    /// `minReplicas`, then the upper bound, which wins.
    pub(super) fn bound(&mut self, case: &Case<'_>) {
        self.raise_to(Limit::MinReplicas, case.lower_bound(), || {
            case.lower_bound_text()
        });
        self.cap(case);
    }

    /// The upper bound alone.
    pub(super) fn cap(&mut self, case: &Case<'_>) {
        self.lower_to(Limit::MaxReplicas, case.upper_bound(), || {
            case.upper_bound_text()
        });
    }

    pub(super) fn close(self) -> Vec<Reason> {
        self.reasons
    }

    fn write(&mut self, limit: Limit, from: u32, text: String) {
        self.reasons.push(Reason {
            limit,
            from,
            to: self.count,
            text,
        });
    }
}

// === words ===

/// `1 replica`, `12 replicas`.
pub(crate) fn replicas(count: u32) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} replica{plural}")
}

/// A number with as many digits as a person needs: `1234567`, `123.4`, `0.004`.
pub(crate) fn amount(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if size >= 1e12 || (size > 0.0 && size < 1e-3) => return format!("{value:.2e}"),
        _ if size >= 1000.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A length of time to the second: `1m30s`.
pub(super) fn span(duration: Duration) -> String {
    HumanDuration::from_secs(duration.as_secs()).to_string()
}

/// How long ago `at` was; a moment that the clock has not reached yet says so.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        format!("at {at}, which the clock has not reached")
    } else {
        format!("{} ago", span(now.since(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_digits_a_person_needs() {
        let written = [1_234_567.8, 123.44, 100.0, 9.5, 0.004, 0.0, 2e15, 1e-7].map(amount);
        assert_eq!(
            written,
            [
                "1234568", "123.4", "100", "9.5", "0.004", "0", "2.00e15", "1.00e-7"
            ]
        );
    }

    #[test]
    fn a_step_that_moves_nothing_leaves_no_reason() {
        let mut ledger = Ledger::open(Limit::Observed, 3, 3, "start".into());
        ledger.raise_to(Limit::MinReplicas, 2, || "never".into());
        ledger.lower_to(Limit::MaxReplicas, 5, || "never".into());
        assert_eq!(ledger.close().len(), 1);
    }
}
