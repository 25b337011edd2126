//! What a network makes of its inputs before it learns anything: fixed means that keep it small.
//!
//! The newest minutes of the context are taken one by one, older ones as means of five. Of the calendar, time of day and
//! flags are taken at the middle of the horizon; yesterday, last week and the curve as means of five steps, the former
//! two as changes from their level at the origin's time of day. All of it is linear, so that the file does the same with three
//! matrices.

use crate::analyze::models::onnx::calendar::Feature;
use crate::analyze::models::onnx::card::Card;
use crate::analyze::models::onnx::row::Row;

/// Newest steps that are taken one by one.
const FINE: usize = 30;
/// Others are taken as means of so many.
const COARSE: usize = 5;

/// A matrix that means are taken with: `[inputs, outputs]`, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub inputs: usize,
    /// Columns.
    pub outputs: usize,
    /// The numbers.
    pub numbers: Vec<f32>,
}

/// The means of one card.
#[derive(Clone, Debug, PartialEq)]
pub struct Pooling {
    /// Of the context and of its mask.
    pub context: Matrix,
    /// Of what the calendar says in the metric's unit.
    pub values: Matrix,
    /// Of what else it says.
    pub flags: Matrix,
}

/// One column of a matrix: inputs and their weights.
type Column = Vec<(usize, f32)>;

// === impl Matrix ===

impl Matrix {
    fn new(inputs: usize, columns: &[Column]) -> Self {
        let outputs = columns.len();
        let mut numbers = vec![0.0; inputs * outputs];
        for (output, column) in columns.iter().enumerate() {
            for (input, weight) in column {
                numbers[input * outputs + output] += weight;
            }
        }
        Self {
            inputs,
            outputs,
            numbers,
        }
    }

    fn append(&self, x: &[f32], out: &mut Vec<f32>) {
        let from = out.len();
        out.resize(from + self.outputs, 0.0);
        let sums = &mut out[from..];
        for (x, row) in x.iter().zip(self.numbers.chunks_exact(self.outputs.max(1))) {
            if *x != 0.0 {
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum += x * weight;
                }
            }
        }
    }
}

// === impl Pooling ===

impl Pooling {
    /// For networks with this card.
    pub fn new(card: &Card) -> Self {
        let fine = FINE.min(card.context);
        let older = card.context - fine;
        let mut columns: Vec<Column> = Vec::new();
        let mut end = older;
        while end > 0 {
            let start = end.saturating_sub(COARSE);
            columns.push(mean(start..end));
            end = start;
        }
        columns.reverse();
        columns.extend((older..card.context).map(|step| vec![(step, 1.0)]));
        let width = card.horizon * card.calendar.len();
        let place = |step: usize, feature: usize| step * card.calendar.len() + feature;
        let (mut values, mut flags) = (Vec::new(), Vec::new());
        for (feature, kind) in card.calendar.iter().enumerate() {
            let now = match kind {
                Feature::Yesterday => card
                    .calendar
                    .iter()
                    .position(|f| *f == Feature::YesterdayNow),
                Feature::LastWeek => card
                    .calendar
                    .iter()
                    .position(|f| *f == Feature::LastWeekNow),
                _ => None,
            };
            match kind {
                Feature::Yesterday | Feature::LastWeek | Feature::CurveChange => {
                    for start in (0..card.horizon).step_by(COARSE) {
                        let end = (start + COARSE).min(card.horizon);
                        let mut column = mean(start..end);
                        for (step, _) in &mut column {
                            *step = place(*step, feature);
                        }
                        column.extend(now.map(|now| (place(0, now), -1.0)));
                        values.push(column);
                    }
                }
                Feature::YesterdayNow | Feature::LastWeekNow => {
                    values.push(vec![(place(0, feature), 1.0)]);
                }
                _ => flags.push(vec![(
                    place(card.horizon.saturating_sub(1) / 2, feature),
                    1.0,
                )]),
            }
        }
        Self {
            context: Matrix::new(card.context, &columns),
            values: Matrix::new(width, &values),
            flags: Matrix::new(width, &flags),
        }
    }

    /// Numbers of one row.
    pub fn width(&self) -> usize {
        2 * self.context.outputs + self.values.outputs + self.flags.outputs + 1
    }

    /// Appends what a network starts from: means of the context, of its mask, of the calendar's values and flags, and the
    /// context's restlessness.
    pub fn append(&self, row: &Row, out: &mut Vec<f32>) {
        let window = &row.window;
        self.context.append(&window.context, out);
        self.context.append(&window.mask, out);
        self.values.append(&row.calendar, out);
        self.flags.append(&row.calendar, out);
        let sum: f32 = window.context.iter().map(|v| v.abs()).sum();
        let count: f32 = window.mask.iter().sum();
        out.push(sum / (count + 1.0) + super::net::CALM);
    }
}

fn mean(steps: std::ops::Range<usize>) -> Column {
    let weight = 1.0 / steps.len() as f32;
    steps.map(|step| (step, weight)).collect()
}
