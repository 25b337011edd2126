//! What the `spec` of a ScaledObject says: bounds, times, fallback and the HPA's behavior. What is written wrongly is kept with
//! its place and with what is allowed, as the API server or KEDA refuses it. A check tells it, a backtest stops at it.

use std::ops::RangeBounds;
use std::str::FromStr;
use std::time::Duration;

use super::yaml::{Entry, Node, Place, Value};
use crate::execute::quantity;
use crate::simulate::hpa::{Behavior, Change, Policy, Rules, Select};
use crate::simulate::keda::{Fallback, FallbackBehavior, ScaledObject};

/// What was read; where something is wrong, with KEDA's defaults in its place.
pub(in crate::cli) struct Spec {
    /// Bounds, times and fallback. What a trigger says is not in it.
    pub(in crate::cli) object: ScaledObject,
    /// The HPA's behavior, if there is one.
    pub(in crate::cli) behavior: Option<Behavior>,
    pub(in crate::cli) mistakes: Vec<Mistake>,
}

/// Something that is written wrongly.
pub(in crate::cli) struct Mistake {
    pub(in crate::cli) place: Place,
    pub(in crate::cli) text: String,
}

/// Reads the `spec` of a ScaledObject.
pub(in crate::cli) fn read(spec: &Node) -> Spec {
    let mut reader = Reader::default();
    let object = reader.object(spec);
    let behavior = reader.behavior(spec);
    Spec {
        object,
        behavior,
        mistakes: reader.mistakes,
    }
}

const COUNT: &str = "whole numbers, 0 and above";
const FROM_ONE: &str = "whole numbers, 1 and above";
const SECONDS: &str = "whole seconds without a unit, 0 and above";

/// Reads values and keeps what is wrong with them.
#[derive(Default)]
struct Reader {
    mistakes: Vec<Mistake>,
}

// === impl Reader ===

impl Reader {
    /// What is left out is KEDA's default.
    fn object(&mut self, spec: &Node) -> ScaledObject {
        let usual = ScaledObject::default();
        let min = self.number(spec, "minReplicaCount", COUNT, ..);
        // An HPA of at most none is refused.
        let max = self.number(spec, "maxReplicaCount", FROM_ONE, 1..);
        self.order(spec, min, max, usual.max_replicas);
        self.idle(spec, min);
        let mut span = |key, usual| {
            let secs = self.number(spec, key, SECONDS, ..);
            secs.map_or(usual, Duration::from_secs)
        };
        ScaledObject {
            min_replicas: min.unwrap_or(usual.min_replicas),
            max_replicas: max.unwrap_or(usual.max_replicas),
            polling_interval: span("pollingInterval", usual.polling_interval),
            cooldown_period: span("cooldownPeriod", usual.cooldown_period),
            initial_cooldown_period: span("initialCooldownPeriod", usual.initial_cooldown_period),
            fallback: self.fallback(spec),
            ..usual
        }
    }

    /// The least is not above the most.
    fn order(&mut self, spec: &Node, min: Option<u32>, max: Option<u32>, usual: u32) {
        let given = spec.entry("maxReplicaCount").is_some();
        let most = if given { max } else { Some(usual) };
        let (Some(entry), Some(least), Some(most)) = (spec.entry("minReplicaCount"), min, most)
        else {
            return;
        };
        if least > most {
            let usual = if given { "" } else { ", KEDA's default" };
            let text =
                format!("`minReplicaCount` {least} is above `maxReplicaCount` {most}{usual}");
            self.wrong(entry.place, text);
        }
    }

    /// KEDA's webhook takes a `minReplicaCount` of 0 for 1 here, and one that is left out for 0.
    fn idle(&mut self, spec: &Node, min: Option<u32>) {
        let idle: Option<u32> = self.number(spec, "idleReplicaCount", COUNT, ..);
        let given = spec.entry("minReplicaCount").is_some();
        let least = if given {
            min.map(|min| min.max(1))
        } else {
            Some(0)
        };
        let (Some(entry), Some(idle), Some(least)) = (spec.entry("idleReplicaCount"), idle, least)
        else {
            return;
        };
        if idle >= least {
            let text = match min {
                Some(min) => format!(
                    "`idleReplicaCount` is `{idle}`: allowed are whole numbers below `minReplicaCount`, which is {min}"
                ),
                None => format!(
                    "`idleReplicaCount` is `{idle}`: it needs a `minReplicaCount` above it, and there is none"
                ),
            };
            self.wrong(entry.place, text);
        }
    }

    fn fallback(&mut self, spec: &Node) -> Option<Fallback> {
        let entry = spec.entry("fallback")?;
        let behaviors = [
            ("static", FallbackBehavior::Static),
            ("currentReplicas", FallbackBehavior::CurrentReplicas),
            (
                "currentReplicasIfHigher",
                FallbackBehavior::CurrentReplicasIfHigher,
            ),
            (
                "currentReplicasIfLower",
                FallbackBehavior::CurrentReplicasIfLower,
            ),
        ];
        Some(Fallback {
            failure_threshold: self.needed(entry, "failureThreshold"),
            replicas: self.needed(entry, "replicas"),
            behavior: self
                .one_of(&entry.value, "behavior", &behaviors)
                .unwrap_or(FallbackBehavior::Static),
        })
    }

    /// A count that may not be left out; 0 where it is.
    fn needed(&mut self, around: &Entry, key: &str) -> u32 {
        if around.value.entry(key).is_none() {
            let text = format!("`{}` has no `{key}`: allowed are {COUNT}", around.key);
            self.wrong(around.place, text);
        }
        self.number(&around.value, key, COUNT, ..).unwrap_or(0)
    }

    /// The HPA's behavior, if the manifest has one.
    fn behavior(&mut self, spec: &Node) -> Option<Behavior> {
        let advanced = spec.get("advanced")?;
        let hpa = advanced.get("horizontalPodAutoscalerConfig")?;
        let behavior = hpa.get("behavior")?;
        let usual = Behavior::default();
        Some(Behavior {
            scale_up: self.rules(behavior.get("scaleUp"), usual.scale_up),
            scale_down: self.rules(behavior.get("scaleDown"), usual.scale_down),
        })
    }

    /// Rules of one direction; what they leave out is `usual`.
    fn rules(&mut self, given: Option<&Node>, usual: Rules) -> Rules {
        let Some(given) = given else {
            return usual;
        };
        let allowed = "whole seconds, 0 to 3600";
        let window = self.number(given, "stabilizationWindowSeconds", allowed, ..=3600);
        let selects = [
            ("Max", Select::Max),
            ("Min", Select::Min),
            ("Disabled", Select::Disabled),
        ];
        let policies = given.get("policies").map_or(&[][..], Node::items);
        let policies: Vec<Policy> = policies.iter().map(|node| self.policy(node)).collect();
        Rules {
            tolerance: self.share(given, "tolerance").or(usual.tolerance),
            stabilization: window.map_or(usual.stabilization, Duration::from_secs),
            policies: if policies.is_empty() {
                usual.policies
            } else {
                policies
            },
            select: self
                .one_of(given, "selectPolicy", &selects)
                .unwrap_or(Select::Max),
        }
    }

    fn policy(&mut self, node: &Node) -> Policy {
        let value = self.number(node, "value", FROM_ONE, 1..).unwrap_or(0);
        let changes = [
            ("Pods", Change::Pods(value)),
            ("Percent", Change::Percent(value)),
        ];
        let period = self.number(node, "periodSeconds", "whole seconds, 1 to 1800", 1..=1800);
        Policy {
            change: self
                .one_of(node, "type", &changes)
                .unwrap_or(Change::Pods(value)),
            period: Duration::from_secs(period.unwrap_or(15)),
        }
    }

    /// A whole number that may be left out. The API server takes none that is quoted.
    fn number<T: FromStr + PartialOrd>(
        &mut self,
        node: &Node,
        key: &str,
        allowed: &str,
        range: impl RangeBounds<T>,
    ) -> Option<T> {
        let number = self.read_as(node, key, allowed, |text| {
            text.parse().ok().filter(|number| range.contains(number))
        })?;
        let entry = node.entry(key)?;
        if let Value::Scalar { text, plain: false } = &entry.value.value {
            let text =
                format!("`{key}` is the text `\"{text}\"`: allowed are {allowed}, without quotes");
            self.wrong(entry.place, text);
            return None;
        }
        Some(number)
    }

    /// One of a few words, which may be left out.
    fn one_of<T: Copy>(&mut self, node: &Node, key: &str, words: &[(&str, T)]) -> Option<T> {
        let allowed: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.read_as(node, key, &allowed.join(", "), |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, meant)| *meant)
        })
    }

    /// A share as Kubernetes writes quantities: `0.05` or `50m`.
    fn share(&mut self, node: &Node, key: &str) -> Option<f64> {
        self.read_as(node, key, "0 and above, such as 0.05 or 50m", |text| {
            quantity::parse(text).filter(|share| *share >= 0.0)
        })
    }

    fn read_as<T>(
        &mut self,
        node: &Node,
        key: &str,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let entry = node.entry(key)?;
        let found = match &entry.value.value {
            Value::Scalar { text, .. } => match read(text) {
                Some(value) => return Some(value),
                None => format!("`{text}`"),
            },
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        };
        let text = format!("`{key}` is {found}: allowed are {allowed}");
        self.wrong(entry.place, text);
        None
    }

    fn wrong(&mut self, place: Place, text: String) {
        self.mistakes.push(Mistake { place, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::yaml;

    fn wrong(spec: &str) -> Vec<String> {
        let (documents, broken) = yaml::parse(spec);
        assert!(broken.is_none());
        let mistakes = read(&documents[0]).mistakes.into_iter();
        mistakes
            .map(|it| format!("{}: {}", it.place.line, it.text))
            .collect()
    }

    #[test]
    fn every_number_is_told_with_its_line_and_what_is_allowed() {
        for (spec, expected) in [
            (
                "pollingInterval: -5",
                "`pollingInterval` is `-5`: allowed are whole seconds without a unit, 0 and above",
            ),
            (
                "cooldownPeriod: abc",
                "`cooldownPeriod` is `abc`: allowed are whole seconds without a unit, 0 and above",
            ),
            (
                "initialCooldownPeriod: [1]",
                "`initialCooldownPeriod` is a list: allowed are whole seconds without a unit, 0 and above",
            ),
            (
                "maxReplicaCount: 0",
                "`maxReplicaCount` is `0`: allowed are whole numbers, 1 and above",
            ),
            (
                "maxReplicaCount: \"50\"",
                "`maxReplicaCount` is the text `\"50\"`: allowed are whole numbers, 1 and above, without quotes",
            ),
            (
                "fallback: {replicas: 4}",
                "`fallback` has no `failureThreshold`: allowed are whole numbers, 0 and above",
            ),
            (
                "fallback: {failureThreshold: 0}",
                "`fallback` has no `replicas`: allowed are whole numbers, 0 and above",
            ),
            (
                "fallback: {failureThreshold: 0, replicas: 4, behavior: curent}",
                "`behavior` is `curent`: allowed are `static`, `currentReplicas`, `currentReplicasIfHigher`, \
                 `currentReplicasIfLower`",
            ),
        ] {
            assert_eq!(wrong(spec), [format!("1: {expected}")], "{spec}");
        }
        let all = "pollingInterval: x\nfallback:\n  failureThreshold: x\n  replicas: -4\n";
        let lines: Vec<String> = wrong(all);
        let lines: Vec<&str> = lines.iter().map(|line| &line[..2]).collect();
        assert_eq!(lines, ["1:", "3:", "4:"], "all at once");
    }

    #[test]
    fn an_idle_count_is_below_the_least_as_keda_reckons_it() {
        for (spec, good) in [
            ("{minReplicaCount: 2, idleReplicaCount: 0}", true),
            ("{minReplicaCount: 0, idleReplicaCount: 0}", true),
            ("{minReplicaCount: 2, idleReplicaCount: 5}", false),
            ("{minReplicaCount: 2, idleReplicaCount: 2}", false),
            ("{idleReplicaCount: 0}", false),
        ] {
            assert_eq!(wrong(spec).is_empty(), good, "{spec}");
        }
    }
}
