//! Three kinds of quantile networks as graphs of given weights: an MLP on the whole context, and a GRU or LSTM that
//! reads it step by step. All take the calendar, if the card has one, beside what they have made of the history.

use super::onnx_file::{Graph, Recurrence, Value, whole};
use crate::analyze::models::onnx::card::Card;

/// A dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Number of outputs.
    pub outputs: usize,
    /// `[outputs, inputs]`, row by row.
    pub weights: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Dense layers with `ReLU` between them, on the context, its mask and the calendar, one behind the other: the first
/// takes `2 * context + horizon * features` inputs, the last gives `horizon * levels` outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// At least one layer.
    pub layers: Vec<Dense>,
}

/// Which recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
}

/// Recurrent layers over the context, whose steps are the pair of value and mask, and a dense head on the last state
/// and the calendar: `hidden + horizon * features` inputs, `horizon * levels` outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// Kind of all layers.
    pub cell: Cell,
    /// At least one layer; the first takes 2 inputs.
    pub layers: Vec<Recurrence>,
    /// The head.
    pub head: Dense,
}

impl Mlp {
    /// The file.
    ///
    /// # Errors
    /// When it breaks the contract.
    pub fn to_onnx(&self, card: &Card) -> Result<Vec<u8>, String> {
        let mut graph = Graph::new();
        let inputs = [graph.context(card), graph.mask(card)];
        let mut parts = inputs.to_vec();
        parts.extend(flat_calendar(&mut graph, card));
        let mut x = join(&mut graph, &parts);
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = graph.relu(&x);
            }
            x = graph.dense(&x, layer.outputs, &layer.weights, &layer.bias);
        }
        graph.quantiles(card, &x);
        graph.to_bytes(card)
    }
}

impl Recurrent {
    /// The file.
    ///
    /// # Errors
    /// When it breaks the contract, or there is no layer.
    pub fn to_onnx(&self, card: &Card) -> Result<Vec<u8>, String> {
        let mut graph = Graph::new();
        let inputs = [graph.context(card), graph.mask(card)];
        let [values, mask] = inputs.map(|input| graph.unsqueeze(&input, 2));
        let pairs = graph.concat(&[&values, &mask], 2);
        let mut steps = graph.transpose(&pairs, &[1, 0, 2]);
        let mut state = None;
        for layer in &self.layers {
            let (all, last) = match self.cell {
                Cell::Gru => graph.gru(&steps, layer),
                Cell::Lstm => graph.lstm(&steps, layer),
            };
            steps = all;
            state = Some(last);
        }
        let mut parts = vec![state.ok_or("a recurrent network needs a layer")?];
        parts.extend(flat_calendar(&mut graph, card));
        let x = join(&mut graph, &parts);
        let head = &self.head;
        let x = graph.dense(&x, head.outputs, &head.weights, &head.bias);
        graph.quantiles(card, &x);
        graph.to_bytes(card)
    }
}

fn flat_calendar(graph: &mut Graph, card: &Card) -> Option<Value> {
    let calendar = graph.calendar(card)?;
    let columns = card.horizon * card.calendar.len();
    Some(graph.reshape(&calendar, &[-1, whole(columns)]))
}

fn join(graph: &mut Graph, parts: &[Value]) -> Value {
    match parts {
        [one] => one.clone(),
        many => graph.concat(&many.iter().collect::<Vec<_>>(), 1),
    }
}
