//! Every policy on one scene, and what they have in common.

use super::configured::CONFIGURED;
use super::forescale::{Life, judged};
use super::gain::Gain;
use super::moments::{Moments, PathPoint};
use super::report::{AgainstHpa, AtItsPoint, Gap, PolicyReport, Scored, TraceReport};
use super::{FORESCALE, OVERLOADS, Settings};
use crate::simulate::cluster::{Scene, run};
use crate::simulate::figures::Figures;
use crate::simulate::frontier::{Frontier, LEAST_OVERLOAD, Point};
use crate::simulate::policies::{Family, Kind, Search};

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
    let mut against = Vec::new();
    if let Some(swept) = &policies[0].frontier {
        let own = frontier_of(swept);
        against = against_hpa(&own, scene, &perfect);
        for policy in &mut policies[1..] {
            policy.forescale_there = Some(there(&own, &policy.usual));
        }
    }
    TraceReport {
        name: name.to_owned(),
        step_seconds: scene.trace.step().as_secs_f64(),
        judged_from: scene.from(),
        judged_until: scene.until(),
        capacity_per_replica: scene.cluster.capacity,
        notes: Vec::new(),
        gain: Gain::of(&policies, settings.price),
        policies,
        against_hpa: against,
        moments: moments(scene, settings, lives),
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
        forescale_there: None,
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

/// Ours where another policy is.
fn there(own: &Frontier, other: &Scored) -> AtItsPoint {
    let least = |overload: f64| overload.max(LEAST_OVERLOAD);
    let cheapest = own.points().last().map(|point| point.overload_percent);
    let less = |own: &f64| least(*own) < least(other.figures.overload_percent);
    AtItsPoint {
        overload_percent_of_the_cheapest: cheapest.filter(less),
        replica_hours_at_its_overload: own.hours_at(other.figures.overload_percent),
        overload_percent_at_its_cost: own.overload_at(other.figures.replica_hours),
    }
}

fn against_hpa(own: &Frontier, scene: &Scene<'_>, perfect: &Family<'_>) -> Vec<AgainstHpa> {
    let search = Search::on(scene);
    let (best, usual) = (search.frontier(), search.usual_frontier());
    let limit = perfect.sweep(Kind::Perfect.settings());
    let limit = Frontier::new(limit.iter().map(|(s, figures)| Point::of(*s, figures)));
    let gap = |hpa: &Frontier, overload: f64| Gap {
        hpa_hours: hpa.hours_at(overload),
        captured: hpa.captured_by(own, &limit, overload),
        overload_ratio_at_equal_cost: hpa.overload_ratio_of(own, overload),
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

fn moments(scene: &Scene<'_>, settings: &Settings, lives: &[Life]) -> Moments {
    let Some(life) = lives.first() else {
        return Moments::default();
    };
    let ours = life.ticks(scene);
    let capacity = scene.cluster.capacity;
    let configured = settings.configured.as_ref();
    // What runs today says more to its owner than what is usual.
    let today = configured.and_then(|it| it.today(capacity));
    let (beside, other) = if let Some((_, mut today)) = today {
        (CONFIGURED.to_owned(), judged(scene, &mut today))
    } else {
        let (family, usual) = (Family::new(Kind::Hpa, scene), Kind::Hpa.usual());
        let name = format!("{} at {:.0} %", Kind::Hpa.name(), 100.0 * usual);
        (name, judged(scene, family.policy(usual).as_mut()))
    };
    let each = ours.iter().zip(&other);
    let path: Vec<PathPoint> = each.map(|(own, other)| PathPoint::of(own, other)).collect();
    Moments::of(&beside, &path, capacity, &life.plans)
}
