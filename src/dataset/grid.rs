//! Rows onto a grid.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::path::Path;
use std::time::Duration;

use super::{DatasetError, MAX_STEPS, Row, Table, Unit};
use crate::domain::{Series, Timestamp};

/// The most frequent distance is the step if at least one of so many is like it. Steps on a grid of which many are missing are, samples
/// that come up to a third of a step late are not.
const FEWEST_ALIKE: usize = 8;

/// A row with its time in milliseconds.
struct Timed {
    millis: i64,
    row: Row,
}

/// What had to be mended.
#[derive(Default)]
struct Mended {
    unsorted: bool,
    not_finite: usize,
    repeated: usize,
    beside: usize,
}

/// Puts rows on the grid of their most frequent distance.
pub(super) fn lay(table: &Table, path: &Path) -> Result<(Series, Vec<String>), DatasetError> {
    let unit = unit(table, path)?;
    let mut mended = Mended {
        not_finite: table.rows.iter().filter(|r| !r.value.is_finite()).count(),
        ..Mended::default()
    };
    let mut rows: Vec<Timed> = (table.rows.iter())
        .map(|row| Timed {
            millis: unit.millis(row.time),
            row: *row,
        })
        .collect();
    mended.unsorted = !rows.is_sorted_by_key(|row| row.millis);
    // Stable, so that among equals the last one of the file stays last.
    rows.sort_by_key(|row| row.millis);
    several(&rows, path)?;
    let Some(step) = step(&rows) else {
        let text = format!(
            "holds {} of different times: at least 2 are needed",
            counted(usize::from(!rows.is_empty()), "row")
        );
        return Err(DatasetError::file(path, text));
    };
    let phase = phase(&rows, step);
    let index = |row: &Timed| (row.millis - phase + step / 2).div_euclid(step);
    let (first, last) = (index(&rows[0]), index(&rows[rows.len() - 1]));
    let steps = last.abs_diff(first).saturating_add(1);
    if steps > MAX_STEPS as u64 {
        return Err(too_long(&rows, steps, step, table.word, path));
    }
    let mut values = vec![f64::NAN; steps as usize];
    let mut taken = vec![false; steps as usize];
    for row in &rows {
        let place = index(row).abs_diff(first) as usize;
        mended.repeated += usize::from(taken[place]);
        mended.beside += usize::from((row.millis - phase).rem_euclid(step) != 0);
        taken[place] = true;
        values[place] = if row.row.value.is_finite() {
            row.row.value
        } else {
            f64::NAN
        };
    }
    let start = Timestamp::from_millis(first.saturating_mul(step));
    let step_length = Duration::from_millis(step.unsigned_abs());
    let series = Series::new(start, step_length, values);
    let guessed = table.unit.is_none().then_some(unit);
    let as_read = table.notes.iter().cloned();
    let notes = as_read.chain(notes(guessed, phase, &mended)).collect();
    Ok((series, notes))
}

/// Refuses rows of several series, of which only the last would count.
fn several(rows: &[Timed], path: &Path) -> Result<(), DatasetError> {
    let times = rows.chunk_by(|a, b| a.millis == b.millis);
    let (mut all, mut doubled) = (0_usize, 0_usize);
    for same in times {
        all += 1;
        let first = same[0].row.value;
        doubled += usize::from(
            same.iter()
                .any(|other| other.row.value.total_cmp(&first).is_ne()),
        );
    }
    if all < 2 || 2 * doubled <= all {
        return Ok(());
    }
    let text = format!(
        "holds {} for {}, with different values: these are several series. Write one row for each time, such as their sum",
        counted(rows.len(), "row"),
        counted(all, "time")
    );
    Err(DatasetError::file(path, text))
}

/// The unit that the file names, or that fits most of its times.
fn unit(table: &Table, path: &Path) -> Result<Unit, DatasetError> {
    if let Some(unit) = table.unit {
        return Ok(unit);
    }
    let many = |unit: Unit| {
        let same = table.rows.iter().filter(|row| Unit::of(row.time) == unit);
        same.count()
    };
    // Of those that are as many the finest: small numbers of seconds are times since some start, small numbers of a finer unit
    // are not that.
    let unit = Unit::ALL.into_iter().max_by_key(|unit| many(*unit));
    let unit = unit.unwrap_or(Unit::Seconds);
    let other = table.rows.iter().find(|row| Unit::of(row.time) != unit);
    match other {
        None => Ok(unit),
        Some(row) => Err(DatasetError::row(
            path,
            table.word,
            row.place,
            format!(
                "`{}` is a time in {}, others in the file are in {}: write all of them in one unit",
                row.time,
                Unit::of(row.time).name(),
                unit.name()
            ),
        )),
    }
}

/// The most frequent distance of two neighbouring rows, in milliseconds of whole seconds, the shortest among equals; the median
/// one where the most frequent one is no more than a chance.
fn step(rows: &[Timed]) -> Option<i64> {
    let distances = rows.windows(2).map(|pair| pair[1].millis - pair[0].millis);
    let distances = distances.filter(|distance| *distance > 0);
    let mut distances: Vec<i64> = distances
        .map(|distance| ((distance + 500) / 1000).max(1))
        .collect();
    distances.sort_unstable();
    let same = distances.chunk_by(|a, b| a == b);
    let (most, seconds) = same
        .map(|same| (same.len(), same[0]))
        .max_by_key(|(many, seconds)| (*many, -*seconds))?;
    let scatter = FEWEST_ALIKE * most < distances.len();
    let seconds = if scatter {
        distances[distances.len() / 2]
    } else {
        seconds
    };
    Some(seconds * 1000)
}

/// Where the rows lie within a step: where most of them lie exactly, or else the mean of the circle. It may be a little
/// negative, for rows that scatter about a grid point.
fn phase(rows: &[Timed], step: i64) -> i64 {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for row in rows {
        *counts.entry(row.millis.rem_euclid(step)).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(at, n)| (*n, -*at));
    if let Some((at, count)) = most
        && 2 * count > rows.len()
    {
        return at;
    }
    let (mut sine, mut cosine) = (0.0, 0.0);
    for row in rows {
        let angle = TAU * row.millis.rem_euclid(step) as f64 / step as f64;
        sine += angle.sin();
        cosine += angle.cos();
    }
    let at = (sine.atan2(cosine) / TAU * step as f64).round() as i64;
    // From -10 % to 90 % of a step.
    if at < -step / 10 { at + step } else { at }
}

/// Names the widest gap, for one wrong timestamp is the usual reason.
fn too_long(
    rows: &[Timed],
    steps: u64,
    step: i64,
    word: &'static str,
    path: &Path,
) -> DatasetError {
    let widest = (rows.windows(2)).max_by_key(|pair| pair[1].millis - pair[0].millis);
    let place = widest.map_or(0, |pair| pair[1].row.place);
    let text = format!(
        "the rows span {steps} steps of {} s, at most {MAX_STEPS} are allowed; the widest gap ends here",
        step / 1000
    );
    DatasetError::row(path, word, place, text)
}

fn notes(guessed: Option<Unit>, phase: i64, mended: &Mended) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(unit) = guessed.filter(|unit| *unit != Unit::Seconds) {
        notes.push(format!("timestamps are taken as {}", unit.name()));
    }
    if mended.unsorted {
        notes.push("rows were out of order and have been sorted".to_owned());
    }
    let mut count = |count: usize, what: &str| {
        if count > 0 {
            notes.push(format!("{} {what}", counted(count, "row")));
        }
    };
    count(mended.not_finite, "without a finite value: missing");
    count(
        mended.repeated,
        "for a step that had one already: the latest counts",
    );
    count(mended.beside, "beside the grid: moved to the nearest step");
    if phase != 0 {
        notes.push(format!(
            "the grid of the rows lies {} s after the multiples of the step: times are rounded down to them",
            phase as f64 / 1000.0
        ));
    }
    notes
}

fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
