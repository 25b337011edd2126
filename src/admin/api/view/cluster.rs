//! What the cluster says of a workload, in numbers and in words.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{ClusterFacts, Fleet, HumanDuration, PodBatch, Scaling, ScalingRules};

/// What the cluster says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterView {
    /// In words, one line a part.
    text: Vec<String>,
    #[serde(flatten)]
    facts: Arc<ClusterFacts>,
}

impl ClusterView {
    pub(super) fn of(facts: Arc<ClusterFacts>) -> Self {
        let mut text = Vec::new();
        text.extend(facts.scaling.as_ref().map(scaling));
        text.extend(facts.fleet.as_ref().map(fleet));
        text.extend(facts.starts.as_ref().map(|starts| started(&starts.batches)));
        let missing = facts.missing.iter();
        text.extend(missing.map(|it| {
            let (feature, rule) = (&it.feature, &it.rule);
            format!("left out: {feature}; it takes the rule {rule}")
        }));
        Self { text, facts }
    }
}

fn scaling(scaling: &Scaling) -> String {
    let bound = |bound: Option<u32>| bound.map_or("any".to_owned(), |it| it.to_string());
    let min = bound(scaling.min.map(|it| it.replicas));
    let max = bound(scaling.max.map(|it| it.replicas));
    let tolerance = |rules: &ScalingRules| {
        let share = rules.tolerance.map(|share| (1000.0 * share).round() / 10.0);
        share.map_or("the usual".to_owned(), |share| format!("{share} %"))
    };
    let paused = if scaling.paused {
        "; the ScaledObject is paused"
    } else {
        ""
    };
    format!(
        "from {min} to {max} replicas; tolerance {} up, {} down; steps down wait for {}{paused}",
        tolerance(&scaling.up),
        tolerance(&scaling.down),
        scaling.down.stabilization,
    )
}

fn fleet(fleet: &Fleet) -> String {
    let ready = fleet.ready.map(|ready| format!(", {ready} Ready"));
    let rollout = if fleet.rollout {
        "; a rollout is under way"
    } else {
        ""
    };
    let ready = ready.unwrap_or_default();
    format!("replicas now: {}{ready}{rollout}", fleet.replicas)
}

fn started(batches: &[PodBatch]) -> String {
    let Some(newest) = batches.last() else {
        return "no pod has been seen to start yet".to_owned();
    };
    let took = HumanDuration::from_secs(newest.ready.since(newest.created).as_secs());
    format!(
        "the newest pods, {} at once, were Ready {took} after their creation",
        newest.pods
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{BoundBy, MissingRight, PodStarts, ScalingBound, Timestamp};

    #[test]
    fn it_is_told_in_words_beside_its_numbers() {
        let at = Timestamp::from_secs(1_700_000_000);
        let bound = |replicas| {
            let by = BoundBy::Hpa;
            Some(ScalingBound { replicas, by })
        };
        let facts = ClusterFacts {
            scaling: Some(Scaling {
                at,
                min: None,
                max: bound(40),
                up: ScalingRules {
                    tolerance: Some(0.0),
                    ..ScalingRules::usual_up()
                },
                down: ScalingRules::usual_down(),
                paused: true,
            }),
            fleet: Some(Fleet {
                at,
                replicas: 12,
                ready: Some(11),
                rollout: true,
            }),
            starts: Some(PodStarts {
                at,
                batches: vec![PodBatch {
                    created: at,
                    ready: at + Duration::from_secs(75),
                    pods: 4,
                }],
            }),
            missing: vec![MissingRight {
                feature: "pods".to_owned(),
                rule: "{…}".to_owned(),
            }],
        };
        let view = serde_json::to_value(ClusterView::of(Arc::new(facts))).unwrap();
        let text: Vec<_> = view["text"].as_array().unwrap().iter().collect();
        assert_eq!(
            text,
            [
                "from any to 40 replicas; tolerance 0 % up, the usual down; steps down wait for 5m; the ScaledObject is paused",
                "replicas now: 12, 11 Ready; a rollout is under way",
                "the newest pods, 4 at once, were Ready 1m15s after their creation",
                "left out: pods; it takes the rule {…}",
            ]
        );
        assert_eq!(view["scaling"]["max"]["replicas"], 40);
        assert_eq!(view["fleet"]["ready"], 11);
    }
}
