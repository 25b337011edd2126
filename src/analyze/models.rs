//! The models, a file each, and the registry that finds them by name.
//!
//! # Adding a model
//! A model that learns from one workload's own history is one file here: implement `Member` and add it to
//! `MEMBERS`. It is then fitted, scored out of sample, given bands, weighed in the mix, and found by its name.
//! One that takes too long to fit for that goes into `ON_REQUEST` instead: it is fitted where it is asked for by name.
//! A model of another kind (a network shared by all workloads) implements [`Forecaster`] itself.

mod analog;
mod bins;
pub(crate) mod built_in;
mod ets;
mod holt_winters;
mod linear;
mod mstl;
mod naive;
pub mod onnx;
pub mod prophet;
mod recent_mean;
mod seasonal_naive;
mod space;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;

use super::view::View;
use super::{Config, ForecastInput, Forecaster, ModelError};
use crate::domain::{Fit, Forecast, ModelChoice, Profile};

use built_in::BuiltIn;
pub(super) use space::Space;

/// The name of the loss-weighted mix of [`MEMBERS`].
pub(crate) const MIX: &str = "mix";

/// The name of the floor under all models.
pub(crate) const NAIVE: &str = "naive";

/// The name of the network on the residuals of a Prophet curve.
pub(crate) const HYBRID: &str = "hybrid";

/// The models that learn from one workload's own history; the naive one comes first.
pub(crate) const MEMBERS: &[&dyn Member] = &[
    &naive::Naive,
    &recent_mean::RecentMean,
    &seasonal_naive::SeasonalNaive,
    &holt_winters::HoltWinters,
    &linear::Linear::PLAIN,
    &linear::Linear::LOG,
    &prophet::Prophet,
    &analog::Analog,
];

/// Models that learn from one workload's own history and are too dear to be tried on all: fitted where they are asked
/// for by name, and no part of the mix.
pub(crate) const ON_REQUEST: &[&dyn Member] = &[&ets::Ets, &mstl::Mstl];

/// What a member looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    /// The history.
    pub(crate) view: &'a View<'a>,
    /// The typical day, if there is one.
    pub(crate) profile: Option<&'a Profile>,
    /// The steps ahead that are forecast.
    pub(crate) knots: &'a [u32],
}

/// A model that learns from one workload's own history and forecasts it from any origin.
pub(crate) trait Member: Debug + Sync {
    /// Its name, as in `model:`.
    fn name(&self) -> &'static str;

    /// What it learns from the steps before `until`, in its own layout; `None` when there is too little.
    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>>;

    /// Points at each knot, seen from `origin`: nothing after it may count.
    fn points(&self, look: &Look<'_>, learned: &[f32], origin: usize) -> Option<Vec<f64>>;
}

/// Finds models by name and keeps the loaded ones.
#[derive(Debug)]
pub struct Registry {
    networks: onnx::Networks,
    auto_networks: Vec<String>,
}

impl Registry {
    /// A registry of the built-in models, the networks in the configured folders and those that come with the program.
    ///
    /// # Errors
    /// When ONNX Runtime is demanded and its library can't be used.
    pub fn new(config: &Config) -> Result<Self, ModelError> {
        let networks = onnx::Networks::new(config)?;
        Ok(Self {
            networks,
            auto_networks: config.auto_networks.clone(),
        })
    }

    /// The networks that compete in `auto`: those of the settings that are there and that load.
    pub fn competitors(&self) -> Vec<Arc<dyn Forecaster>> {
        let there = self.networks.names();
        let wanted = self.auto_networks.iter();
        wanted
            .filter(|name| there.contains(name))
            .filter_map(|name| self.networks.load(name).ok())
            .collect()
    }

    /// Whether there is a network of this name.
    pub fn has_network(&self, name: &str) -> bool {
        self.networks.has(name)
    }

    /// That `auto` does without networks which the settings name, in words; `None` where all are there.
    pub fn without_networks(&self) -> Option<String> {
        let missing = self.auto_networks.iter();
        let missing: Vec<String> = missing
            .filter(|name| !self.has_network(name))
            .map(|name| format!("`{name}`"))
            .collect();
        let looked = self.networks.folders();
        let looked: Vec<String> = looked.map(|dir| format!("`{}`", dir.display())).collect();
        let which = if missing.len() == 1 { "is" } else { "are" };
        (!missing.is_empty()).then(|| {
            format!(
                "{} {which} in none of the folders of models ({}): forecasts are made without, and are mostly a little worse",
                missing.join(", "),
                looked.join(", ")
            )
        })
    }

    /// Which ONNX engine is live, in words for the log and metrics: `onnx-runtime 1.32.0`, `rten 0.27`.
    pub fn onnx_engine(&self) -> String {
        self.networks.engine()
    }

    /// Lets networks that failed to load be tried again although their files haven't changed: a folder that was not
    /// mounted yet, say.
    pub fn forget_failures(&self) {
        self.networks.forget_failures();
    }

    /// The names that [`Registry::get`] knows: `auto`, the built-in models, and `onnx:NAME` for each network found.
    pub fn names(&self) -> Vec<String> {
        let built_in = MEMBERS.iter().chain(ON_REQUEST).map(|member| member.name());
        let networks = self.networks.names();
        ["auto", MIX]
            .into_iter()
            .chain(built_in)
            .map(str::to_owned)
            .chain(networks.into_iter().map(|name| format!("onnx:{name}")))
            .collect()
    }

    /// The model that `choice` means for a workload with this fit. Loads a network on first use; a network that failed
    /// to load is tried again after a while, not on every call.
    ///
    /// # Errors
    /// When there is no such model, or it fails to load; says where it was looked for.
    pub fn get(
        &self,
        choice: &ModelChoice,
        fit: Option<&Fit>,
    ) -> Result<Arc<dyn Forecaster>, ModelError> {
        match choice {
            ModelChoice::Auto => Ok(Arc::new(BuiltIn::named(super::fitting::best(fit)))),
            ModelChoice::Onnx(name) => self.networks.load(name),
            ModelChoice::Named(name) => self.by_name(name, fit),
        }
    }

    fn by_name(&self, name: &str, fit: Option<&Fit>) -> Result<Arc<dyn Forecaster>, ModelError> {
        if name == "auto" {
            return self.get(&ModelChoice::Auto, fit);
        }
        if let Some(model) = BuiltIn::find(name) {
            return Ok(Arc::new(model));
        }
        // The name of a network that comes with the program stands for it, or for what a folder has in its place.
        if onnx::shipped::bytes(name).is_some() {
            return self.networks.load(name);
        }
        Err(ModelError(format!(
            "there is no model `{name}`; there is {}",
            self.listed()
        )))
    }

    fn listed(&self) -> String {
        let names: Vec<String> = self
            .names()
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        names.join(", ")
    }
}

/// The forecast that always exists once there is a sample: the best of what needs nothing but history.
pub fn stand_in(input: &ForecastInput) -> Option<Forecast> {
    built_in::by_fit(input).ok()
}
