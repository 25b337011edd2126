//! On which days a window comes again.

use jiff::civil::{Date, Weekday};

use super::short;
use crate::domain::events::Country;

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Days of the week and public holidays, without some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Days {
    /// Monday first.
    week: [bool; 7],
    holidays: Vec<Country>,
    /// Holidays on which it does not begin, whatever the rest says.
    but: Vec<Country>,
}

// === impl Days ===

impl Days {
    /// All of them.
    pub(super) fn daily() -> Self {
        Self {
            week: [true; 7],
            holidays: Vec::new(),
            but: Vec::new(),
        }
    }

    /// `Mon-Fri`, `Sat,Sun`, `Fri-Mon`, `daily`, `Sun,holidays:DE` or `Mon-Fri,!holidays:DE`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut days = Self {
            week: [false; 7],
            ..Self::daily()
        };
        let mut says_when = false;
        for part in text.split(',').map(str::trim) {
            if let Some(code) = part.strip_prefix("!holidays:") {
                days.but.push(country(code)?);
                continue;
            }
            says_when = true;
            if let Some(code) = part.strip_prefix("holidays:") {
                days.holidays.push(country(code)?);
            } else if part.eq_ignore_ascii_case("daily") {
                days.week = [true; 7];
            } else {
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                let (first, last) = (weekday(first)?, weekday(last)?);
                let many = (last + 7 - first) % 7;
                for step in 0..=many {
                    days.week[(first + step) % 7] = true;
                }
            }
        }
        if !says_when {
            days.week = [true; 7];
        }
        Ok(days)
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, day: Date) -> bool {
        let among = |countries: &[Country]| countries.iter().any(|country| country.rests(day));
        (self.week[place(day.weekday())] || among(&self.holidays)) && !among(&self.but)
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        (self.holidays.capacity() + self.but.capacity()) * size_of::<Country>()
    }
}

fn country(code: &str) -> Result<Country, String> {
    Country::named(code, &format!("holidays:{}", short(code)))
}

fn weekday(name: &str) -> Result<usize, String> {
    let found = NAMES
        .iter()
        .position(|day| day.eq_ignore_ascii_case(name.trim()));
    found.ok_or_else(|| {
        format!(
            "`{}` is no day: write `Mon` to `Sun`, as in `Mon-Fri,Sun`, `daily`, `holidays:DE`, or `!holidays:DE` for days that \
             are none",
            short(name)
        )
    })
}

fn place(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}
