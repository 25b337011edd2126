use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(flags: &[&str]) -> Args {
    let line = Line::try_parse_from([&["backtest"], flags].concat());
    line.map_err(|error| error.to_string()).unwrap().args
}

/// What is told of a trigger of this type with this metadata, run with these flags.
fn notes(kind: &str, metadata: &str, flags: &[&str]) -> Vec<String> {
    given(kind, metadata, flags).notes
}

/// The HPA of the object follows plans.
fn given(kind: &str, metadata: &str, flags: &[&str]) -> trigger::Given {
    let behavior =
        "{scaleUp: {tolerance: '0'}, scaleDown: {tolerance: '0', stabilizationWindowSeconds: 0}}";
    let hpa = format!("  advanced: {{horizontalPodAutoscalerConfig: {{behavior: {behavior}}}}}\n");
    given_with(&hpa, kind, metadata, flags)
}

fn given_with(hpa: &str, kind: &str, metadata: &str, flags: &[&str]) -> trigger::Given {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    let text = format!(
        "kind: ScaledObject\nspec:\n{hpa}  triggers:\n    - type: {kind}\n      metadata: {{query: sum(up), {metadata}}}\n"
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let flags = [&["--scaled-object", file], flags].concat();
    let given = trigger::given(&args(&flags));
    given.map_err(|failure| format!("{failure:?}")).unwrap()
}

fn only(notes: &[String]) -> &str {
    assert_eq!(notes.len(), 1, "{notes:#?}");
    &notes[0]
}

#[test]
fn a_capacity_that_takes_the_place_of_the_threshold_is_told() {
    let told = notes("prometheus", "threshold: '50'", &["--capacity", "80"]);
    let told = only(&told);
    for words in [
        "`threshold: 80`",
        "the trigger says 50",
        "1.6 times the replicas",
        "set `threshold: \"80\"` when you migrate",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = notes("external", "threshold: '50'", &["--capacity", "80"]);
    assert!(only(&told).ends_with("set `threshold: \"80\"` in it"));
    let same = notes("prometheus", "threshold: '50'", &["--capacity", "50"]);
    assert!(same.is_empty(), "{same:?}");
}

#[test]
fn a_capacity_that_came_from_kedas_threshold_is_told() {
    let told = notes("prometheus", "threshold: '50'", &[]);
    let told = only(&told);
    assert!(told.contains("the trigger's `threshold`, 50"), "{told}");
    assert!(told.contains("give `--capacity`"), "{told}");
    let ours = notes("external", "threshold: '50'", &[]);
    assert!(ours.is_empty(), "what a replica carries is what it means");
}

#[test]
fn a_threshold_from_a_variable_is_not_taken_for_one_that_is_known() {
    let given = given("prometheus", "thresholdFromEnv: TARGET", &[]);
    assert_eq!(given.capacity, None);
    assert_eq!(given.configured.unwrap().target, None);
    let [variable, configured] = given.notes.as_slice() else {
        panic!("{:#?}", given.notes);
    };
    assert!(variable.contains("`thresholdFromEnv` was left out"));
    assert!(variable.contains("the median load over `--replicas` (20)"));
    assert!(variable.contains("`--set threshold=VALUE`"));
    assert!(configured.contains("`hpa-configured` is not shown"));
    let set = notes(
        "external",
        "thresholdFromEnv: TARGET",
        &["--set", "threshold=9"],
    );
    assert!(only(&set).contains("`thresholdFromEnv` has no effect"));
}

#[test]
fn other_keys_from_variables_are_left_out_and_told() {
    let told = notes(
        "external",
        "threshold: '50', maxReplicasFromEnv: MOST, hpaToleranceFromEnv: BAND, latencyQueryFromEnv: LATENCY, latencySlo: 1s",
        &[],
    );
    assert_eq!(told.len(), 3, "{told:#?}");
    for key in ["maxReplicasFromEnv", "hpaToleranceFromEnv", "latencyQuery"] {
        let words = format!("`{key}` was left out");
        assert!(told.iter().any(|note| note.contains(&words)), "{told:#?}");
    }
}

#[test]
fn what_check_warns_of_is_told_too() {
    let told = notes("external", "threshold: '50', metricName: requests", &[]);
    assert!(only(&told).contains("`metricName` has no effect"));
}

#[test]
fn an_empty_value_counts_as_not_given() {
    let given = given(
        "external",
        "threshold: '', thresholdFromEnv: TARGET, triggerName: orders, replicasQuery: ' ', latencyQuery: '', \
         hpaToleranceFromEnv: ''",
        &["--reads-replicas", "--set", "query="],
    );
    assert!(!given.known_query && given.capacity.is_none());
    assert_eq!(given.trigger.replicas_query.as_deref(), Some("recorded"));
    assert_eq!(given.trigger.hpa_tolerance, Some(0.0));
    assert!(only(&given.notes).contains("`thresholdFromEnv` was left out"));
    for wrong in ["treshold=", "bearerToken="] {
        let error = trigger::given(&args(&["--set", wrong, "--set", "threshold=50"]));
        assert!(error.is_err(), "{wrong}");
    }
}

#[test]
fn a_mode_that_tells_no_plan_is_run_as_predictive_wherever_it_stands() {
    use crate::domain::Mode;
    let written = given("external", "threshold: '50', mode: shadow", &[]);
    let set = ["--set", "threshold=50", "--set", "mode=reactive"];
    let set = trigger::given(&args(&set)).unwrap();
    for (given, mode) in [(written, "shadow"), (set, "reactive")] {
        assert_eq!(given.trigger.mode, Mode::Predictive);
        let told = only(&given.notes);
        assert!(told.contains(&format!("`mode: {mode}`")), "{told}");
    }
}

#[test]
fn a_query_that_says_nothing_of_its_lag_is_told() {
    let of = |query: &str, more: &[&str]| {
        let flags = [&["--set", "threshold=50", "--query", query], more].concat();
        trigger::given(&args(&flags)).unwrap().notes
    };
    let told = of("sum(rate(", &[]);
    assert!(
        only(&told).contains("`sum(rate(` can't be read as PromQL"),
        "{told:?}"
    );
    assert!(of("sum(rate(x[1m]))", &[]).is_empty());
    assert!(of("sum(rate(", &["--set", "metricLag=1m"]).is_empty());
}

#[test]
fn the_activation_threshold_is_that_of_what_is_configured_today() {
    let given = given(
        "prometheus",
        "threshold: '50', activationThreshold: '7'",
        &[],
    );
    assert!((given.configured.unwrap().activation - 7.0).abs() < 1e-9);
}

#[test]
fn without_a_manifest_nothing_is_told() {
    let given = trigger::given(&args(&["--set", "threshold=50"])).unwrap();
    assert_eq!(given.capacity, Some(50.0));
    assert!(given.notes.is_empty() && given.configured.is_none());
}

#[test]
fn an_hpa_that_does_not_follow_plans_yet_is_told_unless_its_behavior_is_kept() {
    let of = |kind: &str, metadata: &str, flags: &[&str]| {
        let metadata = format!("threshold: '50'{metadata}");
        let flags = [&["--capacity", "50"], flags].concat();
        given_with("", kind, &metadata, &flags)
    };
    let moving = of("prometheus", "", &[]);
    assert!(only(&moving.notes).contains("the object has none"));
    assert_eq!(moving.trigger.hpa_tolerance, Some(0.0));
    let kept = of("prometheus", "", &["--own-behavior"]);
    assert!(kept.notes.is_empty(), "{:?}", kept.notes);
    assert_eq!(kept.trigger.hpa_tolerance, None);
    assert!(kept.configured.unwrap().own_behavior);
    assert!(of("external", "", &[]).notes.is_empty());
    let exact = of("external", ", hpaTolerance: '0'", &[]);
    assert!(only(&exact.notes).contains("a tolerance of 0"));
}

#[test]
fn the_bar_says_what_comes_after_its_end() {
    let stage = all::Stage::of("web", 3);
    assert_eq!(stage.after(1), None);
    assert_eq!(stage.after(1), None);
    assert_eq!(stage.after(1).as_deref(), Some("web: other policies"));
    assert_eq!(stage.after(1), None);
}

#[test]
fn what_a_flag_does_not_take_is_refused_with_what_it_does() {
    for (flag, value, allowed) in [
        ("--price", "0,12", "0 and above, such as 0.05"),
        ("--price", "-1", "0 and above, such as 0.05"),
        ("--judged", "30%", "a share above 0 and below 1"),
        ("--judged", "1", "a share above 0 and below 1"),
        ("--capacity", "abc", "the load that one replica carries"),
        ("--replicas", "0", "1 to 100000"),
        ("--startup", "-5s", "`-5s` is not a duration"),
        ("--startup", "2h", "0s to 1h"),
        ("--since", "0s", "a time above 0s"),
    ] {
        let line = Line::try_parse_from(["backtest", flag, value]);
        let error = line.unwrap_err().to_string();
        assert!(
            error.contains(value) && error.contains(flag) && error.contains(allowed),
            "{error}"
        );
    }
}

#[test]
fn of_files_all_is_read() {
    let line = Line::try_parse_from(["backtest", "--input", "web.csv", "--since", "2d"]);
    let error = line.unwrap_err().to_string();
    assert!(error.contains("cannot be used with"), "{error}");
    assert_eq!(args(&["--input", "web.csv"]).input.len(), 1);
}

#[test]
fn the_help_names_every_policy() {
    use clap::CommandFactory;
    let help = Line::command().render_long_help().to_string();
    for kind in Kind::ALL {
        assert!(help.contains(&format!("`{}`", kind.name())), "{help}");
    }
}

#[test]
fn a_mistake_says_that_it_came_from_a_flag() {
    let error = trigger::given(&args(&["--set", "foo=1", "--set", "threshold=50"]));
    let error = format!("{:?}", error.map(|_| ()).unwrap_err());
    assert!(error.contains("`--set`: `foo`"), "{error}");
}

#[test]
fn a_mistake_in_a_manifest_is_told_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    let text = "kind: ScaledObject\nspec:\n  triggers:\n    - type: external\n      metadata:\n        query: x\n        \
                threshold: lots\n";
    std::fs::write(&file, text).unwrap();
    let error = trigger::given(&args(&["--scaled-object", file.to_str().unwrap()]));
    let error = format!("{:?}", error.map(|_| ()).unwrap_err());
    assert!(error.contains("web.yaml`, line 7: `threshold`"), "{error}");
}
