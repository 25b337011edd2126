//! Snapshots of histories that are longer than their fine part.

use redb::ReadableTableMetadata;

use super::super::index::Sealed;
use super::*;
use crate::domain::HumanDuration;

const DAYS: i64 = 20;

fn spec() -> crate::domain::TriggerSpec {
    crate::domain::TriggerSpec {
        history: HumanDuration::from_secs(56 * 86_400),
        ..samples::spec()
    }
}

/// Twenty days of minutes in a history that would hold fifty-six.
fn long_workload(name: &str) -> Arc<Workload> {
    let key = samples::key(name, &[]);
    let workload = Arc::new(Workload::new(key, spec(), vec![], NOW));
    samples::fill(&workload, DAYS * 1440);
    workload
}

/// How many blocks of the older part are in the file.
fn older_blocks(dir: &tempfile::TempDir) -> u64 {
    let database = Database::open(file_of(dir)).unwrap();
    let transaction = database.begin_read().unwrap();
    transaction.open_table(OLDER).unwrap().len().unwrap()
}

fn sealed(workload: &Workload) -> u64 {
    let history = &workload.learned().history;
    let of = |part: Part| history.sealed_numbers(part).count() as u64;
    Part::OLDER.into_iter().map(of).sum()
}

#[test]
fn both_resolutions_come_back_and_neither_is_written_again_without_need() {
    let dir = folder();
    let workload = long_workload("web");
    let all = [Arc::clone(&workload)];
    let store = Store::open(dir.path()).unwrap();
    let first = store.save(&all, NOW).unwrap();
    assert_eq!(store.save(&all, NOW).unwrap(), SaveReport::default());
    workload.learned().history.record(later(60), 1.0);
    let minute = store.save(&all, later(60)).unwrap();
    assert!(minute.bytes < first.bytes / 6, "{minute:?} after {first:?}");
    // A block moves over: two blocks of the older part change.
    for minute in 2..=256 {
        workload.learned().history.record(later(minute * 60), 2.0);
    }
    let hours = store.save(&all, later(256 * 60)).unwrap();
    assert!(
        hours.bytes < minute.bytes + 3000,
        "{hours:?} after {minute:?}"
    );
    drop(store);
    assert_eq!(older_blocks(&dir), sealed(&workload));

    let store = Store::open(dir.path()).unwrap();
    let restored = store.load().unwrap().pop().unwrap();
    assert_same(&restored, &workload);
    let series = restored.learned.history.series();
    assert_eq!(
        series.fine_from(),
        workload.learned().history.series().fine_from()
    );
    assert!(series.fine_from() > 5 * 1440);
    let again = Board::new(10).restore(restored, spec(), vec![]).unwrap();
    again.learned().history.record(later(257 * 60), 3.0);
    let after = store.save(&[Arc::clone(&again)], later(257 * 60)).unwrap();
    assert!(after.bytes < first.bytes / 6, "{after:?} after {first:?}");
    drop(store);
    assert_same(&reopened(&dir)[0], &again);
}

#[test]
fn blocks_of_the_older_part_leave_the_file_with_the_history() {
    let dir = folder();
    let (web, api) = (long_workload("web"), long_workload("api"));
    let store = Store::open(dir.path()).unwrap();
    store
        .save(&[Arc::clone(&web), Arc::clone(&api)], NOW)
        .unwrap();
    store.remove(std::slice::from_ref(&api.key)).unwrap();
    web.learned().history.forget_after(later(-17 * 86_400));
    store.save(&[Arc::clone(&web)], NOW).unwrap();
    drop(store);
    assert_eq!(older_blocks(&dir), sealed(&web));
    assert_same(&reopened(&dir)[0], &web);
}

#[test]
fn a_late_sample_for_the_older_part_is_saved() {
    let dir = folder();
    let workload = long_workload("web");
    let store = Store::open(dir.path()).unwrap();
    let first = store.save(&[Arc::clone(&workload)], NOW).unwrap();
    for minute in 0..600 {
        let at = later(-50 * 86_400 + minute * 60);
        workload.learned().history.record(at, 7.5);
    }
    let late = store.save(&[Arc::clone(&workload)], NOW).unwrap();
    assert!(late.bytes < first.bytes / 6, "{late:?} after {first:?}");
    drop(store);
    let restored = reopened(&dir).pop().unwrap();
    assert_same(&restored, &workload);
    let series = restored.learned.history.series();
    let read = &series.values()[..600];
    assert!(read.iter().all(|v| v.to_bits() == 7.5_f64.to_bits()));
}

#[test]
fn a_file_from_before_there_was_an_older_part_is_read_and_written_on() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    let workload = samples::full_workload("web");
    store.save(&[Arc::clone(&workload)], NOW).unwrap();
    drop(store);
    let database = Database::open(file_of(&dir)).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(OLDER).unwrap());
    transaction.commit().unwrap();
    drop(database);

    let store = Store::open(dir.path()).unwrap();
    let restored = store.load().unwrap().pop().unwrap();
    assert_same(&restored, &workload);
    let long = long_workload("long");
    store.save(&[Arc::clone(&long)], later(1)).unwrap();
    drop(store);
    assert!(damaged_files(&dir).is_empty());
    assert_eq!(reopened(&dir).len(), 2);
    assert_eq!(older_blocks(&dir), sealed(&long));
}

#[test]
fn what_becomes_older_while_it_is_read_is_written_too() {
    let dir = folder();
    let workload = Arc::new(Workload::new(samples::key("web", &[]), spec(), vec![], NOW));
    // All of it fine, as a version without an older part has written it.
    let steps = spec().history_steps();
    workload.learned().history = History::with_fine(spec().step(), steps, steps);
    samples::fill(&workload, DAYS * 1440);
    let store = Store::open(dir.path()).unwrap();
    let all = workload.learned().history.len();
    store.save(&[workload], NOW).unwrap();
    drop(store);
    assert_eq!(older_blocks(&dir), 0);

    let store = Store::open(dir.path()).unwrap();
    let restored = store.load().unwrap().pop().unwrap();
    let again = Board::new(10).restore(restored, spec(), vec![]).unwrap();
    assert_eq!(again.learned().history.len(), all);
    store.save(&[Arc::clone(&again)], NOW).unwrap();
    assert_eq!(
        store.save(&[Arc::clone(&again)], NOW).unwrap(),
        SaveReport::default()
    );
    drop(store);
    assert_eq!(older_blocks(&dir), sealed(&again));
    let restored = reopened(&dir).pop().unwrap();
    assert_same(&restored, &again);
    assert_eq!(restored.learned.history.len(), all);
}

#[test]
fn a_block_that_has_gone_from_the_middle_is_noticed_whatever_has_come_since() {
    let before = Sealed::of([1, 2, 3, 5].into_iter());
    let grew = |now: &[i64]| before.only_grew_into(now.iter().copied());
    assert!(grew(&[1, 2, 3, 5]) && grew(&[1, 2, 3, 5, 6, 9]));
    assert!(!grew(&[1, 2, 5, 6, 7]), "3 has gone");
    assert!(!grew(&[2, 3, 5, 6, 7]) && !grew(&[1, 2, 3]) && !grew(&[]));
    assert!(
        !Sealed::default().only_grew_into([1].into_iter()),
        "nothing is known"
    );
    assert!(Sealed::of([].into_iter()).only_grew_into([4].into_iter()));
}
