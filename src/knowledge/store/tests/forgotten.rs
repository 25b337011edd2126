//! Workloads that are forgotten while a save is under way.

use super::*;

#[test]
fn a_save_asks_who_is_on_the_board_only_once_it_holds_the_file() {
    let dir = folder();
    let store = Store::open(dir.path()).unwrap();
    let board = Board::new(2);
    for name in ["web", "api"] {
        let key = samples::key(name, &[]);
        let registered = board.register(key, samples::spec(), vec![], NOW);
        registered.unwrap();
    }
    assert_eq!(store.save_board(&board, NOW).unwrap().workloads, 2);
    let gone = samples::key("web", &[]);
    board.forget(&gone);
    store.remove(&[gone]).unwrap();
    let asked = || {
        // Nobody is removed between the question and the save.
        assert!(store.state.try_lock().is_err());
        board.all()
    };
    store.save_those(asked, later(15)).unwrap();
    store.save_board(&board, later(30)).unwrap();
    drop(store);
    let names: Vec<_> = (reopened(&dir).iter())
        .map(|restored| restored.key.name.to_string())
        .collect();
    assert_eq!(names, ["api"]);
}
