//! Public holidays that hold in a whole country, from rules: fixed dates, days about Easter, the n-th weekday of a
//! month, and days off in lieu. Regional holidays and those that are announced year by year are not here.
//!
//! Checked against the Python package `holidays` 0.109 for the years 2015 to 2035. The one difference: in Spain a holiday
//! on a Sunday stays there, for each region moves it as it likes.

use jiff::civil::{Date, Weekday};

const DAY: i64 = 86_400;

/// A country whose holidays are known.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct Country {
    code: &'static str,
    rules: &'static [Rule],
    lieu: Lieu,
}

/// How a holiday is found in a year.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Month and day.
    Fixed(i8, i8),
    /// Days after Easter Sunday.
    Easter(i64),
    /// The n-th weekday of a month; from the end when negative.
    Nth(i8, Weekday, i8),
    /// The rule, but only from a year on.
    Since(i16, &'static Rule),
    /// The rule, but only in one year.
    In(i16, &'static Rule),
    /// The rule, but only in years that so many divide.
    Every(i16, &'static Rule),
    /// The rule, but not in one year.
    Except(i16, &'static Rule),
    /// The day before the rule's when the rule's is a Sunday.
    EveOfSunday(i8, i8),
}

/// What happens when a holiday with a fixed date falls on a weekend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lieu {
    Nothing,
    /// A Saturday's is off on the Friday before, a Sunday's on the Monday after.
    Nearest,
    /// Off on the next working day.
    NextWorkingDay,
}

use Rule::{Easter, EveOfSunday, Every, Except, Fixed, In, Nth, Since};
use Weekday::{Monday, Sunday, Thursday};

const COUNTRIES: &[Country] = &[
    Country {
        code: "AT",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(50),
            Easter(60),
            Fixed(8, 15),
            Fixed(10, 26),
            Fixed(11, 1),
            Fixed(12, 8),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    },
    Country {
        code: "BE",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Easter(0),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(49),
            Easter(50),
            Fixed(7, 21),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
        ],
    },
    Country {
        code: "BR",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Easter(-2),
            Fixed(4, 21),
            Fixed(5, 1),
            Fixed(9, 7),
            Fixed(10, 12),
            Fixed(11, 2),
            Fixed(11, 15),
            Since(2024, &Fixed(11, 20)),
            Fixed(12, 25),
        ],
    },
    Country {
        code: "DE",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Easter(-2),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(50),
            Fixed(10, 3),
            In(2017, &Fixed(10, 31)),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    },
    Country {
        code: "ES",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(-2),
            Fixed(5, 1),
            Fixed(8, 15),
            Fixed(10, 12),
            Fixed(11, 1),
            Fixed(12, 6),
            Fixed(12, 8),
            Fixed(12, 25),
        ],
    },
    Country {
        code: "FR",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Easter(1),
            Fixed(5, 1),
            Fixed(5, 8),
            Easter(39),
            Easter(50),
            Fixed(7, 14),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
        ],
    },
    // England and Wales.
    Country {
        code: "GB",
        lieu: Lieu::NextWorkingDay,
        rules: &[
            Fixed(1, 1),
            Easter(-2),
            Easter(1),
            Except(2020, &Nth(5, Monday, 1)),
            In(2020, &Fixed(5, 8)),
            Except(2022, &Nth(5, Monday, -1)),
            In(2022, &Fixed(6, 2)),
            In(2022, &Fixed(6, 3)),
            In(2022, &Fixed(9, 19)),
            In(2023, &Fixed(5, 8)),
            Nth(8, Monday, -1),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    },
    Country {
        code: "IT",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(0),
            Easter(1),
            Fixed(4, 25),
            Fixed(5, 1),
            Fixed(6, 2),
            Fixed(8, 15),
            Since(2026, &Fixed(10, 4)),
            Fixed(11, 1),
            Nth(11, Sunday, 1),
            Fixed(12, 8),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    },
    Country {
        code: "NL",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Easter(-2),
            Every(5, &Fixed(5, 5)),
            Easter(0),
            Easter(1),
            EveOfSunday(4, 27),
            Easter(39),
            Easter(49),
            Easter(50),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    },
    Country {
        code: "PL",
        lieu: Lieu::Nothing,
        rules: &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(0),
            Easter(1),
            Fixed(5, 1),
            Fixed(5, 3),
            Easter(49),
            Easter(60),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            In(2018, &Fixed(11, 12)),
            Since(2025, &Fixed(12, 24)),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    },
    Country {
        code: "US",
        lieu: Lieu::Nearest,
        rules: &[
            Fixed(1, 1),
            Nth(1, Monday, 3),
            Nth(2, Monday, 3),
            Nth(5, Monday, -1),
            Since(2021, &Fixed(6, 19)),
            Fixed(7, 4),
            Nth(9, Monday, 1),
            Nth(10, Monday, 2),
            Fixed(11, 11),
            Nth(11, Thursday, 4),
            Fixed(12, 25),
        ],
    },
];

impl PartialEq for Country {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Country {}

impl Country {
    /// The country of a two-letter code, large or small; an error names `entry`, where it stands, and all codes there are.
    pub(in crate::domain) fn named(code: &str, entry: &str) -> Result<Self, String> {
        let mut all = COUNTRIES.iter();
        let found = all.find(|country| country.code.eq_ignore_ascii_case(code));
        found.copied().ok_or_else(|| {
            let codes: Vec<&str> = COUNTRIES.iter().map(|country| country.code).collect();
            let codes = codes.join("`, `");
            format!("`{entry}`: holidays are known of `{codes}`")
        })
    }

    pub(super) fn code(self) -> &'static str {
        self.code
    }

    /// Whether it is a holiday there.
    pub(in crate::domain) fn rests(self, day: Date) -> bool {
        // A day off in lieu of New Year can lie in the year before.
        let years = [day.year(), day.year().saturating_add(1)];
        years.iter().any(|year| self.days(*year).contains(&day))
    }

    /// The holidays that overlap a stretch of local time, as days of it.
    pub(super) fn windows(self, from: i64, until: i64) -> Vec<(i64, i64)> {
        let year = |secs: i64| {
            let at = jiff::Timestamp::from_second(secs).unwrap_or_default();
            at.to_zoned(jiff::tz::TimeZone::UTC).year()
        };
        // A day off in lieu of New Year can lie in the year before. More than a century is nobody's history.
        let first = year(from);
        let last = year(until).min(first.saturating_add(100)).saturating_add(1);
        let days = (first..=last).flat_map(|year| self.days(year));
        let windows = days.filter_map(|day| {
            let begin = super::seconds(day.at(0, 0, 0, 0))?;
            Some((begin, begin + DAY))
        });
        windows
            .filter(|(begin, end)| *begin < until && *end > from)
            .collect()
    }

    /// The holidays of a year, in order.
    fn days(self, year: i16) -> Vec<Date> {
        let found: Vec<(Date, bool)> = self
            .rules
            .iter()
            .filter_map(|rule| Some((rule.day(year)?, rule.is_fixed())))
            .collect();
        let mut days: Vec<Date> = found.iter().map(|(day, _)| *day).collect();
        for (day, _) in found.iter().filter(|(_, fixed)| *fixed) {
            days.extend(self.lieu.of(*day, &days));
        }
        days.sort_unstable();
        days.dedup();
        days
    }
}

impl Lieu {
    /// The day off in lieu of `day`, which must not be one of those that are off already.
    fn of(self, day: Date, off: &[Date]) -> Option<Date> {
        match (self, day.weekday()) {
            (Self::Nearest, Weekday::Saturday) => day.yesterday().ok(),
            (Self::Nearest, Weekday::Sunday) => day.tomorrow().ok(),
            (Self::NextWorkingDay, Weekday::Saturday | Weekday::Sunday) => {
                let weekend =
                    |day: Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
                let mut next = day.tomorrow().ok()?;
                while weekend(next) || off.contains(&next) {
                    next = next.tomorrow().ok()?;
                }
                Some(next)
            }
            _ => None,
        }
    }
}

impl Rule {
    fn day(&self, year: i16) -> Option<Date> {
        match *self {
            Self::Fixed(month, day) => Date::new(year, month, day).ok(),
            Self::Easter(after) => easter(year)?
                .checked_add(jiff::Span::new().days(after))
                .ok(),
            Self::Nth(month, weekday, n) => {
                let month = Date::new(year, month, 1).ok()?;
                month.nth_weekday_of_month(n, weekday).ok()
            }
            Self::Since(first, rule) => rule.day(year).filter(|_| year >= first),
            Self::In(only, rule) => rule.day(year).filter(|_| year == only),
            Self::Every(years, rule) => rule.day(year).filter(|_| year % years == 0),
            Self::Except(never, rule) => rule.day(year).filter(|_| year != never),
            Self::EveOfSunday(month, day) => {
                let day = Date::new(year, month, day).ok()?;
                if day.weekday() == Weekday::Sunday {
                    day.yesterday().ok()
                } else {
                    Some(day)
                }
            }
        }
    }

    /// Whether it falls on any day of the week.
    fn is_fixed(&self) -> bool {
        match self {
            Self::Fixed(..) => true,
            Self::Since(_, rule) => rule.is_fixed(),
            _ => false,
        }
    }
}

/// Easter Sunday in the Gregorian calendar, by the algorithm of Meeus, Jones and Butcher.
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let golden = y % 19;
    let (century, rest) = (y / 100, y % 100);
    let moon =
        (19 * golden + century - century / 4 - (century - (century + 8) / 25 + 1) / 3 + 15) % 30;
    let week = (32 + 2 * (century % 4) + 2 * (rest / 4) - moon - rest % 4) % 7;
    let late = (golden + 11 * moon + 22 * week) / 451;
    let days = moon + week - 7 * late + 114;
    Date::new(year, (days / 31) as i8, (days % 31 + 1) as i8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(code: &str, year: i16) -> Vec<String> {
        let days = Country::named(code, code).unwrap().days(year);
        days.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn easter_is_the_known_one() {
        for (year, month, day) in [
            (1998, 4, 12),
            (2000, 4, 23),
            (2008, 3, 23),
            (2024, 3, 31),
            (2038, 4, 25),
        ] {
            assert_eq!(easter(year), Date::new(year, month, day).ok());
        }
    }

    #[test]
    fn the_german_year_2026_is_the_official_one() {
        assert_eq!(
            days("de", 2026),
            [
                "2026-01-01",
                "2026-04-03",
                "2026-04-06",
                "2026-05-01",
                "2026-05-14",
                "2026-05-25",
                "2026-10-03",
                "2026-12-25",
                "2026-12-26"
            ]
        );
    }

    #[test]
    fn a_holiday_on_a_weekend_is_off_on_the_nearest_working_day_in_the_states() {
        let year = days("US", 2026);
        // The Fourth of July is a Saturday, Thanksgiving the fourth Thursday of November.
        for day in [
            "2026-07-03",
            "2026-07-04",
            "2026-11-26",
            "2026-01-19",
            "2026-05-25",
            "2026-06-19",
        ] {
            assert!(year.iter().any(|d| d == day), "{day} in {year:?}");
        }
        assert!(days("US", 2022).contains(&"2021-12-31".to_owned()));
        assert!(!days("US", 2020).contains(&"2020-06-19".to_owned()));
    }

    #[test]
    fn both_days_of_christmas_on_a_weekend_give_two_days_off_in_england() {
        // Saturday and Sunday.
        let year = days("GB", 2021);
        assert_eq!(
            year[year.len() - 4..],
            ["2021-12-25", "2021-12-26", "2021-12-27", "2021-12-28"]
        );
        // Sunday and Monday.
        let year = days("GB", 2022);
        assert_eq!(
            year[year.len() - 3..],
            ["2022-12-25", "2022-12-26", "2022-12-27"]
        );
        assert!(
            year.contains(&"2022-06-03".to_owned()) && !year.contains(&"2022-05-30".to_owned())
        );
    }

    #[test]
    fn a_day_off_before_new_year_is_found_from_the_old_year() {
        let us = Country::named("US", "US").unwrap();
        let eve = super::super::seconds(Date::constant(2021, 12, 31).at(0, 0, 0, 0)).unwrap();
        assert_eq!(us.windows(eve, eve + 3600), [(eve, eve + DAY)]);
    }
}
