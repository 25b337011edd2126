//! The bounds that hold now: `minReplicas` and `maxReplicas`, or in their place those of the windows that are on.
//!
//! - Of windows that are on together the highest `min` and the lowest `max` hold, and `max` wins over `min`.
//! - A `min` is looked up ahead by the lead time, so that its replicas are Ready when the window begins; before that, and after the
//!   window's end, it rises and falls along the window's `ramp`. A window that asks for less than `minReplicas` has neither: it
//!   lowers the bound from its begin to a lead time before its end.
//! - A `max` holds from begin to end, to the moment. A window that has both takes its `min` beyond `maxReplicas` as soon
//!   as that rises, or it would not be Ready in time.

use std::time::Duration;

use super::Config;
use super::ledger::{replicas, span};
use crate::domain::{BoundWindow, CalendarRef, Timestamp, TriggerSpec};

/// Bounds, and the windows that they come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InForce {
    pub(super) min: u32,
    pub(super) max: u32,
    /// Why `min` is not `minReplicas`, in words.
    pub(super) min_by: Option<String>,
    /// Why `max` is not `maxReplicas`, in words.
    pub(super) max_by: Option<String>,
    /// Whether a window that asks for a replica or more is on, or will be when what is asked for now is Ready.
    pub(super) runs: bool,
}

/// The plain bounds, and how far ahead to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) now: Timestamp,
    pub(super) lead: Duration,
}

/// The bounds of now.
pub(super) fn in_force(windows: &[BoundWindow], plain: Plain) -> InForce {
    let mut force = InForce {
        min: plain.min,
        max: plain.max,
        min_by: None,
        max_by: None,
        runs: false,
    };
    lower(windows, plain, &mut force);
    let on = windows.iter().filter(|window| window.is_on(plain.now));
    let capped = on.filter_map(|window| Some((window.demand.max?, window)));
    if let Some((max, window)) = capped.min_by_key(|(max, _)| *max) {
        force.max = max;
        force.max_by = Some(format!(
            "`{}` allows no more than {}",
            window.name,
            replicas(max)
        ));
        return force;
    }
    // Nothing that is on has a word: what comes, or has just gone, may go beyond.
    let beyond = windows.iter().filter(|window| window.demand.max.is_some());
    let beyond = beyond.filter_map(|window| window.beside(plain));
    let most = beyond.max().unwrap_or(0);
    if most > force.max {
        force.max = most;
        force.max_by = Some(format!(
            "`maxReplicas` and a window of more allow no more than {}",
            replicas(most)
        ));
    }
    force
}

fn lower(windows: &[BoundWindow], plain: Plain, force: &mut InForce) {
    let with_min = |window: &&BoundWindow| window.demand.min.is_some();
    let covers = |at| {
        windows
            .iter()
            .filter(with_min)
            .any(|window| window.is_on(at))
    };
    if covers(plain.now) && covers(plain.now + plain.lead) {
        force.min = 0;
    }
    let ahead = plain.now + plain.lead;
    force.runs = windows.iter().any(|window| {
        let comes = plain.now < window.from && window.from <= ahead;
        window.demand.min > Some(0) && (window.is_on(plain.now) || comes)
    });
    for window in windows.iter().filter(with_min) {
        let asked = match window.demand.min {
            Some(min) if window.is_on(plain.now) => Some(min),
            _ => window.beside(plain),
        };
        let Some(asked) = asked else { continue };
        if asked > force.min || (asked == force.min && force.min_by.is_none() && asked != plain.min)
        {
            force.min = asked;
            force.min_by = Some(window.text(asked, plain));
        }
    }
    // On its ramp too.
    force.runs |= force.min_by.is_some() && force.min > 0;
}

/// What a window asks for while it is not on.
trait Beside {
    fn beside(&self, plain: Plain) -> Option<u32>;
    fn text(&self, asked: u32, plain: Plain) -> String;
}

impl Beside for BoundWindow {
    fn beside(&self, plain: Plain) -> Option<u32> {
        let min = self.demand.min.filter(|min| *min > plain.min)?;
        if self.is_on(plain.now) {
            return None;
        }
        let away = if plain.now < self.from {
            self.from.since(plain.now + plain.lead)
        } else {
            plain.now.since(self.until)
        };
        let share = if away.is_zero() && plain.now < self.from {
            1.0
        } else if away < self.demand.ramp {
            1.0 - away.as_secs_f64() / self.demand.ramp.as_secs_f64()
        } else {
            return None;
        };
        let above = f64::from(min - plain.min) * share;
        Some(plain.min + above.ceil() as u32)
    }

    fn text(&self, asked: u32, plain: Plain) -> String {
        let (name, asked) = (&self.name, replicas(asked));
        if self.is_on(plain.now) {
            return format!("`{name}` asks for at least {asked} until {}", self.until);
        }
        if self.from <= plain.now {
            return format!("`{name}` is over and goes down to at least {asked}");
        }
        let away = span(self.from.since(plain.now));
        format!(
            "`{name}` begins in {away} and asks for at least {asked} by now, looking {} ahead",
            span(plain.lead)
        )
    }
}

/// The windows that may matter now: those of the text, then those of the calendar.
pub(super) fn windows(config: &Config, spec: &TriggerSpec, now: Timestamp) -> Vec<BoundWindow> {
    let until = now + spec.horizon.get().max(config.default_lead_time.get());
    let calendar = match &spec.calendar {
        Some(CalendarRef::Inline(calendar)) => Some(calendar),
        Some(CalendarRef::Named(name)) => config.calendar(name),
        None => None,
    };
    let written = spec.bounds.iter();
    let written = written.flat_map(|bounds| bounds.windows(&spec.timezone, now, until));
    let events = calendar.into_iter();
    let events = events.flat_map(|calendar| calendar.windows(&spec.timezone, now, until));
    written.chain(events).collect()
}

/// A calendar that the trigger names and the server's settings do not have.
pub(super) fn missing_calendar<'a>(config: &Config, spec: &'a TriggerSpec) -> Option<&'a str> {
    match &spec.calendar {
        Some(CalendarRef::Named(name)) if config.calendar(name).is_none() => Some(name),
        _ => None,
    }
}
