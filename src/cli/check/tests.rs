mod mistakes;

use super::*;

/// A ScaledObject whose one trigger has `metadata` (indented lines) and `trigger` beside it.
fn manifest(trigger: &str, metadata: &str) -> String {
    format!(
        "apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: web
  namespace: shop
spec:
  scaleTargetRef:
    name: web
  minReplicaCount: 1
  fallback:
    failureThreshold: 0
    replicas: 6
  triggers:
    - type: external-push
{trigger}      metadata:
        scalerAddress: forescale.forescale:6000
{metadata}"
    )
}

const GOOD: &str = "        query: sum(up)\n        threshold: \"100\"\n";

fn checked(text: &str) -> Checked {
    check_text(
        &Checker::new(vec![]),
        "web.yaml".to_owned(),
        text.to_owned(),
    )
}

fn printed(text: &str) -> String {
    let mut out = Vec::new();
    report::text(&[checked(text)], &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn errors(text: &str) -> Vec<String> {
    checked(text)
        .findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.message)
        .collect()
}

#[test]
fn a_good_manifest_is_fine_and_shows_every_setting() {
    let text = manifest("", GOOD);
    assert_eq!(checked(&text).outcome, Outcome::Fine);
    let printed = printed(&text);
    for part in [
        "web.yaml:14: ScaledObject `shop/web`, trigger 0 (external-push)",
        "  threshold             100\n",
        "  horizon               30m (default)\n",
        "1 trigger of Forescale in 1 ScaledObject, 0 other triggers left alone: 0 mistakes, 0 warnings, 0 hints",
    ] {
        assert!(printed.contains(part), "{part}\n{printed}");
    }
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    let text = manifest("", "        query: sum(up)\n        thresold: \"100\"\n");
    assert_eq!(checked(&text).outcome, Outcome::Mistake);
    let printed = printed(&text);
    let expected = "error: `thresold` is not a known key: did you mean `threshold`?
  --> web.yaml:18:9
    |
 18 |         thresold: \"100\"
    |         ^^^^^^^^
";
    assert!(printed.contains(expected), "{printed}");
    assert!(printed.contains("`threshold` is missing"), "{printed}");
}

#[test]
fn numbers_and_booleans_must_be_quoted() {
    let text = manifest(
        "",
        "        query: sum(up)\n        threshold: 100\n        unsafeSsl: no\n",
    );
    let errors = errors(&text);
    assert!(errors[0].contains("write `\"100\"`"), "{errors:?}");
    assert!(errors[1].contains("`unsafeSsl` is a boolean"), "{errors:?}");
}

#[test]
fn a_repeated_key_is_told_with_both_lines() {
    let text = manifest("", &format!("{GOOD}        threshold: \"200\"\n"));
    assert_eq!(
        errors(&text),
        ["the key `threshold` is repeated: it stands in line 18 already"]
    );
}

#[test]
fn the_metric_type_must_be_average_value() {
    let text = manifest("      metricType: Value\n", GOOD);
    assert!(errors(&text)[0].contains("must be `AverageValue`"));
    let text = manifest(
        "      metricType: AverageValue\n      useCachedMetrics: true\n",
        GOOD,
    );
    let checked = checked(&text);
    assert_eq!(checked.outcome, Outcome::Fine);
    assert!(checked.findings[0].message.contains("`useCachedMetrics`"));
}

#[test]
fn the_scaled_object_around_is_judged_too() {
    let text = manifest("", &format!("{GOOD}        maxReplicas: \"40\"\n"))
        .replace(
            "  minReplicaCount: 1\n",
            "  minReplicaCount: 0\n  maxReplicaCount: 20\n",
        )
        .replace(
            "  fallback:\n    failureThreshold: 0\n    replicas: 6\n",
            "",
        )
        .replace("external-push", "external");
    let found: Vec<_> = checked(&text)
        .findings
        .into_iter()
        .map(|f| f.message)
        .collect();
    for part in [
        "no `fallback`",
        "`external-push` is told at once",
        "`maxReplicaCount` is 20",
    ] {
        assert!(
            found.iter().any(|message| message.contains(part)),
            "{part}: {found:?}"
        );
    }
}

/// Messages of this severity.
fn told(text: &str, severity: Severity) -> Vec<String> {
    let of = |finding: &Finding| finding.severity == severity;
    let found = checked(text).findings.into_iter().filter(of);
    found.map(|finding| finding.message).collect()
}

#[test]
fn a_fallback_that_never_comes_is_told() {
    let good = manifest("", GOOD);
    assert!(checked(&good).findings.is_empty());
    let late = good.replace("failureThreshold: 0", "failureThreshold: 3");
    let [warning] = &told(&late, Severity::Warning)[..] else {
        panic!("{late}");
    };
    assert!(
        warning.contains("`failureThreshold: 3`")
            && warning.contains("write `failureThreshold: 0`"),
        "{warning}"
    );
    let pulled = late.replace("external-push", "external");
    assert_eq!(told(&pulled, Severity::Warning), [""; 0]);
    let [hint] = &told(&pulled, Severity::Hint)[..] else {
        panic!("{pulled}");
    };
    assert!(
        hint.contains("with `external` KEDA does not count"),
        "{hint}"
    );
    let beside = "  triggers:\n    - type: prometheus\n      metadata: {query: x}\n";
    let beside = pulled.replace("  triggers:\n", beside);
    assert_eq!(told(&beside, Severity::Hint), [""; 0], "that one's");
}

#[test]
fn counts_are_numbers_and_the_least_is_not_above_the_most() {
    let with = |counts: &str| errors(&manifest("", GOOD).replace("  minReplicaCount: 1\n", counts));
    assert_eq!(
        with("  minReplicaCount: 5\n  maxReplicaCount: 5\n"),
        [""; 0]
    );
    assert_eq!(
        with("  minReplicaCount: 60\n  maxReplicaCount: 50\n"),
        ["`minReplicaCount` 60 is above `maxReplicaCount` 50"]
    );
    assert_eq!(
        with("  minReplicaCount: 150\n"),
        ["`minReplicaCount` 150 is above `maxReplicaCount` 100, KEDA's default"]
    );
    assert_eq!(
        with("  minReplicaCount: many\n  maxReplicaCount: -1\n"),
        [
            "`minReplicaCount` is `many`: allowed are whole numbers, 0 and above",
            "`maxReplicaCount` is `-1`: allowed are whole numbers, 1 and above"
        ]
    );
}

#[test]
fn what_is_null_counts_as_absent() {
    for null in ["", " null", " ~"] {
        let nulls = format!(
            "  minReplicaCount:{null}\n  maxReplicaCount:{null}\n  advanced:\n    horizontalPodAutoscalerConfig:\n      \
             behavior:\n        scaleUp:\n          tolerance:{null}\n        scaleDown:{null}\n"
        );
        let text = manifest("      metricType:\n", GOOD).replace("  minReplicaCount: 1\n", &nulls);
        assert_eq!(checked(&text).findings.len(), 0, "{:?}", checked(&text));
    }
    let empty = manifest("", GOOD).replace("Count: 1\n", "Count: \"\"\n");
    assert!(errors(&empty)[0].contains("`minReplicaCount` is ``"));
}

#[test]
fn a_file_in_which_nothing_can_be_checked_is_told_with_what_was_meant() {
    for (text, expected) in [
        ("monitr: {}\n", "it has `monitr`: did you mean `monitor`?"),
        (
            "kind: ScaledObjct\n",
            "it has `ScaledObjct`: did you mean `ScaledObject`?",
        ),
        (
            "kind: Deployment\n---\nkind: Service\n",
            "it has `Deployment`, `Service`",
        ),
        ("kind: ScaledJob\n", "it has `ScaledJob`"),
        ("timestamp_unix,value\n1,2\n", "`monitor`"),
        ("", "`ScaledObject`, `PredictiveAutoscaler`"),
        ("kind: ScaledObject\nspec: {}\n", "no `spec.triggers`"),
    ] {
        let [warning] = &told(text, Severity::Warning)[..] else {
            panic!("{text}");
        };
        assert!(warning.contains(expected), "{expected}: {warning}");
        let suggests = expected.contains("did you mean");
        assert_eq!(warning.contains("did you mean"), suggests, "{warning}");
        assert_eq!(checked(text).outcome, Outcome::Fine);
    }
}

#[test]
fn a_mode_that_leaves_scale_in_to_the_hpa_warns_of_an_hpa_without_a_window() {
    let behavior = "  advanced:\n    horizontalPodAutoscalerConfig:\n      behavior:\n        scaleDown:\n          \
                    stabilizationWindowSeconds: 0\n";
    let warnings = |mode: &str| -> Vec<String> {
        let metadata = format!("{GOOD}        mode: {mode}\n{behavior}");
        let findings = checked(&manifest("", &metadata)).findings;
        let of = |finding: &scaled_object::Finding| finding.severity == Severity::Warning;
        let found = findings.into_iter().filter(of);
        found.map(|finding| finding.message).collect()
    };
    for mode in ["scale-out", "auto"] {
        let all = warnings(mode);
        assert!(
            all.len() == 1
                && all[0].starts_with("`stabilizationWindowSeconds` is 0")
                && all[0].contains(mode),
            "{all:?}"
        );
    }
    assert_eq!(warnings("predictive"), [""; 0]);
}

#[test]
fn other_triggers_and_documents_are_left_alone() {
    let text = "kind: Deployment
metadata: {name: web}
---
kind: ScaledObject
metadata: {name: web}
spec:
  triggers:
    - type: prometheus
      metadata: {nonsense: 1}
    - type: external
      metadata: {scalerAddress: \"other:9000\", whatever: x}
";
    let checked = checked(text);
    assert_eq!(
        (checked.outcome, checked.findings.len()),
        (Outcome::Fine, 0)
    );
    assert_eq!(checked.objects[0].triggers.len(), 2);
}

#[test]
fn any_trigger_index_in_any_document_and_list_is_found() {
    let second = manifest("", "        threshold: \"-1\"\n        query: x\n").replace(
        "  triggers:\n",
        "  triggers:\n    - type: cpu\n      metadata: {value: \"60\"}\n",
    );
    let indented: Vec<_> = second.lines().map(|line| format!("    {line}")).collect();
    let listed = indented
        .join(
            "
",
        )
        .replacen("    apiVersion", "  - apiVersion", 1);
    for text in [
        format!("{}---\n{second}", manifest("", GOOD)),
        format!("kind: List\nitems:\n{listed}"),
    ] {
        let checked = checked(&text);
        assert_eq!(checked.outcome, Outcome::Mistake, "{text}");
        let object = checked.objects.last().unwrap();
        assert!(object.triggers[1].ours && object.triggers[1].settings.is_none());
    }
}

#[test]
fn a_trigger_at_an_unusual_address_is_ours_when_it_is_named_or_speaks_our_language() {
    let text =
        manifest("", "        threshold: \"1\"\n").replace("forescale.forescale", "10.0.0.7");
    assert_eq!(checked(&text).outcome, Outcome::Fine, "not known as ours");
    let checker = Checker::new(vec!["10.0.0.7:6000".to_owned()]);
    let named = check_text(&checker, "web.yaml".to_owned(), text);
    assert_eq!(named.outcome, Outcome::Mistake, "`query` is missing");
    let speaks = manifest("", "        query: x\n").replace("forescale.forescale", "10.0.0.7");
    assert_eq!(checked(&speaks).outcome, Outcome::Mistake);
}

#[test]
fn broken_yaml_and_missing_files_are_unreadable() {
    let broken = checked("kind: [ScaledObject\nspec: 1\n");
    assert_eq!(broken.outcome, Outcome::Unreadable);
    assert!(broken.findings[0].place.is_some());
    let args = Args {
        files: vec![PathBuf::from("no/such/file.yaml")],
        format: Format::Json,
        scaler_address: vec![],
    };
    let mut out = Vec::new();
    assert_eq!(run(&args, &mut out).unwrap(), Outcome::Unreadable);
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(json["ok"], false);
}

#[test]
fn json_carries_settings_and_places() {
    let mut out = Vec::new();
    report::json(&[checked(&manifest("", GOOD))], &mut out).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let trigger = &json["files"][0]["scaledObjects"][0]["triggers"][0];
    assert_eq!((&json["ok"], &trigger["line"]), (&true.into(), &14.into()));
    let settings = trigger["settings"].as_array().unwrap();
    let step = settings
        .iter()
        .find(|setting| setting["key"] == "step")
        .unwrap();
    assert_eq!(
        (&step["value"], &step["from"]),
        (&"1m".into(), &"default".into())
    );
}

#[test]
fn a_tolerance_that_differs_from_the_trigger_s_is_told() {
    let with = |behavior: &str, own: &str| {
        let advanced = format!(
            "  advanced:\n    horizontalPodAutoscalerConfig:\n      behavior:\n        scaleUp: {{{behavior}}}\n"
        );
        let text = manifest("", &format!("{GOOD}{own}"));
        let text = text.replace("  triggers:", &format!("{advanced}  triggers:"));
        let findings = checked(&text).findings.into_iter();
        let about = findings.filter(|finding| finding.message.contains("hpaTolerance"));
        about.map(|finding| finding.severity).collect::<Vec<_>>()
    };
    let zero = "        hpaTolerance: \"0\"\n";
    assert_eq!(with("tolerance: \"0\"", ""), [Severity::Warning]);
    assert_eq!(with("tolerance: \"0\"", zero), []);
    assert_eq!(with("tolerance: \"0.1\"", ""), []);
    assert_eq!(with("tolerance: 100m", ""), []);
    assert_eq!(with("tolerance: 200m", ""), [Severity::Warning]);
    assert_eq!(with("selectPolicy: Max", ""), []);
    assert_eq!(with("selectPolicy: Max", zero), [Severity::Hint]);
}

/// A ScaledObject that has a trigger of a queue, with `queue` beside its type, and one of ours with `metadata`.
fn following(queue: &str, metadata: &str) -> String {
    let text = manifest("", metadata);
    let queue = format!("  triggers:\n    - type: rabbitmq\n{queue}");
    text.replace("  triggers:\n", &queue)
}

#[test]
fn a_trigger_that_is_followed_has_to_be_there() {
    let metadata = "        triggerName: orders\n        source: keda\n        threshold: \"20\"\n";
    let good = following("      name: orders\n", metadata);
    assert_eq!(errors(&good), Vec::<String>::new());
    assert_eq!(
        errors(&following("      name: order\n", metadata)),
        [
            "`triggerName` is `orders`, and no trigger of this ScaledObject has that `name`: did you mean `order`?"
        ]
    );
    let cpu = good.replace("type: rabbitmq", "type: cpu");
    assert!(errors(&cpu)[0].contains("the HPA reads that by itself"));
    let elsewhere = format!("{metadata}        scaledObject: other\n");
    assert_eq!(errors(&following("", &elsewhere)), Vec::<String>::new());
    let both = format!("{GOOD}        triggerName: orders\n");
    assert_eq!(
        errors(&following("      name: orders\n", &both)),
        [
            "`query` and `triggerName` exclude one another: the load is what Prometheus or what KEDA says"
        ]
    );
}

const SETTINGS: &str = "monitor:
  sources:
    default: {url: 'http://prometheus:9090'}
workloads:
  - namespace: shop
    name: web
    metadata:
      query: sum(up)
      threshold: \"100\"
";

#[test]
fn the_server_s_settings_are_checked_with_the_workloads_in_them() {
    let fine = checked(SETTINGS);
    assert_eq!(fine.outcome, Outcome::Fine);
    let printed = printed(SETTINGS);
    for part in [
        "`shop/web`, trigger 0 (workload of the settings)",
        "  threshold             100\n",
        "web.yaml: read as settings of the server\n",
        "0 mistakes",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let cases = [
        (
            "threshold:",
            "treshold:",
            "`treshold` is not a known key: did you mean `threshold`?",
        ),
        (
            "name: web",
            "name: Web",
            "`name` of the ScaledObject is `Web`, which is no Kubernetes name",
        ),
        (
            "threshold: \"100\"",
            "threshold: \"100\"\n      source: other",
            "no source is named `other`",
        ),
        (
            "url: 'http",
            "url: 'ftp",
            "must start with `http://` or `https://`",
        ),
        ("workloads:", "wrkloads:", "unknown field `wrkloads`"),
    ];
    for (right, wrong, expected) in cases {
        let errors = errors(&SETTINGS.replace(right, wrong));
        assert!(
            errors.iter().any(|error| error.contains(expected)),
            "{expected}: {errors:?}"
        );
    }
    let unknown = checked(&SETTINGS.replace("workloads:", "wrkloads:"));
    let place = unknown.findings[0].place.unwrap();
    assert_eq!((place.line, place.column, place.width), (4, 1, 8));
}
