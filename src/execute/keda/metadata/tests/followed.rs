//! Triggers that follow another one.

use super::*;

#[test]
fn a_trigger_is_followed_in_the_place_of_a_query() {
    let parse = |pairs: &[(&str, &str)]| parse_metadata(&metadata(pairs));
    let good = [
        ("triggerName", "orders"),
        ("threshold", "5"),
        ("source", "keda"),
    ];
    let followed = parse(&good).unwrap().spec.follows.unwrap();
    assert_eq!(
        (
            followed.trigger.as_str(),
            &followed.scaled_object,
            &followed.namespace
        ),
        ("orders", &None, &None)
    );
    let with = |more: (&'static str, &'static str)| [&good[..], &[more]].concat();
    let other = parse(&with(("scaledObject", "worker"))).unwrap().spec;
    assert_eq!(
        other.follows.unwrap().scaled_object.as_deref(),
        Some("worker")
    );
    let warned = parse(&with(("queryParameters", "dedup=true"))).unwrap();
    assert_eq!(
        warned.warnings,
        ["`queryParameters` has no effect beside `triggerName`: nothing is queried"]
    );
    let cases = [
        (
            with(("query", "up")),
            "`query` and `triggerName` exclude one another",
        ),
        (
            with(("scaledObject", "No Name")),
            "`scaledObject` is `No Name`: this is no Kubernetes name",
        ),
        (
            vec![
                ("scaledObject", "worker"),
                ("query", "up"),
                ("threshold", "5"),
            ],
            "`scaledObject` needs `triggerName`",
        ),
        (vec![("threshold", "5")], "`query` is missing"),
        (
            vec![
                ("triggerName", "orders"),
                ("threshold", "5"),
                ("serverAddress", "http://p:9090"),
            ],
            "`triggerName` and `serverAddress` exclude one another",
        ),
    ];
    for (pairs, expected) in cases {
        let mistakes = parse(&pairs).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].text.starts_with(expected), "{mistakes:?}");
    }
}
