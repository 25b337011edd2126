//! The Parquet side: two columns to rows.

use std::fs::File;
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::{DatasetError, MAX_ROWS, Row, Table, Unit, columns};

/// Reads the columns called `timestamp_unix` and `value`, or by one of the other names.
pub(super) fn read(file: File, path: &Path) -> Result<Table, DatasetError> {
    let wrong = |error: ParquetError| {
        DatasetError::file(
            path,
            format!("is no Parquet file that can be read: {error}"),
        )
    };
    let refuse = |text: String| DatasetError::file(path, text);
    let reader = SerializedFileReader::new(file).map_err(wrong)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    if schema.num_columns() < 2 {
        let text = "has fewer than 2 columns: `timestamp_unix` and `value` are needed";
        return Err(refuse(text.to_owned()));
    }
    let rows = reader.metadata().file_metadata().num_rows();
    if usize::try_from(rows).map_or(true, |rows| rows > MAX_ROWS) {
        let text = format!("has {rows} rows, at most {MAX_ROWS} are allowed: cut it into several");
        return Err(refuse(text));
    }
    let names = schema.columns().iter().map(|column| column.name());
    let ((time_at, value_at), note) = columns(names).map_err(refuse)?;
    let (time_column, value_column) = (schema.column(time_at), schema.column(value_at));
    usable(&time_column, true).map_err(refuse)?;
    usable(&value_column, false).map_err(refuse)?;
    let mut table = Table {
        rows: Vec::with_capacity(rows as usize),
        unit: unit(&time_column),
        word: "row",
        notes: note.into_iter().collect(),
    };
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(wrong)?;
        let times = numbers(group.as_ref(), time_at, &time_column).map_err(wrong)?;
        let values = numbers(group.as_ref(), value_at, &value_column).map_err(wrong)?;
        for (time, value) in times.into_iter().zip(values) {
            let place = table.rows.len() as u64 + 1;
            if !(time.is_finite() && time >= 0.0) {
                let text =
                    format!("`{time}` is not a time: write times since the epoch, not before 1970");
                return Err(DatasetError::row(path, "row", place, text));
            }
            table.rows.push(Row { place, time, value });
        }
    }
    Ok(table)
}

/// Whether numbers can be read from a column.
fn usable(column: &ColumnDescriptor, is_time: bool) -> Result<(), String> {
    let number = matches!(
        column.physical_type(),
        Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE
    );
    let odd = matches!(
        column.logical_type_ref(),
        Some(LogicalType::Decimal(_) | LogicalType::Date | LogicalType::Time(_))
    ) || matches!(
        column.converted_type(),
        ConvertedType::DECIMAL | ConvertedType::DATE
    );
    if number && !odd && column.max_rep_level() == 0 {
        return Ok(());
    }
    let allowed = if is_time {
        "integers, floats or timestamps"
    } else {
        "integers or floats"
    };
    let kind = match column.logical_type_ref() {
        _ if column.max_rep_level() > 0 => "lists".to_owned(),
        Some(kind) => format!("{kind:?}"),
        None => column.physical_type().to_string(),
    };
    Err(format!(
        "column `{}` holds {kind}: allowed are {allowed}",
        column.name()
    ))
}

/// The unit that a timestamp column names.
fn unit(column: &ColumnDescriptor) -> Option<Unit> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Timestamp(kind)), _) => Some(match kind.unit {
            TimeUnit::MILLIS => Unit::Millis,
            TimeUnit::MICROS => Unit::Micros,
            TimeUnit::NANOS => Unit::Nanos,
        }),
        (_, ConvertedType::TIMESTAMP_MILLIS) => Some(Unit::Millis),
        (_, ConvertedType::TIMESTAMP_MICROS) => Some(Unit::Micros),
        _ => None,
    }
}

/// One column of a row group; `NaN` for null.
fn numbers(
    group: &dyn RowGroupReader,
    at: usize,
    column: &ColumnDescriptor,
) -> Result<Vec<f64>, ParquetError> {
    let unsigned = matches!(
        column.converted_type(),
        ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
    );
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let null_below = column.max_def_level();
    match group.get_column_reader(at)? {
        ColumnReader::Int32ColumnReader(reader) => all(reader, rows, null_below, |v| {
            if unsigned {
                f64::from(v.cast_unsigned())
            } else {
                f64::from(v)
            }
        }),
        ColumnReader::Int64ColumnReader(reader) => all(reader, rows, null_below, |v| {
            if unsigned {
                v.cast_unsigned() as f64
            } else {
                v as f64
            }
        }),
        ColumnReader::FloatColumnReader(reader) => all(reader, rows, null_below, f64::from),
        ColumnReader::DoubleColumnReader(reader) => all(reader, rows, null_below, |v| v),
        _ => Err(ParquetError::General("not a column of numbers".to_owned())),
    }
}

/// Reads `rows` rows, or what there is of them.
fn all<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    null_below: i16,
    number: impl Fn(T::T) -> f64,
) -> Result<Vec<f64>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    let mut values = values.into_iter();
    if null_below == 0 {
        return Ok(values.map(number).collect());
    }
    let filled = levels.into_iter().map(|level| {
        let present = level == null_below;
        let value = if present { values.next() } else { None };
        value.map_or(f64::NAN, &number)
    });
    Ok(filled.collect())
}
