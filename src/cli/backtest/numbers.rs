//! Numbers and times given to flags; each is refused with what is allowed.

use std::time::Duration;

use crate::backtest::MOST_REPLICAS;
use crate::domain::HumanDuration;

/// `--judged`
pub(super) fn share(text: &str) -> Result<f64, String> {
    let allowed = "a share above 0 and below 1, such as 0.3";
    number(text, allowed, |share| share > 0.0 && share < 1.0)
}

/// `--replicas`
pub(super) fn replicas(text: &str) -> Result<f64, String> {
    let allowed = format!("1 to {MOST_REPLICAS}");
    number(text, &allowed, |count| {
        (1.0..=f64::from(MOST_REPLICAS)).contains(&count)
    })
}

/// `--price`
pub(super) fn price(text: &str) -> Result<f64, String> {
    number(text, "a number, 0 and above, such as 0.05", |price| {
        price >= 0.0
    })
}

/// `--capacity`, which becomes a `threshold`
pub(super) fn capacity(text: &str) -> Result<f64, String> {
    let allowed =
        "the load that one replica carries, 0.001 to 1000000000; where it is less, scale the query";
    number(text, allowed, |load| (0.001..=1e9).contains(&load))
}

/// `--startup`
pub(super) fn start_up(text: &str) -> Result<HumanDuration, String> {
    span(text, "0s to 1h", |span| span <= Duration::from_hours(1))
}

/// `--since`
pub(super) fn since(text: &str) -> Result<HumanDuration, String> {
    span(text, "a time above 0s, such as 14d", |span| !span.is_zero())
}

fn number(text: &str, allowed: &str, is: impl Fn(f64) -> bool) -> Result<f64, String> {
    let read = text.trim().parse::<f64>().ok();
    let read = read.filter(|number| number.is_finite() && is(*number));
    read.ok_or_else(|| format!("allowed: {allowed}"))
}

fn span(text: &str, allowed: &str, is: impl Fn(Duration) -> bool) -> Result<HumanDuration, String> {
    let read: HumanDuration = text.parse().map_err(|error| format!("{error}"))?;
    let read = Some(read).filter(|span| is(span.get()));
    read.ok_or_else(|| format!("allowed: {allowed}"))
}
