//! `--decompose`: each window's past split into parts that add up to it, worked out anew for each origin from nothing but
//! what was known there.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::analyze::decompose::{self, Ceemdan, Method};
use crate::domain::{HumanDuration, Series};

/// CEEMDAN's noises, their size as a share of the window's standard deviation, and what they are drawn from.
const NOISES: usize = 50;
const NOISE: f64 = 0.2;
const SEED: u64 = 1;

/// Days that an MSTL looks at: each season is to be there twice, and twice more to be told from the trend.
const DAYS: usize = 4;

/// From so many days on there is a season of a week, too.
const DAYS_WITH_WEEKS: usize = 14;

/// What to decompose by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum By {
    /// Not at all.
    #[default]
    None,
    /// Seasons, remainder and trend by loess.
    Mstl,
    /// Modes from the fastest to the slowest, and what remains.
    Ceemdan,
}

/// A decomposition of windows of one length.
#[derive(Debug)]
pub(super) struct Decomposition {
    /// Steps that are decomposed; they end at the origin.
    pub(super) window: usize,
    method: Method,
}

impl Decomposition {
    /// For contexts of `context` steps of `step`, from so many steps as `--decompose-window` names; `None` when there is to
    /// be none.
    ///
    /// # Errors
    /// When the window is too short for the context or for the method; names the flag and what is allowed.
    pub(super) fn new(
        by: By,
        window: Option<u32>,
        context: usize,
        step: Duration,
    ) -> Result<Option<Self>, String> {
        let wanted = window.map(|window| window as usize);
        if let Some(wanted) = wanted.filter(|wanted| *wanted < context) {
            return Err(format!(
                "`--decompose-window` {wanted} is shorter than the context of {context} steps"
            ));
        }
        if let (By::None, Some(wanted)) = (by, wanted) {
            return Err(format!(
                "`--decompose-window` {wanted} has no effect without `--decompose mstl` or `--decompose ceemdan`"
            ));
        }
        let day = (86_400 / step.as_secs().max(1)) as usize;
        Ok(match by {
            By::None => None,
            By::Mstl => {
                let window = wanted.unwrap_or_else(|| context.max(DAYS * day));
                Some(Self {
                    window,
                    method: mstl(window, day, step)?,
                })
            }
            By::Ceemdan => {
                let window = wanted.unwrap_or(context);
                let method = Ceemdan::new(window, NOISES, NOISE, SEED)
                    .map_err(|error| format!("`--decompose ceemdan`: {error}"))?;
                Some(Self {
                    window,
                    method: Method::Ceemdan(method),
                })
            }
        })
    }

    /// The last `context` values of each part of `known`, one part after another; `None` when too much of it is missing.
    pub(super) fn parts(&self, known: &Series, context: usize) -> Option<Vec<f64>> {
        let origin = known.len().checked_sub(1)?;
        let parts = decompose::causal(known, origin, self.window, &self.method).ok()?;
        let newest = |part: &Vec<f64>| part[self.window - context..].to_vec();
        let all: Vec<f64> = parts.parts.iter().flat_map(newest).collect();
        all.iter().all(|value| value.is_finite()).then_some(all)
    }
}

fn mstl(window: usize, day: usize, step: Duration) -> Result<Method, String> {
    if day < 2 || window < 2 * day {
        let step = HumanDuration(step);
        return Err(format!(
            "`--decompose mstl` needs two days, {} steps of {step}, and `--decompose-window` is {window}",
            2 * day
        ));
    }
    let weeks = (window >= DAYS_WITH_WEEKS * day).then_some(7 * day);
    let periods = [day].into_iter().chain(weeks).collect();
    Ok(Method::Mstl { periods })
}
