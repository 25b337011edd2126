//! A line on stderr for each virtual hour, where there is no view.

use std::io::Write;

use super::driver::Driver;
use super::frame::{BAND_PERCENT, band};
use super::scaler::Scaler;
use super::setup::START;

const LINE_EVERY_SECS: u64 = 3600;

/// Writes the lines.
#[derive(Debug, Default)]
pub(super) struct Progress {
    hours: u64,
}

impl Progress {
    /// Writes a line if another virtual hour has passed.
    pub(super) fn note<S: Scaler>(&mut self, driver: &Driver<S>) {
        let hours = driver.now().since(START).as_secs() / LINE_EVERY_SECS;
        if hours > self.hours {
            self.hours = hours;
            // Nobody needs to know that stderr is closed.
            let _ = writeln!(std::io::stderr().lock(), "{}", line(driver));
        }
    }
}

fn line<S: Scaler>(driver: &Driver<S>) -> String {
    let (forescale, plain) = driver.totals();
    let published = driver.scaler().published();
    let forecast = published.as_ref().and_then(|p| p.forecast.clone());
    let ahead = forecast
        .and_then(|f| band(&f, driver.now()).last().copied())
        .map_or_else(
            || "no forecast".to_owned(),
            |last| {
                let (low, high) = BAND_PERCENT;
                format!(
                    "forecast {:.0}-{:.0}/s ({low}-{high} %)",
                    last.low, last.high
                )
            },
        );
    let (load, ready) = driver
        .trail()
        .last()
        .map_or((0.0, (0, 0)), |p| (p.demand, (p.forescale, p.plain)));
    format!(
        "{}  load {load:.0}/s, {ahead}  replicas {} (plain {})  overload {:.1} min (plain {:.1})  replica hours {:.1} (plain {:.1})",
        driver.now(),
        ready.0,
        ready.1,
        forescale.overload_minutes,
        plain.overload_minutes,
        forescale.replica_hours,
        plain.replica_hours,
    )
}
