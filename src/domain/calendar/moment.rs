//! Dates and times of a calendar (RFC 5545, 3.3.4 to 3.3.6).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::lines::Line;
use super::windows_zones;
use crate::domain::bounds::short;

/// Years in which events may lie: rules are followed from their first occurrence on.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;

/// The zone of an event's times.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Zone {
    /// Whatever the trigger's is.
    Floating,
    /// One that the calendar names.
    Of(TimeZone),
}

/// A reading of the clock.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    pub(super) local: DateTime,
    pub(super) zone: Zone,
    /// A day rather than a moment of it.
    pub(super) whole_day: bool,
}

// === impl Moment ===

impl Moment {
    /// The one value of a line such as `DTSTART;TZID=Europe/Berlin:20261127T080000`.
    pub(super) fn of(line: &Line) -> Result<Self, String> {
        Self::read(line, &line.value)
    }

    /// Each of its values.
    pub(super) fn list(line: &Line) -> Result<Vec<Self>, String> {
        let each = line.value.split(',');
        each.map(|value| Self::read(line, value.trim())).collect()
    }

    fn read(line: &Line, text: &str) -> Result<Self, String> {
        let shape = || {
            line.wrong(format!(
                "`{}` is neither like `20261127` nor like `20261127T080000`",
                short(text)
            ))
        };
        let (text, utc) = text
            .strip_suffix('Z')
            .map_or((text, false), |text| (text, true));
        let (local, whole_day) = civil(text).ok_or_else(shape)?;
        if !YEARS.contains(&local.year()) {
            let (first, last) = (YEARS.start(), YEARS.end());
            return Err(line.wrong(format!("the year is not from {first} to {last}")));
        }
        let zone = match line.parameter("TZID") {
            _ if utc => Zone::Of(TimeZone::UTC),
            _ if whole_day => Zone::Floating,
            None => Zone::Floating,
            Some(name) => {
                let name = name.trim_start_matches('/');
                let known = windows_zones::iana(name).unwrap_or(name);
                Zone::Of(TimeZone::get(known).map_err(|_| {
                    line.wrong(format!(
                        "`TZID={}` is no time zone of the IANA database, and none that Windows has",
                        short(name)
                    ))
                })?)
            }
        };
        Ok(Self {
            local,
            zone,
            whole_day,
        })
    }

    /// The same moment on a clock in `zone`. What has no zone is read as if it were in it.
    pub(super) fn read_in(&self, zone: &Zone) -> Option<DateTime> {
        match (&self.zone, zone) {
            (Zone::Of(own), Zone::Of(other)) if own != other => {
                let at = own.to_ambiguous_timestamp(self.local).compatible().ok()?;
                Some(other.to_datetime(at))
            }
            _ => Some(self.local),
        }
    }
}

/// `20261127`, or `20261127T080000`; and whether it is a day.
pub(super) fn civil(text: &str) -> Option<(DateTime, bool)> {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<i16>().ok()).flatten()
    };
    let small = |text: &str| number(text).and_then(|number| i8::try_from(number).ok());
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    if !day.is_ascii() || day.len() != 8 {
        return None;
    }
    let date = Date::new(number(&day[..4])?, small(&day[4..6])?, small(&day[6..])?).ok()?;
    let Some(time) = time else {
        return Some((date.to_datetime(Time::midnight()), true));
    };
    if !time.is_ascii() || time.len() != 6 {
        return None;
    }
    // A leap second is the last one before it.
    let second = small(&time[4..])?.min(59);
    let time = Time::new(small(&time[..2])?, small(&time[2..4])?, second, 0).ok()?;
    Some((date.to_datetime(time), false))
}
