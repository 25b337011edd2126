use super::*;

fn summary() -> Summary {
    let totals = |overload_minutes, unmet_percent, replica_hours, changes| Totals {
        overload_minutes,
        unmet_percent,
        replica_hours,
        changes,
        most_replicas: 44,
    };
    let metadata = [
        ("query", "sum(rate(http_requests_total[1m]))"),
        ("threshold", "20"),
    ];
    let run = Run {
        pattern: Pattern::Shop,
        seed: 7,
        from: Timestamp::from_secs(1_780_984_800),
        length: HumanDuration::from_secs(86_400),
        cut_short: false,
        metadata: metadata.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        capacity_per_replica: 25.0,
        plain_hpa_without_data: WithoutData::Hold,
    };
    let answers = Answers {
        polls: 5760,
        failed: 0,
        inactive: 0,
        by_basis: [("forecast".to_owned(), 5680), ("held".to_owned(), 80)].into(),
        by_model: [("seasonal-naive".to_owned(), 5680)].into(),
    };
    let tuned = EqualCost {
        threshold: 18.52,
        totals: totals(31.25, 0.9, 520.2, 300),
    };
    Summary::new(
        run,
        totals(12.5, 0.314, 520.4, 210),
        totals(41.0, 1.25, 480.0, 290),
        Some(tuned),
        answers,
    )
}

#[test]
fn the_text_says_what_was_run_what_came_out_and_what_may_be_concluded() {
    insta::assert_snapshot!(summary().text(), @r#"
    forescale demo: pattern shop, seed 7, 1d of virtual time from 2026-06-09T06:00:00Z

                       Forescale  plain HPA  plain HPA at equal cost
     overload minutes       12.5       41.0                     31.2
     unmet demand         0.31 %     1.25 %                   0.90 %
     replica hours         520.4      480.0                    520.2
     scale changes           210        290                      300
     most replicas            44         44                       44
     threshold                20         20                    18.52

    Forescale had less overload but spent more replica hours (12.5 overload minutes
    against 41.0, 0.31 % of demand unmet against 1.25 %, 520.4 replica hours against
    480.0, +8.4 %). A plain HPA tuned with hindsight to spend the same (threshold
    18.52) had 31.2 overload minutes and 0.90 % unmet: at equal cost Forescale did
    better.

    KEDA asked 5760 times: 0 failed, 0 inactive; basis 5680 forecast, 80 held; model
    5680 seasonal-naive.

    This is one run of one generated workload. On yours, `mode: shadow` publishes
    the plan beside the number that KEDA gets without acting on it.
    "#);
}

#[test]
fn the_json_holds_the_same_numbers() {
    let json: serde_json::Value = serde_json::from_str(&summary().json().unwrap()).unwrap();
    let mut json = json;
    assert_eq!(json["version"], telemetry::VERSION);
    assert_eq!(json["commit"], telemetry::COMMIT);
    for of_the_build in ["version", "commit"] {
        json[of_the_build] = "…".into();
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "answers": {
        "byBasis": {
          "forecast": 5680,
          "held": 80
        },
        "byModel": {
          "seasonal-naive": 5680
        },
        "failed": 0,
        "inactive": 0,
        "polls": 5760
      },
      "capacityPerReplica": 25.0,
      "commit": "…",
      "cutShort": false,
      "forescale": {
        "changes": 210,
        "mostReplicas": 44,
        "overloadMinutes": 12.5,
        "replicaHours": 520.4,
        "unmetPercent": 0.314
      },
      "from": 1780984800000,
      "metadata": {
        "query": "sum(rate(http_requests_total[1m]))",
        "threshold": "20"
      },
      "pattern": "shop",
      "plainHpa": {
        "changes": 290,
        "mostReplicas": 44,
        "overloadMinutes": 41.0,
        "replicaHours": 480.0,
        "unmetPercent": 1.25
      },
      "plainHpaAtEqualCost": {
        "changes": 300,
        "mostReplicas": 44,
        "overloadMinutes": 31.25,
        "replicaHours": 520.2,
        "threshold": 18.52,
        "unmetPercent": 0.9
      },
      "plainHpaWithoutData": "hold",
      "seed": 7,
      "verdict": {
        "gain": true,
        "outcome": "trade",
        "text": "Forescale had less overload but spent more replica hours (12.5 overload minutes against 41.0, 0.31 % of demand unmet against 1.25 %, 520.4 replica hours against 480.0, +8.4 %). A plain HPA tuned with hindsight to spend the same (threshold 18.52) had 31.2 overload minutes and 0.90 % unmet: at equal cost Forescale did better."
      },
      "version": "…",
      "virtualSeconds": 86400
    }
    "#);
}

#[test]
fn without_a_tuned_hpa_its_column_is_left_out() {
    let mut summary = summary();
    summary.plain_hpa_at_equal_cost = None;
    assert!(!summary.text().contains("plain HPA at equal cost"));
}

#[test]
fn of_a_run_that_was_over_at_once_nothing_is_concluded() {
    let mut run = summary().run;
    run.length = HumanDuration::from_secs(30);
    let spent = |replica_hours| Totals {
        replica_hours,
        ..Totals::default()
    };
    let short = Summary::new(run, spent(0.05), spent(0.04), None, Answers::default());
    let text = short.text();
    assert!(
        text.contains("No verdict: 30s") && !text.contains("did worse"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&short.json().unwrap()).unwrap();
    assert_eq!(json["verdict"]["outcome"], "too-short");
    assert_eq!(json["verdict"]["gain"], false);
}

#[test]
fn a_mode_that_tells_no_plan_is_said() {
    let mut summary = summary();
    assert!(!summary.text().contains("not the plan"));
    let mode = ("mode".to_owned(), "shadow".to_owned());
    summary.run.metadata.extend([mode]);
    assert!(
        summary.text().contains("in `mode: shadow` KEDA is told"),
        "{}",
        summary.text()
    );
}
