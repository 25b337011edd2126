use std::fs;
use std::io::Write;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::domain::Sample;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn asked(flags: &[&str]) -> Asked {
    let base = [
        "collect",
        "--prometheus",
        "http://p:9090",
        "--output",
        "x.csv",
    ];
    let cli = Cli::parse_from(base.iter().chain(flags));
    Asked::of(&cli.args, "http://p:9090".to_owned())
}

fn minutes(from: i64, until: i64) -> Span {
    Span {
        from: Timestamp::from_secs(60 * from),
        until: Timestamp::from_secs(60 * until),
        step: Duration::from_mins(1),
    }
}

fn fetched(span: Span) -> Fetched {
    let at = |index: u32| span.from + span.step * index;
    Fetched {
        samples: (0..span.points() as u32)
            .map(|index| Sample {
                at: at(index),
                value: f64::from(index) + 0.5,
            })
            .collect(),
        not_finite: 1,
        series: 1,
        warnings: vec!["slow".to_owned()],
        partial: false,
    }
}

#[test]
fn a_part_goes_on_where_it_was_cut_off_although_the_present_has_moved() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("web.csv");
    let asked = asked(&["--query", "up", "--since", "1h"]);
    let mut part = Part::open(&output, &asked, minutes(0, 59), false).unwrap();
    part.add(minutes(0, 9), &fetched(minutes(0, 9))).unwrap();
    part.add(minutes(10, 19), &fetched(minutes(10, 19)))
        .unwrap();
    let path = part.path().to_owned();
    drop(part);
    // A write that the machine's end has cut off in the middle of a row.
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"1200000,3\n1260000,4.").unwrap();

    let mut part = Part::open(&output, &asked, minutes(5, 64), false).unwrap();
    assert_eq!(part.span(), minutes(0, 59), "as it was begun");
    assert_eq!(part.left(), Some(minutes(20, 59)));
    part.add(minutes(20, 59), &fetched(minutes(20, 59)))
        .unwrap();
    assert_eq!(part.left(), None);
    drop(part);
    let (span, read) = Part::open(&output, &asked, minutes(7, 66), true)
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(span, minutes(0, 59));
    assert!(read.resumed);
    let times: Vec<i64> = read.samples.iter().map(|s| s.at.as_secs() / 60).collect();
    assert_eq!(times, (0..60).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(
        (read.not_finite, read.warnings),
        (3, vec!["slow".to_owned()])
    );
}

#[test]
fn a_part_of_another_question_is_left_alone_and_said() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("web.csv");
    let begun = |force| Part::open(&output, &asked(&["--query", "up"]), minutes(0, 9), force);
    let mut part = begun(false).unwrap();
    part.add(minutes(0, 4), &fetched(minutes(0, 4))).unwrap();
    drop(part);
    for (flags, said) in [
        (["--query", "down"], "--query was `up` and is `down`"),
        (["--query=up", "--step=30s"], "--step was 60 s and is 30 s"),
        (
            ["--query=up", "--since=1h"],
            "--since was `30d` and is `1h`",
        ),
        (
            ["--query=up", "--until=1h"],
            "--until was the present and is 1h",
        ),
    ] {
        let failure = Part::open(&output, &asked(&flags), minutes(0, 9), false).unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(
            failure.error.to_string().contains(said)
                && failure.error.to_string().contains("`--force`"),
            "{}",
            failure.error
        );
    }
    assert!(begun(true).unwrap().is_begun(), "the same question goes on");
    let other = asked(&["--query", "down"]);
    let anew = Part::open(&output, &other, minutes(0, 9), true).unwrap();
    assert_eq!((anew.is_begun(), anew.left()), (false, Some(minutes(0, 9))));
    fs::write(dir.path().join("notes.csv.part"), "my notes\n").unwrap();
    let notes = dir.path().join("notes.csv");
    let failure = Part::open(&notes, &asked(&["--query", "up"]), minutes(0, 9), true).unwrap_err();
    assert!(failure.error.to_string().contains("is no part file"));
    let kept = fs::read_to_string(dir.path().join("notes.csv.part")).unwrap();
    assert_eq!(kept, "my notes\n");
}

#[test]
fn a_part_is_there_only_once_a_window_is_in_it() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("web.csv");
    let open = |query: &str| {
        let asked = asked(&["--query", query]);
        Part::open(&output, &asked, minutes(0, 9), false).unwrap()
    };
    let mut part = open("down");
    assert!(!part.path().exists() && !part.is_begun());
    part.add(minutes(0, 4), &fetched(minutes(0, 4))).unwrap();
    // One of which nothing but the head was written, as earlier versions left it.
    let whole = fs::read_to_string(part.path()).unwrap();
    let head = whole.lines().next().unwrap();
    fs::write(part.path(), format!("{head}\n")).unwrap();
    let mut part = open("up");
    assert!(!part.is_begun());
    part.add(minutes(0, 9), &fetched(minutes(0, 9))).unwrap();
    let (_, read) = open("up").finish().unwrap();
    assert_eq!(read.samples.len(), 10);
}

#[test]
fn moments_are_read_as_people_write_them() {
    let now = Timestamp::from_secs(1_000_000);
    for (text, at) in [
        ("1h", 996_400),
        ("500000", 500_000),
        ("1970-01-02T00:00:00Z", 86_400),
        ("1970-01-02T01:00:00+01:00", 86_400),
    ] {
        let moment: Moment = text.parse().unwrap();
        assert_eq!(moment.at(now), Timestamp::from_secs(at), "{text}");
    }
    let error = "last week".parse::<Moment>().unwrap_err();
    assert!(error.contains("`last week`") && error.contains("`30d`"));
}

#[test]
fn the_report_counts_gaps_at_both_ends_and_between() {
    let mut read = part::Read {
        samples: fetched(minutes(0, 9)).samples,
        ..part::Read::default()
    };
    read.samples.remove(4);
    let report = Report::new(minutes(-2, 12), &read, std::path::Path::new("web.csv"));
    let text = report.text();
    assert!(text.contains("9 rows"), "{text}");
    assert!(
        text.contains("3 gaps, 6 evaluations without data (40.0 %), the longest lasts 3m"),
        "{text}"
    );
    assert_eq!(report.json()["missing_steps"], 6);
}
