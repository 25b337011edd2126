//! What a manifest may get wrong around a trigger's metadata.

use super::*;

/// The one thing that is found in `text`, with its severity and line.
fn only(text: &str) -> (Severity, usize, String) {
    let found = checked(text).findings;
    let [finding] = &found[..] else {
        panic!("{text}\n{found:?}");
    };
    let line = finding.place.unwrap().line;
    (finding.severity, line, finding.message.clone())
}

/// A good manifest in which `right` is `wrong`.
fn with(right: &str, wrong: &str) -> String {
    let good = manifest("", GOOD);
    assert!(good.contains(right), "{right}");
    good.replace(right, wrong)
}

const COUNT: &str = "  minReplicaCount: 1\n";

#[test]
fn numbers_around_the_metadata_are_judged_as_a_backtest_judges_them() {
    let fallback = "    failureThreshold: 0\n    replicas: 6\n";
    for (right, wrong, line, expected) in [
        (
            COUNT,
            "  minReplicaCount: 1\n  pollingInterval: -5\n",
            10,
            "`pollingInterval` is `-5`: allowed are whole seconds",
        ),
        (
            COUNT,
            "  minReplicaCount: 1\n  cooldownPeriod: abc\n",
            10,
            "`cooldownPeriod` is `abc`: allowed are whole seconds",
        ),
        (
            COUNT,
            "  minReplicaCount: 0\n  maxReplicaCount: 0\n",
            10,
            "`maxReplicaCount` is `0`: allowed are whole numbers, 1 and above",
        ),
        (
            COUNT,
            "  minReplicaCount: 1\n  maxReplicaCount: \"50\"\n",
            10,
            "`maxReplicaCount` is the text `\"50\"`: allowed are whole numbers, 1 and above, without quotes",
        ),
        (
            COUNT,
            "  minReplicaCount: 2\n  idleReplicaCount: 5\n",
            10,
            "`idleReplicaCount` is `5`: allowed are whole numbers below `minReplicaCount`, which is 2",
        ),
        (
            fallback,
            "    failureThreshold: x\n    replicas: 6\n",
            11,
            "`failureThreshold` is `x`: allowed are whole numbers",
        ),
        (
            fallback,
            "    failureThreshold: 0\n    replicas: -4\n",
            12,
            "`replicas` is `-4`: allowed are whole numbers",
        ),
        (
            fallback,
            "    failureThreshold: 0\n    replicas: 6\n    behavior: curent\n",
            13,
            "`behavior` is `curent`: allowed are `static`, `currentReplicas`",
        ),
        (
            fallback,
            "    replicas: 6\n",
            10,
            "`fallback` has no `failureThreshold`",
        ),
    ] {
        let (severity, at, message) = only(&with(right, wrong));
        assert_eq!((severity, at), (Severity::Error, line), "{message}");
        assert!(message.starts_with(expected), "{expected}: {message}");
    }
}

#[test]
fn the_version_and_the_target_are_needed() {
    let version = "apiVersion: keda.sh/v1alpha1\n";
    let target = "  scaleTargetRef:\n    name: web\n";
    for (right, wrong, line, expected) in [
        (
            version,
            "apiVersion: apps/v1\n",
            1,
            "`apiVersion` is `apps/v1`: allowed for a ScaledObject is `keda.sh/v1alpha1`",
        ),
        (
            version,
            "apiVersion: keda.sh/v1\n",
            1,
            "`apiVersion` is `keda.sh/v1`: allowed",
        ),
        (version, "", 1, "`apiVersion` is missing"),
        (target, "", 6, "`scaleTargetRef` is missing"),
        (
            target,
            "  scaleTargetRef:\n    kind: Deployment\n",
            7,
            "`scaleTargetRef` has no `name`",
        ),
    ] {
        let (severity, at, message) = only(&with(right, wrong));
        assert_eq!((severity, at), (Severity::Error, line), "{message}");
        assert!(message.starts_with(expected), "{expected}: {message}");
    }
}

#[test]
fn a_key_that_there_is_none_of_is_told_with_what_was_meant() {
    let behavior = "  minReplicaCount: 1\n  advanced:\n    horizontalPodAutoscalerConfig:\n      behavior:\n        \
                    scaleDown:\n          stabilisationWindowSeconds: 60\n";
    for (wrong, expected) in [
        (
            "  minReplicasCount: 2\n  minReplicaCount: 1\n",
            "`minReplicasCount` is no key of `spec`, and what it says has no effect: did you mean `minReplicaCount`?",
        ),
        (
            "  minReplicaCount: 1\n  maxReplicas: 50\n",
            "did you mean `maxReplicaCount`?",
        ),
        (
            behavior,
            "behavior.scaleDown`, and what it says has no effect: did you mean `stabilizationWindowSeconds`?",
        ),
        (
            "  minReplicaCount: 1\n  owner: me\n",
            "`owner` is no key of `spec`, and what it says has no effect",
        ),
    ] {
        let (severity, _, message) = only(&with(COUNT, wrong));
        assert_eq!(severity, Severity::Warning, "{message}");
        assert!(
            message.contains(expected) && message.ends_with(expected.trim_start()),
            "{expected}: {message}"
        );
    }
    let (_, _, message) = only(&manifest("      metricTyp: AverageValue\n", GOOD));
    assert_eq!(
        message,
        "`metricTyp` is no key of the trigger, and what it says has no effect: did you mean `metricType`?"
    );
}

#[test]
fn a_query_that_gives_no_load_is_warned_of() {
    for (query, expected) in [
        ("'sum(rate(a[1m])'", "`query` is no PromQL"),
        ("'avg(in_flight)'", "does not add up over replicas"),
        ("'sum(a_total)'", "by its name a counter"),
        ("'a[5m]'", "a range of samples"),
    ] {
        let (severity, line, message) = only(&with("sum(up)", query));
        assert_eq!((severity, line), (Severity::Warning, 17), "{message}");
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn a_formula_of_all_triggers_is_warned_of() {
    let modifiers = "  minReplicaCount: 1\n  advanced:\n    scalingModifiers:\n      formula: a + b\n      target: '5'\n";
    let (severity, line, message) = only(&with(COUNT, modifiers));
    assert_eq!((severity, line), (Severity::Warning, 12), "{message}");
    assert!(
        message.contains("no longer the number of the plan"),
        "{message}"
    );
}

#[test]
fn a_misspelt_type_is_told_and_the_trigger_is_judged_all_the_same() {
    for (kind, expected) in [
        ("type: external_push", "did you mean `external-push`?"),
        ("type: External", "did you mean `external`?"),
        ("name: x", "`type` is missing"),
    ] {
        let (severity, line, message) = only(&with("type: external-push", kind));
        assert_eq!((severity, line), (Severity::Error, 14), "{message}");
        assert!(message.contains(expected), "{expected}: {message}");
    }
    let theirs = with("type: external-push", "type: prometheus");
    assert_eq!(checked(&theirs).findings.len(), 0, "KEDA's own");
}

#[test]
fn an_address_is_a_host_and_a_port() {
    for (address, severity, part) in [
        (
            "http://forescale.forescale:6000",
            Severity::Error,
            "begins with `http://`: allowed is `host:port` alone, here `forescale.forescale:6000`",
        ),
        ("forescale.forescale", Severity::Warning, "has no port"),
        ("'[::1]'", Severity::Warning, "has no port"),
        ("'forescale.forescale:'", Severity::Warning, "has no port"),
        (
            "forescale.forescale:70000",
            Severity::Error,
            "is `70000`: allowed are 1 to 65535",
        ),
        (
            "forescale.forescale:grpc",
            Severity::Error,
            "is `grpc`: allowed are 1 to 65535",
        ),
    ] {
        let (found, line, message) = only(&with("forescale.forescale:6000", address));
        assert_eq!((found, line), (severity, 16), "{message}");
        assert!(message.contains(part), "{part}: {message}");
    }
    let resolved = with(
        "forescale.forescale:6000",
        "dns:///forescale.forescale:6000",
    );
    assert_eq!(checked(&resolved).findings.len(), 0, "a resolver of gRPC's");
}

#[test]
fn a_window_beyond_the_most_replicas_is_warned_of() {
    let bounds = |bounds: &str| {
        let metadata = format!("{GOOD}        bounds: {bounds}\n");
        manifest("", &metadata).replace(COUNT, "  maxReplicaCount: 20\n  minReplicaCount: 1\n")
    };
    let (severity, line, message) = only(&bounds("Mon-Fri 08:00-18:00 min=40 max=50"));
    assert_eq!((severity, line), (Severity::Warning, 9), "{message}");
    assert!(
        message.contains("`Mon-Fri 08:00-18:00 min=40 max=50`, asks for 40"),
        "{message}"
    );
    assert_eq!(checked(&bounds("08:00-18:00 min=20")).findings.len(), 0);
}

#[test]
fn a_scaled_job_with_a_trigger_of_ours_is_told_wherever_it_stands() {
    let good = manifest("", GOOD);
    let job = good
        .replace("kind: ScaledObject", "kind: ScaledJob")
        .replace("  scaleTargetRef:\n    name: web\n", "");
    for text in [job.clone(), format!("{good}---\n{job}")] {
        let (severity, _, message) = only(&text);
        assert_eq!(severity, Severity::Warning);
        assert!(message.contains("stands in a ScaledJob"), "{message}");
    }
    let theirs = "---\nkind: ScaledJob\nspec: {triggers: [{type: kafka, metadata: {topic: a}}]}\n";
    assert_eq!(checked(&format!("{good}{theirs}")).findings.len(), 0);
}

#[test]
fn a_number_that_lacks_its_unit_is_told_with_one() {
    for (key, number, unit) in [("leadTime", "90", "90s"), ("maxOverload", "0.5", "0.5%")] {
        let text = manifest("", &format!("{GOOD}        {key}: {number}\n"));
        let (_, _, message) = only(&text);
        assert_eq!(
            message,
            format!(
                "`{key}` is a number, and Kubernetes takes strings only: write it with a unit, such as `\"{unit}\"`"
            )
        );
    }
    let text = manifest("", &format!("{GOOD}        leadTime: \"90\"\n"));
    assert!(
        only(&text)
            .2
            .contains("a number with a unit, such as `90s`")
    );
    let never = manifest("", &format!("{GOOD}        quantile: 2\n"));
    let errors = errors(&never);
    assert!(
        errors.len() == 2 && !errors[0].contains("write"),
        "{errors:?}"
    );
}

#[test]
fn what_is_counted_is_called_by_its_kind() {
    let autoscaler = "apiVersion: forescale.dev/v1alpha1\nkind: PredictiveAutoscaler\nmetadata: {name: web}\nspec:\n  \
                      targetRef: {name: web}\n  maxReplicas: 20\n  metric: {query: load, target: 100}\n";
    let alone = printed(autoscaler);
    assert!(
        alone.contains("web.yaml:4: PredictiveAutoscaler `default/web`\n")
            && alone.contains("in 1 PredictiveAutoscaler,")
            && !alone.contains("ScaledObject"),
        "{alone}"
    );
    let both = printed(&format!("{}---\n{autoscaler}", manifest("", GOOD)));
    assert!(
        both.contains("2 triggers of Forescale in 1 ScaledObject and 1 PredictiveAutoscaler,"),
        "{both}"
    );
}
