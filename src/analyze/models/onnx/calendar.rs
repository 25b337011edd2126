//! Known-future inputs: what is known of a coming step before it is there.
//!
//! Days and weeks are those of the workload's time zone. "The same time yesterday" is the same reading of the wall
//! clock one calendar day before, so that it stays office hours across a change to summer time.

use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::window::{Grid, Scale};
use crate::domain::Timestamp;

const DAY_SECONDS: f64 = 86_400.0;

/// One known-future input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Sine of the time of day, a full turn from midnight to midnight.
    TimeOfDaySin,
    /// Its cosine.
    TimeOfDayCos,
    /// Sine of the time of the week, a full turn from Monday 00:00 to Monday 00:00.
    DayOfWeekSin,
    /// Its cosine.
    DayOfWeekCos,
    /// 1 on Saturday and Sunday, else 0.
    Weekend,
    /// The value at the same time yesterday, normalised; 0 when unknown.
    Yesterday,
    /// 1 when that value is known, else 0.
    YesterdayKnown,
    /// The value at the same time seven days before, normalised; 0 when unknown.
    LastWeek,
    /// 1 when that value is known, else 0.
    LastWeekKnown,
    /// The level of the five minutes up to the origin's time of day, yesterday, normalised; 0 when unknown. The same
    /// for every step: what comes next yesterday can be read as a change since then.
    YesterdayNow,
    /// The same, seven days before.
    LastWeekNow,
    /// How much the curve of trend and seasons changes from the origin to the step, in the window's unit.
    CurveChange,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::TimeOfDaySin,
        Self::TimeOfDayCos,
        Self::DayOfWeekSin,
        Self::DayOfWeekCos,
        Self::Weekend,
        Self::Yesterday,
        Self::YesterdayKnown,
        Self::LastWeek,
        Self::LastWeekKnown,
        Self::YesterdayNow,
        Self::LastWeekNow,
        Self::CurveChange,
    ];

    /// How far back it looks, in seconds, with an hour for a change to or from summer time and one to round.
    pub(super) fn lookback_seconds(self) -> u64 {
        match self {
            Self::Yesterday | Self::YesterdayKnown | Self::YesterdayNow => (24 + 2) * 3600,
            Self::LastWeek | Self::LastWeekKnown | Self::LastWeekNow => (7 * 24 + 2) * 3600,
            _ => 0,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TimeOfDaySin => "time_of_day_sin",
            Self::TimeOfDayCos => "time_of_day_cos",
            Self::DayOfWeekSin => "day_of_week_sin",
            Self::DayOfWeekCos => "day_of_week_cos",
            Self::Weekend => "weekend",
            Self::Yesterday => "yesterday",
            Self::YesterdayKnown => "yesterday_known",
            Self::LastWeek => "last_week",
            Self::LastWeekKnown => "last_week_known",
            Self::YesterdayNow => "yesterday_now",
            Self::LastWeekNow => "last_week_now",
            Self::CurveChange => "curve_change",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = Self::ALL.into_iter().find(|feature| feature.name() == text);
        known.ok_or(())
    }
}

/// Appends `features` of each of the `horizon` steps after the grid's last value, step by step.
pub fn append(
    features: &[Feature],
    horizon: usize,
    grid: &Grid<'_>,
    scale: &Scale,
    zone: &TimeZone,
    curve_changes: &[f64],
    out: &mut Vec<f32>,
) {
    let now = Now::new(features, grid, scale, zone);
    for step in 0..horizon {
        let Some(moment) = Moment::new(grid.time_ahead(step), zone) else {
            // Beyond the years that a calendar knows.
            out.resize(out.len() + features.len(), 0.0);
            continue;
        };
        let change = curve_changes.get(step).copied().unwrap_or(0.0);
        out.extend(features.iter().map(|feature| match feature {
            Feature::YesterdayNow => now.yesterday,
            Feature::LastWeekNow => now.last_week,
            Feature::CurveChange => scale.normalise_change(change),
            other => moment.feature(*other, grid, scale, zone),
        }));
    }
}

/// What was known of the origin's own time of day before.
#[derive(Default)]
struct Now {
    yesterday: f32,
    last_week: f32,
}

impl Now {
    fn new(features: &[Feature], grid: &Grid<'_>, scale: &Scale, zone: &TimeZone) -> Self {
        let Some(origin) = Moment::new(grid.origin(), zone) else {
            return Self::default();
        };
        let level = |feature: Feature, days: i64| {
            let at = features
                .contains(&feature)
                .then(|| origin.before(days.days(), zone));
            let level = at.flatten().and_then(|at| grid.level_near(at));
            level.map_or(0.0, |level| scale.normalise(level))
        };
        Self {
            yesterday: level(Feature::YesterdayNow, 1),
            last_week: level(Feature::LastWeekNow, 7),
        }
    }
}

/// A moment by the wall clock.
struct Moment {
    local: DateTime,
    /// Share of the day that has passed.
    of_day: f64,
    /// Share of the week, from Monday, that has passed.
    of_week: f64,
}

impl Moment {
    fn new(at: Timestamp, zone: &TimeZone) -> Option<Self> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        let local = zone.to_datetime(at);
        let seconds = f64::from(local.hour()) * 3600.0
            + f64::from(local.minute()) * 60.0
            + f64::from(local.second())
            + f64::from(local.millisecond()) / 1000.0;
        let of_day = seconds / DAY_SECONDS;
        let days = f64::from(local.weekday().to_monday_zero_offset());
        Some(Self {
            local,
            of_day,
            of_week: (days + of_day) / 7.0,
        })
    }

    fn feature(&self, feature: Feature, grid: &Grid<'_>, scale: &Scale, zone: &TimeZone) -> f32 {
        let before = |days: i64| self.value_before(days.days(), grid, zone);
        let flag = |known: bool| if known { 1.0 } else { 0.0 };
        match feature {
            Feature::TimeOfDaySin => (TAU * self.of_day).sin() as f32,
            Feature::TimeOfDayCos => (TAU * self.of_day).cos() as f32,
            Feature::DayOfWeekSin => (TAU * self.of_week).sin() as f32,
            Feature::DayOfWeekCos => (TAU * self.of_week).cos() as f32,
            Feature::Weekend => flag(self.of_week >= 5.0 / 7.0),
            Feature::Yesterday => before(1).map_or(0.0, |value| scale.normalise(value)),
            Feature::YesterdayKnown => flag(before(1).is_some()),
            Feature::LastWeek => before(7).map_or(0.0, |value| scale.normalise(value)),
            Feature::LastWeekKnown => flag(before(7).is_some()),
            // These are no matter of the step alone: `append` knows them.
            Feature::YesterdayNow | Feature::LastWeekNow | Feature::CurveChange => 0.0,
        }
    }

    fn value_before(&self, back: Span, grid: &Grid<'_>, zone: &TimeZone) -> Option<f64> {
        grid.value_near(self.before(back, zone)?)
    }

    /// The same reading of the clock, earlier.
    fn before(&self, back: Span, zone: &TimeZone) -> Option<Timestamp> {
        let then = self.local.checked_sub(back).ok()?;
        let at = zone.to_timestamp(then).ok()?;
        Some(Timestamp::from_millis(at.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Series;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    /// Features of the one step after an hourly history that ends at `last` and counts its hours from 0.
    fn after(last: &str, hours: u16, zone: &str, features: &[Feature]) -> Vec<f32> {
        let last = at(last);
        let start = last - HOUR * u32::from(hours - 1);
        let series = Series::new(start, HOUR, (0..hours).map(f64::from).collect());
        let grid = Grid::new(&series, 3600, 400).unwrap();
        let mut out = Vec::new();
        let zone = TimeZone::get(zone).unwrap();
        append(features, 1, &grid, &Scale::UNITY, &zone, &[], &mut out);
        out
    }

    #[test]
    fn a_day_and_a_week_turn_once_in_local_time() {
        use Feature::{DayOfWeekCos, DayOfWeekSin, TimeOfDayCos, TimeOfDaySin, Weekend};
        let all = [
            TimeOfDaySin,
            TimeOfDayCos,
            DayOfWeekSin,
            DayOfWeekCos,
            Weekend,
        ];
        // 05:00 UTC on a Friday is 06:00 in Berlin in winter; the step is one hour later in New York.
        let berlin = after("2026-01-09T04:00:00Z", 2, "Europe/Berlin", &all);
        let week = TAU * 4.25 / 7.0;
        let expected = [1.0, 0.0, week.sin() as f32, week.cos() as f32, 0.0];
        for (found, expected) in berlin.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{berlin:?}");
        }
        // Sunday evening in New York is Monday in UTC.
        let new_york = after("2026-01-12T02:00:00Z", 2, "America/New_York", &[Weekend]);
        assert_eq!(new_york, [1.0]);
    }

    #[test]
    fn yesterday_is_a_calendar_day_across_a_change_to_summer_time() {
        let wanted = [Feature::Yesterday, Feature::YesterdayKnown];
        // On 2026-03-29 Berlin skips an hour: the day before 10:00 lies 23 hours back.
        let change = after("2026-03-29T07:00:00Z", 200, "Europe/Berlin", &wanted);
        assert_eq!(change, [200.0 - 23.0, 1.0]);
        let usual = after("2026-03-27T07:00:00Z", 200, "Europe/Berlin", &wanted);
        assert_eq!(usual, [200.0 - 24.0, 1.0]);
    }

    #[test]
    fn yesterdays_now_is_the_level_at_the_origins_time_of_day() {
        let wanted = [
            Feature::YesterdayNow,
            Feature::LastWeekNow,
            Feature::Yesterday,
        ];
        let found = after("2026-02-10T07:00:00Z", 200, "UTC", &wanted);
        assert_eq!(found, [199.0 - 24.0, 199.0 - 168.0, 200.0 - 24.0]);
        // On a fine step it is the mean of five minutes, without what is missing.
        let minute = Duration::from_mins(1);
        let mut values: Vec<f64> = (0..2000).map(f64::from).collect();
        values[1999 - 1440] = f64::NAN;
        let series = Series::new(Timestamp::from_secs(600), minute, values);
        let grid = Grid::new(&series, 60, 2000).unwrap();
        let mut out = Vec::new();
        let now = [Feature::YesterdayNow];
        append(&now, 2, &grid, &Scale::UNITY, &TimeZone::UTC, &[], &mut out);
        assert_eq!(out, [556.5, 556.5], "the mean of 555 to 558");
        let early = after("2026-02-10T07:00:00Z", 20, "UTC", &now);
        assert_eq!(early, [0.0]);
    }

    #[test]
    fn what_the_history_does_not_hold_is_zero_and_flagged() {
        let wanted = [
            Feature::Yesterday,
            Feature::YesterdayKnown,
            Feature::LastWeek,
            Feature::LastWeekKnown,
        ];
        let found = after("2026-02-10T07:00:00Z", 100, "UTC", &wanted);
        assert_eq!(found, [76.0, 1.0, 0.0, 0.0]);
    }
}
