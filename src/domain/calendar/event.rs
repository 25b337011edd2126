//! `VEVENT`.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::lines::{self, Line};
use super::moment::{Moment, Zone};
use super::recurrence::Recurrence;
use crate::domain::Timestamp;
use crate::domain::bounds::{self, BoundWindow, Demand, LENGTHS, short};

/// Characters of a name at most.
const LONGEST_NAME: usize = 64;
/// Components within one another at most.
const DEEPEST: usize = 8;

/// One event, once or again and again.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) demand: Demand,
    pub(super) name: Arc<str>,
    uid: String,
    start: Moment,
    length: Length,
    again: Option<Recurrence>,
    extra: Vec<Moment>,
    except: Vec<Moment>,
    /// The occurrence of the event of the same name that this one stands for.
    instead_of: Option<Moment>,
    cancelled: bool,
}

/// How long an event lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Length {
    /// By the reading of the clock.
    clock: jiff::SignedDuration,
    /// As time that passes, after that.
    passing: Duration,
}

/// The lines of one event, by name.
struct Raw {
    number: usize,
    lines: Vec<Line>,
}

/// All events of a calendar that are not cancelled.
pub(super) fn all(text: &str) -> Result<Vec<Event>, String> {
    let raw = components(lines::all(text)?)?;
    let mut events: Vec<Event> = raw.iter().map(Event::read).collect::<Result<_, _>>()?;
    let replaced: Vec<(String, Moment)> = events
        .iter()
        .filter_map(|event| Some((event.uid.clone(), event.instead_of.clone()?)))
        .collect();
    events.retain(|event| !event.cancelled);
    for event in events.iter_mut().filter(|event| event.instead_of.is_none()) {
        let own = replaced
            .iter()
            .filter(|(uid, _)| *uid == event.uid && !uid.is_empty());
        event.except.extend(own.map(|(_, moment)| moment.clone()));
    }
    if events.is_empty() {
        return Err("the calendar has no event".to_owned());
    }
    Ok(events)
}

/// The lines of each `VEVENT`, without those of components within it.
fn components(lines: Vec<Line>) -> Result<Vec<Raw>, String> {
    let mut open: Vec<String> = Vec::new();
    let mut events: Vec<Raw> = Vec::new();
    for line in lines {
        let component = line.value.to_ascii_uppercase();
        match line.name.as_str() {
            "BEGIN" => {
                if open.is_empty() && component != "VCALENDAR" {
                    return Err(line.wrong("a calendar begins with `BEGIN:VCALENDAR`"));
                }
                if open.len() >= DEEPEST {
                    return Err(line.wrong("components lie too deep within one another"));
                }
                if component == "VEVENT" {
                    events.push(Raw {
                        number: line.number,
                        lines: Vec::new(),
                    });
                }
                open.push(component);
            }
            "END" => {
                if open.pop().as_deref() != Some(component.as_str()) {
                    return Err(line.wrong("this is not the component that is open"));
                }
            }
            _ if open.is_empty() => {
                return Err(line.wrong(
                    "this is outside of the calendar, which begins with `BEGIN:VCALENDAR`",
                ));
            }
            _ => {
                if open.last().is_some_and(|open| open == "VEVENT")
                    && let Some(event) = events.last_mut()
                {
                    event.lines.push(line);
                }
            }
        }
    }
    match open.pop() {
        Some(component) => Err(format!("`BEGIN:{}` has no `END`", short(&component))),
        None => Ok(events),
    }
}

// === impl Raw ===

impl Raw {
    fn find(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    fn wrong(&self, what: &str) -> String {
        let name = self
            .find("SUMMARY")
            .map_or_else(String::new, |line| format!(" `{}`", short(&line.text())));
        format!("the event{name} at line {}: {what}", self.number)
    }

    fn moments(&self, name: &str) -> Result<Vec<Moment>, String> {
        let lines = self.lines.iter().filter(|line| line.name == name);
        let lists = lines.map(Moment::list).collect::<Result<Vec<_>, _>>()?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// What it asks for: from its summary, over that its description, over that its own properties.
    fn demand(&self) -> Result<Demand, String> {
        let mut demand = Demand::default();
        for line in ["SUMMARY", "DESCRIPTION"]
            .into_iter()
            .filter_map(|name| self.find(name))
        {
            let text = line.text();
            let separates = |c: char| c.is_whitespace() || ",;<>()".contains(c);
            let words = text
                .split(separates)
                .filter_map(|word| word.split_once('='));
            for (key, value) in words {
                demand
                    .set(key, value)
                    .unwrap_or(Ok(()))
                    .map_err(|why| line.wrong(why))?;
            }
        }
        for key in ["MIN", "MAX", "RAMP"] {
            if let Some(line) = self.find(&format!("X-FORESCALE-{key}")) {
                let set = demand.set(key, &line.value).unwrap_or(Ok(()));
                set.map_err(|why| line.wrong(why))?;
            }
        }
        demand.check().map_err(|why| {
            self.wrong(&format!(
                "{why} (in `SUMMARY` or `DESCRIPTION`, or as `X-FORESCALE-MIN` and `X-FORESCALE-MAX`)"
            ))
        })
    }

    fn length(&self, start: &Moment) -> Result<Length, String> {
        let length = match (self.find("DTEND"), self.find("DURATION")) {
            (Some(line), None) => {
                let end = Moment::of(line)?;
                let end = end.read_in(&start.zone);
                let end = end.ok_or_else(|| line.wrong("there is no such moment"))?;
                Length {
                    clock: end.duration_since(start.local),
                    passing: Duration::ZERO,
                }
            }
            (None, Some(line)) => duration(line)?,
            (None, None) if start.whole_day => Length {
                clock: jiff::SignedDuration::from_hours(24),
                passing: Duration::ZERO,
            },
            (None, None) => return Err(self.wrong("`DTEND` or `DURATION` is missing")),
            (Some(_), Some(_)) => {
                return Err(self.wrong("`DTEND` and `DURATION` exclude one another"));
            }
        };
        let clock = Duration::try_from(length.clock).ok();
        let all = clock.and_then(|clock| clock.checked_add(length.passing));
        if all.is_none_or(|all| !LENGTHS.contains(&all)) {
            return Err(self.wrong("it does not last from one minute to 31 days"));
        }
        Ok(length)
    }
}

/// `P1DT12H`: days and weeks by the clock, hours and less as time that passes.
fn duration(line: &Line) -> Result<Length, String> {
    let wrong = || line.wrong("this is no duration like `PT6H` or `P1D`");
    let span: jiff::Span = line.value.parse().map_err(|_| wrong())?;
    if span.is_negative() || span.get_years() != 0 || span.get_months() != 0 {
        return Err(wrong());
    }
    let days = i64::from(span.get_weeks())
        .checked_mul(7)
        .and_then(|days| days.checked_add(i64::from(span.get_days())))
        .filter(|days| *days <= 366)
        .ok_or_else(wrong)?;
    let time = span.weeks(0).days(0);
    let passing = jiff::SignedDuration::try_from(time).map_err(|_| wrong())?;
    Ok(Length {
        clock: jiff::SignedDuration::from_hours(24 * days),
        passing: Duration::try_from(passing).map_err(|_| wrong())?,
    })
}

// === impl Event ===

impl Event {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = |name| raw.find(name).map(Line::text).unwrap_or_default();
        let start = raw
            .find("DTSTART")
            .ok_or_else(|| raw.wrong("`DTSTART` is missing"))?;
        let start = Moment::of(start)?;
        let instead_of = raw.find("RECURRENCE-ID").map(Moment::of).transpose()?;
        let cancelled = text("STATUS").eq_ignore_ascii_case("CANCELLED");
        let mut rules = raw.lines.iter().filter(|line| line.name == "RRULE");
        let again = rules
            .next()
            .map(|line| Recurrence::parse(line, &start))
            .transpose()?;
        if let Some(second) = rules.next() {
            return Err(second.wrong("an event has one rule"));
        }
        let name: String = text("SUMMARY")
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_NAME)
            .collect();
        Ok(Self {
            demand: if cancelled {
                Demand::default()
            } else {
                raw.demand()?
            },
            name: if name.is_empty() {
                "event".into()
            } else {
                name.into()
            },
            uid: text("UID"),
            length: if cancelled {
                Length::default()
            } else {
                raw.length(&start)?
            },
            start,
            again,
            extra: raw.moments("RDATE")?,
            except: raw.moments("EXDATE")?,
            instead_of,
            cancelled,
        })
    }

    /// Whether its times are those of the trigger's zone.
    pub(super) fn floats(&self) -> bool {
        self.start.zone == Zone::Floating
    }

    /// Windows on one day at most, if it comes again by a rule.
    pub(super) fn a_day(&self) -> Option<usize> {
        self.again.as_ref().map(|again| again.a_day)
    }

    /// Its windows that begin from `from` until `until`. A floating time is one of `timezone`.
    pub(super) fn windows(
        &self,
        timezone: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<BoundWindow> {
        let zone = match &self.start.zone {
            Zone::Of(zone) => zone.clone(),
            Zone::Floating => bounds::zone(timezone),
        };
        let (Some(first), Some(last)) = (bounds::local(&zone, from), bounds::local(&zone, until))
        else {
            return Vec::new();
        };
        let own = Zone::Of(zone.clone());
        let mut starts: Vec<DateTime> = match &self.again {
            Some(again) => again.between(first, last),
            None => vec![self.start.local],
        };
        starts.extend(self.extra.iter().filter_map(|extra| extra.read_in(&own)));
        starts.retain(|start| first <= *start && *start <= last);
        starts.retain(|start| {
            !self
                .except
                .iter()
                .any(|except| except.is_that(*start, &own))
        });
        starts.sort_unstable();
        starts.dedup();
        let each = starts.into_iter();
        each.filter_map(|start| self.window(&zone, start)).collect()
    }

    fn window(&self, zone: &TimeZone, start: DateTime) -> Option<BoundWindow> {
        let from = bounds::begin(zone, start)?;
        let until = if self.length.clock.is_zero() {
            from + self.length.passing
        } else {
            bounds::end(zone, start.checked_add(self.length.clock).ok()?)? + self.length.passing
        };
        Some(BoundWindow {
            from,
            until,
            demand: self.demand,
            name: Arc::clone(&self.name),
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let moments = (self.extra.capacity() + self.except.capacity()) * size_of::<Moment>();
        // A rule holds a dozen short lists.
        let rule = self.again.as_ref().map_or(0, |_| 512);
        self.name.len() + self.uid.capacity() + moments + rule
    }
}

// === impl Moment ===

impl Moment {
    /// Whether an exception at this moment means the occurrence at `start`: a day means every one that begins on it.
    fn is_that(&self, start: DateTime, zone: &Zone) -> bool {
        if self.whole_day {
            return self.local.date() == start.date();
        }
        self.read_in(zone) == Some(start)
    }
}
