//! Parameters of a call, from its form and its URL, as Prometheus reads them.

use std::time::Duration;

use super::Refusal;
use crate::domain::{HumanDuration, Timestamp};

/// Names and values; the form's come before the URL's, and the first of a name counts.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

// === impl Parameters ===

impl Parameters {
    pub(super) fn parse(url: Option<&str>, form: &[u8]) -> Self {
        let form = url::form_urlencoded::parse(form);
        let url = url::form_urlencoded::parse(url.unwrap_or_default().as_bytes());
        Self(form.into_owned().chain(url.into_owned()).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        (self.0.iter())
            .find(|(there, _)| there == name)
            .map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub(super) fn time(&self, name: &str) -> Result<Timestamp, Refusal> {
        let text = self.required(name);
        time(text).ok_or_else(|| invalid(name, text, "timestamp"))
    }

    pub(super) fn duration(&self, name: &str) -> Result<Duration, Refusal> {
        let text = self.required(name);
        let seconds = text.parse::<f64>().ok();
        let read = match seconds {
            Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            None => text.parse::<HumanDuration>().ok().map(HumanDuration::get),
        };
        (read.filter(|duration| duration.as_millis() > 0))
            .ok_or_else(|| invalid(name, text, "duration above zero"))
    }
}

/// Seconds since the epoch, or RFC 3339.
fn time(text: &str) -> Option<Timestamp> {
    // A bound far beyond any date, so that the arithmetic behind it can't overflow.
    const MAX_SECONDS: f64 = 1e12;
    if let Ok(seconds) = text.parse::<f64>() {
        let sane = seconds.is_finite() && seconds.abs() <= MAX_SECONDS;
        return sane.then(|| Timestamp::from_millis((seconds * 1000.0).round() as i64));
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

fn invalid(name: &str, text: &str, what: &str) -> Refusal {
    Refusal::bad_data(format!(
        "invalid parameter {name:?}: cannot parse {text:?} to a valid {what}"
    ))
}
