use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::{Sample, Timestamp};

fn file(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn read_text(text: &str) -> Result<Dataset, String> {
    let dir = TempDir::new().unwrap();
    read(&file(&dir, "web.csv", text.as_bytes())).map_err(|error| error.to_string())
}

fn values(dataset: &Dataset) -> Vec<Option<f64>> {
    let values = dataset.series.values().iter();
    values.map(|v| (!v.is_nan()).then_some(*v)).collect()
}

#[test]
fn header_or_none_integer_or_decimal_seconds_all_read_alike() {
    for text in [
        "timestamp_unix,value\n600,1\n660,2\n720,3.5\n",
        "600,1\n660,2\n720,3.5",
        "600.0,1\r\n660.000,2\r\n720,3.5\r\n",
        "host,value,timestamp\nweb,1,600\nweb,2,660\nweb,3.5,720\n",
        "\u{feff}time,requests\n 600 , 1\n\n660,2\n720,3.5\n",
        "rps,timestamp\n1,600\n2,660\n3.5,720\n",
        ",timestamp,rps\n0,600,1\n1,660,2\n2,720,3.5\n",
    ] {
        let read = read_text(text).unwrap();
        assert_eq!(read.series.start(), Timestamp::from_secs(600), "{text}");
        assert_eq!(read.series.step(), Duration::from_mins(1), "{text}");
        assert_eq!(values(&read), [Some(1.0), Some(2.0), Some(3.5)], "{text}");
        assert_eq!(read.notes, Vec::<String>::new(), "{text}");
        assert_eq!(read.name, "web");
    }
}

#[test]
fn a_column_is_never_guessed_among_several() {
    let many = "timestamp,min,max,avg\n600,1,9,5\n660,1,9,5\n";
    let error = read_text(many).unwrap_err();
    for part in [
        "line 1",
        "`timestamp`, `min`, `max`, `avg`",
        "`ts` or `ds`, and another one `value` or `y`",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(read_text("host,day,value\nweb,600,1\n").is_err());
    assert!(read_text("a,b,c\n600,1,2\n").is_err());
    let named = read_text("timestamp,min,value\n600,1,9\n660,1,9\n").unwrap();
    assert_eq!(values(&named), [Some(9.0), Some(9.0)]);
    let guessed = read_text("when,load\n600,1\n660,2\n").unwrap();
    assert_eq!(
        guessed.notes,
        ["the columns `when` and `load` are taken for time and value"]
    );
}

#[test]
fn an_index_without_a_name_may_be_the_time() {
    for columns in [",value,errors", ",rps,errors", ",when,rps"] {
        let error = read_text(&format!("{columns}\n600,1,9\n660,2,9\n")).unwrap_err();
        let listed = columns[1..].replace(',', "`, `");
        let listed = format!("has the columns (no name), `{listed}`, which don't say");
        assert!(error.contains(&listed), "{columns}: {error}");
    }
    let series = read_text(",rps\n600,1\n660,2\n").unwrap();
    assert_eq!(series.series.start(), Timestamp::from_secs(600));
    assert_eq!(
        series.notes,
        ["the columns (no name) and `rps` are taken for time and value"]
    );
}

#[test]
fn finer_units_are_told_by_their_size_and_said() {
    for (unit, zeros) in [("milliseconds", 3), ("microseconds", 6), ("nanoseconds", 9)] {
        let zeros = "0".repeat(zeros);
        let text = format!("1700000040{zeros},1\n1700000100{zeros},2\n1700000160{zeros},3\n");
        let read = read_text(&text).unwrap();
        assert_eq!(read.series.start(), Timestamp::from_secs(1_700_000_040));
        assert_eq!(read.notes, [format!("timestamps are taken as {unit}")]);
    }
    let error = read_text("1700000040,1\n1700000100000,2\n").unwrap_err();
    assert!(
        error.contains("line 1") && error.contains("in one unit"),
        "{error}"
    );
}

#[test]
fn of_two_units_the_rarer_one_is_wrong() {
    let rows = |wrong: usize| {
        let row = |index: usize| {
            let seconds = 1_700_000_040 + 60 * index;
            let zeros = if index == wrong { "000" } else { "" };
            format!("{seconds}{zeros},1\n")
        };
        (0..20).map(row).collect::<String>()
    };
    let error = read_text(&rows(7)).unwrap_err();
    assert!(
        error.contains("line 8: `1700000460000` is a time in milliseconds"),
        "{error}"
    );
}

#[test]
fn dates_are_read_as_the_same_moments() {
    for (text, note) in [
        (
            "ds,y\n2023-11-14T22:14:00Z,1\n2023-11-14T22:15:00Z,2\n",
            None,
        ),
        (
            "2023-11-14T23:14:00+01:00,1\n2023-11-14 23:15:00+01:00,2\n",
            None,
        ),
        (
            "time,rps\n2023-11-14 22:14:00,1\n2023-11-14 22:15:00,2\n",
            Some("UTC"),
        ),
        (
            "time\trps\n2023-11-14 22:14\t1\n2023-11-14 22:15\t2\n",
            Some("UTC"),
        ),
    ] {
        let read = read_text(text).unwrap();
        assert_eq!(
            read.series.start(),
            Timestamp::from_secs(1_700_000_040),
            "{text}"
        );
        assert_eq!(values(&read), [Some(1.0), Some(2.0)], "{text}");
        assert_eq!(read.notes.len(), usize::from(note.is_some()), "{text}");
        assert!(
            note.is_none_or(|note| read.notes[0].contains(note)),
            "{:?}",
            read.notes
        );
    }
    for text in [
        "2023-11-14T22:14:00Z,1\n1700000100,2\n",
        "2023-11-14T22:14:00Z,1\n2023-11-14T22:15:00,2\n",
    ] {
        let error = read_text(text).unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("in one way"),
            "{error}"
        );
    }
    let error = read_text("1969-01-01T00:00:00Z,1\n").unwrap_err();
    assert!(error.contains("not before 1970"), "{error}");
}

#[test]
fn semicolons_tabs_and_decimal_commas_are_understood() {
    for text in ["time;load\n0;1,5\n60;2,25\n", "0;1,5\n60;2,25\n"] {
        let read = read_text(text).unwrap();
        assert_eq!(values(&read), [Some(1.5), Some(2.25)], "{text}");
        assert!(
            read.notes
                .iter()
                .any(|note| note == "values have a decimal comma")
        );
    }
    assert_eq!(
        values(&read_text("0\t1\n60\t2\n").unwrap()),
        [Some(1.0), Some(2.0)]
    );
    let error = read_text("0;1\n60;1,234,5\n").unwrap_err();
    assert!(
        error.contains("line 2: `1,234,5` is not a value"),
        "{error}"
    );
    let dir = TempDir::new().unwrap();
    let wide: Vec<u8> = "\u{feff}0,1\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let error = read(&file(&dir, "wide.csv", &wide))
        .unwrap_err()
        .to_string();
    assert!(error.contains("UTF-16"), "{error}");
}

fn lines(rows: impl Iterator<Item = (u64, u64)>) -> String {
    let rows: Vec<String> = rows
        .map(|(time, value)| format!("{time},{value}\n"))
        .collect();
    rows.concat()
}

#[test]
fn several_series_in_one_file_are_refused_and_a_file_twice_is_not() {
    let long: String = (0..10)
        .flat_map(|index| {
            (0..3).map(move |pod| format!("{},pod-{pod},{}\n", index * 60, index + pod))
        })
        .collect();
    let error = read_text(&format!("timestamp,pod,value\n{long}")).unwrap_err();
    assert!(
        error.contains("30 rows for 10 times") && error.contains("several series"),
        "{error}"
    );
    let once = lines((0..10).map(|index| (index * 60, index)));
    let twice = read_text(&format!("{once}{once}")).unwrap();
    assert_eq!(values(&twice).len(), 10);
}

#[test]
fn samples_that_come_late_by_chance_keep_their_step() {
    let late = |index: u64| (index.pow(3) * 7919 + index.pow(2) * 31 + index * 17) % 1009 % 21;
    let text = lines((0..2000).map(|index| (60 * index + late(index), 1)));
    let read = read_text(&text).unwrap();
    assert_eq!(read.series.step(), Duration::from_mins(1));
    assert_eq!(
        values(&read).iter().filter(|value| value.is_none()).count(),
        0
    );
    // On a grid of which most is missing no distance is that of the median.
    let sparse = (0..3000_u64).filter(|index| (index * 7919) % 1009 < 300);
    let sparse = lines(sparse.map(|index| (60 * index, 1)));
    assert_eq!(
        read_text(&sparse).unwrap().series.step(),
        Duration::from_mins(1)
    );
}

#[test]
fn a_gap_is_missing_and_never_zero() {
    let read = read_text("0,1\n10,2\n20,3\n60,4\n").unwrap();
    assert_eq!(read.series.step(), Duration::from_secs(10));
    let missing = [Some(1.0), Some(2.0), Some(3.0), None, None, None, Some(4.0)];
    assert_eq!(values(&read), missing);
}

#[test]
fn rows_out_of_order_doubled_or_without_a_number_are_mended_and_said() {
    let read = read_text("120,3\n0,1\n60,NaN\n180,\n240,inf\n0,7\n300,2\n").unwrap();
    let expected = [Some(7.0), None, Some(3.0), None, None, Some(2.0)];
    assert_eq!(values(&read), expected, "of two rows the last one counts");
    let notes = read.notes.join("; ");
    for said in [
        "out of order",
        "3 rows without a finite value",
        "1 row for a step that had one already",
    ] {
        assert!(notes.contains(said), "{notes}");
    }
}

#[test]
fn rows_beside_the_grid_go_to_the_nearest_step() {
    let read = read_text("0,1\n60,2\n119,3\n181,4\n240,5\n300,6\n360,7\n420,8\n").unwrap();
    let all: Vec<_> = (1..=8).map(|v| Some(f64::from(v))).collect();
    assert_eq!(values(&read), all);
    assert!(
        read.notes[0].starts_with("2 rows beside the grid"),
        "{:?}",
        read.notes
    );
    let scattered = read_text("59.9,1\n120.1,2\n179.95,3\n240.02,4\n299.9,5\n").unwrap();
    assert_eq!(values(&scattered).len(), 5, "no hole, no collision");
    assert_eq!(scattered.series.start(), Timestamp::from_secs(60));
    let shifted = read_text("630,1\n690,2\n750,3\n").unwrap();
    assert_eq!(shifted.series.start(), Timestamp::from_secs(600));
    assert!(
        shifted.notes[0].contains("30 s after"),
        "{:?}",
        shifted.notes
    );
}

#[test]
fn what_can_not_be_read_is_named_with_its_line_and_what_is_allowed() {
    for (text, said) in [
        ("0,1\n60,many\n", "web.csv`, line 2: `many` is not a value"),
        ("0,1\nnoon,2\n", "line 2: `noon` is not a time"),
        ("0,1\n-60,2\n", "line 2: `-60` is not a time"),
        ("a,b\n0,1\nNaN,2\n", "line 3: `NaN` is not a time"),
        ("0,1\n60\n", "line 2: has 1 column, at least 2 are needed"),
        ("0;1\n60;2\n1\n", "has 1 column"),
        ("", "holds 0 rows of different times"),
        ("time,value\n", "holds 0 rows"),
        ("0,1\n0,2\n", "holds 1 row of different times"),
        ("0,1\n60,2\n120,3\n99999999999,3\n", "line 4: the rows span"),
    ] {
        let error = read_text(text).unwrap_err();
        assert!(error.contains(said), "{text:?}: {error}");
    }
}

#[test]
fn the_kind_is_told_by_the_content_and_not_by_the_name() {
    let dir = TempDir::new().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(b"0,1\n60,2\n").unwrap();
    let packed = file(&dir, "packed.csv", &gzip.finish().unwrap());
    assert_eq!(values(&read(&packed).unwrap()), [Some(1.0), Some(2.0)]);
    let plain = file(&dir, "plain.csv.gz", b"0,1\n60,2\n");
    assert_eq!(read(&plain).unwrap().name, "plain");
    let broken = file(&dir, "broken.parquet", b"PAR1 and then nonsense");
    let error = read(&broken).unwrap_err().to_string();
    assert!(error.contains("broken.parquet`: is no Parquet"), "{error}");
    let cut = fs::read(&packed).unwrap();
    let cut = file(&dir, "cut.csv.gz", &cut[..cut.len() - 9]);
    assert!(read(&cut).is_err(), "a cut file is no shorter file");
    let missing = read(&dir.path().join("missing.csv")).unwrap_err();
    assert!(missing.to_string().starts_with("failed to read `"));
    assert!(read(dir.path()).unwrap_err().to_string().contains("folder"));
}

#[test]
fn a_name_loses_its_endings_only() {
    for (path, name) in [
        ("/data/web.csv", "web"),
        ("web.v2.csv.gz", "web.v2"),
        ("web.parquet", "web"),
        (".csv", ".csv"),
        ("web", "web"),
    ] {
        assert_eq!(name_of(Path::new(path)), name);
    }
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let error = write(&dir.path().join("web.txt"), &[]).unwrap_err();
    assert!(error.to_string().contains("`.csv.gz`"), "{error}");
    let error = write(&dir.path().join("no/such/web.csv"), &[]).unwrap_err();
    assert!(error.to_string().starts_with("failed to write"), "{error}");
    drop(Atomic::create(&dir.path().join("web.csv")).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_is_refused_before_the_work_and_the_question_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let error = Atomic::probe(dir.path()).unwrap_err();
    assert!(error.to_string().contains("folder"), "{error}");
    assert!(Atomic::probe(&dir.path().join("no/such.html")).is_err());
    Atomic::probe(&dir.path().join("web.html")).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn links_and_what_is_no_regular_file_stay_what_they_are() {
    use std::os::unix::fs::symlink;
    let write = |path: &Path| {
        let mut file = Atomic::create(path).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
    };
    let dir = TempDir::new().unwrap();
    let target = file(&dir, "target.html", b"old");
    let (link, dangling) = (dir.path().join("link"), dir.path().join("dangling"));
    symlink("target.html", &link).unwrap();
    symlink("later.html", &dangling).unwrap();
    write(&link);
    write(&dangling);
    for path in [&link, &dangling] {
        assert!(fs::symlink_metadata(path).unwrap().is_symlink());
    }
    assert_eq!(fs::read(target).unwrap(), b"new");
    assert_eq!(fs::read(dir.path().join("later.html")).unwrap(), b"new");
    let null = dir.path().join("null");
    symlink("/dev/null", &null).unwrap();
    Atomic::probe(&null).unwrap();
    write(&null);
    assert!(!fs::metadata(&null).unwrap().is_file());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_like_a_file() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"600,1\n660,2\n").unwrap();
    drop(writer);
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&reader);
    let read = read(Path::new(&format!("/dev/fd/{descriptor}"))).unwrap();
    assert_eq!(values(&read), [Some(1.0), Some(2.0)]);
}

#[test]
fn parquet_of_others_is_read_by_name_type_and_null() {
    use parquet::data_type::{FloatType, Int32Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("theirs.parquet");
    let schema = "message m { REQUIRED INT32 other; OPTIONAL FLOAT value; REQUIRED INT32 time; }";
    let schema = parse_message_type(schema).unwrap();
    let out = fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(out, schema.into(), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int32Type>()
        .write_batch(&[9, 9, 9], None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<FloatType>()
        .write_batch(&[1.5, 2.5], Some(&[1, 0, 1]), None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int32Type>()
        .write_batch(&[0, 60, 120], None, None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let read = read(&path).unwrap();
    assert_eq!(values(&read), [Some(1.5), None, Some(2.5)]);
}

fn samples() -> impl Strategy<Value = (u64, Vec<Option<f64>>)> {
    let value = prop_oneof![3 => (-1e12..1e12).prop_map(Some), 1 => Just(None)];
    (1_u64..4000, prop::collection::vec(value, 4..60))
}

proptest! {
    #[test]
    fn every_kind_gives_back_what_was_written((step, values) in samples()) {
        let step = Duration::from_secs(step);
        // Neighbours at both ends make the step the most frequent distance.
        let mut values: Vec<f64> = values.iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        let known = vec![1.0; values.len()];
        values.splice(0..0, known);
        values.push(2.0);
        let start = Timestamp::from_secs(1_700_000_000).floor_to(step);
        let series = Series::new(start, step, values);
        let samples: Vec<Sample> = (0..series.len())
            .filter(|i| !series.values()[*i].is_nan())
            .map(|i| Sample { at: series.time_of(i), value: series.values()[i] })
            .collect();
        let dir = TempDir::new().unwrap();
        for name in ["a.csv", "a.csv.gz", "a.parquet"] {
            let path = dir.path().join(name);
            write(&path, &samples).unwrap();
            let back = read(&path).unwrap();
            prop_assert_eq!(back.series.start(), series.start());
            prop_assert_eq!(back.series.step(), step);
            let bits = |s: &Series| s.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back.series), bits(&series));
            prop_assert!(back.notes.is_empty(), "{:?}", back.notes);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), parquet: bool) {
        let dir = TempDir::new().unwrap();
        let mut all = if parquet { b"PAR1".to_vec() } else { Vec::new() };
        all.extend(bytes);
        if parquet {
            all.extend(b"PAR1");
        }
        let _ = read(&file(&dir, "noise", &all));
    }
}
