//! Values of nothing but white space, which KEDA takes for absent.

use super::*;

#[test]
fn an_empty_value_counts_as_not_given() {
    for key in KEYS
        .iter()
        .filter(|key| !key.is_refused() && !key.required())
    {
        for (name, value) in [
            (key.name.to_owned(), ""),
            (key.name.to_owned(), " \n"),
            (format!("{}{FROM_ENV}", key.name), ""),
        ] {
            let read = parsed(&[(&name, value)]);
            assert_eq!(read.spec, parsed(&[]).spec, "{name}");
            let warned = [format!("`{name}` is empty and counts as not given")];
            let expected = if key.group == Group::Connection {
                &[][..]
            } else {
                &warned
            };
            assert_eq!(read.warnings, expected, "{name}");
        }
    }
}

#[test]
fn an_empty_value_is_given_in_no_sense() {
    for key in KEYS.iter().filter(|key| key.required()) {
        assert_eq!(
            mistake(&[(key.name, " ")]),
            format!("`{}` is missing: {}", key.name, key.allowed)
        );
    }
    let stands_in = parsed(&[("query", ""), ("queryFromEnv", "sum(up)")]);
    assert_eq!(stands_in.spec.query, "sum(up)");
    let beside = parsed(&[("source", "main"), ("serverAddress", "")]);
    assert_eq!(beside.spec.source, SourceRef::Named("main".to_owned()));
    let followed = parsed(&[("query", ""), ("triggerName", "orders"), ("source", "keda")]);
    assert!(followed.spec.follows.is_some());
    let unnamed = read(&with(&[("sourceFromEnv", "")]), Env::Names);
    assert!(unnamed.mistakes.is_empty() && !unnamed.mentions("source"));
}

#[test]
fn what_must_not_be_there_must_not_be_there_empty() {
    for key in KEYS.iter().filter(|key| key.is_refused()) {
        assert!(mistake(&[(key.name, "")]).contains("must not stand"));
    }
}
