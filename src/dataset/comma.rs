//! The CSV side: lines to rows.

use std::io::{self, Cursor, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{DatasetError, MAX_ROWS, MAX_TEXT_BYTES, Row, Table, Unit, columns};

/// Where a first line is looked for, and how much of the text is read for that at a time.
const LONGEST_HEAD: usize = 64 * 1024;
const READ_AT_ONCE: u64 = 4096;

/// What an error shows of a field.
const SHOWN: usize = 40;

/// How times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Number,
    /// A date with its offset to UTC.
    Moment,
    /// A date without one, which is taken for UTC.
    Local,
}

/// Reads `timestamp_unix,value` lines.
pub(super) fn read(text: impl Read, path: &Path) -> Result<Table, DatasetError> {
    let mut text = Bounded {
        inner: text,
        left: MAX_TEXT_BYTES,
    };
    let head = first_line(&mut text);
    let head = head.map_err(|error| DatasetError::io("read", path, error))?;
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        let text = "is UTF-16 text: save it as UTF-8";
        return Err(DatasetError::file(path, text));
    }
    let separator = separator(&head);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(separator)
        .from_reader(Cursor::new(head).chain(text));
    let mut as_written: Option<Written> = None;
    let mut has_comma = false;
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
            if has_comma {
                table.notes.push("values have a decimal comma".to_owned());
            }
            if as_written == Some(Written::Local) {
                let note = "times without an offset are taken for UTC";
                table.notes.push(note.to_owned());
            }
            return Ok(table);
        }
        let fields: Vec<String> = record.iter().map(field).collect();
        if fields.iter().all(String::is_empty) {
            continue;
        }
        let place = record.position().map_or(0, csv::Position::line);
        let error = |text| DatasetError::row(path, "line", place, text);
        if std::mem::take(&mut first) && moment(&fields[0]).is_none() {
            let names = fields
                .iter()
                .map(|name| name.trim_start_matches('\u{feff}'));
            let (found, note) = columns(names).map_err(error)?;
            places = found;
            table.notes.extend(note);
            continue;
        }
        let Line {
            time,
            value,
            written,
            comma,
        } = row(&fields, places, separator == b';').map_err(error)?;
        if *as_written.get_or_insert(written) != written {
            let text = format!(
                "`{}` is not written as the times before it: write all of them in one way",
                shown(&fields[places.0])
            );
            return Err(error(text));
        }
        has_comma |= comma;
        if written != Written::Number {
            table.unit = Some(Unit::Seconds);
        }
        table.rows.push(Row { place, time, value });
        if table.rows.len() > MAX_ROWS {
            let text = format!("the file has more than {MAX_ROWS} rows: cut it into several");
            return Err(error(text));
        }
    }
}

/// The beginning of a text, at least up to the end of its first line that is not blank, as far as that is not very long.
fn first_line(text: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let is_whole = |head: &[u8]| {
        let line = head.trim_ascii_start();
        line.contains(&b'\n') || head.len() >= LONGEST_HEAD
    };
    while !is_whole(&head) && text.by_ref().take(READ_AT_ONCE).read_to_end(&mut head)? > 0 {}
    Ok(head)
}

/// What stands between two columns: a semicolon or a tab where the first line shows no comma before it.
fn separator(head: &[u8]) -> u8 {
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.find(|line| !line.trim_ascii().is_empty());
    let line = line.unwrap_or_default();
    let mut between = line.iter().filter(|byte| b",;\t".contains(*byte));
    *between.next().unwrap_or(&b',')
}

/// One line.
struct Line {
    time: f64,
    value: f64,
    written: Written,
    /// Whether the value had a decimal comma.
    comma: bool,
}

/// Time and value of one line; `may_have_comma` where commas don't separate columns.
fn row(fields: &[String], places: (usize, usize), may_have_comma: bool) -> Result<Line, String> {
    let least = places.0.max(places.1) + 1;
    if fields.len() < least {
        return Err(format!(
            "has {} column{}, at least {least} are needed: write `timestamp_unix,value`",
            fields.len(),
            if fields.len() == 1 { "" } else { "s" }
        ));
    }
    let (time, value) = (&fields[places.0], &fields[places.1]);
    let found = moment(time).filter(|(time, _)| time.is_finite() && *time >= 0.0);
    let (time, written) = found.ok_or_else(|| {
        format!(
            "`{}` is not a time: write Unix seconds, such as `1700000000` or `1700000000.5`, or `2023-11-14T22:13:20Z`, not before 1970",
            shown(time)
        )
    })?;
    let comma = may_have_comma && value.contains(',') && !value.contains('.');
    let number = if comma {
        value.replacen(',', ".", 1)
    } else {
        value.to_lowercase()
    };
    let value = match number.as_str() {
        "" | "null" | "none" | "na" | "n/a" | "-" => f64::NAN,
        text => text.parse::<f64>().map_err(|_| {
            format!(
                "`{}` is not a value: write a number, or leave it empty where nothing was measured",
                shown(value)
            )
        })?,
    };
    Ok(Line {
        time,
        value,
        written,
        comma,
    })
}

/// A time in seconds (or, as a number, in the unit of the file), and how it is written.
fn moment(text: &str) -> Option<(f64, Written)> {
    let text = text.trim_start_matches('\u{feff}');
    if let Ok(number) = text.parse::<f64>() {
        return Some((number, Written::Number));
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some((moment.as_millisecond() as f64 / 1e3, Written::Moment));
    }
    let local = text.parse::<DateTime>().ok()?;
    let moment = local.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((moment.as_millisecond() as f64 / 1e3, Written::Local))
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
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it holds more than {} MiB of text",
                MAX_TEXT_BYTES / (1024 * 1024)
            ))
        })?;
        Ok(count)
    }
}
