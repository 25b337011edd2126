//! Metric history on disk: `timestamp_unix,value` as CSV, plain or gzip, or as Parquet, read onto the grid of a
//! [`Series`] and written back.
//!
//! The kind of a file is told by its first bytes, not by its name. What a file may do wrong has one defined outcome each:
//!
//! | in the file | outcome |
//! |---|---|
//! | a first line that is no row | taken as the header, by which columns are found: `timestamp_unix`, `timestamp`, `time`, `ts` or `ds`, and `value` or `y` |
//! | a header with one of these names or none | the other column counts where there are two, said in a note if both names are unknown; of more columns an error that lists them. Beside a time that is named, columns without a name don't count |
//! | no header | the first two columns count |
//! | timestamps in milli-, micro- or nanoseconds | told by their size (a second count of that size lies after the year 5000), said in a note |
//! | timestamps that are dates (`2023-11-14T22:13:20Z`, `2023-11-14 22:13`) | read; without an offset taken for UTC, said in a note |
//! | a timestamp that is other text, missing, negative or not finite | an error with file and line |
//! | timestamps of different units, or numbers among dates | an error with file and line of those that are fewer |
//! | columns between semicolons or tabs, a decimal comma between semicolons | told by the first line, the comma is said in a note |
//! | UTF-16 | an error |
//! | a value that is empty, `NaN`, `null` or infinite | a missing step, counted in a note |
//! | a value that is other text | an error with file and line |
//! | rows out of order | sorted, said in a note |
//! | several rows for one step | the latest counts, and the last one in the file among equals; counted in a note |
//! | most times several times, with different values | an error: these are several series |
//! | rows beside the grid | moved to the nearest grid point, counted in a note |
//! | steps without a row | missing |
//! | fewer than two steps, too many rows, a span that makes too many steps | an error that says what is allowed |
//!
//! The step is the most frequent distance of two neighbouring rows, in whole seconds, or the median one where rows scatter so much that
//! hardly two distances are alike.

mod comma;
mod counter;
mod error;
mod grid;
mod parquet_file;
#[cfg(test)]
mod tests;
mod unit;
mod write;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Serialize;

pub use self::counter::looks_like_a_counter;
pub use self::error::DatasetError;
pub use self::write::{Atomic, Kind, write};

use crate::domain::Series;
use unit::Unit;

/// So many rows are read from one file: ten years of minutes.
pub const MAX_ROWS: usize = 5_300_000;

/// So many steps a series may have once its gaps are filled.
pub const MAX_STEPS: usize = 5_300_000;

/// So many bytes of text, after decompression, are read from one file.
const MAX_TEXT_BYTES: u64 = 512 * 1024 * 1024;

/// What names standard input in the place of a file.
pub const STDIN: &str = "-";

const NOT_FROM_A_PIPE: &str =
    "is Parquet, which is read from its end: write it to a file, it can't come from a pipe";

/// Names of the column of times, and of the column of values.
const TIME_NAMES: [&str; 5] = ["timestamp_unix", "timestamp", "time", "ts", "ds"];
const VALUE_NAMES: [&str; 2] = ["value", "y"];

/// A metric's history, read from a file.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The file's name without folder and without `.csv`, `.gz` and `.parquet`.
    pub name: String,
    /// The history; `NaN` where nothing was measured.
    pub series: Series,
    /// What had to be done to put the rows on the grid, in words.
    pub notes: Vec<String>,
}

/// A history that was left out beside others that could be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name, or its file.
    pub name: String,
    /// What is wrong and what is needed.
    pub why: String,
}

/// Rows as they stand in a file.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Row>,
    /// The unit of the times, where the file says it.
    unit: Option<Unit>,
    /// What [`Row::place`] counts.
    word: &'static str,
    /// How columns, numbers and times were read, where that is a guess.
    notes: Vec<String>,
}

/// One row.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Its line or row in the file, from 1.
    place: u64,
    /// Finite and not negative; in the table's unit.
    time: f64,
    /// `NaN` where missing.
    value: f64,
}

/// Reads a file of either kind; `-` is standard input.
///
/// # Errors
/// When the file can't be read, is no such table, or breaks a limit; the text names file, place and what is allowed.
pub fn read(path: &Path) -> Result<Dataset, DatasetError> {
    if path == Path::new(STDIN) {
        return standard_input();
    }
    let io = |error| DatasetError::io("read", path, error);
    if path.is_dir() {
        let text = "is a folder: name the files in it";
        return Err(DatasetError::file(path, text));
    }
    let mut file = File::open(path).map_err(io)?;
    let magic = begun(&mut file).map_err(io)?;
    let table = if magic == b"PAR1" {
        file.seek(SeekFrom::Start(0))
            .map_err(|_| DatasetError::file(path, NOT_FROM_A_PIPE))?;
        parquet_file::read(file, path)?
    } else {
        lines(magic, file, path)?
    };
    laid(&table, name_of(path), path)
}

/// What `-` stands for.
fn standard_input() -> Result<Dataset, DatasetError> {
    let path = Path::new("<stdin>");
    let mut input = io::stdin().lock();
    let magic = begun(&mut input).map_err(|error| DatasetError::io("read", path, error))?;
    if magic == b"PAR1" {
        return Err(DatasetError::file(path, NOT_FROM_A_PIPE));
    }
    laid(&lines(magic, input, path)?, "stdin".to_owned(), path)
}

/// The first bytes, which say what kind it is.
fn begun(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut magic = Vec::new();
    input.take(4).read_to_end(&mut magic)?;
    Ok(magic)
}

/// The rows of a text, plain or packed, whose first bytes were read already: put back rather than sought, for a pipe can't be.
fn lines(begun: Vec<u8>, rest: impl Read, path: &Path) -> Result<Table, DatasetError> {
    let packed = begun.starts_with(&[0x1f, 0x8b]);
    let text = BufReader::new(Cursor::new(begun).chain(rest));
    if packed {
        comma::read(MultiGzDecoder::new(text), path)
    } else {
        comma::read(text, path)
    }
}

fn laid(table: &Table, name: String, path: &Path) -> Result<Dataset, DatasetError> {
    let (series, mut notes) = grid::lay(table, path)?;
    notes.extend(looks_like_a_counter(&series));
    Ok(Dataset {
        name,
        series,
        notes,
    })
}

/// The file's name without the endings of the kinds that are read.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut name = name.as_ref();
    for ending in [".gz", ".csv", ".parquet"] {
        name = match name.strip_suffix(ending) {
            Some("") | None => name,
            Some(stem) => stem,
        };
    }
    name.to_owned()
}

/// Places of time and value.
type Places = (usize, usize);

/// Which of the columns called `names` hold time and value, and a note where that is a guess.
fn columns<'a>(names: impl Iterator<Item = &'a str>) -> Result<(Places, Option<String>), String> {
    let names: Vec<&str> = names.map(str::trim).collect();
    let find = |known: &[&str]| {
        let place = |known: &&str| (names.iter()).position(|name| name.eq_ignore_ascii_case(known));
        known.iter().find_map(place)
    };
    let known = (find(&TIME_NAMES), find(&VALUE_NAMES));
    if let (Some(time), Some(value)) = known {
        return Ok(((time, value), None));
    }
    // Too few are told of the first row that lacks one.
    if names.len() < 2 {
        return Ok(((0, 1), None));
    }
    // An index without a name, as pandas writes it, is neither, unless it is the time itself.
    let may_be_time = names.len() == 2 || known.0.is_none();
    let counts = |place: &usize| may_be_time || !names[*place].is_empty();
    let all: Vec<usize> = (0..names.len()).filter(counts).collect();
    let quoted = |name: &str| match name {
        "" => "(no name)".to_owned(),
        name => format!("`{name}`"),
    };
    match (known, all.as_slice()) {
        ((Some(time), _), [a, b]) => Ok(((time, if *a == time { *b } else { *a }), None)),
        ((_, Some(value)), [a, b]) => Ok(((if *a == value { *b } else { *a }, value), None)),
        (_, [a, b]) => {
            let note = format!(
                "the columns {} and {} are taken for time and value",
                quoted(names[*a]),
                quoted(names[*b])
            );
            Ok(((*a, *b), Some(note)))
        }
        _ => {
            let listed = |names: &[&str], between: &str| {
                let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                names.join(between)
            };
            Err(format!(
                "has the columns {}, which don't say where time and value are: call one of them {}, and another one {}",
                listed(&names, ", "),
                listed(&TIME_NAMES, " or "),
                listed(&VALUE_NAMES, " or ")
            ))
        }
    }
}
