//! What a network says about itself: the metadata of the contract as typed values, both ways.

mod reader;
#[cfg(test)]
mod tests;

use std::fmt;

use self::reader::Reader;
use super::calendar::Feature;
use crate::domain::Quantile;

/// The version of the contract that this build speaks.
pub const CONTRACT: &str = "1";
/// All of the contract's keys start with this; others are the writer's own business.
pub const PREFIX: &str = "forescale.";

/// A network's card.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Steps of history that it sees.
    pub context: usize,
    /// Steps that it forecasts.
    pub horizon: usize,
    /// The step that it was trained on.
    pub step: Step,
    /// Levels of its outputs, rising; the median is among them.
    pub levels: Vec<Quantile>,
    /// How values are brought to a common scale, and back.
    pub normalisation: Normalisation,
    /// What the context and the outputs are.
    pub input: Input,
    /// Normalised inputs are held within plus and minus this.
    pub clip: Option<f32>,
    /// Fewer observed steps than this in the context are too few to forecast from.
    pub min_observed: usize,
    /// Known-future inputs, in their order; empty when the network takes none.
    pub calendar: Vec<Feature>,
    /// Lead times, in steps and rising, of the output `peaks`; empty when there is none.
    pub peak_leads: Vec<usize>,
    /// What it is, in a sentence.
    pub description: Option<String>,
    /// Under which licence its weights are.
    pub licence: Option<String>,
    /// The day after which it has seen nothing, as `2026-10-31`.
    pub trained_until: Option<String>,
}

/// The step that a network was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It doesn't mind.
    Any,
    /// Seconds.
    Seconds(u32),
}

/// What a network looks at and speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// The values themselves.
    #[default]
    Series,
    /// What is left of them once the curve of trend and seasons is taken away.
    Residual,
}

/// How values are brought to a common scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// Not at all.
    None,
    /// The mean of the last `window` observed values is subtracted, then divided by the mean magnitude of the context.
    Level {
        /// How many observed values make the level.
        window: usize,
    },
}

// === impl Card ===

impl Card {
    /// Reads the metadata of a file. Keys without the contract's prefix are not looked at.
    ///
    /// # Errors
    /// Everything that is wrong, each with the key, the value and what is allowed.
    pub fn from_metadata<'a>(
        metadata: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<String>> {
        Reader::new(metadata).read()
    }

    /// The metadata that [`Card::from_metadata`] reads.
    pub fn to_metadata(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut put = |key: &str, value: Option<String>| {
            pairs.extend(value.map(|value| (format!("{PREFIX}{key}"), value)));
        };
        put("contract", Some(CONTRACT.to_owned()));
        put("context", Some(self.context.to_string()));
        put("horizon", Some(self.horizon.to_string()));
        put("step_seconds", Some(self.step.to_string()));
        put("levels", join(&self.levels));
        match self.normalisation {
            Normalisation::None => put("normalisation", Some("none".to_owned())),
            Normalisation::Level { window } => {
                put("normalisation", Some("level".to_owned()));
                put("level_window", Some(window.to_string()));
            }
        }
        let residual = self.input == Input::Residual;
        put("input", residual.then(|| "residual".to_owned()));
        put("clip", self.clip.map(|clip| clip.to_string()));
        put("min_observed", Some(self.min_observed.to_string()));
        put("calendar", join(&self.calendar));
        put("peak_leads", join(&self.peak_leads));
        put("description", self.description.clone());
        put("licence", self.licence.clone());
        put("trained_until", self.trained_until.clone());
        pairs
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Seconds(seconds) => seconds.fmt(f),
        }
    }
}

fn join<T: fmt::Display>(items: &[T]) -> Option<String> {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}
