//! `RRULE`, expanded by the crate `rrule` over readings of a clock that is never moved.

use std::time::Duration;

use chrono::DateTime as Chrono;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};

use super::lines::Line;
use super::moment::{Moment, Zone, civil};
use crate::domain::bounds::short;

/// Windows of one rule on one day at most.
const MOST_A_DAY: usize = 24;
/// Occurrences that are followed at most; a rule with a window every hour reaches a century.
const MOST: usize = 1_000_000;

/// When an event comes again.
#[derive(Clone, Debug)]
pub(super) struct Recurrence {
    rules: RRuleSet,
    /// Windows on one day at most.
    pub(super) a_day: usize,
}

// === impl Recurrence ===

impl Recurrence {
    /// Reads the rule of an event that begins at `start`.
    pub(super) fn parse(line: &Line, start: &Moment) -> Result<Self, String> {
        if !line.value.is_ascii() {
            return Err(line.wrong("a rule has ASCII characters only"));
        }
        let (mut until, mut parts) = (None, Vec::new());
        for part in line
            .value
            .to_ascii_uppercase()
            .split(';')
            .filter(|part| !part.is_empty())
        {
            match part.split_once('=') {
                Some(("UNTIL", value)) => until = Some(last(line, value, start)?),
                _ => parts.push(part.to_owned()),
            }
        }
        let mut rule: RRule<Unvalidated> =
            (parts.join(";").parse()).map_err(|error| line.wrong(lowered(&error)))?;
        if matches!(
            rule.get_freq(),
            Frequency::Secondly | Frequency::Minutely | Frequency::Hourly
        ) {
            return Err(line.wrong(
                "a rule comes at most daily; `FREQ=DAILY;BYHOUR=0,6,12,18` makes several windows a day",
            ));
        }
        let times = [
            rule.get_by_hour(),
            rule.get_by_minute(),
            rule.get_by_second(),
        ];
        let a_day: usize = times.iter().map(|times| times.len().max(1)).product();
        if a_day > MOST_A_DAY {
            return Err(line.wrong(format!("this makes more than {MOST_A_DAY} windows a day")));
        }
        if let Some(until) = until {
            rule =
                rule.until(carrier(until).ok_or_else(|| line.wrong("there is no such `UNTIL`"))?);
        }
        let start =
            carrier(start.local).ok_or_else(|| line.wrong("`DTSTART` is no such moment"))?;
        let rules = rule
            .build(start)
            .map_err(|error| line.wrong(lowered(&error)))?;
        let rules = rules.limit();
        if (&rules).into_iter().next().is_none() {
            return Err(line.wrong("this never happens"));
        }
        Ok(Self { rules, a_day })
    }

    /// Its occurrences from `from` until `until`, in order.
    pub(super) fn between(&self, from: DateTime, until: DateTime) -> Vec<DateTime> {
        let each = (&self.rules).into_iter().take(MOST);
        let each = each.filter_map(|at| civil_of(&at));
        each.take_while(|at| *at <= until)
            .filter(|at| *at >= from)
            .collect()
    }
}

/// The reading of the clock at which `UNTIL` ends, in the event's own zone.
fn last(line: &Line, value: &str, start: &Moment) -> Result<DateTime, String> {
    let (text, utc) = value
        .strip_suffix('Z')
        .map_or((value, false), |text| (text, true));
    let (local, whole_day) = civil(text)
        .ok_or_else(|| line.wrong(format!("`UNTIL={}` is no date or moment", short(value))))?;
    if whole_day {
        let rest = Duration::from_secs(86_399);
        return local
            .checked_add(rest)
            .map_err(|_| line.wrong("there is no such `UNTIL`"));
    }
    let moment = Moment {
        local,
        zone: if utc {
            Zone::Of(TimeZone::UTC)
        } else {
            Zone::Floating
        },
        whole_day,
    };
    let read = moment.read_in(&start.zone);
    read.ok_or_else(|| line.wrong("there is no such `UNTIL`"))
}

/// A reading of the clock, carried as if it were UTC.
fn carrier(local: DateTime) -> Option<Chrono<Tz>> {
    let carried = TimeZone::UTC.to_timestamp(local).ok()?;
    Some(Chrono::from_timestamp(carried.as_second(), 0)?.with_timezone(&Tz::UTC))
}

fn civil_of(carried: &Chrono<Tz>) -> Option<DateTime> {
    let carried = jiff::Timestamp::from_second(carried.timestamp()).ok()?;
    Some(TimeZone::UTC.to_datetime(carried))
}

/// The crate's words, in the shape of ours.
fn lowered(error: &rrule::RRuleError) -> String {
    short(error.to_string().trim_end_matches('.'))
}
