use super::*;
use crate::domain::Series;
use crate::simulate::cluster::{Cluster, Tick, run_with};
use crate::simulate::frontier::{Frontier, Point};
use crate::simulate::trace::Trace;

/// Minutes of four days.
const FOUR_DAYS: usize = 4 * 1440;

/// Every day the same: 500 by night, 2000 from 8 to 20, at once, and a little up and down.
fn office_hours(minute: usize) -> f64 {
    let of_day = minute % 1440;
    let level = if (480..1200).contains(&of_day) {
        2000.0
    } else {
        500.0
    };
    level * (1.0 + 0.02 * (minute as f64 / 7.0).sin())
}

fn trace(demand: impl Fn(usize) -> f64, minutes: usize) -> Trace {
    let values = (0..minutes).map(demand).collect();
    Trace::new(&Series::new(Timestamp::from_secs(0), MINUTE, values))
}

/// Pods that carry 100 and take two minutes to start.
fn cluster() -> Cluster {
    Cluster::new(100.0, Duration::from_mins(2))
}

/// Judged on the last `hours` of it.
fn scene<'a>(cluster: &'a Cluster, trace: &'a Trace, hours: u64) -> Scene<'a> {
    let from = trace.end() - Duration::from_hours(hours);
    Scene::new(cluster, trace, from, trace.end())
}

fn ticks(scene: &Scene<'_>, kind: Kind, setting: f64) -> Vec<Tick> {
    let mut ticks = Vec::new();
    let mut policy = Family::new(kind, scene).policy(setting);
    run_with(scene, policy.as_mut(), |tick| ticks.push(*tick));
    ticks
}

#[test]
fn every_policy_is_found_by_its_name_and_says_it() {
    let (cluster, trace) = (cluster(), trace(office_hours, 600));
    let scene = scene(&cluster, &trace, 1);
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        assert!(!kind.settings().is_empty() && kind.settings().is_sorted());
        let said = Family::new(kind, &scene).policy(kind.usual());
        assert_eq!(said.name(), kind.name());
    }
    assert_eq!(Kind::from_name("oracle"), None);
}

#[test]
fn what_comes_after_the_present_changes_no_decision_but_of_perfect_foresight() {
    let fork = FOUR_DAYS - 180;
    let cluster = cluster();
    let decisions = |kind: Kind, after: f64| -> Vec<u32> {
        // The grid search gets a short past, for the time it takes.
        let cut = if kind == Kind::HpaTuned {
            fork - 420
        } else {
            0
        };
        let demand = |minute: usize| {
            let minute = minute + cut;
            if minute <= fork {
                office_hours(minute)
            } else {
                after
            }
        };
        let trace = trace(demand, FOUR_DAYS - cut);
        let forked = trace.time_of(fork - cut);
        let ticks = ticks(&scene(&cluster, &trace, 5), kind, kind.usual());
        let before = ticks.iter().filter(|tick| tick.at <= forked);
        before.map(|tick| tick.fleet.spec).collect()
    };
    for kind in Kind::ALL {
        let (low, high) = (decisions(kind, 10.0), decisions(kind, 9000.0));
        assert!(low.len() > 400, "{}", kind.name());
        assert_eq!(low == high, kind != Kind::Perfect, "{}", kind.name());
    }
}

#[test]
fn safer_settings_cost_more_and_are_short_less_often() {
    let (cluster, trace) = (cluster(), trace(office_hours, FOUR_DAYS));
    let scene = scene(&cluster, &trace, 24);
    let cases = [
        (Kind::Hpa, 0.4, 1.0),
        (Kind::HpaCpu, 0.4, 0.95),
        (Kind::Cron, 1.5, 0.8),
        (Kind::Crane, 0.6, 1.0),
        (Kind::Kedastral, 2.0, 1.0),
        (Kind::AwsHourlyMax, 0.6, 1.0),
        (Kind::Fixed, 1.2, 0.5),
        (Kind::Perfect, 0.0, 5.0),
    ];
    for (kind, safe, risky) in cases {
        let family = Family::new(kind, &scene);
        let (safe, risky) = (family.run(safe), family.run(risky));
        let name = kind.name();
        assert!(safe.replica_hours() > risky.replica_hours(), "{name}");
        assert!(
            safe.overload_minutes() <= risky.overload_minutes(),
            "{name}"
        );
    }
}

#[test]
fn who_knows_the_hour_is_not_short_when_the_office_opens_and_who_reacts_is() {
    let (cluster, trace) = (cluster(), trace(office_hours, FOUR_DAYS));
    let scene = scene(&cluster, &trace, 24);
    let short =
        |kind: Kind, setting: f64| Family::new(kind, &scene).run(setting).overload_minutes();
    assert!(short(Kind::Hpa, 0.7) > 2.0);
    assert!(
        short(Kind::HpaCpu, 0.7) > short(Kind::Hpa, 0.7),
        "it cannot see how much is missing"
    );
    for (kind, setting) in [
        (Kind::Cron, 1.2),
        (Kind::Crane, 0.9),
        (Kind::AwsHourlyMax, 0.9),
        (Kind::Fixed, 1.0),
        (Kind::Perfect, 0.0),
    ] {
        assert!(short(kind, setting) < 1e-9, "{}", kind.name());
    }
}

#[test]
fn perfect_foresight_is_the_limit_of_every_frontier() {
    let (cluster, trace) = (cluster(), trace(office_hours, FOUR_DAYS));
    let scene = scene(&cluster, &trace, 24);
    let frontier = |kind: Kind, settings: &[f64]| {
        let runs = Family::new(kind, &scene).sweep(settings);
        Frontier::new(
            runs.iter()
                .map(|(setting, figures)| Point::of(*setting, figures)),
        )
    };
    let limit = frontier(Kind::Perfect, Kind::Perfect.settings());
    for kind in [
        Kind::Hpa,
        Kind::Cron,
        Kind::Crane,
        Kind::AwsHourlyMax,
        Kind::Kedastral,
    ] {
        let settings = kind.settings();
        let few = [
            settings[0],
            settings[settings.len() / 2],
            settings[settings.len() - 1],
        ];
        let frontier = frontier(kind, &few);
        // The limit was asked for up to 10 % of overload.
        let within = frontier
            .points()
            .iter()
            .filter(|point| point.overload_percent <= 10.0);
        for point in within {
            let least = limit.hours_at(point.overload_percent).unwrap();
            assert!(
                point.replica_hours >= least - 1e-9,
                "{}: {point:?}, {least}",
                kind.name()
            );
        }
    }
}

#[test]
fn a_fixed_fleet_never_changes_and_cron_changes_by_the_clock() {
    let (cluster, trace) = (cluster(), trace(office_hours, FOUR_DAYS));
    let scene = scene(&cluster, &trace, 24);
    assert_eq!(Family::new(Kind::Fixed, &scene).run(1.0).changes(), 0);
    let changed: Vec<i64> = ticks(&scene, Kind::Cron, 1.0)
        .windows(2)
        .filter(|pair| pair[0].judged && pair[0].fleet.spec < pair[1].fleet.spec)
        .map(|pair| pair[1].at.as_secs() % 86_400)
        .collect();
    // 6 replicas become 21 five minutes before eight, at most twice as many in 15 s.
    assert_eq!(changed, [28_500, 28_515], "seconds of the day");
}

#[test]
fn aws_has_the_hours_maximum_ready_five_minutes_before_the_hour() {
    let (cluster, trace) = (cluster(), trace(office_hours, FOUR_DAYS));
    let scene = scene(&cluster, &trace, 24);
    let raised = ticks(&scene, Kind::AwsHourlyMax, 1.0)
        .iter()
        .find(|tick| tick.judged && tick.fleet.spec > 10)
        .map(|tick| tick.at.as_secs() % 86_400);
    assert_eq!(raised, Some(28_500));
}

#[test]
fn the_search_takes_the_cheapest_that_keeps_the_allowance_or_the_one_with_the_least() {
    let (cluster, trace) = (cluster(), trace(office_hours, 700));
    let scene = scene(&cluster, &trace, 6);
    let search = Search::on(&scene);
    assert_eq!(search.tried().len(), grid().len());
    let score = |candidate: &Candidate| {
        let tried = search
            .tried()
            .iter()
            .find(|tried| tried.candidate == *candidate);
        tried
            .map(|tried| (tried.overload_percent, tried.replica_hours))
            .unwrap()
    };
    let least = search.tried().iter().map(|tried| tried.overload_percent);
    let least = least.fold(f64::INFINITY, f64::min);
    for allowed in [0.0, 0.5, 2.0, 100.0] {
        let (overload, hours) = score(&search.best(allowed));
        assert!(overload <= allowed.max(least), "{allowed}");
        let cheaper =
            |tried: &&Tried| tried.overload_percent <= allowed && tried.replica_hours < hours;
        assert!(search.tried().iter().find(cheaper).is_none(), "{allowed}");
    }
}

#[test]
fn policies_without_any_past_start_from_what_they_see() {
    let (cluster, trace) = (cluster(), trace(office_hours, 300));
    let scene = Scene::new(&cluster, &trace, trace.start(), trace.end());
    assert!(scene.past().values.is_empty());
    for kind in Kind::ALL {
        let figures = Family::new(kind, &scene).run(kind.usual());
        assert!(
            (figures.hours() - 299.0 / 60.0).abs() < 0.01,
            "{}",
            kind.name()
        );
    }
}

#[test]
fn without_load_those_go_to_no_replica_whose_scaler_says_inactive() {
    let mut cluster = cluster();
    cluster.object.min_replicas = 0;
    let trace = trace(|_| 0.0, 600);
    let scene = scene(&cluster, &trace, 2);
    let at_last = |kind: Kind| {
        let last = ticks(&scene, kind, kind.usual()).pop().unwrap();
        last.fleet.spec
    };
    assert_eq!(at_last(Kind::Hpa), 0);
    for kind in [Kind::Crane, Kind::Kedastral, Kind::Cron] {
        assert_eq!(at_last(kind), 1, "{}", kind.name());
    }
}
