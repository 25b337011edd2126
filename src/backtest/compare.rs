//! Every policy on one scene, and what they have in common.

use std::time::Duration;

use super::configured::CONFIGURED;
use super::forescale::{Life, judged};
use super::report::{AgainstHpa, Gap, Moments, PathPoint, PolicyReport, Scored, TraceReport};
use super::{FORESCALE, OVERLOADS, Settings};
use crate::domain::Timestamp;
use crate::simulate::cluster::{Scene, Tick, run};
use crate::simulate::figures::Figures;
use crate::simulate::frontier::{Frontier, Point};
use crate::simulate::policies::{Family, Kind, Search};

/// Points that a path is drawn with, at most.
const DRAWN: usize = 1500;
/// Hours that are shown in detail.
const WORST: usize = 3;

/// Runs every policy on `scene`.
pub(super) fn compare(
    name: &str,
    scene: &Scene<'_>,
    settings: &Settings,
    lives: &[Life],
) -> TraceReport {
    let perfect = Family::new(Kind::Perfect, scene);
    let least = perfect.run(Kind::Perfect.usual());
    let score = |setting, figures: &Figures| scored(setting, figures, &least, settings.price);
    let mut policies = vec![ours(scene, lives, &score)];
    let configured = settings.configured.as_ref();
    if let Some((target, mut today)) = configured.and_then(|it| it.today(scene.cluster.capacity)) {
        let usual = score(Some(target), &run(scene, &mut today));
        policies.push(policy(CONFIGURED, Kind::Hpa.setting(), usual, None));
    }
    for kind in &settings.rivals {
        let family = Family::new(*kind, scene);
        let usual = family.run(kind.usual());
        let sweep = settings.frontier.then(|| family.sweep(kind.settings()));
        policies.push(policy(
            kind.name(),
            kind.setting(),
            score(Some(kind.usual()), &usual),
            sweep.map(|all| all.iter().map(|(s, f)| score(Some(*s), f)).collect()),
        ));
    }
    let against_hpa = if settings.frontier {
        against_hpa(&policies[0], scene, &perfect)
    } else {
        Vec::new()
    };
    TraceReport {
        name: name.to_owned(),
        step_seconds: scene.trace.step().as_secs_f64(),
        judged_from: scene.from(),
        judged_until: scene.until(),
        capacity_per_replica: scene.cluster.capacity,
        notes: Vec::new(),
        policies,
        against_hpa,
        moments: moments(scene, lives),
    }
}

fn ours(
    scene: &Scene<'_>,
    lives: &[Life],
    score: &dyn Fn(Option<f64>, &Figures) -> Scored,
) -> PolicyReport {
    let runs: Vec<Scored> = lives
        .iter()
        .map(|life| score(life.setting, &life.figures(scene)))
        .collect();
    let (usual, swept) = runs.split_first().map_or_else(
        || (score(None, &Figures::new()), Vec::new()),
        |(usual, swept)| (usual.clone(), swept.to_vec()),
    );
    let swept = (!swept.is_empty()).then_some(swept);
    policy(FORESCALE, "maxOverload in percent", usual, swept)
}

fn policy(name: &str, setting: &str, usual: Scored, frontier: Option<Vec<Scored>>) -> PolicyReport {
    let hours = frontier.as_deref().map(frontier_of);
    PolicyReport {
        policy: name.to_owned(),
        usual,
        setting_is: setting.to_owned(),
        replica_hours_at: hours.map_or_else(Vec::new, |frontier| {
            OVERLOADS.map(|overload| frontier.hours_at(overload)).into()
        }),
        frontier,
    }
}

fn scored(setting: Option<f64>, figures: &Figures, least: &Figures, price: f64) -> Scored {
    Scored {
        setting,
        figures: figures.summary(),
        cost_vs_perfect: figures.cost_ratio(least),
        price: figures.price(price),
    }
}

/// The best of a policy's settings.
pub(super) fn frontier_of(scored: &[Scored]) -> Frontier {
    Frontier::new(scored.iter().map(|scored| Point {
        setting: scored.setting.unwrap_or(f64::NAN),
        overload_percent: scored.figures.overload_percent,
        replica_hours: scored.figures.replica_hours,
    }))
}

fn against_hpa(ours: &PolicyReport, scene: &Scene<'_>, perfect: &Family<'_>) -> Vec<AgainstHpa> {
    let Some(swept) = &ours.frontier else {
        return Vec::new();
    };
    let own = frontier_of(swept);
    let search = Search::on(scene);
    let (best, usual) = (search.frontier(), search.usual_frontier());
    let limit = perfect.sweep(Kind::Perfect.settings());
    let limit = Frontier::new(limit.iter().map(|(s, figures)| Point::of(*s, figures)));
    let gap = |hpa: &Frontier, overload: f64| Gap {
        hpa_hours: hpa.hours_at(overload),
        captured: hpa.captured_by(&own, &limit, overload),
        overload_ratio_at_equal_cost: hpa.overload_ratio_of(&own, overload),
    };
    let at = |overload: f64| AgainstHpa {
        overload_percent: overload,
        forescale_hours: own.hours_at(overload),
        perfect_hours: limit.hours_at(overload),
        hpa: gap(&best, overload),
        default_tolerance: gap(&usual, overload),
    };
    OVERLOADS.map(at).into()
}

fn moments(scene: &Scene<'_>, lives: &[Life]) -> Moments {
    let Some(life) = lives.first() else {
        return Moments::default();
    };
    let ours = life.ticks(scene);
    let family = Family::new(Kind::Hpa, scene);
    let hpa = judged(scene, family.policy(Kind::Hpa.usual()).as_mut());
    let capacity = scene.cluster.capacity;
    let carried = |tick: &Tick| capacity * f64::from(tick.fleet.ready);
    let path: Vec<PathPoint> = ours
        .iter()
        .zip(&hpa)
        .map(|(own, other)| PathPoint {
            at: own.at,
            load: own.demand.unwrap_or(f64::NAN),
            forescale: carried(own),
            hpa: carried(other),
        })
        .collect();
    let worst = worst_hours(&path);
    let inside =
        |point: &PathPoint| (worst.iter()).any(|(from, until)| (*from..*until).contains(&point.at));
    let every = (path.len() / DRAWN).max(1);
    let drawn = path.iter().enumerate();
    let drawn = drawn.filter(|(index, point)| index.is_multiple_of(every) || inside(point));
    Moments {
        path: drawn.map(|(_, point)| *point).collect(),
        worst,
        plans: life.plans.clone(),
    }
}

/// The hours in which most load was unmet by ours or by the plain HPA, in order of time.
fn worst_hours(path: &[PathPoint]) -> Vec<(Timestamp, Timestamp)> {
    let hour = Duration::from_hours(1);
    let mut hours: Vec<(Timestamp, f64)> = Vec::new();
    for point in path {
        let unmet = |carried: f64| (point.load - carried).max(0.0);
        let unmet = unmet(point.forescale) + 0.2 * unmet(point.hpa);
        let at = point.at.floor_to(hour);
        match hours.last_mut() {
            Some((last, sum)) if *last == at => *sum += unmet,
            _ => hours.push((at, unmet)),
        }
    }
    hours.retain(|(_, unmet)| *unmet > 0.0);
    hours.sort_by(|a, b| b.1.total_cmp(&a.1));
    hours.truncate(WORST);
    let mut worst: Vec<_> = (hours.into_iter())
        .map(|(at, _)| (at - hour / 2, at + hour + hour / 2))
        .collect();
    worst.sort_by_key(|(from, _)| *from);
    worst
}
