//! The networks' forward pass by the equations of the ONNX operators: double precision, no matrix library, and nothing
//! in common with the engines.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use forescale::analyze::models::onnx::card::Card;
use forescale::train::networks::{Cell, Mlp, Recurrent};
use forescale::train::onnx_file::Recurrence;

use crate::support::Seeded;

/// One row of inputs.
pub(crate) struct Row {
    pub(crate) context: Vec<f32>,
    pub(crate) mask: Vec<f32>,
    pub(crate) calendar: Vec<f32>,
}

pub(crate) fn row(card: &Card, seed: u64) -> Row {
    let mut seeded = Seeded(seed);
    let mask: Vec<f32> = (0..card.context)
        .map(|_| if seeded.next() > -0.8 { 1.0 } else { 0.0 })
        .collect();
    let context = mask.iter().map(|seen| seeded.next() * 2.0 * seen).collect();
    Row {
        context,
        mask,
        calendar: seeded.many(card.horizon * card.calendar.len(), 1.0),
    }
}

pub(crate) fn forward_mlp(mlp: &Mlp, row: &Row) -> Vec<f64> {
    let mut x = wide(&[&row.context[..], &row.mask, &row.calendar].concat());
    for (i, layer) in mlp.layers.iter().enumerate() {
        if i > 0 {
            x = x.iter().map(|v| v.max(0.0)).collect();
        }
        x = affine(&layer.weights, &layer.bias, &x);
    }
    x
}

pub(crate) fn forward_recurrent(network: &Recurrent, row: &Row) -> Vec<f64> {
    let pair = |(value, seen): (&f32, &f32)| vec![f64::from(*value), f64::from(*seen)];
    let mut steps: Vec<Vec<f64>> = row.context.iter().zip(&row.mask).map(pair).collect();
    for layer in &network.layers {
        steps = match network.cell {
            Cell::Gru => gru(layer, &steps),
            Cell::Lstm => lstm(layer, &steps),
        };
    }
    let mut x = steps.pop().unwrap();
    x.extend(wide(&row.calendar));
    affine(&network.head.weights, &network.head.bias, &x)
}

/// The equations of the ONNX operator `GRU` with `linear_before_reset`, gates z, r, h.
fn gru(layer: &Recurrence, steps: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = layer.hidden;
    let (input_bias, state_bias) = layer.bias.split_at(3 * n);
    let mut state = vec![0.0; n];
    steps
        .iter()
        .map(|x| {
            let from_input = affine(&layer.input_weights, input_bias, x);
            let from_state = affine(&layer.state_weights, state_bias, &state);
            state = (0..n)
                .map(|i| {
                    let update = logistic(from_input[i] + from_state[i]);
                    let reset = logistic(from_input[n + i] + from_state[n + i]);
                    let new = (from_input[2 * n + i] + reset * from_state[2 * n + i]).tanh();
                    (1.0 - update) * new + update * state[i]
                })
                .collect();
            state.clone()
        })
        .collect()
}

/// The equations of the ONNX operator `LSTM`, gates i, o, f, c.
fn lstm(layer: &Recurrence, steps: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = layer.hidden;
    let (input_bias, state_bias) = layer.bias.split_at(4 * n);
    let (mut state, mut cell) = (vec![0.0; n], vec![0.0; n]);
    steps
        .iter()
        .map(|x| {
            let a = affine(&layer.input_weights, input_bias, x);
            let b = affine(&layer.state_weights, state_bias, &state);
            let gate = |k: usize, i: usize| a[k * n + i] + b[k * n + i];
            for (i, cell) in cell.iter_mut().enumerate() {
                let new = logistic(gate(0, i)) * gate(3, i).tanh();
                *cell = logistic(gate(2, i)) * *cell + new;
            }
            state = (0..n)
                .map(|i| logistic(gate(1, i)) * cell[i].tanh())
                .collect();
            state.clone()
        })
        .collect()
}

fn affine(weights: &[f32], bias: &[f32], x: &[f64]) -> Vec<f64> {
    weights
        .chunks_exact(x.len())
        .zip(bias)
        .map(|(row, bias)| {
            let dot: f64 = row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum();
            dot + f64::from(*bias)
        })
        .collect()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
