//! What would change for a workload's owner, in money and minutes.

use serde::Serialize;

use super::configured::CONFIGURED;
use super::report::{AtItsPoint, PolicyReport, Scored, TraceReport};
use crate::domain::HumanDuration;
use crate::simulate::policies::Kind;

/// Hours of a month of 30 days.
const MONTH: f64 = 720.0;
const DAY: f64 = 24.0;

/// A target of this share of what a replica carries leaves it no room.
const NO_ROOM: f64 = 1.0 - 1e-9;

/// Fewer control ticks are no measure of anything.
const ENOUGH_TICKS: f64 = 5.0;

/// Ours beside what runs today: what the manifest says, or the HPA as it is mostly set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// The policy that is meant by today's.
    pub beside: String,
    /// Whether that one aims at all that a replica carries, by a `threshold` that is taken for it: true of nobody who leaves room.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub it_has_no_room: bool,
    /// Replica hours a month (of 30 days) that ours takes less; below 0 it takes more.
    pub replica_hours_saved_a_month: f64,
    /// The same in percent of what the other takes.
    pub saved_percent: f64,
    /// What they cost.
    pub price_saved_a_month: f64,
    /// Minutes of overload a day: ours.
    pub overload_minutes_a_day: f64,
    /// The other's.
    pub its_overload_minutes_a_day: f64,
    /// Minutes a day in which the latency objective is missed: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_minutes_a_day: Option<f64>,
    /// The other's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub its_slo_minutes_a_day: Option<f64>,
}

impl Gain {
    /// Of these policies, ours first; `None` where nothing of today's is among them.
    pub(super) fn of(policies: &[PolicyReport], price: f64) -> Option<Self> {
        let (ours, others) = policies.split_first()?;
        let named = |name: &str| others.iter().find(|policy| policy.policy == name);
        let today = named(CONFIGURED).or_else(|| named(Kind::Hpa.name()))?;
        let (ours, its) = (&ours.usual.figures, &today.usual.figures);
        if ours.hours <= 0.0 || its.replica_hours <= 0.0 {
            return None;
        }
        let saved = its.replica_hours - ours.replica_hours;
        let a_day = |minutes: f64| minutes / ours.hours * DAY;
        let a_month = saved / ours.hours * MONTH;
        Some(Self {
            beside: today.policy.clone(),
            it_has_no_room: today.policy == CONFIGURED
                && (today.usual.setting).is_some_and(|share| share >= NO_ROOM),
            replica_hours_saved_a_month: a_month,
            saved_percent: 100.0 * saved / its.replica_hours,
            price_saved_a_month: price * a_month,
            overload_minutes_a_day: a_day(ours.overload_minutes),
            its_overload_minutes_a_day: a_day(its.overload_minutes),
            slo_minutes_a_day: ours.slo_violation_minutes.map(a_day),
            its_slo_minutes_a_day: its.slo_violation_minutes.map(a_day),
        })
    }

    /// In a sentence. `currency` stands right behind sums.
    fn told(&self, currency: &str) -> String {
        let saved = self.replica_hours_saved_a_month;
        let less = if saved < 0.0 { "more" } else { "fewer" };
        let condition = if self.it_has_no_room {
            "if a replica carries no more than the trigger's `threshold`: "
        } else {
            ""
        };
        format!(
            "{condition}beside `{}`, Forescale takes {:.0} replica hours a month {less} ({:.1} %, {:.2}{currency}), and has {:.1} minutes of overload a day instead of {:.1}",
            self.beside,
            saved.abs(),
            self.saved_percent.abs(),
            self.price_saved_a_month.abs(),
            self.overload_minutes_a_day,
            self.its_overload_minutes_a_day,
        )
    }
}

/// What the owner of the workload reads first: ours beside what runs today, as both are, and where one of the two is alike.
pub(super) fn told(trace: &TraceReport, currency: &str) -> Option<String> {
    let gain = trace.gain.as_ref()?;
    let mut text = gain.told(currency);
    let mut others = trace.policies.iter();
    let today = others.find(|policy| policy.policy == gain.beside)?;
    if let Some(there) = &today.forescale_there {
        text.push_str(&alike(&today.usual, there));
    }
    Some(text)
}

fn alike(today: &Scored, there: &AtItsPoint) -> String {
    let figures = &today.figures;
    let its = figures.overload_percent;
    let times = |hours: f64| hours / figures.replica_hours;
    let hours = match (
        there.replica_hours_at_its_overload,
        there.overload_percent_of_the_cheapest,
    ) {
        (None, _) => format!("no setting of Forescale's keeps to its overload of {its:.2} %"),
        (Some(hours), None) => format!(
            "with as much overload it would take {:.2} times its replica hours",
            times(hours)
        ),
        (Some(hours), Some(own)) => format!(
            "the cheapest setting of Forescale's takes {:.2} times its replica hours, with {own:.2} % overload instead of {its:.2} %",
            times(hours)
        ),
    };
    let overload = there.overload_percent_at_its_cost.map_or_else(
        || "no setting of Forescale's is as cheap".to_owned(),
        |overload| {
            format!(
                "at its cost it would be overloaded {overload:.3} % of the time instead of {:.3} %",
                figures.overload_percent
            )
        },
    );
    format!("; {hours}; {overload}")
}

/// What is to be known of a judged part that is too short for the smallest of the compared overloads (in percent) to be
/// more than a few control ticks, where it is.
pub(super) fn thin(hours: f64, least_percent: f64, tick_secs: f64) -> Option<String> {
    let judged = 3600.0 * hours;
    let allowed = judged * least_percent / 100.0;
    let ticks = allowed / tick_secs;
    (ticks < ENOUGH_TICKS).then(|| {
        let judged = HumanDuration::from_secs(judged as u64);
        format!(
            "{judged} are judged, of which {least_percent} % are {allowed:.0} seconds: one burst decides; a day or more says more"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::samples;
    use crate::simulate::figures::Figures;

    fn policy(name: &str, replica_hours: f64, overload_minutes: f64) -> PolicyReport {
        let mut figures = Figures::new().summary();
        figures.hours = 48.0;
        figures.replica_hours = replica_hours;
        figures.overload_minutes = overload_minutes;
        figures.overload_percent = overload_minutes / 28.8;
        samples::policy(name, figures)
    }

    #[test]
    fn a_month_and_a_day_are_counted_beside_what_runs_today() {
        let ours = policy("forescale", 900.0, 4.0);
        let (hpa, today) = (policy("hpa", 1000.0, 2.0), policy(CONFIGURED, 1200.0, 40.0));
        let gain = Gain::of(&[ours.clone(), hpa.clone(), today], 0.1).unwrap();
        let told = gain.told(" EUR");
        assert_eq!(
            told,
            "beside `hpa-configured`, Forescale takes 4500 replica hours a month fewer (25.0 %, 450.00 EUR), and has 2.0 \
             minutes of overload a day instead of 20.0"
        );
        let gain = Gain::of(&[ours, hpa], 0.1).unwrap();
        assert_eq!(gain.beside, "hpa");
        assert!(
            gain.told("")
                .contains("1500 replica hours a month fewer (10.0 %, 150.00), and")
        );
        let (ours, hpa) = (policy("forescale", 1100.0, 0.0), policy("hpa", 1000.0, 0.0));
        let gain = Gain::of(&[ours.clone(), hpa], 0.1).unwrap();
        assert!(
            gain.told("")
                .contains("1500 replica hours a month more (10.0 %, 150.00)")
        );
        assert_eq!(Gain::of(&[ours, policy("perfect", 900.0, 0.0)], 0.1), None);
    }

    #[test]
    fn an_hpa_without_any_room_is_a_condition_of_what_is_concluded() {
        let (ours, mut today) = (
            policy("forescale", 900.0, 4.0),
            policy(CONFIGURED, 700.0, 400.0),
        );
        for (share, told) in [
            (0.6, "beside `hpa-configured`, "),
            (
                1.0,
                "if a replica carries no more than the trigger's `threshold`: beside",
            ),
        ] {
            today.usual.setting = Some(share);
            let gain = Gain::of(&[ours.clone(), today.clone()], 0.1).unwrap();
            assert!(gain.told("").starts_with(told), "{}", gain.told(""));
        }
        let mut hpa = policy("hpa", 700.0, 400.0);
        hpa.usual.setting = Some(1.0);
        let gain = Gain::of(&[ours, hpa], 0.1).unwrap();
        assert!(!gain.it_has_no_room, "that is its own setting");
    }

    #[test]
    fn where_settings_do_not_reach_that_is_said() {
        let today = policy("hpa", 1000.0, 28.8).usual;
        let there = AtItsPoint {
            replica_hours_at_its_overload: Some(800.0),
            overload_percent_at_its_cost: None,
            overload_percent_of_the_cheapest: None,
        };
        let text = alike(&today, &there);
        assert_eq!(
            text,
            "; with as much overload it would take 0.80 times its replica hours; no setting of Forescale's is as cheap"
        );
        let beyond = AtItsPoint {
            replica_hours_at_its_overload: Some(1090.0),
            overload_percent_of_the_cheapest: Some(0.25),
            ..there
        };
        let text = alike(&today, &beyond);
        assert!(
            text.starts_with(
                "; the cheapest setting of Forescale's takes 1.09 times its replica hours, with 0.25 % overload instead of 1.00 %; "
            ),
            "{text}"
        );
    }

    #[test]
    fn a_few_ticks_are_called_what_they_are() {
        assert!(
            thin(6.0, 0.1, 15.0)
                .unwrap()
                .contains("0.1 % are 22 seconds")
        );
        assert_eq!(thin(24.0, 0.1, 15.0), None);
    }
}
