mod forgotten;
mod gone;
mod older;

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use super::*;
use crate::domain::Sample;
use crate::knowledge::samples::{self, NOW};
use crate::knowledge::{Board, Health, History};

fn later(secs: i64) -> Timestamp {
    Timestamp::from_secs(NOW.as_secs() + secs)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file_of(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("forescale.redb")
}

fn damaged_files(dir: &tempfile::TempDir) -> Vec<String> {
    files_aside(dir, "damaged")
}

fn files_aside(dir: &tempfile::TempDir, what: &str) -> Vec<String> {
    let names = fs::read_dir(dir.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let begin = format!("forescale.redb.{what}-");
    names.filter(|name| name.starts_with(&begin)).collect()
}

fn bits(history: &History) -> Vec<u64> {
    history
        .series()
        .values()
        .iter()
        .map(|value| value.to_bits())
        .collect()
}

fn assert_same(restored: &Restored, workload: &Workload) {
    let learned = workload.learned();
    assert_eq!(restored.key, workload.key);
    assert_eq!(restored.registered_at, workload.registered_at);
    assert_eq!(restored.last_asked, workload.last_asked());
    assert_eq!(bits(&restored.learned.history), bits(&learned.history));
    assert_eq!(
        restored.learned.history.capacity(),
        learned.history.capacity()
    );
    assert_eq!(restored.learned.live, learned.live);
    assert_eq!(restored.learned.fit, learned.fit);
    assert_eq!(restored.learned.memory, learned.memory);
    assert_eq!(
        restored.published,
        workload.published().map(|published| (*published).clone())
    );
}

fn reopened(dir: &tempfile::TempDir) -> Vec<Restored> {
    Store::open(dir.path()).unwrap().load().unwrap()
}

#[test]
fn what_is_saved_comes_back_whole() {
    let dir = folder();
    let (full, young) = (samples::full_workload("web"), samples::workload("api"));
    let store = Store::open(dir.path()).unwrap();
    let report = store
        .save(&[Arc::clone(&full), Arc::clone(&young)], later(1))
        .unwrap();
    assert_eq!(report.workloads, 2);
    assert!(report.bytes > 40_000);
    drop(store);
    let mut restored = reopened(&dir);
    restored.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    assert_eq!(restored.len(), 2);
    assert_same(&restored[0], &young);
    assert_same(&restored[1], &full);
    assert_eq!(restored[1].saved_at, later(1));
}

#[test]
fn a_second_save_writes_only_what_has_changed() {
    let dir = folder();
    let workload = samples::full_workload("web");
    let all = [Arc::clone(&workload)];
    let store = Store::open(dir.path()).unwrap();
    let first = store.save(&all, NOW).unwrap();
    assert_eq!(
        store.save(&all, later(15)).unwrap(),
        SaveReport::default(),
        "nothing new"
    );
    workload.learned().history.record(later(60), 1.0);
    let second = store.save(&all, later(60)).unwrap();
    assert!(second.bytes < first.bytes / 6, "{second:?} after {first:?}");
    workload.learned().history.record(later(-10 * 86_400), 77.0);
    let late = store.save(&all, later(75)).unwrap();
    assert!(late.bytes < first.bytes / 6, "{late:?} after {first:?}");
    drop(store);

    let store = Store::open(dir.path()).unwrap();
    let restored = store.load().unwrap().pop().unwrap();
    assert_same(&restored, &workload);
    let board = Board::new(10);
    let again = board.restore(restored, samples::spec(), vec![]).unwrap();
    for minute in 2..700 {
        again.learned().history.record(later(minute * 60), 5.5);
    }
    let after = store.save(&[Arc::clone(&again)], later(700 * 60)).unwrap();
    assert!(
        after.bytes < first.bytes / 4,
        "a restored workload is not written anew: {after:?}"
    );
    drop(store);
    assert_same(&reopened(&dir)[0], &again);
}

#[test]
fn blocks_that_are_out_of_reach_leave_the_file() {
    let dir = folder();
    let workload = samples::full_workload("web");
    let store = Store::open(dir.path()).unwrap();
    store.save(&[Arc::clone(&workload)], NOW).unwrap();
    workload.learned().history.record(later(13 * 86_400), 1.0);
    store
        .save(&[Arc::clone(&workload)], later(13 * 86_400))
        .unwrap();
    workload.learned().history.forget_after(NOW);
    store.save(&[Arc::clone(&workload)], NOW).unwrap();
    drop(store);
    assert_same(&reopened(&dir)[0], &workload);
    let database = Database::open(file_of(&dir)).unwrap();
    let blocks = database.begin_read().unwrap().open_table(BLOCKS).unwrap();
    let sealed = workload
        .learned()
        .history
        .sealed_numbers(Part::Fine)
        .count();
    assert_eq!(blocks.iter().unwrap().count(), sealed);
}

#[test]
fn a_forgotten_workload_that_comes_back_does_not_inherit_stale_blocks() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    store.save(&[samples::full_workload("web")], NOW).unwrap();
    let young = samples::workload("web");
    young.learned().history.record(NOW, 3.0);
    store.save(&[Arc::clone(&young)], NOW).unwrap();
    drop(store);
    assert_same(&reopened(&dir)[0], &young);
}

#[test]
fn removed_workloads_are_gone() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    let (web, api) = (samples::full_workload("web"), samples::full_workload("api"));
    store
        .save(&[Arc::clone(&web), Arc::clone(&api)], NOW)
        .unwrap();
    store
        .remove(&[web.key.clone(), samples::key("never saved", &[])])
        .unwrap();
    let left = store.load().unwrap();
    assert_eq!(left.len(), 1);
    assert_same(&left[0], &api);
    drop(store);
    let database = Database::open(file_of(&dir)).unwrap();
    let transaction = database.begin_read().unwrap();
    assert_eq!(
        transaction
            .open_table(FITS)
            .unwrap()
            .iter()
            .unwrap()
            .count(),
        1
    );
    let sealed = api.learned().history.sealed_numbers(Part::Fine).count();
    assert_eq!(
        transaction
            .open_table(BLOCKS)
            .unwrap()
            .iter()
            .unwrap()
            .count(),
        sealed
    );
}

#[test]
fn keys_with_the_same_fingerprint_keep_apart() {
    let dir = folder();
    let open = || Store::open_with(dir.path(), |_| WorkloadId(7)).unwrap();
    let store = open();
    let all: Vec<_> = ["a", "b", "c"].map(samples::workload).into();
    for (i, workload) in (0..).zip(&all) {
        samples::fill(workload, 600 + i);
    }
    store.save(&all, NOW).unwrap();
    store.remove(&[all[0].key.clone()]).unwrap();
    drop(store);
    let store = open();
    store
        .save(
            &[Arc::clone(&all[2]), samples::full_workload("d")],
            later(1),
        )
        .unwrap();
    let mut restored = store.load().unwrap();
    restored.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    assert_eq!(
        restored.iter().map(|r| &*r.key.name).collect::<Vec<_>>(),
        ["b", "c", "d"]
    );
    assert_same(&restored[0], &all[1]);
    assert_same(&restored[1], &all[2]);
}

#[test]
fn a_restored_workload_keeps_its_plan_when_its_grid_has_changed() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    let workload = samples::full_workload("web");
    store.save(&[Arc::clone(&workload)], NOW).unwrap();
    let mut spec = samples::spec();
    spec.step = crate::domain::HumanDuration::from_secs(30);
    let board = Board::new(1);
    let restored = store.load().unwrap().pop().unwrap();
    let again = board.restore(restored, spec, vec![]).unwrap();
    assert!(again.learned().history.is_empty() && again.learned().fit.is_none());
    assert_eq!(again.published(), workload.published());
    assert_eq!(again.learned().memory, workload.learned().memory);
    assert_eq!(again.follow().borrow().active, Some(true));
}

#[test]
fn a_record_of_an_unknown_version_is_left_out_and_its_place_is_used_again() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    let (web, api) = (samples::workload("web"), samples::workload("api"));
    store
        .save(&[Arc::clone(&web), Arc::clone(&api)], NOW)
        .unwrap();
    drop(store);
    let place = (web.key.id().0, 0);
    let database = Database::open(file_of(&dir)).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut heads = transaction.open_table(HEADS).unwrap();
        let mut bytes = heads.get(place).unwrap().unwrap().value().to_vec();
        bytes[8] = 99;
        heads.insert(place, bytes.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.load().unwrap().len(), 1);
    store.save(&[web], later(1)).unwrap();
    assert_eq!(store.load().unwrap().len(), 2);
}

#[test]
fn a_field_of_a_later_version_is_skipped_and_a_missing_one_has_its_default() {
    let key = samples::key("web", &[]);
    let later = serde_json::json!({
        "key": key, "registered_at": 1, "last_asked": 2, "step_millis": 60_000, "capacity": 10, "open_blocks": [],
        "from_the_future": {"a": 1},
    });
    let bytes = records::stamp(NOW, &records::encode(&later));
    let restored = records::decode_head(&bytes)
        .unwrap()
        .restore(vec![], vec![], None);
    assert_eq!(restored.key, key);
    assert!(restored.published.is_none() && restored.learned.live.is_none());
}

#[test]
fn a_second_process_is_told_who_is_in_the_way() {
    let dir = folder();
    let _first = Store::open(dir.path()).unwrap();
    let error = Store::open(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("held by another process") && error.contains("`knowledge.dataDir`"),
        "{error}"
    );
    assert!(damaged_files(&dir).is_empty());
}

#[test]
fn a_folder_that_cannot_be_is_named_with_the_setting() {
    let dir = folder();
    fs::write(dir.path().join("plain"), "a file").unwrap();
    let error = Store::open(&dir.path().join("plain/data"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("plain/data/forescale.redb") && error.contains("`knowledge.dataDir`"),
        "{error}"
    );
}

#[test]
fn what_could_not_be_read_is_moved_aside_before_the_next_save() {
    let dir = folder();
    let (known, anew) = (samples::full_workload("web"), samples::workload("web"));
    let store = Store::open(dir.path()).unwrap();
    store.save(&[Arc::clone(&known)], NOW).unwrap();
    drop(store);
    let store = Store::at(dir.path());
    store.begin_anew();
    for secs in [15, 30] {
        store.save(&[Arc::clone(&anew)], later(secs)).unwrap();
    }
    drop(store);
    assert_same(&reopened(&dir)[0], &anew);
    let [aside] = &files_aside(&dir, "unread")[..] else {
        panic!("one file aside")
    };
    fs::rename(dir.path().join(aside), file_of(&dir)).unwrap();
    assert_same(&reopened(&dir)[0], &known);
}

#[test]
fn foreign_files_are_moved_aside_and_kept() {
    let dir = folder();
    let text = "this is somebody's shopping list\n".repeat(1000);
    fs::write(file_of(&dir), &text).unwrap();
    assert!(reopened(&dir).is_empty());
    let aside = damaged_files(&dir);
    assert_eq!(aside.len(), 1);
    assert_eq!(
        fs::read_to_string(dir.path().join(&aside[0])).unwrap(),
        text
    );

    fs::remove_file(file_of(&dir)).unwrap();
    let foreign = Database::create(file_of(&dir)).unwrap();
    let transaction = foreign.begin_write().unwrap();
    let other: TableDefinition<'_, &str, &str> = TableDefinition::new("heads");
    transaction
        .open_table(other)
        .unwrap()
        .insert("a", "b")
        .unwrap();
    transaction.commit().unwrap();
    drop(foreign);
    assert!(reopened(&dir).is_empty());
    assert_eq!(
        damaged_files(&dir).len(),
        2,
        "another program's redb file too"
    );
}

#[test]
fn a_file_damaged_anywhere_is_repaired_or_moved_aside_but_never_trusted() {
    let dir = folder();
    let workload = samples::full_workload("web");
    let store = Store::open(dir.path()).unwrap();
    store.save(&[Arc::clone(&workload)], NOW).unwrap();
    drop(store);
    let whole = fs::read(file_of(&dir)).unwrap();
    let mut moved = 0;
    for round in 0..60_usize {
        let dir = folder();
        let mut bytes = whole.clone();
        let place = round * 7919 * 31 % bytes.len();
        if round % 3 == 0 {
            bytes.truncate(place);
        } else {
            let end = (place + 1 + round * 5).min(bytes.len());
            bytes[place..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        }
        fs::write(file_of(&dir), &bytes).unwrap();
        for restored in &reopened(&dir) {
            assert_same(restored, &workload);
        }
        moved += damaged_files(&dir).len();
    }
    assert!(moved > 10, "{moved} of 60 were moved aside");
}

#[test]
fn a_damaged_file_found_while_running_costs_one_save_and_no_more() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    let workload = samples::full_workload("web");
    store.save(&[Arc::clone(&workload)], NOW).unwrap();
    // As after an input or output error: the file is opened anew, and meanwhile it has been overwritten.
    store.lock().database = None;
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(file_of(&dir))
        .unwrap();
    let mut byte = [0];
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&[byte[0] ^ 0xff]).unwrap();
    drop(file);
    let report = store.save(&[Arc::clone(&workload)], later(1)).unwrap();
    assert_eq!(
        report.workloads, 1,
        "everything is written to the fresh file"
    );
    assert_eq!(damaged_files(&dir).len(), 1);
    drop(store);
    assert_same(&reopened(&dir)[0], &workload);
}

#[test]
fn the_health_and_the_live_sample_are_part_of_the_snapshot() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    let workload = samples::workload("web");
    let mut published = samples::published(NOW);
    published.health = Health {
        last_success: None,
        fault: Some(crate::knowledge::Fault {
            at: NOW,
            kind: crate::knowledge::FaultKind::Timeout,
            text: "no answer within 5s".into(),
        }),
        faults_in_a_row: 3,
        warnings: vec!["partial response".into()],
        backfilled: false,
    };
    published.forecast = None;
    workload.publish(published);
    workload.learned().live = Some(Sample {
        at: NOW,
        value: 1.0 / 3.0,
    });
    store.save(&[Arc::clone(&workload)], NOW).unwrap();
    assert_same(&store.load().unwrap()[0], &workload);
}

/// `cargo test --lib ten_thousand -- --ignored --nocapture`
#[test]
#[ignore = "measures, proves nothing: 10,000 workloads take about 2 GB of memory and disk"]
fn ten_thousand_workloads_are_saved_and_read_in_seconds() {
    use std::io::Write as _;
    let dir = folder();
    let began = tokio::time::Instant::now;
    let say = |what: &str, since: tokio::time::Instant, detail: String| {
        writeln!(std::io::stderr(), "{what}: {:?} {detail}", since.elapsed()).unwrap();
    };
    let fill = began();
    let original = samples::full_workload("original");
    let like_it = |i: i32| {
        let workload = samples::workload(&format!("web-{i}"));
        samples::fill(&workload, 1);
        workload.learned().history = original.learned().history.clone();
        workload
    };
    let all: Vec<_> = (0..10_000).map(like_it).collect();
    say("fill", fill, String::new());
    let heap: usize = all.iter().map(|workload| workload.heap_bytes()).sum();
    let store = Store::open(dir.path()).unwrap();
    let size = || {
        format!(
            "file {} MiB",
            fs::metadata(file_of(&dir)).unwrap().len() >> 20
        )
    };
    let first = began();
    let report = store.save(&all, NOW).unwrap();
    say(
        "first save",
        first,
        format!("{report:?} {} heap {} MiB", size(), heap >> 20),
    );
    for minute in 1..=4 {
        for workload in &all {
            workload.learned().history.record(later(minute * 60), 5.0);
            workload.publish(samples::published(later(minute * 60)));
        }
        let next = began();
        let report = store.save(&all, later(minute * 60)).unwrap();
        say("next save", next, format!("{report:?} {}", size()));
    }
    drop(store);
    let open = began();
    let store = Store::open(dir.path()).unwrap();
    say("open with check", open, String::new());
    let load = began();
    let restored = store.load().unwrap();
    say("load", load, format!("{}", restored.len()));
}
