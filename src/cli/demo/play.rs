//! Plays a run to its end: as fast as it can, or slowed down for the eye.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::driver::Driver;
use super::frame::{Doors, Frame};
use super::progress::Progress;
use super::scaler::Scaler;
use super::screen::{self, Screen, Wish};
use super::setup::START;
use crate::domain::Timestamp;

/// Real time between two drawings.
const DRAW_EVERY: Duration = Duration::from_millis(50);
/// Nothing sleeps longer than this, so that keys are answered.
const NAP: Duration = Duration::from_millis(20);
/// A run that is late by more than this (the machine slept, or is slow) does not hurry to catch up.
const FORGIVEN_AFTER: Duration = Duration::from_secs(1);

/// Who watches.
#[derive(Debug)]
pub(super) enum Show {
    /// A person at a terminal.
    Screen(Box<Screen>),
    /// A log, or a person who wants no view.
    Lines(Progress),
}

/// Ties virtual time to real time.
#[derive(Debug)]
struct Pace {
    speed: Option<f64>,
    real: Instant,
    virt: Timestamp,
}

/// Plays until the run is over, a person quits, or `stop` is cancelled.
///
/// # Errors
/// When the terminal is gone.
pub(super) async fn play<S: Scaler>(
    driver: &mut Driver<S>,
    show: &mut Show,
    speed: Option<f64>,
    doors: &Doors,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut pace = Pace::from(speed, Instant::now(), START);
    let mut paused = false;
    let mut drawn: Option<Instant> = None;
    while !driver.finished() && !stop.is_cancelled() {
        if let Show::Screen(screen) = show {
            match screen::wish()? {
                Some(Wish::Quit) => break,
                Some(Wish::Pause) => {
                    paused = !paused;
                    pace = Pace::from(speed, Instant::now(), driver.now());
                    drawn = None;
                }
                Some(Wish::Redraw) => drawn = None,
                None => {}
            }
            if drawn.is_none_or(|at| at.elapsed() >= DRAW_EVERY) {
                screen.draw(&Frame::of(driver, doors, paused, speed))?;
                drawn = Some(Instant::now());
            }
        }
        let wait = if paused {
            NAP
        } else {
            pace.wait(Instant::now(), driver.now())
        };
        if wait.is_zero() {
            driver.tick().await;
            if let Show::Lines(progress) = show {
                progress.note(driver);
            }
        } else {
            tokio::time::sleep(wait.min(NAP)).await;
        }
    }
    Ok(())
}

impl Pace {
    fn from(speed: Option<f64>, real: Instant, virt: Timestamp) -> Self {
        Self { speed, real, virt }
    }

    /// How long, at the real moment `now`, the virtual moment `virt` is still ahead.
    fn wait(&mut self, now: Instant, virt: Timestamp) -> Duration {
        let Some(speed) = self.speed else {
            return Duration::ZERO;
        };
        let due = Duration::from_secs_f64(virt.since(self.virt).as_secs_f64() / speed);
        let passed = now.duration_since(self.real);
        if passed > due + FORGIVEN_AFTER {
            *self = Self::from(self.speed, now, virt);
        }
        due.saturating_sub(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_speed_of_sixty_makes_a_minute_last_a_second() {
        let began = Instant::now();
        let mut pace = Pace::from(Some(60.0), began, START);
        assert_eq!(pace.wait(began, START + MINUTE), millis(1000));
        assert_eq!(pace.wait(began + millis(400), START + MINUTE), millis(600));
        assert_eq!(pace.wait(began + millis(1100), START + MINUTE), millis(0));
    }

    #[test]
    fn a_machine_that_slept_does_not_make_the_run_hurry() {
        let began = Instant::now();
        let mut pace = Pace::from(Some(60.0), began, START);
        let woken = began + MINUTE * 60;
        assert_eq!(pace.wait(woken, START + MINUTE), millis(0));
        assert_eq!(pace.wait(woken, START + MINUTE * 2), millis(1000));
    }

    #[test]
    fn without_a_speed_nothing_waits() {
        let began = Instant::now();
        assert_eq!(
            Pace::from(None, began, START).wait(began, START + MINUTE),
            millis(0)
        );
    }
}
