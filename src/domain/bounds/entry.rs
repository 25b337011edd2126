//! One entry of `bounds`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::days::Days;
use super::{BoundWindow, Demand, LENGTHS, begin, end, local, short};
use crate::domain::{HumanDuration, Timestamp};

const DAY: Duration = Duration::from_hours(24);
/// Windows are not looked for over more days at once.
const MOST_DAYS: i64 = 800;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) demand: Demand,
    pub(super) name: Arc<str>,
    when: When,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    Once { from: DateTime, length: Duration },
    Again(Again),
}

/// Days, and a time of these days; it may end on the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Again {
    days: Days,
    from: Time,
    until: Time,
    /// The first and the last day on which it may begin.
    since: Option<Date>,
    last: Option<Date>,
}

// === impl Entry ===

impl Entry {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: String| format!("`{}`: {what}", short(text));
        let words: Vec<&str> = text.split_whitespace().collect();
        let first = words.iter().position(|word| word.contains('='));
        let (when, settings) = words.split_at(first.unwrap_or(words.len()));
        let mut demand = Demand::default();
        let (mut since, mut last) = (None, None);
        for setting in settings {
            let (key, value) = setting
                .split_once('=')
                .ok_or_else(|| wrong(format!("`{}` is not like `min=10`", short(setting))))?;
            match key {
                "from" => since = Some(date(value).map_err(wrong)?),
                "until" => last = Some(date(value).map_err(wrong)?),
                _ => demand
                    .set(key, value)
                    .unwrap_or_else(|| {
                        let key = short(key);
                        Err(format!(
                            "`{key}` is none of `min`, `max`, `ramp`, `from` and `until`"
                        ))
                    })
                    .map_err(wrong)?,
            }
        }
        let when = When::parse(when, since, last).map_err(wrong)?;
        Ok(Self {
            demand: demand.check().map_err(wrong)?,
            name: text.split_whitespace().collect::<Vec<_>>().join(" ").into(),
            when,
        })
    }

    /// Bytes on the heap, its name apart.
    pub(super) fn bytes(&self) -> usize {
        match &self.when {
            When::Once { .. } => 0,
            When::Again(again) => again.days.bytes(),
        }
    }

    /// Its windows around the time from `from` until `until`.
    pub(super) fn windows(
        &self,
        zone: &TimeZone,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<BoundWindow> {
        let window = |(from, until)| BoundWindow {
            from,
            until,
            demand: self.demand,
            name: Arc::clone(&self.name),
        };
        match &self.when {
            When::Once { from, length } => {
                once(zone, *from, *length).map(window).into_iter().collect()
            }
            When::Again(again) => {
                let ramp = self.demand.ramp;
                let days = again.days_between(zone, from - ramp - DAY, until + ramp);
                let windows = days.filter_map(|day| again.window(zone, day));
                windows.map(window).collect()
            }
        }
    }
}

fn once(zone: &TimeZone, from: DateTime, length: Duration) -> Option<(Timestamp, Timestamp)> {
    let start = begin(zone, from)?;
    // Whole days end at the same reading of the clock, anything else is a time that passes.
    let until = if length.as_secs().is_multiple_of(DAY.as_secs()) {
        let days = Span::new()
            .try_days((length.as_secs() / DAY.as_secs()).cast_signed())
            .ok()?;
        end(zone, from.checked_add(days).ok()?)?
    } else {
        start + length
    };
    Some((start, until))
}

// === impl When ===

impl When {
    fn parse(words: &[&str], since: Option<Date>, last: Option<Date>) -> Result<Self, String> {
        if let [one] = words
            && one.contains('/')
        {
            if since.is_some() || last.is_some() {
                return Err("`from` and `until` belong to windows that come again".to_owned());
            }
            return Self::once(one);
        }
        let (days, times) = match words {
            [] => {
                return Err(
                    "nothing says when: write `Mon-Fri 08:00-18:00` or `2026-11-27T08:00/6h`"
                        .to_owned(),
                );
            }
            [one] if is_time_of_day(one) => (Days::daily(), Some(*one)),
            [one] => (Days::parse(one)?, None),
            [one, two] => (Days::parse(one)?, Some(*two)),
            [_, _, three, ..] => {
                return Err(format!(
                    "`{}` is too much: write days and a time of day",
                    short(three)
                ));
            }
        };
        let (from, until) = times.map_or(Ok((Time::midnight(), Time::midnight())), times_of_day)?;
        if let (Some(since), Some(last)) = (since, last)
            && since > last
        {
            return Err("`until` is before `from`".to_owned());
        }
        Ok(Self::Again(Again {
            days,
            from,
            until,
            since,
            last,
        }))
    }

    fn once(text: &str) -> Result<Self, String> {
        let (moment, length) = text.split_once('/').unwrap_or((text, ""));
        let from: DateTime = moment
            .parse()
            .map_err(|_| "the moment is not like `2026-11-27` or `2026-11-27T08:00`".to_owned())?;
        let length = length.parse::<HumanDuration>().map(HumanDuration::get);
        let length = length
            .ok()
            .filter(|length| LENGTHS.contains(length))
            .ok_or("the duration is not from 1m to 31d")?;
        Ok(Self::Once { from, length })
    }
}

// === impl Again ===

impl Again {
    /// The days of local time from one moment to another on which it may begin.
    fn days_between(
        &self,
        zone: &TimeZone,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Date> {
        let edge = |at| local(zone, at).map(DateTime::date);
        let first = edge(from).map(|day| self.since.map_or(day, |since| day.max(since)));
        let last = edge(until).map(|day| self.last.map_or(day, |last| day.min(last)));
        let mut next = first;
        let mut left = MOST_DAYS;
        std::iter::from_fn(move || {
            let day = next.filter(|day| left > 0 && last.is_some_and(|last| *day <= last))?;
            left -= 1;
            next = day.tomorrow().ok();
            Some(day)
        })
        .filter(|day| self.days.has(*day))
    }

    fn window(&self, zone: &TimeZone, day: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if self.until > self.from {
            day
        } else {
            day.tomorrow().ok()?
        };
        let from = begin(zone, day.to_datetime(self.from))?;
        let until = end(zone, last.to_datetime(self.until))?;
        (from < until).then_some((from, until))
    }
}

/// Whether a word that stands alone is one: it begins with a digit, as no day does.
fn is_time_of_day(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
}

/// `08:00-18:00`; `24:00` is the midnight at the end of the day.
fn times_of_day(text: &str) -> Result<(Time, Time), String> {
    let shape = || format!("`{}` is no time of day like `08:00-18:00`", short(text));
    let (from, until) = text.split_once('-').ok_or_else(shape)?;
    let time = |text: &str| clock(text).ok_or_else(shape);
    let whole = until.trim() == "24:00";
    let (from, until) = (
        time(from)?,
        if whole {
            Time::midnight()
        } else {
            time(until)?
        },
    );
    if from == until && !whole {
        return Err(
            "the window begins and ends at the same time; a whole day is `00:00-24:00`".to_owned(),
        );
    }
    Ok((from, until))
}

/// `08:00`.
fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    Time::new(digits(hour)?, digits(minute)?, 0, 0).ok()
}

fn date(text: &str) -> Result<Date, String> {
    (text.len() == 10)
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| format!("`{}` is no date like `2027-01-31`", short(text)))
}
