//! The refresh loop's sign of life. Measured on the runtime's own clock, so that a wall clock that jumps neither hides a
//! dead loop nor buries a living one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When the loop last turned; clones share it.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    started: Instant,
    last_millis: Arc<AtomicU64>,
    limit: Duration,
}

impl Heartbeat {
    /// A heart that beats now and counts as stopped after `limit` of silence.
    pub fn new(limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            last_millis: Arc::default(),
            limit,
        }
    }

    /// The loop has turned.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    /// Time since the last beat.
    pub fn age(&self) -> Duration {
        self.age_at(Instant::now())
    }

    /// After how much silence the loop counts as stopped.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the loop turns.
    pub fn is_fresh(&self) -> bool {
        self.age() <= self.limit
    }

    fn beat_at(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.started).as_millis();
        self.last_millis
            .fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn age_at(&self, now: Instant) -> Duration {
        let last = Duration::from_millis(self.last_millis.load(Ordering::Relaxed));
        now.saturating_duration_since(self.started)
            .saturating_sub(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_the_silence_since_the_last_beat() {
        let heartbeat = Heartbeat::new(Duration::from_mins(1));
        let after = |secs| heartbeat.started + Duration::from_secs(secs);
        assert_eq!(heartbeat.age_at(after(61)), Duration::from_secs(61));
        heartbeat.clone().beat_at(after(61));
        assert_eq!(heartbeat.age_at(after(61)), Duration::ZERO);
        heartbeat.beat_at(after(30));
        assert_eq!(
            heartbeat.age_at(after(70)),
            Duration::from_secs(9),
            "a late message turns nothing back"
        );
    }

    #[test]
    fn silence_beyond_the_limit_is_no_life() {
        let living = Heartbeat::new(Duration::from_hours(1));
        assert!(living.is_fresh());
        let stopped = Heartbeat {
            started: Instant::now().checked_sub(Duration::from_secs(5)).unwrap(),
            ..Heartbeat::new(Duration::from_secs(1))
        };
        assert!(!stopped.is_fresh());
        stopped.beat();
        assert!(stopped.is_fresh());
    }
}
