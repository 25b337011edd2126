//! Bounds by time: the least and the most replicas in windows that come again or come once, as a trigger writes them:
//! `Mon-Fri 08:00-18:00 min=10 max=50; 2026-11-27T08:00/6h min=40 ramp=30m`.
//!
//! Days are those of the week and public holidays, `Sun,holidays:DE`, or all but these, `Mon-Fri,!holidays:DE`.
//!
//! Windows are those of local time, in the trigger's time zone: eight in the morning is eight in the morning whatever the clock
//! does. A window that begins at a time that the clock skips begins when it has skipped it; of an hour that it shows twice, both
//! belong to the window.

mod days;
mod entry;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::entry::Entry;
use super::Timestamp;

/// Entries at most.
const MOST_ENTRIES: usize = 64;
/// The longest ramp.
pub(super) const LONGEST_RAMP: Duration = Duration::from_hours(24);
/// A window lasts from a minute to a month.
pub(super) const LENGTHS: std::ops::RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(31 * 24);
/// Replicas at most, as for `maxReplicas`.
const MOST_REPLICAS: u32 = 100_000;

/// Bounds by time. A clone shares what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    text: Arc<str>,
    entries: Arc<[Entry]>,
}

/// What holds within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Replicas at least.
    pub min: Option<u32>,
    /// Replicas at most.
    pub max: Option<u32>,
    /// How long `min` takes to rise before the window, and to fall after it.
    pub ramp: Duration,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundWindow {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// What holds within it.
    pub demand: Demand,
    /// As a person would call it.
    pub name: Arc<str>,
}

// === impl Bounds ===

impl Bounds {
    /// Reads entries separated by `;` or line breaks: days, a time of day, or a moment and a duration, then what holds.
    ///
    /// # Errors
    /// Says which entry is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let each = text.split([';', '\n']).map(str::trim);
        let entries: Vec<Entry> = each
            .filter(|entry| !entry.is_empty())
            .map(Entry::parse)
            .collect::<Result<_, _>>()?;
        if entries.is_empty() {
            return Err("this has no entry".to_owned());
        }
        if entries.len() > MOST_ENTRIES {
            return Err(format!("these are more than {MOST_ENTRIES} entries"));
        }
        Ok(Self {
            text: text.into(),
            entries: entries.into(),
        })
    }

    /// The windows that reach, ramps included, into the time from `from` until `until`, in the order of the text.
    pub fn windows(&self, timezone: &str, from: Timestamp, until: Timestamp) -> Vec<BoundWindow> {
        let zone = zone(timezone);
        let each = self.entries.iter();
        let mut windows: Vec<BoundWindow> = each
            .flat_map(|entry| entry.windows(&zone, from, until))
            .collect();
        windows.retain(|window| window.reaches(from, until));
        windows
    }

    /// What each entry asks for, and the entry.
    pub fn demands(&self) -> impl Iterator<Item = (Demand, &str)> {
        self.entries
            .iter()
            .map(|entry| (entry.demand, &*entry.name))
    }

    /// Bytes on the heap; clones share them.
    pub fn bytes(&self) -> usize {
        let each = self.entries.iter();
        let names = each.map(|entry| entry.name.len() + entry.bytes());
        self.text.len() + size_of_val::<[_]>(&self.entries) + names.sum::<usize>()
    }
}

/// As it was written.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Bounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

// === impl BoundWindow ===

impl BoundWindow {
    /// Whether it is on at `at`.
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether it, or one of its ramps, has a moment from `from` until `until`.
    pub(super) fn reaches(&self, from: Timestamp, until: Timestamp) -> bool {
        let ramp = self.demand.ramp;
        self.from - ramp <= until && self.until + ramp > from
    }
}

// === impl Demand ===

impl Demand {
    /// Takes `min=10`, `max=50` or `ramp=30m`; `None` when `key` is none of these.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Option<Result<(), String>> {
        let set = match key.to_ascii_lowercase().as_str() {
            "min" => count(value, 0).map(|min| self.min = Some(min)),
            "max" => count(value, 0).map(|max| self.max = Some(max)),
            "ramp" => ramp(value).map(|ramp| self.ramp = ramp),
            _ => return None,
        };
        Some(set.map_err(|why| format!("`{key}` is `{}`: {why}", short(value))))
    }

    /// Checks what its parts say together.
    pub(super) fn check(self) -> Result<Self, String> {
        match (self.min, self.max) {
            (None, None) => Err("neither `min=` nor `max=` is given".to_owned()),
            (Some(min), Some(max)) if min > max => {
                Err(format!("`min` is {min}, more than `max`, which is {max}"))
            }
            (None, Some(_)) if !self.ramp.is_zero() => {
                Err("`ramp` needs `min`: it is `min` that rises before the window".to_owned())
            }
            _ => Ok(self),
        }
    }
}

fn count(text: &str, least: u32) -> Result<u32, String> {
    text.trim()
        .parse::<u32>()
        .ok()
        .filter(|count| (least..=MOST_REPLICAS).contains(count))
        .ok_or_else(|| format!("this is not a whole number from {least} to {MOST_REPLICAS}"))
}

fn ramp(text: &str) -> Result<Duration, String> {
    text.trim()
        .parse::<super::HumanDuration>()
        .map(super::HumanDuration::get)
        .ok()
        .filter(|ramp| *ramp <= LONGEST_RAMP)
        .ok_or_else(|| "this is not a duration from 0s to 1d".to_owned())
}

// === time ===

/// A zone that is unknown counts as UTC, as everywhere.
pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The moment at which a window begins that begins at this reading of the clock.
pub(super) fn begin(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let moment = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

/// The moment at which a window ends that ends at this reading of the clock: of two, the later one.
pub(super) fn end(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let moment = zone.to_ambiguous_timestamp(local).later().ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

/// The reading of the clock.
pub(super) fn local(zone: &TimeZone, at: Timestamp) -> Option<DateTime> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(zone.to_datetime(at))
}

/// A value in a message: short, on one line.
pub(super) fn short(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
