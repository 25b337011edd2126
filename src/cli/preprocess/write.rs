//! Windows to Parquet.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, DataType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::windows::{Window, Windows};
use crate::dataset::Atomic;

/// Values in one row group, so that memory stays bounded.
const GROUP_VALUES: usize = 1 << 21;

/// As many parts of a context as there may be, for a bound on memory.
const MOST_PARTS: usize = 16;

const COLUMNS: &str = "
  REQUIRED INT64 origin (TIMESTAMP(MILLIS, true));
  REQUIRED group context (LIST) { REPEATED group list { REQUIRED FLOAT element; } }
  REQUIRED group context_mask (LIST) { REPEATED group list { REQUIRED BOOLEAN element; } }
  REQUIRED group targets (LIST) { REPEATED group list { REQUIRED FLOAT element; } }
  REQUIRED group target_mask (LIST) { REPEATED group list { REQUIRED BOOLEAN element; } }
";

const PARTS: &str =
    "  REQUIRED group parts (LIST) { REPEATED group list { REQUIRED FLOAT element; } }
";

/// Writes every window and says how many there were. A part without any is a file without rows.
pub(super) fn windows(path: &Path, windows: &Windows<'_>) -> io::Result<usize> {
    let mut file = Atomic::create(path)?;
    let parts = if windows.decomposed() { PARTS } else { "" };
    let schema = format!("message windows {{{COLUMNS}{parts}}}");
    let schema = Arc::new(parse_message_type(&schema).map_err(io::Error::other)?);
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties))
        .map_err(io::Error::other)?;
    let contexts = if windows.decomposed() { MOST_PARTS } else { 1 };
    let width = contexts * windows.shape.context + windows.shape.horizon;
    let rows = (GROUP_VALUES / width.max(1)).max(1);
    let mut count = 0;
    let mut all = windows.iter();
    loop {
        let group: Vec<Window> = all.by_ref().take(rows).collect();
        if group.is_empty() {
            break;
        }
        count += group.len();
        let row_group = writer.next_row_group().map_err(io::Error::other)?;
        write_group(row_group, &group, windows.decomposed()).map_err(io::Error::other)?;
    }
    writer.close().map_err(io::Error::other)?;
    file.flush()?;
    file.commit()?;
    Ok(count)
}

fn write_group<W: Write + Send>(
    mut group: SerializedRowGroupWriter<'_, W>,
    windows: &[Window],
    decomposed: bool,
) -> Result<(), ParquetError> {
    let origins: Vec<i64> = windows.iter().map(|w| w.origin.as_millis()).collect();
    column::<Int64Type, W>(&mut group, &origins, None)?;
    let sides: [fn(&Window) -> &[f64]; 2] = [|w| &w.context, |w| &w.targets];
    for side in sides {
        let begins = begins(windows.iter().map(|window| side(window).len()));
        let values = || windows.iter().flat_map(side);
        let filled: Vec<f32> = values()
            .map(|v| if v.is_nan() { 0.0 } else { *v as f32 })
            .collect();
        let mask: Vec<bool> = values().map(|v| !v.is_nan()).collect();
        column::<FloatType, W>(&mut group, &filled, Some(&begins))?;
        column::<BoolType, W>(&mut group, &mask, Some(&begins))?;
    }
    if decomposed {
        let begins = begins(windows.iter().map(|window| window.parts.len()));
        let parts = windows.iter().flat_map(|window| &window.parts);
        let parts: Vec<f32> = parts.map(|value| *value as f32).collect();
        column::<FloatType, W>(&mut group, &parts, Some(&begins))?;
    }
    group.close()?;
    Ok(())
}

/// Repetition levels of lists of these lengths, none of which is empty: a level of 0 begins a list.
fn begins(lengths: impl Iterator<Item = usize>) -> Vec<i16> {
    lengths
        .flat_map(|length| (0..length).map(|index| i16::from(index > 0)))
        .collect()
}

/// Writes one column: plain, or lists with these repetition levels.
fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    begins: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    let typed = column.typed::<T>();
    // Every list is there and so is every element.
    let there = begins.map(|begins| vec![1; begins.len()]);
    typed.write_batch(values, there.as_deref(), begins)?;
    column.close()
}
