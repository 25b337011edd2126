//! What the forecast says about a window ahead, if it still says anything.

use std::fmt::Write as _;
use std::time::Duration;

use super::case::Case;
use super::ledger::{ago, amount, span};
use crate::domain::{Forecast, Peak, Quantile};

/// A forecast whose last sample is older than this many of its steps means that the model has been failing.
const STEPS_UNTIL_OLD: u32 = 4;

/// What the forecast says about the lead time.
pub(super) enum Outlook<'a> {
    /// Its worst moment.
    Seen(Seen<'a>),
    /// Nothing, and why.
    Blind(String),
}

/// The worst moment of the lead time.
pub(super) struct Seen<'a> {
    pub(super) peak: Peak,
    /// The level at which it is.
    pub(super) level: Quantile,
    pub(super) forecast: &'a Forecast,
}

/// Looks over the lead time, at the trigger's quantile.
pub(super) fn over_lead_time<'a>(case: &Case<'a>) -> Outlook<'a> {
    over_lead_time_at(case, case.spec.quantile)
}

/// The same at another level.
pub(super) fn over_lead_time_at<'a>(case: &Case<'a>, level: Quantile) -> Outlook<'a> {
    if let Some(why) = case.distrust {
        return Outlook::Blind(format!("forecasts have lost their trust, {why}"));
    }
    let Some(forecast) = case.forecast else {
        return Outlook::Blind("there is no forecast yet".into());
    };
    if let Some(peak) = worst_at(case, level, case.ahead()) {
        return Outlook::Seen(Seen {
            peak,
            level,
            forecast,
        });
    }
    let model = &forecast.model;
    Outlook::Blind(if forecast.until() <= case.now {
        let ended = ago(forecast.until(), case.now);
        format!("the last forecast, by `{model}`, ended {ended}")
    } else {
        let ahead = span(case.ahead());
        format!("the forecast by `{model}` says nothing usable about the next {ahead}")
    })
}

/// The worst moment from now on within `ahead`, at the trigger's quantile; `None` where the forecast says nothing.
pub(super) fn worst(case: &Case<'_>, ahead: Duration) -> Option<Peak> {
    worst_at(case, case.spec.quantile, ahead)
}

/// The same at another level.
pub(super) fn worst_at(case: &Case<'_>, level: Quantile, ahead: Duration) -> Option<Peak> {
    let forecast = case.forecast?;
    // The shortest look ahead still sees the next step.
    let until = case.now + ahead.max(Duration::from_millis(1));
    let peak = forecast.worst(level, case.now, until)?;
    peak.value.is_finite().then_some(peak)
}

impl Seen<'_> {
    /// The expectation in words, with what limits it.
    pub(super) fn text(&self, case: &Case<'_>) -> String {
        let Peak { value, at } = self.peak;
        let mut text = format!(
            "`{}` expects a peak of {} in {} ({} quantile of the next {})",
            self.forecast.model,
            amount(value),
            span(at.since(case.now)),
            self.level,
            span(case.ahead()),
        );
        self.caveats(case, &mut text);
        text
    }

    fn caveats(&self, case: &Case<'_>, text: &mut String) {
        // Writing to a string can't fail.
        let (now, forecast) = (case.now, self.forecast);
        if let Some(stand_in) = &forecast.stand_in {
            let _ = write!(text, ", standing in for `{}`", stand_in.wanted);
        }
        if now.since(forecast.origin()) > forecast.step() * STEPS_UNTIL_OLD {
            let age = ago(forecast.origin(), now);
            let _ = write!(text, ", from data that ended {age}");
        }
        if forecast.until() < now + case.ahead() {
            let rest = span(forecast.until().since(now));
            let _ = write!(text, ", seeing only {rest} ahead");
        }
    }
}
