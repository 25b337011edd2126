//! `maxReplicaHoursPerDay`: a day of the workload's time zone has so many replica hours.
//!
//! What plans have asked for since midnight is spent, whether or not the cluster followed. The budget takes away only what a
//! plan wants above the measured load's need; that need is never cut, so that a day can cost more than its budget, and
//! its reasons say so.
//!
//! What is left is paced over the rest of the day. Once every hour that is left has been seen on some day before, the rest of
//! the day is taken to be like those days: `F` replica hours for the measured load and `W` for what plans want. If less
//! than `W` is left, each plan keeps the same share `(left - F) / (W - F)` of what it wants above the measured load, from now
//! on as at the peak that is still to come. On the first day nothing is known of the hours to come, and a plan may ask for
//! what is left divided by the time that is left. Both are worked out anew at every plan, so that a day that is
//! unlike others runs short gradually. Of the days before, the newest weighs half.

use std::fmt::Write as _;
use std::time::Duration;

use super::case::Case;
use super::ledger::{Ledger, amount, span};
use super::local::{LocalTime, local, zone};
use crate::domain::{HourSum, Limit, Spending, TypicalHour};

/// Hours of a day.
const HOURS: usize = 24;
/// An hour of which less was seen says nothing of what is usual.
const SEEN: f32 = 0.5;
/// What the newest day weighs.
const NEWEST: f32 = 0.5;
/// Float noise in a sum of replica hours.
const NOISE: f64 = 1e-6;

/// The budget of a day, as of now.
pub(super) struct Budget {
    most: f64,
    time: LocalTime,
    spending: Spending,
}

/// What a budget leaves of a wish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Afforded {
    /// All of it.
    All,
    /// So many replicas.
    UpTo(u32),
    /// A share of what it is above the measured load's need.
    Share { floor: u32, share: f64 },
}

impl Afforded {
    pub(super) fn of(self, wanted: u32) -> u32 {
        match self {
            Self::All => wanted,
            Self::UpTo(most) => wanted.min(most),
            Self::Share { floor, share } => {
                let above = f64::from(wanted.saturating_sub(floor));
                let most = floor.saturating_add((above * share + NOISE).floor() as u32);
                wanted.min(most)
            }
        }
    }
}

/// What is typical of the rest of a day, in replica hours.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rest {
    floor: f64,
    wanted: f64,
}

impl Budget {
    /// That of a plan from fresh data; `None` for a trigger without a budget.
    pub(super) fn of(case: &Case<'_>) -> Option<Self> {
        Self::after(case, case.passed(case.past.spending().map(|it| it.at)))
    }

    /// That of another plan: it goes on costing, and says nothing of what is usual.
    pub(super) fn unseen(case: &Case<'_>) -> Option<Self> {
        Self::after(case, None)
    }

    /// After so much time of which the last look speaks.
    fn after(case: &Case<'_>, seen: Option<Duration>) -> Option<Self> {
        let most = case.spec.max_replica_hours_per_day?;
        let time = local(case.now, &zone(&case.spec.timezone))?;
        let before = case.past.spending().cloned();
        Some(Self {
            most,
            time,
            spending: before.map_or_else(
                || Spending {
                    day: time.day,
                    hour: time.hour,
                    at: case.now,
                    ..Spending::default()
                },
                |before| advance(before, case, time, seen.unwrap_or_default()),
            ),
        })
    }

    /// Takes away what can't be afforded above `floor`, the measured load's need; what can be of any other wish.
    pub(super) fn limit(&mut self, case: &Case<'_>, floor: u32, ledger: &mut Ledger) -> Afforded {
        let most = case.upper_bound();
        let (floor, wanted) = (floor.min(most), ledger.count().min(most));
        self.spending.this_hour.floor_now = floor;
        self.spending.this_hour.wanted_now = wanted;
        let left = self.most - self.spending.hours;
        let rest = self.rest();
        let afforded = match rest {
            _ if left <= 0.0 => Afforded::UpTo(floor),
            Some(rest) => Afforded::Share {
                floor,
                share: share(left, rest),
            },
            None => {
                let rate = left / self.time.until_midnight.max(NOISE);
                Afforded::UpTo(floor.max((rate + NOISE).floor() as u32))
            }
        };
        let allowed = afforded.of(wanted);
        let loads_own = rest.map_or(left <= 0.0, |rest| rest.floor > left);
        if ledger.count() > allowed {
            ledger.lower_to(Limit::Budget, allowed, || {
                self.text(case, left, rest, loads_own)
            });
        } else if loads_own {
            ledger.note(Limit::Budget, self.text(case, left, rest, loads_own));
        }
        afforded
    }

    /// What is remembered once it is decided that so many replicas are asked for. A workload at rest has none, whatever its
    /// load would need.
    pub(super) fn close(mut self, asked: u32, rests: bool) -> Spending {
        self.spending.replicas = asked;
        if rests {
            let hour = &mut self.spending.this_hour;
            (hour.floor_now, hour.wanted_now) = (0, 0);
        }
        self.spending
    }

    /// What is typical of the hours until midnight; `None` unless each of them has been seen.
    fn rest(&self) -> Option<Rest> {
        let hour = usize::from(self.time.hour);
        let mut rest = Rest {
            floor: 0.0,
            wanted: 0.0,
        };
        for (index, typical) in self.spending.typical.iter().enumerate().skip(hour) {
            if typical.wanted < 0.0 {
                return None;
            }
            let part = if index == hour {
                1.0 - self.time.into_hour
            } else {
                1.0
            };
            rest.floor += part * f64::from(typical.floor);
            rest.wanted += part * f64::from(typical.wanted.max(typical.floor));
        }
        (!self.spending.typical.is_empty()).then_some(rest)
    }

    fn text(&self, case: &Case<'_>, left: f64, rest: Option<Rest>, loads_own: bool) -> String {
        let time = Duration::from_secs_f64((self.time.until_midnight * 3600.0).max(0.0));
        let mut text = format!(
            "`maxReplicaHoursPerDay` of {}: {} were asked for today, {} for the {} until midnight ({})",
            amount(self.most),
            amount(self.spending.hours),
            if left > 0.0 {
                format!("which leaves {}", amount(left))
            } else {
                "which leaves nothing".to_owned()
            },
            span(time),
            case.spec.timezone,
        );
        if let Some(rest) = rest {
            // Writing to a string can't fail.
            let _ = write!(
                text,
                "; as days before, the measured load will need {} and plans will want {}",
                amount(rest.floor),
                amount(rest.wanted)
            );
        }
        if loads_own {
            text.push_str("; the measured load alone goes beyond the budget, and is never cut");
        }
        text
    }
}

/// The share that can be afforded of what plans want above the measured load.
fn share(left: f64, rest: Rest) -> f64 {
    let above = rest.wanted - rest.floor;
    if left >= rest.wanted {
        1.0
    } else if above <= NOISE {
        0.0
    } else {
        ((left - rest.floor) / above).clamp(0.0, 1.0)
    }
}

/// Counts what the newest plan has asked for until now; a new day begins at nothing, a new hour adds the old one to what
/// is typical, as far as it was `seen`. A clock that is set back adds nothing.
fn advance(mut spending: Spending, case: &Case<'_>, time: LocalTime, seen: Duration) -> Spending {
    let [passed, seen] = [case.now.since(spending.at), seen].map(|it| it.as_secs_f64() / 3600.0);
    let asked = f64::from(spending.replicas);
    let hour = &mut spending.this_hour;
    // A silence says nothing of the hours in it, nor of the rest of the one in which it began.
    let seen = seen.min(f64::from(1.0 - hour.seen).max(0.0));
    hour.seen += seen as f32;
    hour.floor += (seen * f64::from(hour.floor_now)) as f32;
    hour.wanted += (seen * f64::from(hour.wanted_now)) as f32;
    if spending.day == time.day {
        spending.hours += asked * passed;
    } else {
        spending.hours = asked * passed.min(time.since_midnight.max(0.0));
        spending.day = time.day;
    }
    if spending.hour != time.hour {
        let (hour, sum) = (spending.hour, spending.this_hour);
        learn(&mut spending.typical, usize::from(hour), sum);
        spending.this_hour = HourSum {
            floor_now: sum.floor_now,
            wanted_now: sum.wanted_now,
            ..HourSum::default()
        };
        spending.hour = time.hour;
    }
    spending.at = case.now;
    spending
}

fn learn(typical: &mut Vec<TypicalHour>, hour: usize, sum: HourSum) {
    if sum.seen < SEEN || hour >= HOURS {
        return;
    }
    let unknown = TypicalHour {
        floor: -1.0,
        wanted: -1.0,
    };
    typical.resize(HOURS, unknown);
    let (floor, wanted) = (sum.floor / sum.seen, sum.wanted / sum.seen);
    let mix = |old: f32, new: f32| {
        if old < 0.0 {
            new
        } else {
            old + NEWEST * (new - old)
        }
    };
    let old = &mut typical[hour];
    *old = TypicalHour {
        floor: mix(old.floor, floor),
        wanted: mix(old.wanted, wanted),
    };
}
