//! Which kind of typical day a workload has: chosen by how well it foresees changes on the newest part of the history.

use super::trials::Cut;
use crate::analyze::profile::{Cells, Kind};
use crate::analyze::view::View;
use crate::domain::Profile;

/// Minutes ahead at which changes are compared.
const AHEAD: [f64; 2] = [15.0, 60.0];

/// A finer kind must be better by this much: it rests on fewer days.
const MARGIN: f64 = 0.99;

/// The best kind; `None` when the history is too short for any.
pub(super) fn choose(cells: &Cells, view: &View<'_>, cuts: &[Cut]) -> Option<Kind> {
    let cut = cuts.first()?;
    if cut.at == 0 {
        return None;
    }
    let mut best: Option<(f64, Kind)> = None;
    for kind in [Kind::Day, Kind::DayOrWeekend, Kind::Week] {
        let Some(profile) = cells.profile(kind, cut.at, view) else {
            continue;
        };
        let loss = loss(&profile, view, cut.at);
        if best.is_none_or(|(least, _)| loss < MARGIN * least) {
            best = Some((loss, kind));
        }
    }
    best.map(|(_, kind)| kind)
}

fn loss(profile: &Profile, view: &View<'_>, from: usize) -> f64 {
    let mut total = 0.0;
    for ahead in AHEAD.map(|minutes| view.steps(minutes)) {
        let origins = (from..view.len().saturating_sub(ahead)).step_by(view.five);
        for origin in origins {
            if view.marked(origin) || view.marked(origin + ahead) {
                continue;
            }
            let typical = |index| profile.at(view.calendar.local(index), view.step_secs);
            let (Some(now), Some(then)) = (view.level(origin), view.level(origin + ahead)) else {
                continue;
            };
            let (Some(from), Some(to)) = (typical(origin), typical(origin + ahead)) else {
                continue;
            };
            total += ((then - now) - (to - from)).abs();
        }
    }
    total
}
