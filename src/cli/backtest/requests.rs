//! Flags on how requests are served and on what pods run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::HumanDuration;
use crate::simulate::pods::NodePool;
use crate::simulate::queueing::Service;

/// Longer times have no place in a queue of requests.
const LONGEST: Duration = Duration::from_mins(10);
const MOST_AT_ONCE: u32 = 10_000;
const MOST_PODS: u32 = 10_000;

/// A latency objective: so many percent of requests within a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slo {
    percent: f64,
    within: HumanDuration,
}

/// Nodes that may have to come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nodes {
    pods: u32,
    provisioning: HumanDuration,
    spare: u32,
}

// === impl Slo ===

impl Slo {
    /// Requests of this mean service time, so many at once, with this objective.
    pub(super) fn service(self, mean: HumanDuration, concurrency: u32) -> Service {
        let usual = Service::default();
        let objective = self.within.get();
        Service {
            concurrency,
            mean: mean.get(),
            objective,
            allowed: 1.0 - self.percent / 100.0,
            // Who gives up before it is late misses no objective.
            patience: usual.patience.max(objective * 2),
            ..usual
        }
    }
}

impl Default for Slo {
    fn default() -> Self {
        let service = Service::default();
        Self {
            percent: 100.0 * (1.0 - service.allowed),
            within: service.objective.into(),
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (1e6 * self.percent).round() / 1e6;
        write!(f, "{percent}%<{}", self.within)
    }
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "`{text}` is no objective: allowed is a share of the requests and a time, such as `95%<250ms`"
            )
        };
        let (share, within) = text.split_once('<').ok_or_else(wrong)?;
        let share = share.trim().strip_suffix('%').ok_or_else(wrong)?;
        let percent: f64 = share.trim().parse().map_err(|_| wrong())?;
        let within: HumanDuration = within.parse().map_err(|_| wrong())?;
        let sound = percent > 0.0 && percent < 100.0 && !within.get().is_zero();
        sound.then_some(Self { percent, within }).ok_or_else(wrong)
    }
}

// === impl Nodes ===

impl From<Nodes> for NodePool {
    fn from(nodes: Nodes) -> Self {
        Self {
            pods_per_node: nodes.pods,
            provisioning: nodes.provisioning.get(),
            spare: nodes.spare,
        }
    }
}

impl FromStr for Nodes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "`{text}` says nothing of nodes: allowed are the pods that one takes (1 to {MOST_PODS}), the time until it is there (up \
                 to 1h), and how many stay unneeded, such as `10:3m` or `10:3m:1`"
            )
        };
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let (pods, provisioning, spare) = match parts.as_slice() {
            [pods, provisioning] => (pods, provisioning, "0"),
            [pods, provisioning, spare] => (pods, provisioning, *spare),
            _ => return Err(wrong()),
        };
        let nodes = Self {
            pods: pods.parse().map_err(|_| wrong())?,
            provisioning: provisioning.parse().map_err(|_| wrong())?,
            spare: spare.parse().map_err(|_| wrong())?,
        };
        let sound = (1..=MOST_PODS).contains(&nodes.pods)
            && nodes.provisioning.get() <= Duration::from_hours(1)
            && nodes.spare <= MOST_PODS;
        sound.then_some(nodes).ok_or_else(wrong)
    }
}

/// What a queue can't be made of.
pub(super) fn check(mean: HumanDuration, concurrency: u32, slo: Slo) -> Result<(), String> {
    if !(1..=MOST_AT_ONCE).contains(&concurrency) {
        return Err(format!(
            "`--concurrency` {concurrency} is out of range: allowed are 1 to {MOST_AT_ONCE}"
        ));
    }
    for (flag, time) in [("--service-time", mean), ("--slo", slo.within)] {
        if time.get().is_zero() || time.get() > LONGEST {
            return Err(format!(
                "`{flag}` {time} is out of range: allowed are times above 0 up to {}",
                HumanDuration(LONGEST)
            ));
        }
    }
    let service = slo.service(mean, concurrency);
    let idle = service.share_over_when_idle();
    if idle > service.allowed {
        return Err(format!(
            "`--slo` {slo} can't be kept by a replica with nothing else to do: of requests that take {mean} in the mean, {:.1} % take \
             longer; give a longer time there, or a shorter `--service-time`",
            100.0 * idle
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_is_read_as_it_is_written() {
        let slo: Slo = "99.5 % < 1s".parse().unwrap();
        assert_eq!(slo.to_string(), "99.5%<1s");
        assert_eq!(Slo::default().to_string(), "95%<250ms");
        assert_eq!(
            Slo::default().to_string().parse::<Slo>().unwrap(),
            Slo::default()
        );
        for wrong in [
            "", "95", "95%", "95<250ms", "100%<1s", "0%<1s", "95%<0s", "95%<soon", "NaN%<1s",
        ] {
            let error = wrong.parse::<Slo>().unwrap_err();
            assert!(error.contains("such as `95%<250ms`"), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_objective_that_no_replica_keeps_is_refused() {
        let times =
            |mean, text: &str| check(HumanDuration::from_secs(mean), 16, text.parse().unwrap());
        assert!(times(1, "95%<10s").is_ok());
        let error = times(1, "95%<500ms").unwrap_err();
        assert!(error.contains("with nothing else to do"), "{error}");
        let error = check(HumanDuration::from_secs(1), 0, Slo::default()).unwrap_err();
        assert!(error.contains("`--concurrency` 0"), "{error}");
        assert!(
            times(0, "95%<1s")
                .unwrap_err()
                .contains("`--service-time` 0s")
        );
    }

    #[test]
    fn nodes_are_pods_and_a_time_and_perhaps_some_to_spare() {
        let pool: NodePool = "10:3m:2".parse::<Nodes>().unwrap().into();
        let expected = NodePool {
            pods_per_node: 10,
            provisioning: Duration::from_mins(3),
            spare: 2,
        };
        assert_eq!(pool, expected);
        assert_eq!("10:3m".parse::<Nodes>().unwrap().spare, 0);
        for wrong in ["", "10", "0:3m", "10:soon", "10:3m:1:1", "10:2h", "-1:3m"] {
            let error = wrong.parse::<Nodes>().unwrap_err();
            assert!(error.contains("such as `10:3m`"), "{wrong}: {error}");
        }
    }
}
