//! Files that are removed or replaced while they are open.

use super::*;

#[test]
fn a_folder_that_is_removed_costs_one_save_and_the_next_one_writes_everything() {
    let dir = folder();
    let data = dir.path().join("data");
    let store = Store::open(&data).unwrap();
    let workload = samples::workload("web");
    store.save(std::slice::from_ref(&workload), NOW).unwrap();

    fs::remove_dir_all(&data).unwrap();
    let error = store
        .save(std::slice::from_ref(&workload), later(15))
        .unwrap_err();
    assert!(matches!(error, StoreError::Gone { .. }), "{error}");
    assert!(error.to_string().contains("forescale.redb"), "{error}");

    let report = store
        .save(std::slice::from_ref(&workload), later(30))
        .unwrap();
    assert_eq!(report.workloads, 1, "nothing of it is in the new file");
    drop(store);
    let restored = Store::open(&data).unwrap().load().unwrap();
    assert_same(&restored[0], &workload);
}

#[test]
fn a_file_that_is_replaced_is_read_before_it_is_written() {
    let (dir, other) = (folder(), folder());
    let (web, api) = (samples::workload("web"), samples::workload("api"));
    {
        let store = Store::open(other.path()).unwrap();
        store.save(std::slice::from_ref(&api), NOW).unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    store.save(std::slice::from_ref(&web), NOW).unwrap();
    fs::rename(file_of(&other), file_of(&dir)).unwrap();
    let error = store
        .save(std::slice::from_ref(&web), later(15))
        .unwrap_err();
    assert!(matches!(error, StoreError::Gone { .. }), "{error}");
    store.save(std::slice::from_ref(&web), later(30)).unwrap();
    drop(store);
    assert_eq!(reopened(&dir).len(), 2);
}
