//! Rolling-origin trials: each model forecasts from many origins after each cut, having learned before it only.

use std::time::Duration;

use crate::analyze::bands::{self, Errors};
use crate::analyze::boosted::{self, Foreseen};
use crate::analyze::ensemble::Tried;
use crate::analyze::models::{Look, Member};
use crate::analyze::view::View;

/// Origins over all cuts.
const ORIGINS: usize = 500;

/// Where the history is cut, as shares of its length.
const SHARES: [f64; 2] = [0.65, 0.825];

/// No more than this is spent on trials.
pub const LONGEST_TRIED: Duration = Duration::from_hours(4 * 24);

/// Models that learn are tried from this many days on.
const FEWEST_DAYS: f64 = 1.5;

/// What is learned before `at` is tried on the steps from there until `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) at: usize,
    pub(super) until: usize,
}

/// The cuts. A history that is too short to learn from has one at its beginning: only models that learn nothing can
/// answer there. Nothing is tried on the coarse part, whose means move less than values do.
pub(super) fn cuts(view: &View<'_>) -> Vec<Cut> {
    let len = view.len();
    let first = view.seen.iter().position(|v| !v.is_nan()).unwrap_or(len);
    let days = (len - first) as f64 / view.day() as f64;
    if days < FEWEST_DAYS {
        return vec![Cut { at: 0, until: len }];
    }
    let fine = view.first_fine();
    let most_days = LONGEST_TRIED.as_secs_f64() / 86_400.0;
    let fine_days = (len - fine) as f64 / view.day() as f64;
    let tried = ((1.0 - SHARES[0]) * days).min(most_days).min(fine_days) / days;
    let place = |share: f64| {
        let place = first + ((1.0 - share) * (len - first) as f64) as usize;
        place.max(fine)
    };
    let (one, two) = (
        place(tried),
        place(tried * (1.0 - SHARES[1]) / (1.0 - SHARES[0])),
    );
    vec![
        Cut {
            at: one,
            until: two,
        },
        Cut {
            at: two,
            until: len,
        },
    ]
}

/// What each model said from each origin, and what came.
#[derive(Debug)]
pub(super) struct Trials {
    pub(super) step_secs: f64,
    /// Steps ahead.
    pub(super) knots: Vec<u32>,
    /// Steps between origins.
    spacing: usize,
    /// Steps of the history.
    len: usize,
    /// In order of time.
    pub(super) all: Vec<Trial>,
}

/// What each model said from one origin.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) origin: usize,
    units: [f64; 4],
    /// What came at each knot; not a number when it was not measured.
    pub(super) actual: Vec<f64>,
    /// By model (the mix comes last) and knot; not a number when the model could not say.
    pub(super) points: Vec<Vec<f64>>,
    /// What trees saw of the peak, by knot.
    foreseen: Vec<Option<Foreseen>>,
}

impl Trials {
    /// None yet.
    pub(super) fn new(view: &View<'_>, knots: &[u32], cuts: &[Cut]) -> Self {
        let tried = view.len() - cuts.first().map_or(0, |cut| cut.at);
        Self {
            step_secs: view.step_secs,
            knots: knots.to_vec(),
            spacing: super::spacing(tried, ORIGINS),
            len: view.len(),
            all: Vec::new(),
        }
    }

    /// Lets every one of `members` learn before the cut and forecast after it; `trees` have learned before it.
    pub(super) fn run(
        &mut self,
        look: &Look<'_>,
        cut: &Cut,
        members: &[&dyn Member],
        trees: &[f32],
    ) {
        let view = look.view;
        let learned: Vec<Option<Vec<f32>>> = members
            .iter()
            .map(|member| member.learn(look, cut.at))
            .collect();
        for origin in (cut.at..cut.until).step_by(self.spacing) {
            if !view.measured(origin) {
                continue;
            }
            let at = |knot: &u32| origin + *knot as usize;
            let came = |knot| {
                let measured = view.measured(at(knot));
                if measured {
                    view.seen[at(knot)]
                } else {
                    f64::NAN
                }
            };
            let actual: Vec<f64> = look.knots.iter().map(came).collect();
            if actual.iter().all(|v| v.is_nan()) {
                continue;
            }
            let points = members.iter().zip(&learned).map(|(member, learned)| {
                learned
                    .as_ref()
                    .and_then(|learned| member.points(look, learned, origin))
                    .unwrap_or_else(|| vec![f64::NAN; look.knots.len()])
            });
            self.all.push(Trial {
                origin,
                units: bands::units(view, origin),
                points: points.collect(),
                foreseen: boosted::foresee(look, trees, origin),
                actual,
            });
        }
    }

    /// The origins, in order of time, each with what the first `models` models said there.
    pub(super) fn said(&self, models: usize) -> Vec<Tried> {
        let each = self.all.iter().map(|trial| Tried {
            origin: trial.origin,
            points: trial.points.iter().take(models).cloned().collect(),
            foreseen: trial.foreseen.clone(),
        });
        each.collect()
    }

    /// The errors of a model at each knot.
    pub(super) fn errors(&self, model: usize) -> Vec<Errors> {
        (0..self.knots.len())
            .map(|knot| self.errors_at(model, knot))
            .collect()
    }

    /// The errors of a model at one knot, in order of time.
    pub(super) fn errors_at(&self, model: usize, knot: usize) -> Errors {
        let mut found = Errors::default();
        for trial in &self.all {
            let error = trial.actual[knot] - trial.points[model][knot];
            if error.is_finite() {
                found.misses.push(error);
                found.units.push(trial.units);
            }
        }
        let overlap = (f64::from(self.knots[knot]) / self.spacing as f64).max(1.0);
        found.independent = found.misses.len() as f64 / overlap;
        found
    }

    /// Seconds from each origin of [`Trials::errors_at`] to the end of the history.
    pub(super) fn ages_at(&self, model: usize, knot: usize) -> Vec<f64> {
        self.all
            .iter()
            .filter(|t| (t.actual[knot] - t.points[model][knot]).is_finite())
            .map(|t| (self.len - t.origin) as f64 * self.step_secs)
            .collect()
    }
}
