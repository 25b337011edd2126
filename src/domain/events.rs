//! Known coming events, as a trigger names them: `2026-11-27/1d black-friday; 2026-12-24T18:00/6h; holidays:US`, and
//! past or coming times that nothing is to be learned from: `exclude:2026-11-20T10:00/2h load test`.
//!
//! Moments are local ones, in the trigger's time zone. They are counted in seconds of local time since the epoch of
//! local time, so that a day is a day whatever the clock does.

mod holidays;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(in crate::domain) use self::holidays::Country;
use super::HumanDuration;

/// An event lasts from a minute to a month.
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(31 * 24);

/// What an entry begins with that marks a time as not to be learned from.
const EXCLUDE: &str = "exclude:";

/// What an event without a name is called.
const UNNAMED: &str = "event";

/// Bytes of a name at most.
const LONGEST_NAME: usize = 64;

/// Known events, and times that nothing is to be learned from. Events of one name are one thing that comes again.
/// A clone shares what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    text: Arc<str>,
    entries: Arc<[Entry]>,
    excluded: Arc<[Excluded]>,
}

/// A time that the user has marked: a load test, a migration, a day that was like no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// Its first moment in seconds of local time.
    pub from: i64,
    /// How long it lasts. Whole days end at the same reading of the clock, whatever the clock does in between; anything
    /// else is a time that passes.
    pub length: Duration,
}

/// All times of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTimes {
    /// What it is called; the holidays of a country are called `holidays:` and its code.
    pub name: String,
    /// From and until (not part of it) in seconds of local time, in order.
    pub windows: Vec<(i64, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Once { name: String, from: i64, until: i64 },
    Holidays(Country),
}

// === impl Events ===

impl Events {
    /// Reads entries separated by `;` or line breaks: `MOMENT/DURATION NAME`, where the moment is `2026-11-27` or
    /// `2026-11-27T08:00` and the name may be missing, or `holidays:CODE`. `exclude:` before a moment makes the entry no
    /// event but a time that nothing is learned from.
    ///
    /// # Errors
    /// Says which entry is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut entries, mut excluded) = (Vec::new(), Vec::new());
        let each = text.split([';', '\n']).map(str::trim);
        for entry in each.filter(|entry| !entry.is_empty()) {
            match entry.strip_prefix(EXCLUDE) {
                Some(rest) => {
                    let (_, from, length) = once(entry, rest.trim_start())?;
                    excluded.push(Excluded { from, length });
                }
                None => entries.push(Entry::parse(entry)?),
            }
        }
        Ok(Self {
            text: text.into(),
            entries: entries.into(),
            excluded: excluded.into(),
        })
    }

    /// The times that nothing is to be learned from, in the order of the text.
    pub fn excluded(&self) -> &[Excluded] {
        &self.excluded
    }

    /// Whether there is neither an event nor a time that nothing is learned from.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.excluded.is_empty()
    }

    /// Bytes on the heap; clones share them.
    pub fn bytes(&self) -> usize {
        let name = |entry: &Entry| match entry {
            Entry::Once { name, .. } => name.capacity(),
            Entry::Holidays(_) => 0,
        };
        self.text.len()
            + size_of_val::<[_]>(&self.entries)
            + self.entries.iter().map(name).sum::<usize>()
            + size_of_val::<[_]>(&self.excluded)
    }

    /// The times of each event that overlap the local seconds from `from` until `until`, by name in the order of the
    /// text.
    pub fn times(&self, from: i64, until: i64) -> Vec<EventTimes> {
        let mut all: Vec<EventTimes> = Vec::new();
        for entry in self.entries.iter() {
            let name = entry.name();
            let windows = entry.windows(from, until);
            match all.iter_mut().find(|times| times.name == name) {
                Some(times) => times.windows.extend(windows),
                None => all.push(EventTimes { name, windows }),
            }
        }
        for times in &mut all {
            times.windows.sort_unstable();
            times.windows.dedup();
        }
        all.retain(|times| !times.windows.is_empty());
        all
    }
}

/// As it was written.
impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Events {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

// === impl EventTimes ===

impl EventTimes {
    /// Whether it goes on at `local` seconds of local time.
    pub fn is_on(&self, local: i64) -> bool {
        let later = self.windows.partition_point(|(from, _)| *from <= local);
        self.windows[..later]
            .iter()
            .any(|(_, until)| local < *until)
    }

    /// A number from 1 below 2^24 that stands for the name: a single-precision float can hold it.
    pub fn id(&self) -> u32 {
        // FNV-1a, folded.
        let hash = self.name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        ((hash >> 24) ^ (hash & 0x00ff_ffff)).max(1)
    }
}

// === impl Entry ===

impl Entry {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(code) = text.strip_prefix("holidays:") {
            return Country::named(code.trim(), text).map(Self::Holidays);
        }
        let (name, from, length) = once(text, text)?;
        Ok(Self::Once {
            name: name.to_owned(),
            from,
            // A month at most.
            until: from + length.as_secs().cast_signed(),
        })
    }

    fn name(&self) -> String {
        match self {
            Self::Once { name, .. } => name.clone(),
            Self::Holidays(country) => format!("holidays:{}", country.code()),
        }
    }

    fn windows(&self, from: i64, until: i64) -> Vec<(i64, i64)> {
        match self {
            Self::Once {
                from: begin,
                until: end,
                ..
            } if *begin < until && *end > from => vec![(*begin, *end)],
            Self::Once { .. } => Vec::new(),
            Self::Holidays(country) => country.windows(from, until),
        }
    }
}

/// Name, first moment in seconds of local time and length of `MOMENT/DURATION NAME`; a mistake is told of the whole
/// `entry`.
fn once<'a>(entry: &str, text: &'a str) -> Result<(&'a str, i64, Duration), String> {
    let wrong = |what: &str| format!("`{entry}`: {what}");
    let (when, name) = text
        .split_once(char::is_whitespace)
        .map_or((text, UNNAMED), |(when, name)| (when, name.trim()));
    let (moment, length) = when.split_once('/').ok_or_else(|| {
        wrong(
            "this is neither `holidays:CODE` nor `MOMENT/DURATION NAME`, with or without `exclude:` before it",
        )
    })?;
    let moment: jiff::civil::DateTime = moment
        .parse()
        .map_err(|_| wrong("the moment is not like `2026-11-27` or `2026-11-27T08:00`"))?;
    let length = length.parse::<HumanDuration>().map(HumanDuration::get);
    let length = length
        .ok()
        .filter(|length| (SHORTEST..=LONGEST).contains(length))
        .ok_or_else(|| wrong("the duration is not from 1m to 31d"))?;
    if name.len() > LONGEST_NAME {
        return Err(wrong("the name has more than 64 bytes"));
    }
    let from = seconds(moment).ok_or_else(|| wrong("there is no such moment"))?;
    Ok((name, from, length))
}

/// Seconds of local time.
fn seconds(moment: jiff::civil::DateTime) -> Option<i64> {
    let zoned = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn local(text: &str) -> i64 {
        seconds(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn events_of_one_name_are_one_thing_that_comes_again() {
        let text = "2026-11-27/1d sale; 2026-12-24T18:00/6h\n2026-05-01/2d sale;";
        let events = Events::parse(text).unwrap();
        let times = events.times(local("2026-01-01"), local("2027-01-01"));
        assert_eq!(times.len(), 2);
        assert_eq!(times[0].name, "sale");
        let (may, november) = (local("2026-05-01"), local("2026-11-27"));
        assert_eq!(
            times[0].windows,
            [(may, may + 2 * DAY), (november, november + DAY)]
        );
        assert_eq!(times[1].name, "event");
        let evening = local("2026-12-24T18:00");
        assert_eq!(times[1].windows, [(evening, evening + 6 * 3600)]);
    }

    #[test]
    fn an_event_is_on_from_its_first_second_to_before_its_last() {
        let times = EventTimes {
            name: "sale".to_owned(),
            windows: vec![(10, 20), (12, 40), (50, 60)],
        };
        let on: Vec<i64> = (0..70).filter(|at| times.is_on(*at)).collect();
        assert_eq!(on, (10..40).chain(50..60).collect::<Vec<_>>());
        assert_eq!(times.id(), f64::from(times.id() as f32) as u32);
    }

    #[test]
    fn only_what_overlaps_is_given() {
        let events = Events::parse("2026-11-27/1d sale").unwrap();
        let day = local("2026-11-27");
        assert!(events.times(day + DAY, day + 2 * DAY).is_empty());
        assert!(events.times(day - DAY, day).is_empty());
        assert_eq!(events.times(day + DAY - 1, day + 2 * DAY).len(), 1);
        assert!(Events::parse(" ; ").unwrap().is_empty());
    }

    #[test]
    fn holidays_are_days_of_local_time() {
        let events = Events::parse("holidays:DE").unwrap();
        let times = events.times(local("2026-12-25T12:00"), local("2026-12-26"));
        assert_eq!(times[0].name, "holidays:DE");
        let christmas = local("2026-12-25");
        assert_eq!(times[0].windows, [(christmas, christmas + DAY)]);
    }

    #[test]
    fn a_time_that_is_excluded_is_no_event() {
        let text =
            "2026-11-27/1d sale; exclude:2026-11-20T10:00/2h load test; exclude: 2026-11-01/1d";
        let events = Events::parse(text).unwrap();
        let times = events.times(local("2026-01-01"), local("2027-01-01"));
        assert_eq!(times.len(), 1);
        let hours = |hours| Duration::from_hours(hours);
        let excluded = |from: &str, length| Excluded {
            from: local(from),
            length,
        };
        assert_eq!(
            events.excluded(),
            [
                excluded("2026-11-20T10:00", hours(2)),
                excluded("2026-11-01", hours(24))
            ]
        );
        assert_eq!(events.to_string(), text);
        let json = serde_json::to_value(&events).unwrap();
        assert_eq!(json, serde_json::json!(text), "as it was written");
        assert!(!Events::parse("exclude:2026-11-01/1d").unwrap().is_empty());
    }

    #[test]
    fn a_mistake_is_named_with_what_is_allowed() {
        let error = |text: &str| Events::parse(text).unwrap_err();
        assert!(error("2026-11-27/1d a; tomorrow").starts_with("`tomorrow`: this is neither"));
        assert!(error("2026-02-30/1d a").contains("the moment"));
        assert!(error("2026-11-27/1y a").contains("from 1m to 31d"));
        assert!(error("2026-11-27/5s a").contains("from 1m to 31d"));
        let marked = error("exclude:holidays:US");
        assert!(marked.starts_with("`exclude:holidays:US`: this is neither"));
        assert!(error("exclude:2026-11-27/5s a").contains("from 1m to 31d"));
        let unknown = error("holidays:XX");
        assert!(unknown.contains("`holidays:XX`") && unknown.contains("`US`"));
        assert!(error(&format!("2026-11-27/1d {}", "x".repeat(65))).contains("64 bytes"));
    }
}
