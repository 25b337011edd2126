//! The CSV side: lines to rows.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::{DatasetError, MAX_ROWS, MAX_TEXT_BYTES, Row, Table, columns};

/// What an error shows of a field.
const SHOWN: usize = 40;

/// Reads `timestamp_unix,value` lines.
pub(super) fn read(text: impl Read, path: &Path) -> Result<Table, DatasetError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(Bounded {
            inner: text,
            left: MAX_TEXT_BYTES,
        });
    let mut record = ByteRecord::new();
    let mut table = Table {
        word: "line",
        ..Table::default()
    };
    let mut places = (0, 1);
    let mut first = true;
    loop {
        let more = reader.read_byte_record(&mut record);
        if !more.map_err(|error| unreadable(error, path))? {
            return Ok(table);
        }
        let fields: Vec<String> = record.iter().map(field).collect();
        if fields.iter().all(String::is_empty) {
            continue;
        }
        let place = record.position().map_or(0, csv::Position::line);
        let error = |text| DatasetError::row(path, "line", place, text);
        if std::mem::take(&mut first) && fields[0].parse::<f64>().is_err() {
            let names = fields
                .iter()
                .map(|name| name.trim_start_matches('\u{feff}'));
            (places, table.note) = columns(names).map_err(error)?;
            continue;
        }
        let (time, value) = row(&fields, places).map_err(error)?;
        table.rows.push(Row { place, time, value });
        if table.rows.len() > MAX_ROWS {
            let text = format!("the file has more than {MAX_ROWS} rows: cut it into several");
            return Err(error(text));
        }
    }
}

/// Time and value of one line.
fn row(fields: &[String], places: (usize, usize)) -> Result<(f64, f64), String> {
    let least = places.0.max(places.1) + 1;
    if fields.len() < least {
        return Err(format!(
            "has {} column{}, at least {least} are needed: write `timestamp_unix,value`",
            fields.len(),
            if fields.len() == 1 { "" } else { "s" }
        ));
    }
    let (time, value) = (&fields[places.0], &fields[places.1]);
    let time = time
        .trim_start_matches('\u{feff}')
        .parse::<f64>()
        .ok()
        .filter(|time| time.is_finite() && *time >= 0.0)
        .ok_or_else(|| {
            format!(
                "`{}` is not a time: write Unix seconds, such as `1700000000` or `1700000000.5`, not before 1970",
                shown(time)
            )
        })?;
    let value = match value.to_lowercase().as_str() {
        "" | "null" | "none" | "na" | "n/a" | "-" => f64::NAN,
        text => text.parse::<f64>().map_err(|_| {
            format!(
                "`{}` is not a value: write a number, or leave it empty where nothing was measured",
                shown(value)
            )
        })?,
    };
    Ok((time, value))
}

/// A field as text; what is no UTF-8 shows as such in an error.
fn field(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let short: String = text.chars().take(SHOWN).map(plain).collect();
    if text.chars().count() > SHOWN {
        return format!("{short}…");
    }
    short
}

fn unreadable(error: csv::Error, path: &Path) -> DatasetError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => DatasetError::io("read", path, error),
        other => DatasetError::file(path, format!("is no CSV: {other:?}")),
    }
}

/// Stops with an error, rather than silently, where the text gets too long: a small gzip file can hold any amount.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(into)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            std::io::Error::other(format!(
                "it holds more than {} MiB of text",
                MAX_TEXT_BYTES / (1024 * 1024)
            ))
        })?;
        Ok(count)
    }
}
