//! Bounds by time from an iCalendar (RFC 5545): each event is a window, and says `min=40 max=80 ramp=30m` in its summary, its
//! description, or in `X-FORESCALE-MIN`, `X-FORESCALE-MAX` and `X-FORESCALE-RAMP`, the latter winning over the former.
//!
//! Recurrence rules are expanded by the crate `rrule` over readings of the local clock, as if they were UTC; only then are they
//! made moments in the event's zone, so that one time zone database decides for the whole crate. Expansion costs
//! time, so that the windows of the coming weeks are kept.
//!
//! Whoever writes metadata writes calendars too, so that everything is bounded: text, events, rules, occurrences a day and
//! years; a rule that finds no occurrence is refused.

mod event;
mod lines;
mod moment;
mod recurrence;
#[cfg(test)]
mod tests;
mod windows_zones;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::event::Event;
use super::Timestamp;
use super::bounds::{BoundWindow, Demand, LENGTHS, LONGEST_RAMP};

/// Bytes of a calendar at most.
const LONGEST: usize = 1024 * 1024;
/// Events at most.
const MOST_EVENTS: usize = 1000;
/// Events that come again at most.
const MOST_RULES: usize = 48;
/// Windows of all rules together on one day at most.
const MOST_A_DAY: usize = 48;
/// Expansions that are kept at most, one for each time zone of the triggers that share a calendar.
const MOST_KEPT: usize = 16;
/// What is expanded at once beyond what was asked for.
const AHEAD: Duration = Duration::from_hours(32 * 24);

/// A calendar. A clone shares what was read, and what was expanded.
#[derive(Clone)]
pub struct Calendar {
    text: Arc<str>,
    events: Arc<[Event]>,
    expanded: Arc<Mutex<Vec<Expanded>>>,
}

/// The windows of a stretch of time in a time zone.
struct Expanded {
    timezone: String,
    from: Timestamp,
    until: Timestamp,
    windows: Arc<[BoundWindow]>,
}

/// What a trigger's `calendar` is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CalendarRef {
    /// The calendar itself.
    Inline(Calendar),
    /// One of the server's settings.
    Named(String),
}

// === impl Calendar ===

impl Calendar {
    /// Reads a `VCALENDAR`.
    ///
    /// # Errors
    /// Names the line, and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("the calendar has more than {LONGEST} bytes"));
        }
        let events = event::all(text)?;
        if events.len() > MOST_EVENTS {
            return Err(format!("the calendar has more than {MOST_EVENTS} events"));
        }
        let rules = events.iter().filter_map(Event::a_day);
        if rules.clone().count() > MOST_RULES {
            let text = format!("the calendar has more than {MOST_RULES} events that come again");
            return Err(text);
        }
        if rules.sum::<usize>() > MOST_A_DAY {
            let text = format!("events that come again make more than {MOST_A_DAY} windows a day");
            return Err(text);
        }
        Ok(Self {
            text: text.into(),
            events: events.into(),
            expanded: Arc::default(),
        })
    }

    /// The windows that reach, ramps included, into the time from `from` until `until`. Times without a zone are those of
    /// `timezone`.
    pub fn windows(&self, timezone: &str, from: Timestamp, until: Timestamp) -> Vec<BoundWindow> {
        let windows = self.expanded(timezone, from, until);
        let reaching = windows.iter().filter(|window| window.reaches(from, until));
        reaching.cloned().collect()
    }

    /// What each event asks for, and its name.
    pub fn demands(&self) -> impl Iterator<Item = (Demand, &str)> {
        self.events.iter().map(|event| (event.demand, &*event.name))
    }

    /// Events in it.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Bytes on the heap; clones share them.
    pub fn bytes(&self) -> usize {
        let events: usize = self.events.iter().map(Event::heap_bytes).sum();
        let expanded = self.expanded.lock().unwrap_or_else(PoisonError::into_inner);
        let windows = expanded.iter().map(|it| {
            size_of::<Expanded>() + size_of_val::<[_]>(&it.windows) + it.timezone.capacity()
        });
        self.text.len() + size_of_val::<[_]>(&self.events) + events + windows.sum::<usize>()
    }

    /// Every window that may matter from `from` until `until`: what is kept if that covers it. Whether it was kept changes
    /// nothing but the time it takes.
    fn expanded(&self, timezone: &str, from: Timestamp, until: Timestamp) -> Arc<[BoundWindow]> {
        let margin = *LENGTHS.end() + 2 * LONGEST_RAMP;
        // Where every time has a zone of its own the trigger's does not matter.
        let floats = self.events.iter().any(Event::floats);
        let timezone = if floats { timezone } else { "" };
        let mut all = self.expanded.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.iter().find(|kept| kept.timezone == timezone);
        if let Some(kept) = kept.filter(|kept| kept.from <= from && until <= kept.until) {
            return Arc::clone(&kept.windows);
        }
        let end = until + AHEAD;
        let each = self.events.iter();
        let windows: Arc<[BoundWindow]> = each
            .flat_map(|event| event.windows(timezone, from - margin, end + LONGEST_RAMP))
            .filter(|window| window.reaches(from, end))
            .collect();
        all.retain(|kept| kept.timezone != timezone);
        let surplus = (all.len() + 1).saturating_sub(MOST_KEPT);
        all.drain(..surplus);
        all.push(Expanded {
            timezone: timezone.to_owned(),
            from,
            until: end,
            windows: Arc::clone(&windows),
        });
        windows
    }
}

/// As it was written.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendar")
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Calendar {}

impl<'de> Deserialize<'de> for Calendar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Calendar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// As it was written.
impl fmt::Display for CalendarRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(calendar) => calendar.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}
