//! Writing: whole files or none.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression as GzLevel;
use flate2::write::GzEncoder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::DatasetError;
use crate::domain::Sample;

/// How a file of history is written; told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `.csv`
    Csv,
    /// `.csv.gz`
    CsvGz,
    /// `.parquet`, compressed with zstd.
    Parquet,
}

/// A file that appears under its name only when it is whole: written beside it under another name and renamed. When
/// dropped before [`Atomic::commit`], nothing stays. What is there already and is no regular file, such as a pipe or a device, is
/// written straight to; a symbolic link stays, and what it points to is replaced.
#[derive(Debug)]
pub struct Atomic {
    file: Option<File>,
    renamed: Option<Renamed>,
}

#[derive(Debug)]
struct Renamed {
    beside: PathBuf,
    path: PathBuf,
}

/// Columns of a Parquet file of history.
const SCHEMA: &str = "message history {
  REQUIRED INT64 timestamp_unix (TIMESTAMP(MILLIS, true));
  REQUIRED DOUBLE value;
}";

/// Rows in one group of a Parquet file.
const GROUP: usize = 1 << 20;

/// Writes samples, oldest first, to `path` in the kind that its name says; what was there before is replaced. Steps
/// without a sample have no row.
///
/// # Errors
/// When the name says no kind, or the disk refuses.
pub fn write(path: &Path, samples: &[Sample]) -> Result<(), DatasetError> {
    let kind = Kind::of(path)?;
    let wrong = |error| DatasetError::io("write", path, error);
    let mut atomic = Atomic::create(path).map_err(wrong)?;
    let result = match kind {
        Kind::Csv => lines(BufWriter::new(&mut atomic), samples),
        Kind::CsvGz => gzip(&mut atomic, samples),
        Kind::Parquet => parquet(&mut atomic, samples),
    };
    result.map_err(wrong)?;
    atomic.commit().map_err(wrong)
}

// === impl Kind ===

impl Kind {
    /// The kind that a name says.
    ///
    /// # Errors
    /// When it says none.
    pub fn of(path: &Path) -> Result<Self, DatasetError> {
        let name = path.to_string_lossy().to_lowercase();
        [
            (".csv", Self::Csv),
            (".csv.gz", Self::CsvGz),
            (".parquet", Self::Parquet),
        ]
        .into_iter()
        .find(|(ending, _)| name.ends_with(ending))
        .map(|(_, kind)| kind)
        .ok_or_else(|| {
            let text = "its name says no kind: end it with `.csv`, `.csv.gz` or `.parquet`";
            DatasetError::file(path, text)
        })
    }
}

// === impl Atomic ===

impl Atomic {
    /// A file that will be called `path`.
    ///
    /// # Errors
    /// When it is a folder, or its own folder is missing or can't be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(file) = straight(path)? {
            return Ok(Self {
                file: Some(file),
                renamed: None,
            });
        }
        let path = target(path);
        let name = path.file_name().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file")
        })?;
        let hidden = format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id());
        let beside = path.with_file_name(hidden);
        let file = File::create(&beside)?;
        Ok(Self {
            file: Some(file),
            renamed: Some(Renamed { beside, path }),
        })
    }

    /// Whether `path` can be written, to be asked before long work. Leaves nothing behind, whatever ends the process later.
    ///
    /// # Errors
    /// When [`Atomic::create`] would fail now.
    pub fn probe(path: &Path) -> io::Result<()> {
        // Who reads a pipe would take one that is opened and closed for its end.
        let special = fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir());
        if special {
            return Ok(());
        }
        Self::create(path).map(drop)
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn commit(mut self) -> io::Result<()> {
        let (Some(file), Some(renamed)) = (self.file.take(), &self.renamed) else {
            return Ok(());
        };
        file.sync_all()?;
        fs::rename(&renamed.beside, &renamed.path)
    }

    fn open(&mut self) -> io::Result<&mut File> {
        let gone = || io::Error::other("the file has been closed");
        self.file.as_mut().ok_or_else(gone)
    }
}

impl Write for Atomic {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

impl Drop for Atomic {
    fn drop(&mut self) {
        if let Some(renamed) = &self.renamed {
            // After a commit there is nothing of that name any more.
            let _ = fs::remove_file(&renamed.beside);
        }
    }
}

/// What is at `path` to be written straight to, opened.
fn straight(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            let text = "it is a folder: name a file in it";
            Err(io::Error::new(io::ErrorKind::IsADirectory, text))
        }
        Ok(there) if !there.is_file() => File::options().write(true).open(path).map(Some),
        _ => Ok(None),
    }
}

/// What `path` stands for where it is a symbolic link.
fn target(path: &Path) -> PathBuf {
    let dangling = || {
        let folder = path.parent().unwrap_or(Path::new(""));
        fs::read_link(path).map(|to| folder.join(to))
    };
    fs::canonicalize(path)
        .or_else(|_| dangling())
        .unwrap_or_else(|_| path.to_owned())
}

fn lines(mut out: impl Write, samples: &[Sample]) -> io::Result<()> {
    writeln!(out, "timestamp_unix,value")?;
    for sample in samples {
        let millis = sample.at.as_millis();
        if millis % 1000 == 0 {
            writeln!(out, "{},{}", millis / 1000, sample.value)?;
        } else {
            writeln!(out, "{:.3},{}", sample.at.as_secs_f64(), sample.value)?;
        }
    }
    out.flush()
}

fn gzip(file: &mut Atomic, samples: &[Sample]) -> io::Result<()> {
    let mut gzip = GzEncoder::new(BufWriter::new(file), GzLevel::default());
    lines(&mut gzip, samples)?;
    gzip.finish()?.flush()
}

fn parquet(file: &mut Atomic, samples: &[Sample]) -> io::Result<()> {
    let other = |error: ParquetError| io::Error::other(error);
    let schema = Arc::new(parse_message_type(SCHEMA).map_err(other)?);
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut writer =
        SerializedFileWriter::new(&mut *file, schema, Arc::new(properties)).map_err(other)?;
    for group in samples.chunks(GROUP) {
        let times: Vec<i64> = group.iter().map(|sample| sample.at.as_millis()).collect();
        let values: Vec<f64> = group.iter().map(|sample| sample.value).collect();
        let mut row_group = writer.next_row_group().map_err(other)?;
        if let Some(mut column) = row_group.next_column().map_err(other)? {
            let typed = column.typed::<Int64Type>();
            typed.write_batch(&times, None, None).map_err(other)?;
            column.close().map_err(other)?;
        }
        if let Some(mut column) = row_group.next_column().map_err(other)? {
            let typed = column.typed::<DoubleType>();
            typed.write_batch(&values, None, None).map_err(other)?;
            column.close().map_err(other)?;
        }
        row_group.close().map_err(other)?;
    }
    writer.close().map_err(other)?;
    file.flush()
}
