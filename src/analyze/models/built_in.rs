//! From a member's points to a forecast: points between the knots follow the typical day, bands come from the fit.

use super::super::bands::{self, by_default};
use super::super::fitting;
use super::seasonal_naive::trust;
use super::{Look, MEMBERS, MIX, Member, NAIVE, ON_REQUEST};
use crate::analyze::stats::interpolate;
use crate::analyze::view::View;
use crate::analyze::{ForecastInput, Forecaster, ModelError};
use crate::domain::{BandSet, DEFAULT_LEVELS, Fit, Forecast, Quantile};

/// A level this old says little about the present: then only the naive model answers.
const STALE_SECS: f64 = 3600.0;

/// One of [`MEMBERS`], or their mix.
#[derive(Clone, Copy, Debug)]
pub(super) struct BuiltIn {
    member: Option<&'static dyn Member>,
}

/// Where a forecast starts.
pub(crate) struct Start {
    /// The newest value's step.
    pub(crate) origin: usize,
    /// Steps from there to the end of the history.
    pub(crate) age: usize,
    last: f64,
}

impl Start {
    /// Whether the newest value says little about the present.
    pub(crate) fn is_stale(&self, view: &View<'_>) -> bool {
        self.age as f64 * view.step_secs > STALE_SECS
    }
}

impl BuiltIn {
    /// The model of this name, if there is one.
    pub(super) fn find(name: &str) -> Option<Self> {
        if name == MIX {
            return Some(Self { member: None });
        }
        let mut known = MEMBERS.iter().chain(ON_REQUEST);
        let member = known.find(|member| member.name() == name)?;
        Some(Self {
            member: Some(*member),
        })
    }

    /// The model of this name, or the naive one.
    pub(super) fn named(name: &str) -> Self {
        Self::find(name).unwrap_or(Self {
            member: Some(MEMBERS[0]),
        })
    }

    /// The forecast of one workload.
    pub(super) fn one(self, input: &ForecastInput) -> Result<Forecast, ModelError> {
        let history = &input.history.series;
        let view = View::from_few(&input.history, input.horizon_steps, &input.timezone);
        let start = start(&view)?;
        let fit = input.fit.as_deref();
        let own = match fit {
            Some(fit) if !fit.knots.is_empty() => fit.knots.clone(),
            _ => fitting::knots(&view, input.horizon_steps),
        };
        let look = Look {
            view: &view,
            profile: fit.and_then(|fit| fit.profile.as_ref()),
            knots: &own,
        };
        if start.is_stale(&view) && self.name() != NAIVE {
            return Err(ModelError(format!(
                "model `{}` needs a value of the last hour; the newest is {} steps old",
                self.name(),
                start.age
            )));
        }
        let points = self.points(&look, fit, start.origin).ok_or_else(|| {
            ModelError(format!(
                "model `{}` has not learned enough yet; it needs days of history and a fit",
                self.name()
            ))
        })?;
        let path = path(
            &look,
            fit,
            &start,
            &points,
            input.horizon_steps,
            self.name(),
        );
        let fallback;
        let set = if let Some(set) = fit.and_then(|fit| fit.bands_of(self.name())) {
            set
        } else {
            fallback = fresh_bands(&view, &own, self.name());
            &fallback
        };
        let levels = levels(&input.levels);
        let unit = bands::units(&view, start.origin)[bands::place(set.scale)];
        let values = levels.iter().flat_map(|level| {
            path.iter().enumerate().map(move |(step, point)| {
                let ahead = (step + 1 + start.age) as f64;
                // The naive model's median is the last value by definition: others are measured by it.
                let exact = self.name() == NAIVE && *level == Quantile::MEDIAN;
                let offset = if exact {
                    0.0
                } else {
                    bands::offset(set, *level, ahead)
                };
                let value = point + unit * offset;
                value.clamp(-1e35, 1e35) as f32
            })
        });
        let floor = floor(&view);
        let values = values.collect();
        let end = history.time_of(history.len().saturating_sub(1));
        Forecast::new(
            self.name(),
            end,
            history.step(),
            levels.clone(),
            values,
            floor,
        )
        .map_err(|error| ModelError(format!("model `{}`: {error}", self.name())))
    }

    fn points(self, look: &Look<'_>, fit: Option<&Fit>, origin: usize) -> Option<Vec<f64>> {
        match self.member {
            Some(member) => points_of(member, look, fit, origin),
            None => points_of_mix(look, fit?, origin),
        }
    }
}

impl Forecaster for BuiltIn {
    fn name(&self) -> &str {
        self.member.map_or(MIX, |member| member.name())
    }

    fn forecast(&self, batch: &[ForecastInput]) -> Vec<Result<Forecast, ModelError>> {
        batch.iter().map(|input| self.one(input)).collect()
    }
}

/// What forecasts don't go below: a metric that has never been negative is a rate or a count, and stays so.
pub(crate) fn floor(view: &View<'_>) -> Option<f32> {
    let never_negative = view.seen.iter().all(|v| v.is_nan() || *v >= 0.0);
    never_negative.then_some(0.0)
}

/// The forecast of the best built-in model by the fit alone, with the fit's bands.
pub(crate) fn by_fit(input: &ForecastInput) -> Result<Forecast, ModelError> {
    let best = fitting::best(input.fit.as_deref());
    BuiltIn::named(best)
        .one(input)
        .or_else(|_| BuiltIn::named(NAIVE).one(input))
}

pub(crate) fn points_of(
    member: &dyn Member,
    look: &Look<'_>,
    fit: Option<&Fit>,
    origin: usize,
) -> Option<Vec<f64>> {
    let learned = fit.and_then(|fit| fit.coefficients_of(member.name()));
    let points = member.points(look, learned.unwrap_or_default(), origin)?;
    let sound = points.len() == look.knots.len() && points.iter().all(|p| p.is_finite());
    sound.then_some(points)
}

/// The points of the mix at each knot.
fn points_of_mix(look: &Look<'_>, fit: &Fit, origin: usize) -> Option<Vec<f64>> {
    let weighed: Vec<(Vec<f64>, &[f32])> = fit
        .mix
        .iter()
        .filter_map(|mix| {
            let member = MEMBERS.iter().find(|member| *member.name() == *mix.model)?;
            Some((
                points_of(*member, look, Some(fit), origin)?,
                mix.weights.as_slice(),
            ))
        })
        .collect();
    let points = (0..look.knots.len()).map(|knot| {
        let weight = |w: &[f32]| f64::from(w.get(knot).copied().unwrap_or(0.0));
        let point = fitting::blend(weighed.iter().map(|(points, w)| (points[knot], weight(w))));
        point.is_finite().then_some(point)
    });
    points.collect()
}

/// The newest measured value and how old it is.
pub(crate) fn start(view: &View<'_>) -> Result<Start, ModelError> {
    let origin = (0..view.len())
        .rev()
        .find(|index| view.present(*index))
        .ok_or_else(|| ModelError("the history holds no value to start from".to_owned()))?;
    Ok(Start {
        origin,
        age: view.len() - 1 - origin,
        last: view.seen[origin],
    })
}

/// Points at every step: between the knots the change is linear, but for the part of it that the typical day draws.
pub(crate) fn path(
    look: &Look<'_>,
    fit: Option<&Fit>,
    start: &Start,
    points: &[f64],
    horizon: usize,
    model: &str,
) -> Vec<f64> {
    let learned = fit.and_then(|fit| fit.coefficients_of("seasonal-naive"));
    let follows = !matches!(model, NAIVE | "recent-mean");
    let trust = learned.filter(|_| follows).map(trust).unwrap_or_default();
    let typical = |ahead: usize| {
        let local = look.view.calendar.local(start.origin + ahead);
        look.profile?.at(local, look.view.step_secs)
    };
    let now = typical(0).filter(|_| !trust.is_empty());
    let season = |ahead: usize| {
        now.zip(typical(ahead))
            .map_or(0.0, |(now, then)| then - now)
    };
    let knots: Vec<u32> = [0].iter().chain(look.knots).copied().collect();
    let trusts: Vec<f64> = trust.first().into_iter().chain(&trust).copied().collect();
    let rest: Vec<f64> = std::iter::once(0.0)
        .chain(
            points
                .iter()
                .zip(look.knots)
                .enumerate()
                .map(|(k, (point, knot))| {
                    let trusted = trusts.get(k + 1).copied().unwrap_or(0.0);
                    point - start.last - trusted * season(*knot as usize)
                }),
        )
        .collect();
    (1..=horizon.max(1))
        .map(|step| {
            let ahead = step + start.age;
            let trusted = interpolate(&knots, &trusts, ahead as f64);
            start.last + trusted * season(ahead) + interpolate(&knots, &rest, ahead as f64)
        })
        .collect()
}

/// Bands for a workload that has not been fitted: from the naive model's errors on what there is of its history.
fn fresh_bands(view: &View<'_>, knots: &[u32], model: &str) -> BandSet {
    let errors: Vec<bands::Errors> = knots
        .iter()
        .map(|knot| {
            let mut found = bands::Errors::default();
            let until = view.len().saturating_sub(*knot as usize);
            for origin in fitting::origins(view, 0, until, 500) {
                let target = origin + *knot as usize;
                if view.measured(target) {
                    found.misses.push(view.seen[target] - view.seen[origin]);
                    found.units.push(bands::units(view, origin));
                }
            }
            let fine = until.saturating_sub(view.fine_from) as f64;
            found.independent = fine / f64::from(*knot).max(1.0);
            found.independent = found.independent.min(found.misses.len() as f64);
            found
        })
        .collect();
    if errors.iter().all(|at| at.misses.is_empty()) {
        return by_default(model, knots, view.step_secs);
    }
    bands::measure(model, knots, &errors, view.step_secs)
}

/// Rising levels without repetition; the default ones when none are asked for.
pub(crate) fn levels(wanted: &[Quantile]) -> Vec<Quantile> {
    let mut levels = wanted.to_vec();
    levels.sort_by(|a, b| a.get().total_cmp(&b.get()));
    levels.dedup();
    if levels.is_empty() {
        DEFAULT_LEVELS.to_vec()
    } else {
        levels
    }
}
