//! Reads a card from metadata, key by key.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{CONTRACT, Card, Feature, Input, Normalisation, PREFIX, Step};
use crate::domain::Quantile;

const MAX_CONTEXT: usize = 20_160;
const MAX_HORIZON: usize = 2_880;
const MAX_LEVELS: usize = 99;
const DAY_SECONDS: u32 = 86_400;

/// The keys, without their prefix.
const KEYS: [&str; 15] = [
    "contract",
    "context",
    "horizon",
    "step_seconds",
    "levels",
    "normalisation",
    "level_window",
    "input",
    "clip",
    "min_observed",
    "calendar",
    "peak_leads",
    "description",
    "licence",
    "trained_until",
];

/// Takes keys one by one and notes what is wrong.
pub(super) struct Reader<'a> {
    values: BTreeMap<&'a str, &'a str>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
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

    /// The card, or everything that is wrong.
    pub(super) fn read(mut self) -> Result<Card, Vec<String>> {
        match self.card() {
            Some(card) if self.problems.is_empty() => Ok(card),
            _ => Err(self.problems),
        }
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
        let input = self.input();
        let clip = self.clip();
        let (context, horizon) = (context?, horizon?);
        Some(Card {
            context,
            horizon,
            step: step?,
            levels: levels?,
            normalisation: normalisation?,
            input: input?,
            clip,
            min_observed: self
                .optional_number("min_observed", 1, context)
                .unwrap_or(context.div_ceil(2)),
            calendar: self.calendar(input?),
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

    fn input(&mut self) -> Option<Input> {
        match self.values.get("input").copied() {
            None | Some("series") => Some(Input::Series),
            Some("residual") => Some(Input::Residual),
            Some(other) => {
                self.wrong("input", other, "`series` or `residual`");
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

    fn calendar(&mut self, input: Input) -> Vec<Feature> {
        let Some(text) = self.values.get("calendar").copied() else {
            return Vec::new();
        };
        let features = list::<Feature>(text).filter(|features| {
            let unique = |(i, feature)| !features[..i].contains(feature);
            features.iter().enumerate().all(unique)
        });
        if input == Input::Series && text.contains(Feature::CurveChange.name()) {
            self.wrong(
                "calendar",
                text,
                "without `curve_change` unless `input` is `residual`",
            );
        }
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
