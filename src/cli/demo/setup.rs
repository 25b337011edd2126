//! What a demo run is made of: the workload, its trigger and the cluster it runs on.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::domain::{HumanDuration, Metadata, ModelChoice, Timestamp};
use crate::execute::keda::parse_metadata;
use crate::simulate::demand::Pattern;
use crate::simulate::pods::StartUp;

/// Namespace of the demo's ScaledObject.
pub(super) const NAMESPACE: &str = "demo";
/// The query of its trigger, the only one that the replay endpoint can answer.
pub(super) const QUERY: &str = "sum(rate(http_requests_total[1m]))";
/// Tuesday 9 June 2026, 08:00 UTC, an hour before the shop opens: fixed, so that a seed gives the same run on every day.
pub(super) const START: Timestamp = Timestamp::from_secs(1_780_992_000);
/// Virtual time moves in steps of this.
pub(super) const TICK: Duration = Duration::from_secs(5);

/// A pod really carries more than the threshold asks of it, as with a target utilisation of 80 %: without this spare
/// any reactive scaler would be overloaded half of the time.
const UTILISATION: f64 = 0.8;
/// Median time from a pod's creation to Ready.
const START_UP: Duration = Duration::from_secs(75);

/// What a run is made of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) pattern: Pattern,
    pub(super) seed: u64,
    /// Virtual time to run.
    pub(super) length: HumanDuration,
    /// The trigger's metadata.
    pub(super) metadata: Metadata,
    /// Its `model`.
    pub(super) model: ModelChoice,
    /// Load that one replica is meant to carry: `threshold` of the metadata.
    pub(super) threshold: f64,
    /// `minReplicas` of the metadata, and `minReplicaCount` of both ScaledObjects.
    pub(super) min_replicas: u32,
    /// `maxReplicas` of the metadata, and `maxReplicaCount` of both ScaledObjects.
    pub(super) max_replicas: u32,
    /// `hpaTolerance` of the metadata, and the `tolerance` of both HPAs.
    pub(super) tolerance: f64,
    /// What the plain HPA's trigger does while the metric is missing.
    pub(super) without_data: WithoutData,
}

/// What KEDA's own prometheus trigger, which drives the plain HPA, does while the metric is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WithoutData {
    /// It fails and the HPA leaves the replicas alone, as with `ignoreNullValues: "false"`.
    #[default]
    Hold,
    /// It counts as 0, which is KEDA's default.
    Zero,
}

impl Setup {
    /// A run with the demo's own trigger, changed by `set`.
    ///
    /// # Errors
    /// When `set` names the query, or makes a trigger that the server or the clusters can't use.
    pub(super) fn new(
        pattern: Pattern,
        seed: u64,
        length: HumanDuration,
        set: &[(String, String)],
        without_data: WithoutData,
    ) -> anyhow::Result<Self> {
        let own = [
            ("query", QUERY),
            ("threshold", "20"),
            ("minReplicas", "2"),
            ("maxReplicas", "100"),
            ("leadTime", "2m"),
            ("hpaTolerance", "0"),
        ];
        let mut metadata: Metadata = own
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        for (key, value) in set {
            if key == "query" {
                bail!("`query` can't be set: the demo's replay endpoint answers only `{QUERY}`");
            }
            metadata.insert(key.clone(), value.clone());
        }
        let parsed = match parse_metadata(&metadata) {
            Ok(parsed) => parsed,
            Err(mistakes) => {
                let texts: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
                bail!(
                    "`--set` makes a trigger that Forescale refuses: {}",
                    texts.join("; ")
                );
            }
        };
        let threshold: f64 = number(&metadata, "threshold")?;
        ensure!(
            threshold.is_finite() && threshold >= 0.001,
            "`threshold` is `{threshold}`: write a number of at least 0.001"
        );
        let (min_replicas, max_replicas) = (
            number(&metadata, "minReplicas")?,
            number(&metadata, "maxReplicas")?,
        );
        ensure!(
            1 <= min_replicas && min_replicas <= max_replicas,
            "`minReplicas` is `{min_replicas}` and `maxReplicas` is `{max_replicas}`: the demo needs 1 <= minReplicas <= maxReplicas"
        );
        let tolerance = number(&metadata, "hpaTolerance")?;
        Ok(Self {
            pattern,
            seed,
            length,
            metadata,
            model: parsed.spec.model,
            threshold,
            min_replicas,
            max_replicas,
            tolerance,
            without_data,
        })
    }

    /// Name of the ScaledObject.
    pub(super) fn name(&self) -> &'static str {
        self.pattern.as_str()
    }

    /// When the run ends.
    pub(super) fn until(&self) -> Timestamp {
        START + self.length.get()
    }

    /// Load that one replica really carries before users notice.
    pub(super) fn capacity(&self) -> f64 {
        self.threshold / UTILISATION
    }

    /// How long pods take to start.
    pub(super) fn start_up() -> StartUp {
        StartUp::around(START_UP)
    }

    /// The metadata as JSON, as it stands in a gRPC request, with spaces where a line may be broken.
    pub(super) fn metadata_json(&self) -> String {
        let pairs: Vec<_> = self
            .metadata
            .iter()
            .map(|(key, value)| format!("{}: {}", json!(key), json!(value)))
            .collect();
        format!("{{{}}}", pairs.join(", "))
    }
}

fn number<T: FromStr>(metadata: &Metadata, key: &str) -> anyhow::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = metadata.get(key).map(String::as_str).unwrap_or_default();
    text.trim()
        .parse()
        .with_context(|| format!("`{key}` is `{text}`, which is not a number that it can be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(set: &[(&str, &str)]) -> anyhow::Result<Setup> {
        let set: Vec<_> = set
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Setup::new(
            Pattern::Shop,
            1,
            HumanDuration::from_secs(60),
            &set,
            WithoutData::Hold,
        )
    }

    #[test]
    fn a_set_key_changes_the_trigger_and_both_clusters() {
        let setup = setup(&[("threshold", "40"), ("quantile", "0.9")]).unwrap();
        assert!((setup.capacity() - 50.0).abs() < 1e-9);
        assert!(setup.metadata_json().contains(r#""quantile": "0.9""#));
    }

    #[test]
    fn settings_that_no_cluster_can_have_are_named() {
        for (set, says) in [
            (("query", "up"), "`query`"),
            (("threshold", "0"), "`threshold`"),
            (("threshold", "NaN"), "`threshold`"),
            (("threshhold", "3"), "did you mean `threshold`"),
            (("maxReplicas", "1"), "`maxReplicas`"),
            (("minReplicas", "0"), "`minReplicas`"),
            (("minReplicas", "two"), "`minReplicas`"),
        ] {
            let error = setup(&[set]).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
