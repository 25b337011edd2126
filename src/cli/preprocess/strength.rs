//! How seasonal a series is, and whether its level stays.

use std::time::Duration;

use crate::domain::Series;

/// Values are averaged to steps of at least this length first; seasons of a day need no finer ones.
const LEAST_STEP: Duration = Duration::from_mins(5);

const DAY: u64 = 86_400;

/// Below it, a level counts as stationary: the 5 % critical value of the KPSS test (Kwiatkowski, Phillips, Schmidt & Shin
/// 1992, table 1).
pub(super) const KPSS_CRITICAL: f64 = 0.463;

/// What a series is like, between 0 and 1 where it is a strength; `None` where the series is too short to say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Strength {
    pub(super) daily: Option<f64>,
    pub(super) weekly: Option<f64>,
    /// The KPSS statistic of the deseasonalised daily level.
    pub(super) kpss: Option<f64>,
}

/// Strength of the daily and weekly season: `max(0, 1 - Var(R) / Var(S + R))` of a decomposition into trend, seasons and
/// remainder (Wang, Smith & Hyndman 2006). The trend is a centred moving average over the longest season, a season the mean
/// of each of its phases. On few periods it comes out too high, because a mean of few follows each of them.
pub(super) fn strength(series: &Series) -> Strength {
    let (values, step) = coarse(series);
    let day = (DAY / step.max(1)) as usize;
    if day < 4 || values.len() < 2 * day {
        return Strength::default();
    }
    let weekly = values.len() >= 14 * day;
    let trend = moving_average(&values, if weekly { 7 * day } else { day });
    let rest: Vec<f64> = values.iter().zip(&trend).map(|(v, t)| v - t).collect();
    let daily_season = season(&rest, day);
    let rest: Vec<f64> = rest.iter().zip(&daily_season).map(|(v, s)| v - s).collect();
    let weekly_season = if weekly {
        season(&rest, 7 * day)
    } else {
        vec![0.0; rest.len()]
    };
    let rest: Vec<f64> = rest
        .iter()
        .zip(&weekly_season)
        .map(|(v, s)| v - s)
        .collect();
    let share = |season: &[f64]| {
        let whole: Vec<f64> = rest.iter().zip(season).map(|(r, s)| r + s).collect();
        let whole = variance(&whole)?;
        (whole > 0.0).then(|| (1.0 - variance(&rest).unwrap_or(0.0) / whole).max(0.0))
    };
    let level: Vec<f64> = (values.chunks(day))
        .filter_map(|day| mean(day.iter().copied()))
        .collect();
    Strength {
        daily: share(&daily_season),
        weekly: if weekly { share(&weekly_season) } else { None },
        kpss: kpss(&level),
    }
}

/// The series in steps of at least [`LEAST_STEP`] that divide a day, and their length in seconds.
fn coarse(series: &Series) -> (Vec<f64>, u64) {
    let step = series.step().as_secs().max(1);
    let least = LEAST_STEP.as_secs().div_ceil(step);
    let factor = (least..=least + 60)
        .find(|factor| DAY.is_multiple_of(factor * step))
        .unwrap_or(least);
    let values = series.values().chunks(factor as usize);
    let values = values.map(|chunk| mean(chunk.iter().copied()).unwrap_or(f64::NAN));
    (values.collect(), factor * step)
}

/// A centred moving average over `width` values, those missing left out; shorter at both ends.
fn moving_average(values: &[f64], width: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let (mut sum, mut count) = (0.0, 0_usize);
    sums.push((sum, count));
    for value in values {
        if value.is_finite() {
            sum += value;
            count += 1;
        }
        sums.push((sum, count));
    }
    (0..values.len())
        .map(|index| {
            let from = index.saturating_sub(width / 2);
            let until = (index + width.div_ceil(2)).min(values.len());
            let (low, high) = (sums[from], sums[until]);
            (high.0 - low.0) / (high.1 - low.1) as f64
        })
        .collect()
}

/// The mean of each phase, at every step.
fn season(values: &[f64], period: usize) -> Vec<f64> {
    let phases: Vec<f64> = (0..period)
        .map(|phase| mean(values.iter().skip(phase).step_by(period).copied()).unwrap_or(0.0))
        .collect();
    (0..values.len())
        .map(|index| phases[index % period])
        .collect()
}

/// The KPSS statistic of level stationarity, with Bartlett weights over `4 (n / 100)^(1/4)` lags.
fn kpss(values: &[f64]) -> Option<f64> {
    let n = values.len();
    if n < 8 {
        return None;
    }
    let level = mean(values.iter().copied())?;
    let residuals: Vec<f64> = values.iter().map(|v| v - level).collect();
    let mut partial = 0.0;
    let mut squares = 0.0;
    for residual in &residuals {
        partial += residual;
        squares += partial * partial;
    }
    let covariance = |lag: usize| {
        let pairs = residuals.iter().zip(&residuals[lag..]);
        pairs.map(|(a, b)| a * b).sum::<f64>() / n as f64
    };
    let lags = (4.0 * (n as f64 / 100.0).powf(0.25)).floor() as usize;
    let long_run: f64 = covariance(0)
        + (1..=lags)
            .map(|lag| 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag))
            .sum::<f64>();
    (long_run > 0.0).then(|| squares / (n * n) as f64 / long_run)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values.filter(|value| value.is_finite()) {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

fn variance(values: &[f64]) -> Option<f64> {
    let centre = mean(values.iter().copied())?;
    mean(values.iter().map(|value| (value - centre).powi(2)))
}
