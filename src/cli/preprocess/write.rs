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

const SCHEMA: &str = "message windows {
  REQUIRED INT64 origin (TIMESTAMP(MILLIS, true));
  REQUIRED group context (LIST) { REPEATED group list { REQUIRED FLOAT element; } }
  REQUIRED group context_mask (LIST) { REPEATED group list { REQUIRED BOOLEAN element; } }
  REQUIRED group targets (LIST) { REPEATED group list { REQUIRED FLOAT element; } }
  REQUIRED group target_mask (LIST) { REPEATED group list { REQUIRED BOOLEAN element; } }
}";

/// Writes every window and says how many there were. A part without any is a file without rows.
pub(super) fn windows(path: &Path, windows: &Windows<'_>) -> io::Result<usize> {
    let mut file = Atomic::create(path)?;
    let schema = Arc::new(parse_message_type(SCHEMA).map_err(io::Error::other)?);
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties))
        .map_err(io::Error::other)?;
    let width = windows.shape.context + windows.shape.horizon;
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
        write_group(row_group, &group).map_err(io::Error::other)?;
    }
    writer.close().map_err(io::Error::other)?;
    file.flush()?;
    file.commit()?;
    Ok(count)
}

fn write_group<W: Write + Send>(
    mut group: SerializedRowGroupWriter<'_, W>,
    windows: &[Window],
) -> Result<(), ParquetError> {
    let origins: Vec<i64> = windows.iter().map(|w| w.origin.as_millis()).collect();
    column::<Int64Type, W>(&mut group, &origins, None)?;
    let sides: [fn(&Window) -> &[f64]; 2] = [|w| &w.context, |w| &w.targets];
    for side in sides {
        let width = windows.first().map_or(0, |window| side(window).len());
        let values = || windows.iter().flat_map(side);
        let filled: Vec<f32> = values()
            .map(|v| if v.is_nan() { 0.0 } else { *v as f32 })
            .collect();
        let mask: Vec<bool> = values().map(|v| !v.is_nan()).collect();
        column::<FloatType, W>(&mut group, &filled, Some(width))?;
        column::<BoolType, W>(&mut group, &mask, Some(width))?;
    }
    group.close()?;
    Ok(())
}

/// Writes one column: plain, or lists of `width` elements each.
fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    width: Option<usize>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    let typed = column.typed::<T>();
    match width {
        None => typed.write_batch(values, None, None)?,
        Some(width) => {
            // Every list is there and so is every element; a repetition level of 0 begins a list.
            let there = vec![1; values.len()];
            let begins: Vec<i16> = (0..values.len())
                .map(|index| i16::from(!index.is_multiple_of(width.max(1))))
                .collect();
            typed.write_batch(values, Some(&there), Some(&begins))?
        }
    };
    column.close()
}
