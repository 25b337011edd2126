//! From one string, which is not blank, to one typed value. The errors say what is wrong with the value; the table says what
//! is allowed.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::Url;

use crate::domain::{
    Bounds, Calendar, CalendarRef, Events, HumanDuration, LeadTime, Mode, ModelChoice, Ramp,
    RampStep,
};

/// The longest PromQL expression.
const MAX_QUERY: usize = 8 * 1024;
/// Entries in a list such as `queryParameters`.
const MAX_PAIRS: usize = 32;
/// How much of a value is shown in a message.
const EXCERPT: usize = 80;

/// Models that can be asked for by name, besides `auto` and `onnx:NAME`.
const MODELS: [&str; 14] = [
    "naive",
    "recent-mean",
    "seasonal-naive",
    "holt-winters",
    "ets",
    "mstl",
    "prophet",
    "linear",
    "linear-log",
    "mix",
    "mlp",
    "gru",
    "lstm",
    "hybrid",
];

/// Headers that carry credentials.
const SECRET_HEADERS: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
];
/// Headers that belong to the HTTP client.
const CLIENT_HEADERS: [&str; 11] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "accept",
    "accept-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
];
/// URL parameters of the query API itself.
const QUERY_API: [&str; 6] = ["query", "start", "end", "step", "time", "timeout"];

/// A value as it is shown in a message: short, on one line.
pub fn excerpt(value: &str) -> String {
    let mut short: String = value
        .chars()
        .take(EXCERPT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

/// The name of a Kubernetes object, as another key of it.
pub(super) fn object_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    super::limits::kubernetes_name(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "this is no Kubernetes name".to_owned())
}

pub(super) fn number(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let value: f64 = text
        .trim()
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .ok_or("this is not a number")?;
    if value < min {
        return Err(format!("this is below {min}"));
    }
    if value > max {
        return Err(format!("this is above {max}"));
    }
    Ok(value)
}

/// A share, written in percent.
pub(super) fn percentage(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let number_text = text
        .trim()
        .strip_suffix('%')
        .ok_or("this has no `%` at its end")?;
    Ok(number(number_text, min, max)? / 100.0)
}

/// A share in percent, as it would be written.
pub(super) fn percent(share: f64) -> String {
    // Shares are read from percentages: six digits give back what was written.
    let percent = (share * 1e8).round() / 1e6;
    format!("{percent}%")
}

pub(super) fn whole(text: &str, min: u32, max: u32) -> Result<u32, String> {
    let value: u64 = text
        .trim()
        .parse()
        .map_err(|_| "this is not a whole number".to_owned())?;
    if value < u64::from(min) {
        return Err(format!("this is below {min}"));
    }
    u32::try_from(value)
        .ok()
        .filter(|value| *value <= max)
        .ok_or_else(|| format!("this is above {max}"))
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err("this is neither true nor false".to_owned()),
    }
}

/// A duration from `min` to `max`, in whole seconds where both are.
pub(super) fn duration(text: &str, min: &str, max: &str) -> Result<HumanDuration, String> {
    let value: HumanDuration = text
        .parse()
        .map_err(|_| "this is not a number with a unit, such as `90s` or `10m`".to_owned())?;
    let bound = |text: &str| text.parse().unwrap_or(HumanDuration(Duration::MAX));
    let (low, high): (HumanDuration, HumanDuration) = (bound(min), bound(max));
    if value < low {
        return Err(format!("this is below {min}"));
    }
    if value > high {
        return Err(format!("this is above {max}"));
    }
    if low.get().subsec_nanos() == 0 && value.get().subsec_nanos() != 0 {
        return Err("this is not a whole number of seconds".to_owned());
    }
    Ok(value)
}

/// KEDA's own `timeout` is a number of milliseconds; a duration is taken as well.
pub(super) fn timeout(text: &str) -> Result<HumanDuration, String> {
    if text.trim().chars().all(|c| c.is_ascii_digit()) {
        return duration(&format!("{}ms", text.trim()), "1ms", "5m");
    }
    duration(text, "1ms", "5m")
}

pub(super) fn query(text: &str) -> Result<String, String> {
    if text.len() > MAX_QUERY {
        return Err(format!("this has more than {MAX_QUERY} bytes"));
    }
    if text.contains('\0') {
        return Err("this holds a NUL character".to_owned());
    }
    Ok(text.trim().to_owned())
}

pub(super) fn free_text(text: &str, max: usize) -> Result<String, String> {
    if text.len() > max {
        return Err(format!("this has more than {max} bytes"));
    }
    Ok(text.trim().to_owned())
}

/// Known events, and times that nothing is learned from.
pub(super) fn events(text: &str) -> Result<Events, String> {
    Events::parse(&free_text(text, 4096)?)
}

/// Bounds by time.
pub(super) fn bounds(text: &str) -> Result<Bounds, String> {
    Bounds::parse(&free_text(text, 4096)?)
}

/// A calendar, or the name of one in the server's settings: metadata names no paths.
pub(super) fn calendar(text: &str) -> Result<CalendarRef, String> {
    let text = text.trim();
    if text.contains(':') {
        return Calendar::parse(text).map(CalendarRef::Inline);
    }
    name(text).map(CalendarRef::Named)
}

/// A name made of letters, digits, `-`, `_` and `.`, which can't leave its folder.
pub(super) fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 63 {
        return Err("this does not have 1 to 63 characters".to_owned());
    }
    if !text.chars().all(allowed) || text.starts_with('.') {
        return Err("this is not a name".to_owned());
    }
    Ok(text.to_owned())
}

/// The base URL of a Prometheus.
pub(super) fn base_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("this is not a URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("this is neither http nor https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials belong in a named source of the server".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("this names no host".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("this has a query or a fragment (see `queryParameters`)".to_owned());
    }
    Ok(text.trim().trim_end_matches('/').to_owned())
}

/// `k=v,k2=v2`, as KEDA writes maps. The errors repeat nothing of it: people put secrets into headers and parameters, and what
/// should be a name may be a part of one.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut all: Vec<(String, String)> = Vec::new();
    for part in text.split(',') {
        let (key, value) = part
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
            .filter(|(key, _)| !key.is_empty())
            .ok_or("this is not a list of `name=value`")?;
        if all.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)) {
            return Err("this gives a name twice".to_owned());
        }
        all.push((key.to_owned(), value.to_owned()));
    }
    if all.len() > MAX_PAIRS {
        return Err(format!("these are more than {MAX_PAIRS} entries"));
    }
    Ok(all)
}

pub(super) fn parameters(text: &str) -> Result<Vec<(String, String)>, String> {
    let all = pairs(text)?;
    match all
        .iter()
        .find(|(key, _)| QUERY_API.contains(&key.as_str()))
    {
        Some((key, _)) => Err(format!("`{key}` is set by Forescale itself")),
        None => Ok(all),
    }
}

pub(super) fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let all = pairs(text)?;
    for (number, (key, value)) in (1..).zip(&all) {
        let header = HeaderName::try_from(key.as_str())
            .map_err(|_| format!("what is before the `=` of entry {number} is no header name"))?;
        if SECRET_HEADERS.contains(&header.as_str()) {
            return Err(format!(
                "`{header}` carries a credential, which belongs in a named source of the server (`source`)"
            ));
        }
        if CLIENT_HEADERS.contains(&header.as_str()) {
            return Err(format!("`{header}` is set by Forescale itself"));
        }
        HeaderValue::try_from(value.as_str())
            .map_err(|_| format!("the value of entry {number} can't stand in a header"))?;
    }
    Ok(all)
}

pub(super) fn mode(text: &str) -> Result<Mode, String> {
    match text.trim() {
        "predictive" => Ok(Mode::Predictive),
        "auto" => Ok(Mode::Auto),
        "scale-out" => Ok(Mode::ScaleOut),
        "shadow" => Ok(Mode::Shadow),
        "reactive" => Ok(Mode::Reactive),
        _ => Err("this is no mode".to_owned()),
    }
}

/// The model.
pub(super) fn model(text: &str) -> Result<ModelChoice, String> {
    let text = text.trim();
    if let Some(network) = text.strip_prefix("onnx:") {
        return name(network).map(ModelChoice::Onnx);
    }
    if text == "auto" {
        return Ok(ModelChoice::Auto);
    }
    if MODELS.contains(&text) {
        return Ok(ModelChoice::Named(text.to_owned()));
    }
    Err("this is no model".to_owned())
}

pub(super) fn lead_time(text: &str) -> Result<LeadTime, String> {
    let given = auto_or_duration(text, "1d")?;
    Ok(given.map_or(LeadTime::Auto, LeadTime::Fixed))
}

/// `None` is `auto`.
pub(super) fn auto_or_duration(text: &str, most: &str) -> Result<Option<HumanDuration>, String> {
    if text.trim() == "auto" {
        return Ok(None);
    }
    duration(text, "0s", most).map(Some)
}

/// `100%/1m` or `4/1m`.
pub(super) fn ramp(text: &str, most_percent: f64) -> Result<Ramp, String> {
    let (by, per) = text
        .split_once('/')
        .ok_or("this has no `/` between the amount and the time")?;
    let per = duration(per, "1s", "1h").map_err(|why| format!("after the `/`: {why}"))?;
    let by = match by.trim().strip_suffix('%') {
        Some(percent) => RampStep::Percent(number(percent, 0.1, most_percent)?),
        None => RampStep::Replicas(whole(by, 1, 100_000)?),
    };
    Ok(Ramp { by, per })
}

pub(super) fn timezone(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 || jiff::tz::TimeZone::get(text).is_err() {
        return Err("this is no time zone of the IANA database".to_owned());
    }
    Ok(text.to_owned())
}

/// KEDA keeps three decimals of a target.
pub(super) fn finer_than_keda(text: &str) -> Option<String> {
    let milli = text.trim().parse::<f64>().ok()? * 1000.0;
    let kept = milli.round();
    ((milli - kept).abs() > 1e-6 * milli.abs())
        .then(|| "KEDA keeps three decimals of a threshold".to_owned())
}

/// `unsafeSsl` means two things to KEDA.
pub(super) fn unsafe_connection(text: &str) -> Option<String> {
    (boolean(text) == Ok(true)).then(|| {
        "KEDA reads the same key for its own connection and skips certificate checks there as well".to_owned()
    })
}
