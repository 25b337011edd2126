//! As much of PromQL and of Grafana's variables as these tests need.

/// Puts values in for Grafana's variables, the longest name first, as `$name` and `${name}`.
pub(crate) fn interpolate(expr: &str, values: &[(&str, &str)]) -> String {
    let mut values = values.to_vec();
    values.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut text = expr.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("${{{name}}}"), value);
        text = text.replace(&format!("${name}"), value);
    }
    assert!(!text.contains('$'), "nobody gives a value: {text}");
    text
}

/// The names of Grafana's variables in `expr`, without those that Grafana itself gives.
pub(crate) fn variables(expr: &str) -> Vec<String> {
    let rests = expr.split('$').skip(1);
    let name = |rest: &str| -> String {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect()
    };
    let own = |name: &String| !name.starts_with("__");
    rests.map(name).filter(own).collect()
}

/// A metric's name, and its selector with the matchers in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What `expr` reads: metrics of Forescale, of kube-state-metrics and of the process, recorded series, alerts.
pub(crate) fn selectors(expr: &str) -> Vec<Selector> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let ours = |name: &str| {
        let known = ["forescale_", "kube_", "process_", "ALERTS"];
        known.iter().any(|start| name.starts_with(start)) || name.contains(':')
    };
    let mut found = Vec::new();
    let mut rest = expr;
    while let Some(start) = rest.find(|c: char| is_name(c) || c == '"' || c == '[') {
        rest = &rest[start..];
        // Neither texts nor ranges have metrics in them.
        if let Some(close) = [('"', '"'), ('[', ']')]
            .iter()
            .find_map(|(open, close)| rest.starts_with(*open).then_some(*close))
        {
            let end = rest[1..].find(close).expect("it is closed");
            rest = &rest[end + 2..];
            continue;
        }
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        let braces = match rest[end..].find('}') {
            Some(close) if rest[end..].starts_with('{') => close + 1,
            _ => 0,
        };
        if ours(name) {
            let selector = Selector {
                name: name.to_owned(),
                text: rest[..end + braces].to_owned(),
            };
            if !found.contains(&selector) {
                found.push(selector);
            }
        }
        rest = &rest[end + braces..];
    }
    found
}

#[test]
fn variables_are_found_and_replaced_the_longest_first() {
    let expr = r#"rate(a{job=~"$job",name="${name}"}[$__rate_interval]) offset $lead"#;
    assert_eq!(variables(expr), ["job", "name", "lead"]);
    let values = [
        ("job", ".+"),
        ("name", "web"),
        ("lead", "2s"),
        ("__rate_interval", "5s"),
    ];
    assert_eq!(
        interpolate(expr, &values),
        r#"rate(a{job=~".+",name="web"}[5s]) offset 2s"#
    );
}

#[test]
fn selectors_are_found_with_their_matchers_and_not_in_texts() {
    let expr = r#"sum by (name) (rate(forescale_a_total{code!~"ok|forescale_no"}[5m])) / on (job) group_left ()
        label_replace(kube_x, "name", "$1", "forescale_label", "(.+)") > workload:y:max"#;
    let found = selectors(expr);
    let texts: Vec<_> = found.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            r#"forescale_a_total{code!~"ok|forescale_no"}"#,
            "kube_x",
            "workload:y:max"
        ]
    );
    assert_eq!(found[0].name, "forescale_a_total");
}
