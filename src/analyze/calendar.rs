//! Local time on a grid: which moment of the local day and week a step falls on, daylight saving included.

use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::domain::{Series, Timestamp};

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// A table holds no more changes of the clock than this: they are two a year.
const MOST_CHANGES: usize = 64;

/// The local time of the steps of a series, and of those after it.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    zone: TimeZone,
    start_ms: i64,
    step_ms: i64,
    /// The moments in seconds from which on an offset from UTC (seconds east) holds, rising; the first one lies at or
    /// before the series.
    offsets: Vec<(i64, i32)>,
    /// The first moment that the table says nothing about.
    until: i64,
    /// Whether the clock is never moved within the table.
    steady: bool,
}

impl Calendar {
    /// For `series` and the `ahead` steps after it. An unknown time zone counts as UTC.
    pub(crate) fn new(series: &Series, ahead: usize, timezone: &str) -> Self {
        let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
        let first = series.start().as_secs();
        let last = series.time_of(series.len() + ahead).as_secs();
        let (offsets, until) = offsets(&zone, first, last.saturating_add(1));
        Self {
            zone,
            start_ms: series.start().as_millis(),
            step_ms: i64::try_from(series.step().as_millis()).unwrap_or(i64::MAX),
            steady: offsets.len() == 1,
            offsets,
            until,
        }
    }

    /// Seconds since the epoch at the beginning of step `index`.
    pub(crate) fn at(&self, index: usize) -> i64 {
        let steps = i64::try_from(index).unwrap_or(i64::MAX);
        let millis = self
            .start_ms
            .saturating_add(self.step_ms.saturating_mul(steps));
        millis.div_euclid(1000)
    }

    /// Seconds of local time since the epoch of local time, at the beginning of step `index`.
    pub(crate) fn local(&self, index: usize) -> i64 {
        let secs = self.at(index);
        secs.saturating_add(i64::from(self.offset_at(secs)))
    }

    /// Seconds since the epoch at the beginning of the series.
    pub(crate) fn start_secs(&self) -> i64 {
        self.start_ms.div_euclid(1000)
    }

    /// Steps from `index` back to the same local time `days` days earlier.
    pub(crate) fn steps_back(&self, index: usize, days: i64) -> usize {
        let per_day = DAY * 1000 * days / self.step_ms.max(1);
        let back = usize::try_from(per_day).unwrap_or(0);
        let Some(plain) = index.checked_sub(back).filter(|_| !self.steady) else {
            return back;
        };
        let shift = (self.local(index) - self.local(plain) - DAY * days) * 1000;
        // When the clock went forward in between, the same local time is that much less long ago.
        let steps = shift.div_euclid(self.step_ms.max(1));
        usize::try_from(per_day - steps).unwrap_or(back)
    }

    fn offset_at(&self, secs: i64) -> i32 {
        let (first, offset_then) = self.offsets[0];
        if secs < first || secs >= self.until {
            return offset(&self.zone, secs);
        }
        if self.steady {
            return offset_then;
        }
        let after = self.offsets.partition_point(|(from, _)| *from <= secs);
        self.offsets[after.saturating_sub(1)].1
    }
}

/// The first and the last moment at which the clock shows `local` seconds of local time. They differ where it is put back;
/// a moment that it skips is taken as if it had not. An unknown time zone counts as UTC.
pub(crate) fn moments(local: i64, timezone: &str) -> (Timestamp, Timestamp) {
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    let plain = Timestamp::from_secs(local);
    let Ok(shown) = jiff::Timestamp::from_second(plain.as_secs()) else {
        return (plain, plain);
    };
    let shown = zone.to_ambiguous_timestamp(TimeZone::UTC.to_datetime(shown));
    let offsets = match shown.offset() {
        AmbiguousOffset::Unambiguous { offset } => [offset; 2],
        AmbiguousOffset::Gap { before, .. } => [before; 2],
        AmbiguousOffset::Fold { before, after } => [before, after],
    };
    let [first, last] = offsets
        .map(|offset| Timestamp::from_secs(local.saturating_sub(i64::from(offset.seconds()))));
    (first, last)
}

/// Day of the week from Monday = 0, of local seconds.
pub(crate) fn weekday(local: i64) -> usize {
    // The epoch began on a Thursday.
    (local.div_euclid(DAY) + 3).rem_euclid(7) as usize
}

/// Second of the day, of local seconds.
pub(crate) fn second_of_day(local: i64) -> i64 {
    local.rem_euclid(DAY)
}

/// Saturday or Sunday.
pub(crate) fn is_weekend(local: i64) -> bool {
    weekday(local) >= 5
}

/// The offsets that hold from `first` until before `until`, and until when the list is right: it ends early when the
/// zone changes its clock absurdly often.
fn offsets(zone: &TimeZone, first: i64, until: i64) -> (Vec<(i64, i32)>, i64) {
    let mut found = vec![(first, offset(zone, first))];
    let Ok(start) = jiff::Timestamp::from_second(Timestamp::from_secs(first).as_secs()) else {
        return (found, first);
    };
    for change in zone.following(start) {
        let at = change.timestamp().as_second();
        if at >= until {
            break;
        }
        if found.len() == MOST_CHANGES {
            return (found, at);
        }
        if found
            .last()
            .is_some_and(|(_, before)| *before != change.offset().seconds())
        {
            found.push((at, change.offset().seconds()));
        }
    }
    (found, until)
}

fn offset(zone: &TimeZone, secs: i64) -> i32 {
    // A moment beyond the calendar's range is nobody's local time; UTC will do.
    jiff::Timestamp::from_second(Timestamp::from_secs(secs).as_secs())
        .map_or(0, |at| zone.to_offset(at).seconds())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn calendar(start: i64, step: u64, len: usize, zone: &str) -> Calendar {
        let series = Series::new(
            Timestamp::from_secs(start),
            Duration::from_secs(step),
            vec![0.0; len],
        );
        Calendar::new(&series, 30, zone)
    }

    #[test]
    fn the_epoch_was_a_thursday_and_days_begin_in_local_time() {
        let utc = calendar(0, 60, 10, "UTC");
        assert_eq!(weekday(utc.local(0)), 3);
        let tokyo = calendar(0, 60, 10, "Asia/Tokyo");
        assert_eq!(second_of_day(tokyo.local(0)), 9 * 3600);
        let unknown = calendar(0, 60, 10, "Atlantis/Capital");
        assert_eq!(unknown.local(5), 300, "an unknown zone counts as UTC");
    }

    #[test]
    fn the_same_local_time_is_23_hours_ago_when_the_clock_went_forward() {
        // Berlin, 2024-03-31 12:00 local: the night before had one hour less.
        let noon = 1_711_879_200;
        let steps = 2 * 1440;
        let berlin = calendar(noon - steps * 60, 60, steps as usize + 1, "Europe/Berlin");
        let at = steps as usize;
        assert_eq!(second_of_day(berlin.local(at)), 12 * 3600);
        assert_eq!(berlin.steps_back(at, 1), 23 * 60);
        let same = at - berlin.steps_back(at, 1);
        assert_eq!(second_of_day(berlin.local(same)), 12 * 3600);
    }

    #[test]
    fn a_table_and_a_single_look_up_agree() {
        let berlin = calendar(1_711_800_000, 3600, 48, "Europe/Berlin");
        for index in [0_u16, 10, 40, 47, 60, 5000] {
            let secs = 1_711_800_000 + 3600 * i64::from(index);
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            assert_eq!(
                berlin.local(index.into()),
                secs + i64::from(offset(&zone, secs))
            );
        }
    }
}
