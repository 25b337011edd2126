//! All that a network learns from: windows of recorded and of synthetic series, as the numbers that it starts from.

use rand::seq::SliceRandom;

use super::cutter::{Cutter, Targets, seeded};
use super::net::Shape;
use super::source::{Cut, Source, cuts, source_of};
use super::synthetic;
use crate::analyze::models::onnx::card::{Card, Input};
use crate::analyze::models::onnx::window::step_seconds;
use crate::dataset::Dataset;
use crate::domain::{HumanDuration, Series, Timestamp};

/// The steps ahead at which errors are reported.
pub const REPORTED: [usize; 3] = [5, 15, 30];
/// A series' weight is the inverse of its change over so many steps.
const CHANGE_STEPS: usize = 15;
/// Bounds of that weight.
const WEIGHTS: (f32, f32) = (0.5, 25.0);

/// How much of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amounts {
    /// Windows of each series at most, to learn from.
    pub windows: usize,
    /// Windows of each series at most, to say when to stop and to report on.
    pub checks: usize,
    /// Synthetic series.
    pub synthetic: usize,
    /// Windows of each of them.
    pub synthetic_windows: usize,
    /// Everything drawn follows from it.
    pub seed: u64,
}

/// Windows of several series, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    /// Inputs of each, [`super::pooling::Pooling::width`] numbers.
    pub inputs: Vec<f32>,
    /// Targets at each knot, then of each peak; `NaN` where unknown.
    pub targets: Vec<f32>,
    /// What holding the last value would have answered, in the same layout.
    pub held: Vec<f32>,
    /// One normalised unit in the metric's own.
    pub units: Vec<f64>,
    /// Which series each is of.
    pub series: Vec<u32>,
}

/// What is known of one series.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its file's name.
    pub name: String,
    /// Its source.
    pub source: String,
    /// Until when it was learned from; `None` for a synthetic one.
    pub cut: Option<Cut>,
    /// Its weight in the loss.
    pub weight: f32,
    /// Windows learned from.
    pub windows: usize,
    /// Why there are none, of a recorded series without any.
    pub without: Option<String>,
}

/// Everything.
#[derive(Debug, Default)]
pub struct Corpus {
    /// The series.
    pub members: Vec<Member>,
    /// To learn from.
    pub train: Examples,
    /// To say when to stop.
    pub validation: Examples,
    /// After the cut; empty unless asked for.
    pub held_out: Examples,
}

// === impl Examples ===

impl Examples {
    /// How many.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    fn push(
        &mut self,
        shape: &Shape,
        row: &crate::analyze::models::onnx::row::Row,
        targets: &Targets,
        series: usize,
    ) {
        shape.pooling.append(row, &mut self.inputs);
        let at_knots =
            |values: &[f32]| -> Vec<f32> { shape.knots.iter().map(|k| values[k - 1]).collect() };
        self.targets.extend(at_knots(&targets.steps));
        self.targets.extend(&targets.peaks);
        self.held.extend(at_knots(&targets.held));
        self.held.extend(&targets.held_peaks);
        self.units.push(targets.unit);
        self.series.push(series as u32);
    }
}

// === impl Corpus ===

impl Corpus {
    /// Cuts windows of `datasets` and of synthetic series. What lies after the cuts is looked at only if `held_out`, and
    /// then apart from all else.
    ///
    /// # Errors
    /// When a step doesn't fit the network's, no recorded series gives a window, or there is nothing to learn from.
    pub fn gather(
        card: &Card,
        shape: &Shape,
        datasets: &[Dataset],
        sources: &[Source],
        amounts: Amounts,
        held_out: bool,
        mut progress: impl FnMut(&str),
    ) -> Result<Self, String> {
        let mut corpus = Self::default();
        for (dataset, source, cut) in with_cuts(datasets, sources) {
            progress(&dataset.name);
            corpus
                .add_recorded(card, shape, dataset, source, cut, amounts, held_out)
                .map_err(|why| format!("`{}`: {why}", dataset.name))?;
        }
        // Synthetic series alone are not what somebody asked for who gave recorded ones.
        if !datasets.is_empty() && corpus.members.iter().all(|it| it.windows == 0) {
            let whys = corpus.without_windows();
            let whys = whys.map(|(name, why)| format!("`{name}`: {why}"));
            return Err(whys.collect::<Vec<_>>().join("\n       "));
        }
        for index in 0..amounts.synthetic {
            progress("synthetic");
            corpus.add_synthetic(card, shape, index, amounts)?;
        }
        if corpus.train.is_empty() || corpus.validation.is_empty() {
            return Err(
                "there is nothing to learn from: no window lies before the cuts".to_owned(),
            );
        }
        corpus.weigh(shape);
        Ok(corpus)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one recipe, passed through once"
    )]
    fn add_recorded(
        &mut self,
        card: &Card,
        shape: &Shape,
        dataset: &Dataset,
        source: &str,
        cut: Cut,
        amounts: Amounts,
        held_out: bool,
    ) -> Result<(), String> {
        let series = &dataset.series;
        // What comes later is taken away before anything else looks at it.
        let known = before(series, cut.end);
        let cutter = Cutter::new(card, &known)?;
        let member = self.members.len();
        let origins = cutter.origins(known.start(), cut.validation);
        let mut rng = seeded(amounts.seed, &dataset.name);
        let windows = add(
            &mut self.train,
            shape,
            &cutter,
            drawn(origins, amounts.windows, &mut rng),
            Some(&mut rng),
            member,
        );
        let origins = cutter.origins(cut.validation, cut.end);
        add(
            &mut self.validation,
            shape,
            &cutter,
            spread(&origins, amounts.checks),
            None,
            member,
        );
        if held_out {
            let cutter = Cutter::new(card, series)?;
            let origins = cutter.origins(cut.end, series.end());
            add(
                &mut self.held_out,
                shape,
                &cutter,
                spread(&origins, amounts.checks),
                None,
                member,
            );
        }
        self.members.push(Member {
            name: dataset.name.clone(),
            source: source.to_owned(),
            cut: Some(cut),
            weight: 1.0,
            windows,
            without: (windows == 0).then(|| why_none(card, &known)),
        });
        Ok(())
    }

    /// The last part of every fifth synthetic series says when to stop, too.
    fn add_synthetic(
        &mut self,
        card: &Card,
        shape: &Shape,
        index: usize,
        amounts: Amounts,
    ) -> Result<(), String> {
        let series = synthetic::series(amounts.seed, index);
        let name = format!("synthetic {index}");
        let cutter = Cutter::new(card, &series)?;
        let member = self.members.len();
        let mut rng = seeded(amounts.seed, &name);
        let checked = index.is_multiple_of(5);
        let span = series.end().as_millis() - series.start().as_millis();
        let until = if checked { span / 20 * 17 } else { span };
        let until = Timestamp::from_millis(series.start().as_millis() + until);
        let origins = cutter.origins(series.start(), until);
        let windows = add(
            &mut self.train,
            shape,
            &cutter,
            drawn(origins, amounts.synthetic_windows, &mut rng),
            Some(&mut rng),
            member,
        );
        if checked {
            let origins = cutter.origins(until, series.end());
            add(
                &mut self.validation,
                shape,
                &cutter,
                spread(&origins, amounts.checks / 4),
                None,
                member,
            );
        }
        self.members.push(Member {
            name,
            source: "synthetic".to_owned(),
            cut: None,
            weight: 1.0,
            windows,
            without: None,
        });
        Ok(())
    }

    /// Recorded series that nothing is learned from, with the reason.
    pub fn without_windows(&self) -> impl Iterator<Item = (&str, String)> {
        self.members.iter().filter_map(|it| {
            let why = it.without.as_ref()?;
            Some((it.name.as_str(), format!("gives no windows: {why}")))
        })
    }

    /// Gives each series its weight: no series counts for more because it moves more.
    fn weigh(&mut self, shape: &Shape) {
        let width = shape.knots.len() + shape.leads;
        let knot = shape
            .knots
            .iter()
            .rposition(|k| *k <= CHANGE_STEPS)
            .unwrap_or(0);
        let mut sums = vec![(0.0_f64, 0.0_f64); self.members.len()];
        let targets = self.train.targets.chunks_exact(width);
        let rows = targets.zip(self.train.held.chunks_exact(width));
        for ((target, held), series) in rows.zip(&self.train.series) {
            let change = f64::from((target[knot] - held[knot]).abs());
            let (sum, count) = &mut sums[*series as usize];
            if change.is_finite() {
                // One absurd change must not silence a series.
                (*sum, *count) = (*sum + change.min(10.0), *count + 1.0);
            }
        }
        for (member, (sum, count)) in self.members.iter_mut().zip(sums) {
            let change = if count > 0.0 { sum / count } else { 1.0 };
            member.weight = (1.0 / change.max(1e-6) as f32).clamp(WEIGHTS.0, WEIGHTS.1);
        }
    }

    /// The latest moment that anything recorded was learned from or stopped by.
    pub fn until(&self) -> Option<Timestamp> {
        let ends = self
            .members
            .iter()
            .filter(|m| m.windows > 0)
            .filter_map(|m| m.cut);
        ends.map(|cut| cut.end).max()
    }
}

/// Why no window could be cut of what is `known` of a series before its cuts.
fn why_none(card: &Card, known: &Series) -> String {
    let step = HumanDuration(known.step());
    let step_seconds = step_seconds(card, known.step());
    let horizon = HumanDuration::from_secs(step_seconds * card.horizon as u64);
    let mut measured = known.values().iter().filter(|value| value.is_finite());
    if measured.clone().next().is_none() {
        return "no value before its cuts is measured".to_owned();
    }
    if known.step() > horizon.get() {
        return format!(
            "its step is {step}, and the network looks ahead by {horizon}: give a history in steps of a minute"
        );
    }
    if measured.all(|value| *value == 0.0) {
        return "every value before its cuts is 0, which has no scale to learn on".to_owned();
    }
    let curve = match card.input {
        Input::Series => "",
        Input::Residual => ", behind days from which a curve can be fitted",
    };
    format!(
        "the {} steps of {step} before its cuts are too few: a window takes a measured one with {horizon} after it{curve}, and a \
         context that is not all 0",
        known.len()
    )
}

/// Each dataset with its source and cut.
fn with_cuts<'a>(
    datasets: &'a [Dataset],
    sources: &'a [Source],
) -> Vec<(&'a Dataset, &'a str, Cut)> {
    let names: Vec<&str> = datasets
        .iter()
        .map(|d| source_of(sources, &d.name))
        .collect();
    let mut all = Vec::with_capacity(datasets.len());
    for (dataset, name) in datasets.iter().zip(&names) {
        let own: Vec<usize> = (0..names.len()).filter(|i| names[*i] == *name).collect();
        let series: Vec<&Series> = own.iter().map(|i| &datasets[*i].series).collect();
        let place = own
            .iter()
            .position(|i| std::ptr::eq(&raw const datasets[*i], dataset));
        if let Some(cut) = place.map(|place| cuts(&series)[place]) {
            all.push((dataset, *name, cut));
        }
    }
    all
}

/// The steps before `end`.
fn before(series: &Series, end: Timestamp) -> Series {
    let count = (0..series.len())
        .take_while(|i| series.time_of(*i) < end)
        .count();
    Series::new(
        series.start(),
        series.step(),
        series.values()[..count].to_vec(),
    )
}

fn add(
    examples: &mut Examples,
    shape: &Shape,
    cutter: &Cutter<'_>,
    origins: Vec<usize>,
    mut poorer: Option<&mut rand_chacha::ChaCha8Rng>,
    member: usize,
) -> usize {
    let mut count = 0;
    for origin in origins {
        // A gap may have taken all of a short context: then there is no window.
        let Ok(Some((row, targets))) = cutter.cut(origin, poorer.as_deref_mut()) else {
            continue;
        };
        examples.push(shape, &row, &targets, member);
        count += 1;
    }
    count
}

/// So many at random.
fn drawn(mut origins: Vec<usize>, count: usize, rng: &mut rand_chacha::ChaCha8Rng) -> Vec<usize> {
    origins.shuffle(rng);
    origins.truncate(count);
    origins
}

/// So many, evenly spread.
fn spread(origins: &[usize], count: usize) -> Vec<usize> {
    let every = origins.len().div_ceil(count.max(1)).max(1);
    origins.iter().copied().step_by(every).collect()
}
