//! Models that are fitted where they are asked for by name, in trials of their own.

use super::trials::{self, Trials};
use super::{judge, kind, knots, rank};
use crate::analyze::models::{Look, MEMBERS, Member, NAIVE, ON_REQUEST};
use crate::analyze::preprocess::Prepared;
use crate::analyze::profile::Cells;
use crate::analyze::view::View;
use crate::domain::{Coefficients, Fit};

/// Tries every model among `wanted` that is fitted on request only beside the naive model, lets it learn, and adds what
/// came of it to `fit`.
pub(super) fn add(
    fit: &mut Fit,
    history: &Prepared,
    horizon: usize,
    timezone: &str,
    wanted: &[&str],
) {
    let asked = ON_REQUEST
        .iter()
        .filter(|member| wanted.contains(&member.name()));
    let asked: Vec<&dyn Member> = asked.copied().collect();
    if asked.is_empty() {
        return;
    }
    let view = View::new(history, horizon, timezone);
    let knots = knots(&view, horizon);
    let cells = Cells::new(&view, history.series.step());
    let cuts = trials::cuts(&view);
    let kind = kind::choose(&cells, &view, &cuts);
    // The naive model comes along because scores are relative to its.
    let members: Vec<&dyn Member> = MEMBERS[..1].iter().chain(&asked).copied().collect();
    let mut trials = Trials::new(&view, &knots, &cuts);
    for cut in &cuts {
        let profile = kind.and_then(|kind| cells.profile(kind, cut.at, &view));
        let look = Look {
            view: &view,
            profile: profile.as_ref(),
            knots: &knots,
        };
        trials.run(&look, cut, &members, &[]);
    }
    let names = members.iter().map(|member| member.name());
    let (bands, scores) = judge(&trials, &knots, view.step_secs, names);
    fit.bands
        .extend(bands.into_iter().filter(|set| *set.model != *NAIVE));
    fit.scores
        .extend(scores.into_iter().filter(|score| *score.model != *NAIVE));
    fit.scores.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let look = Look {
        view: &view,
        profile: fit.profile.as_ref(),
        knots: &knots,
    };
    let learned: Vec<Coefficients> = asked
        .iter()
        .filter_map(|member| {
            Some(Coefficients {
                model: member.name().into(),
                values: member.learn(&look, view.len())?,
            })
        })
        .collect();
    fit.coefficients.extend(learned);
}
