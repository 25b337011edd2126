//! What a network says about itself: the metadata of the contract as typed values, both ways.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::calendar::Feature;
use crate::domain::Quantile;

/// The version of the contract that this build speaks.
pub const CONTRACT: &str = "1";
/// All of the contract's keys start with this; others are the writer's own business.
pub const PREFIX: &str = "forescale.";

const MAX_CONTEXT: usize = 20_160;
const MAX_HORIZON: usize = 2_880;
const MAX_LEVELS: usize = 99;
const DAY_SECONDS: u32 = 86_400;

/// The keys, without their prefix.
const KEYS: [&str; 14] = [
    "contract",
    "context",
    "horizon",
    "step_seconds",
    "levels",
    "normalisation",
    "level_window",
    "clip",
    "min_observed",
    "calendar",
    "peak_leads",
    "description",
    "licence",
    "trained_until",
];

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
        let mut reader = Reader::new(metadata);
        let card = reader.card();
        match card {
            Some(card) if reader.problems.is_empty() => Ok(card),
            _ => Err(reader.problems),
        }
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

/// Takes keys one by one and notes what is wrong.
struct Reader<'a> {
    values: BTreeMap<&'a str, &'a str>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut values = BTreeMap::new();
        let mut problems = Vec::new();
        for (key, value) in metadata {
            let Some(name) = key.strip_prefix(PREFIX) else {
                continue;
            };
            if !KEYS.contains(&name) {
                problems.push(format!(
                    "metadata `{key}` is unknown; the contract has `{PREFIX}` with {}",
                    KEYS.map(|key| format!("`{key}`")).join(", ")
                ));
            } else if values.insert(name, value.trim()).is_some() {
                problems.push(format!("metadata `{key}` stands there twice"));
            }
        }
        Self { values, problems }
    }

    /// `None` when something is missing or wrong, which `problems` then says.
    fn card(&mut self) -> Option<Card> {
        // A file of another version may look quite different: its other keys are no use.
        let contract = self.required("contract", "`1`")?;
        if contract != CONTRACT {
            self.wrong("contract", contract, "`1`");
            return None;
        }
        let context = self.number("context", 1, MAX_CONTEXT);
        let horizon = self.number("horizon", 1, MAX_HORIZON);
        let step = self.step();
        let levels = self.levels();
        let normalisation = self.normalisation(context.unwrap_or(MAX_CONTEXT));
        let clip = self.clip();
        let (context, horizon) = (context?, horizon?);
        Some(Card {
            context,
            horizon,
            step: step?,
            levels: levels?,
            normalisation: normalisation?,
            clip,
            min_observed: self
                .optional_number("min_observed", 1, context)
                .unwrap_or(context.div_ceil(2)),
            calendar: self.calendar(),
            peak_leads: self.peak_leads(horizon),
            description: self.text("description"),
            licence: self.text("licence"),
            trained_until: self.trained_until(),
        })
    }

    fn step(&mut self) -> Option<Step> {
        let allowed = "whole seconds from 1 to 86400, or `any`";
        let text = self.required("step_seconds", allowed)?;
        if text == "any" {
            return Some(Step::Any);
        }
        let seconds = text.parse().ok().filter(|s| (1..=DAY_SECONDS).contains(s));
        if seconds.is_none() {
            self.wrong("step_seconds", text, allowed);
        }
        seconds.map(Step::Seconds)
    }

    fn levels(&mut self) -> Option<Vec<Quantile>> {
        let allowed =
            "at most 99 rising levels between 0 and 1 with `0.5` among them, such as `0.1,0.5,0.9`";
        let text = self.required("levels", allowed)?;
        let levels = list::<Quantile>(text).filter(|levels| {
            levels.len() <= MAX_LEVELS
                && levels.is_sorted_by(|a, b| a < b)
                && levels.contains(&Quantile::MEDIAN)
        });
        if levels.is_none() {
            self.wrong("levels", text, allowed);
        }
        levels
    }

    fn normalisation(&mut self, context: usize) -> Option<Normalisation> {
        let allowed = "`level` or `none`";
        match self.required("normalisation", allowed)? {
            "none" => {
                if let Some(text) = self.values.get("level_window").copied() {
                    self.wrong("level_window", text, "nothing with `normalisation` `none`");
                }
                Some(Normalisation::None)
            }
            "level" => self
                .number("level_window", 1, context)
                .map(|window| Normalisation::Level { window }),
            other => {
                self.wrong("normalisation", other, allowed);
                None
            }
        }
    }

    fn clip(&mut self) -> Option<f32> {
        let text = self.values.get("clip").copied()?;
        let clip = text
            .parse()
            .ok()
            .filter(|c: &f32| c.is_finite() && *c > 0.0);
        if clip.is_none() {
            self.wrong("clip", text, "a number above 0");
        }
        clip
    }

    fn calendar(&mut self) -> Vec<Feature> {
        let Some(text) = self.values.get("calendar").copied() else {
            return Vec::new();
        };
        let features = list::<Feature>(text).filter(|features| {
            let unique = |(i, feature)| !features[..i].contains(feature);
            features.iter().enumerate().all(unique)
        });
        features.unwrap_or_else(|| {
            let known = Feature::ALL.map(|feature| format!("`{feature}`"));
            let allowed = format!("each at most once of {}", known.join(", "));
            self.wrong("calendar", text, &allowed);
            Vec::new()
        })
    }

    fn peak_leads(&mut self, horizon: usize) -> Vec<usize> {
        let Some(text) = self.values.get("peak_leads").copied() else {
            return Vec::new();
        };
        let leads = list::<usize>(text).filter(|leads| {
            leads.iter().all(|lead| (1..=horizon).contains(lead))
                && leads.is_sorted_by(|a, b| a < b)
        });
        leads.unwrap_or_else(|| {
            let allowed = format!("rising steps from 1 to the horizon of {horizon}");
            self.wrong("peak_leads", text, &allowed);
            Vec::new()
        })
    }

    fn trained_until(&mut self) -> Option<String> {
        let text = self.text("trained_until")?;
        if text.parse::<jiff::civil::Date>().is_err() {
            self.wrong("trained_until", &text, "a day such as `2026-10-31`");
        }
        Some(text)
    }

    fn text(&self, key: &str) -> Option<String> {
        self.values.get(key).map(|text| (*text).to_owned())
    }

    fn number(&mut self, key: &str, least: usize, most: usize) -> Option<usize> {
        self.required(key, &format!("a whole number from {least} to {most}"))?;
        self.optional_number(key, least, most)
    }

    fn optional_number(&mut self, key: &str, least: usize, most: usize) -> Option<usize> {
        let text = self.values.get(key).copied()?;
        let number = text.parse().ok().filter(|n| (least..=most).contains(n));
        if number.is_none() {
            self.wrong(key, text, &format!("a whole number from {least} to {most}"));
        }
        number
    }

    fn required(&mut self, key: &str, allowed: &str) -> Option<&'a str> {
        let value = self.values.get(key).copied();
        if value.is_none() {
            self.problems.push(format!(
                "metadata `{PREFIX}{key}` is missing: it must be {allowed}"
            ));
        }
        value
    }

    fn wrong(&mut self, key: &str, found: &str, allowed: &str) {
        self.problems.push(format!(
            "metadata `{PREFIX}{key}` is `{found}`: it must be {allowed}"
        ));
    }
}

/// A list with commas; `None` when it is empty or an item can't be read.
fn list<T: FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',')
        .map(|item| item.trim().parse().ok())
        .collect()
}

fn join<T: fmt::Display>(items: &[T]) -> Option<String> {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card {
            context: 120,
            horizon: 30,
            step: Step::Seconds(60),
            levels: [0.1, 0.5, 0.95].map(|l| Quantile::new(l).unwrap()).to_vec(),
            normalisation: Normalisation::Level { window: 5 },
            clip: Some(10.0),
            min_observed: 60,
            calendar: Feature::ALL.to_vec(),
            peak_leads: vec![5, 30],
            description: Some("a network".to_owned()),
            licence: Some("MIT".to_owned()),
            trained_until: Some("2026-10-31".to_owned()),
        }
    }

    /// The card's metadata with `key` set to `value`, or without it.
    fn read_with(key: &str, value: Option<&str>) -> Result<Card, Vec<String>> {
        let mut pairs = card().to_metadata();
        pairs.retain(|(k, _)| k != &format!("{PREFIX}{key}"));
        pairs.extend(value.map(|value| (format!("{PREFIX}{key}"), value.to_owned())));
        Card::from_metadata(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    #[test]
    fn what_is_written_is_read_and_other_keys_are_left_alone() {
        let mut pairs = card().to_metadata();
        pairs.push(("author".to_owned(), "somebody".to_owned()));
        let read = Card::from_metadata(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        assert_eq!(read, Ok(card()));
    }

    #[test]
    fn what_may_be_left_out_has_a_default() {
        assert_eq!(read_with("min_observed", None).unwrap().min_observed, 60);
        assert_eq!(read_with("clip", None).unwrap().clip, None);
        assert_eq!(read_with("calendar", None).unwrap().calendar, []);
    }

    #[test]
    fn every_mistake_names_the_key_the_value_and_what_is_allowed() {
        for (key, value, allowed) in [
            ("contract", "2", "`1`"),
            ("context", "0", "from 1 to 20160"),
            ("horizon", "many", "from 1 to 2880"),
            ("step_seconds", "1m", "`any`"),
            ("levels", "0.9,0.5", "rising"),
            ("levels", "0.1,0.9", "`0.5` among them"),
            ("normalisation", "zscore", "`level` or `none`"),
            ("level_window", "121", "from 1 to 120"),
            ("clip", "-1", "above 0"),
            ("min_observed", "121", "from 1 to 120"),
            ("calendar", "weekend,weekend", "at most once"),
            ("calendar", "moon", "`time_of_day_sin`"),
            ("peak_leads", "31", "to the horizon of 30"),
            ("trained_until", "yesterday", "`2026-10-31`"),
        ] {
            let problems = read_with(key, Some(value)).unwrap_err().join("; ");
            assert!(
                problems.contains(&format!("`{PREFIX}{key}` is `{value}`"))
                    && problems.contains(allowed),
                "{key}: {problems}"
            );
        }
    }

    #[test]
    fn a_missing_or_unknown_key_is_named() {
        let missing = read_with("horizon", None).unwrap_err().join("; ");
        assert!(
            missing.contains("`forescale.horizon` is missing"),
            "{missing}"
        );
        let unknown = read_with("clipp", Some("3")).unwrap_err().join("; ");
        assert!(
            unknown.contains("`forescale.clipp` is unknown"),
            "{unknown}"
        );
    }
}
