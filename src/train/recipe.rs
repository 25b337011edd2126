//! What a network is trained with: the recipe that is shipped beside the networks, or one's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::corpus::Amounts;
use super::net::{Architecture, Shape};
use super::source::Source;
use crate::analyze::models::onnx::calendar::Feature;
use crate::analyze::models::onnx::card::{Card, Input, Normalisation, Step};
use crate::domain::DEFAULT_LEVELS;

/// The recipe of the shipped networks.
pub const SHIPPED: &str = include_str!("../../models/recipe.yaml");

/// Steps of a minute.
const CONTEXT: usize = 120;
const HORIZON: usize = 30;
const LEADS: [usize; 7] = [1, 3, 5, 10, 15, 20, 30];
const CLIP: f32 = 20.0;

/// A whole recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// How much of what.
    pub corpus: Amount,
    /// The networks by their names.
    pub networks: BTreeMap<String, Network>,
    /// Where series are from.
    #[serde(default)]
    pub sources: Vec<Source>,
}

/// How much of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Amount {
    /// Windows of each recorded series to learn from.
    pub windows: usize,
    /// And to say when to stop.
    pub checks: usize,
    /// Synthetic series.
    pub synthetic: usize,
    /// Windows of each of them.
    pub synthetic_windows: usize,
}

/// One network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its kind.
    pub architecture: Architecture,
    /// `series`, or `residual` for one on the residuals of a curve.
    #[serde(default = "series")]
    pub input: String,
    /// Length of the state, or of each dense layer.
    pub hidden: usize,
    /// Steps at most.
    pub steps: usize,
    /// Windows of a step.
    #[serde(default = "batch")]
    pub batch: usize,
    /// The highest learning rate.
    #[serde(default = "rate")]
    pub rate: f64,
    /// What it is, in a sentence.
    pub description: String,
}

fn series() -> String {
    "series".to_owned()
}

fn batch() -> usize {
    512
}

fn rate() -> f64 {
    2e-3
}

// === impl Recipe ===

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// When it is no YAML or says something unknown.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    /// The amounts, with the seed that all is drawn from.
    pub fn amounts(&self, seed: u64) -> Amounts {
        Amounts {
            windows: self.corpus.windows,
            checks: self.corpus.checks,
            synthetic: self.corpus.synthetic,
            synthetic_windows: self.corpus.synthetic_windows,
            seed,
        }
    }
}

// === impl Network ===

impl Network {
    /// What its file says about itself.
    ///
    /// # Errors
    /// When `input` is neither of the two.
    pub fn card(&self, licence: &str) -> Result<Card, String> {
        use Feature::{
            CurveChange, DayOfWeekCos, DayOfWeekSin, LastWeek, LastWeekKnown, LastWeekNow,
            TimeOfDayCos, TimeOfDaySin, Weekend, Yesterday, YesterdayKnown, YesterdayNow,
        };
        let (input, known): (_, &[Feature]) = match self.input.as_str() {
            "series" => (
                Input::Series,
                &[
                    Yesterday,
                    YesterdayKnown,
                    LastWeek,
                    LastWeekKnown,
                    YesterdayNow,
                    LastWeekNow,
                ],
            ),
            "residual" => (Input::Residual, &[CurveChange]),
            other => {
                return Err(format!(
                    "`input` is `{other}`: it must be `series` or `residual`"
                ));
            }
        };
        let mut calendar = vec![
            TimeOfDaySin,
            TimeOfDayCos,
            DayOfWeekSin,
            DayOfWeekCos,
            Weekend,
        ];
        calendar.extend(known);
        Ok(Card {
            context: CONTEXT,
            horizon: HORIZON,
            step: Step::Seconds(60),
            levels: DEFAULT_LEVELS.to_vec(),
            normalisation: Normalisation::Level { window: 5 },
            input,
            clip: Some(CLIP),
            min_observed: 1,
            calendar,
            peak_leads: LEADS.to_vec(),
            description: Some(self.description.clone()),
            licence: Some(licence.to_owned()),
            trained_until: None,
        })
    }

    /// Its sizes.
    pub fn shape(&self, card: &Card) -> Shape {
        Shape::new(self.architecture, card, self.hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_recipe_has_the_four_networks_and_their_cards_are_sound() {
        let recipe = Recipe::read(SHIPPED).unwrap();
        let names: Vec<&str> = recipe.networks.keys().map(String::as_str).collect();
        assert_eq!(names, ["gru", "hybrid", "lstm", "mlp"]);
        for network in recipe.networks.values() {
            let card = network.card("MIT").unwrap();
            let pairs = card.to_metadata();
            let read = Card::from_metadata(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            assert_eq!(read, Ok(card));
        }
    }

    #[test]
    fn a_word_that_is_unknown_is_named() {
        let error = Recipe::read("corpus: {windows: 1, cheks: 2}\nnetworks: {}").unwrap_err();
        assert!(error.contains("cheks"), "{error}");
    }
}
