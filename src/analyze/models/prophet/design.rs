//! The columns beside the trend: sines and cosines of the seasons, then one column for each event.

use super::{Season, Settings};
use crate::domain::EventTimes;

/// What the columns are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Design {
    seasons: Vec<Season>,
    events: Vec<EventTimes>,
}

impl Design {
    /// With seasons alone.
    pub fn new(seasons: Vec<Season>) -> Self {
        Self {
            seasons,
            events: Vec::new(),
        }
    }

    /// The same with events.
    #[must_use]
    pub fn with_events(mut self, events: Vec<EventTimes>) -> Self {
        self.events = events;
        self
    }

    /// How many columns.
    pub fn width(&self) -> usize {
        self.seasons.iter().map(|s| s.columns()).sum::<usize>() + self.events.len()
    }

    /// The seasons.
    pub fn seasons(&self) -> &[Season] {
        &self.seasons
    }

    /// The events.
    pub fn events(&self) -> &[EventTimes] {
        &self.events
    }

    /// Fills a row for a moment of local time; `row` is as wide as the design.
    pub fn fill(&self, local: i64, row: &mut [f64]) {
        let mut rest = row;
        for season in &self.seasons {
            let (own, others) = rest.split_at_mut(season.columns());
            season.fill(local, own);
            rest = others;
        }
        for (cell, event) in rest.iter_mut().zip(&self.events) {
            *cell = if event.is_on(local) { 1.0 } else { 0.0 };
        }
    }

    /// The part of the design with these seasons (of no higher order than it has) and all events, and its columns.
    pub(super) fn part(&self, seasons: &[Season]) -> (Self, Vec<usize>) {
        let mut part = Self {
            seasons: Vec::new(),
            events: self.events.clone(),
        };
        let mut columns = Vec::new();
        let mut first = 0;
        for own in &self.seasons {
            if let Some(wanted) = seasons.iter().find(|s| s.period == own.period) {
                let order = wanted.order.min(own.order);
                columns.extend(first..first + 2 * order);
                part.seasons.push(Season { order, ..*own });
            }
            first += own.columns();
        }
        columns.extend(first..self.width());
        (part, columns)
    }

    /// The prior scale of each column.
    pub(super) fn scales(&self, settings: &Settings) -> impl Iterator<Item = f64> {
        let seasons = self.width() - self.events.len();
        let (season, event) = (
            settings.seasonality_prior_scale,
            settings.events_prior_scale,
        );
        (0..self.width()).map(move |i| if i < seasons { season } else { event })
    }
}
