//! The reading of the clock on the workload's wall.

use jiff::tz::TimeZone;

use crate::domain::Timestamp;

/// Where in its day a moment lies, daylight saving included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LocalTime {
    /// Days since the epoch of local time.
    pub(super) day: i64,
    /// From 0 to 23.
    pub(super) hour: u8,
    /// How much of the hour has passed, from 0 to below 1.
    pub(super) into_hour: f64,
    /// Hours that have passed since midnight.
    pub(super) since_midnight: f64,
    /// Hours that will pass until midnight.
    pub(super) until_midnight: f64,
}

/// The zone; one that is unknown counts as UTC, as everywhere.
pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// `None` for moments beyond the calendar.
pub(super) fn local(now: Timestamp, zone: &TimeZone) -> Option<LocalTime> {
    let at = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?;
    let here = at.to_zoned(zone.clone());
    let midnight = here.start_of_day().ok()?;
    let next = here.tomorrow().ok()?.start_of_day().ok()?;
    let hours = |millis: i64| millis as f64 / 3_600_000.0;
    let (begin, end) = (
        midnight.timestamp().as_millisecond(),
        next.timestamp().as_millisecond(),
    );
    let midnight_utc = here.date().to_zoned(TimeZone::UTC).ok()?;
    Some(LocalTime {
        day: midnight_utc.timestamp().as_second().div_euclid(86_400),
        hour: here.hour().unsigned_abs(),
        into_hour: (f64::from(here.minute()) * 60.0 + f64::from(here.second())) / 3600.0,
        since_midnight: hours(now.as_millis() - begin),
        until_midnight: hours(end - now.as_millis()),
    })
}
