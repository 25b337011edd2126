//! The operators that forecasting networks are built of, a method each.

use super::{Attribute, Graph, Value, whole};

/// The weights of a GRU or LSTM layer in ONNX's layout and gate order.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrence {
    /// Length of the state.
    pub hidden: usize,
    /// Length of the input.
    pub inputs: usize,
    /// `[gates * hidden, inputs]`.
    pub input_weights: Vec<f32>,
    /// `[gates * hidden, hidden]`.
    pub state_weights: Vec<f32>,
    /// `[2 * gates * hidden]`: those of the input, then those of the state.
    pub bias: Vec<f32>,
}

impl Graph {
    /// `a · b`, matrices.
    pub fn matmul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("MatMul", &[a, b], &[])
    }

    /// `x · weightsᵀ + bias`: `[batch, inputs]` to `[batch, outputs]`, weights `[outputs, inputs]`, bias `[outputs]`.
    pub fn dense(&mut self, x: &Value, outputs: usize, weights: &[f32], bias: &[f32]) -> Value {
        let inputs = weights.len() / outputs.max(1);
        let weights = self.floats(&[outputs, inputs], weights);
        let bias = self.floats(&[outputs], bias);
        let transposed = [("transB", Attribute::Int(1))];
        self.node("Gemm", &[x, &weights, &bias], &transposed)
    }

    /// `a + b`, broadcast.
    pub fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], &[])
    }

    /// `a - b`, broadcast.
    pub fn sub(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Sub", &[a, b], &[])
    }

    /// `a * b`, broadcast.
    pub fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Mul", &[a, b], &[])
    }

    /// `a / b`, broadcast.
    pub fn div(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Div", &[a, b], &[])
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, x: &Value) -> Value {
        self.node("Relu", &[x], &[])
    }

    /// Hyperbolic tangent.
    pub fn tanh(&mut self, x: &Value) -> Value {
        self.node("Tanh", &[x], &[])
    }

    /// Logistic function.
    pub fn sigmoid(&mut self, x: &Value) -> Value {
        self.node("Sigmoid", &[x], &[])
    }

    /// `ln(1 + eˣ)`.
    pub fn softplus(&mut self, x: &Value) -> Value {
        self.node("Softplus", &[x], &[])
    }

    /// Joins values along `axis`.
    pub fn concat(&mut self, values: &[&Value], axis: i64) -> Value {
        self.node("Concat", values, &[("axis", Attribute::Int(axis))])
    }

    /// A new shape; -1 once for what remains, such as the batch.
    pub fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.node("Reshape", &[x, &shape], &[])
    }

    /// Axes in a new order.
    pub fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        let order = Attribute::Ints(order.to_vec());
        self.node("Transpose", &[x], &[("perm", order)])
    }

    /// Elements `from..to` of `axis`.
    pub fn slice(&mut self, x: &Value, axis: i64, from: i64, to: i64) -> Value {
        let [from, to, axis] = [from, to, axis].map(|n| self.integers(&[n]));
        self.node("Slice", &[x, &from, &to, &axis], &[])
    }

    /// Puts in an axis of length 1.
    pub fn unsqueeze(&mut self, x: &Value, axis: i64) -> Value {
        let axis = self.integers(&[axis]);
        self.node("Unsqueeze", &[x, &axis], &[])
    }

    /// Takes out an axis of length 1.
    pub fn squeeze(&mut self, x: &Value, axis: i64) -> Value {
        let axis = self.integers(&[axis]);
        self.node("Squeeze", &[x, &axis], &[])
    }

    /// A GRU over `[steps, batch, inputs]`: the states of all steps `[steps, batch, hidden]`, and the last one
    /// `[batch, hidden]`. The reset gate works on the state after its weights, as in `PyTorch`.
    pub fn gru(&mut self, x: &Value, weights: &Recurrence) -> (Value, Value) {
        let reset_after = [("linear_before_reset", Attribute::Int(1))];
        self.recurrent("GRU", 3, x, weights, &reset_after)
    }

    /// An LSTM over `[steps, batch, inputs]`: the states of all steps `[steps, batch, hidden]`, and the last one
    /// `[batch, hidden]`.
    pub fn lstm(&mut self, x: &Value, weights: &Recurrence) -> (Value, Value) {
        self.recurrent("LSTM", 4, x, weights, &[])
    }

    fn recurrent(
        &mut self,
        operator: &str,
        gates: usize,
        x: &Value,
        weights: &Recurrence,
        attributes: &[(&str, Attribute)],
    ) -> (Value, Value) {
        let (rows, hidden) = (gates * weights.hidden, weights.hidden);
        let w = self.floats(&[1, rows, weights.inputs], &weights.input_weights);
        let r = self.floats(&[1, rows, hidden], &weights.state_weights);
        let b = self.floats(&[1, 2 * rows], &weights.bias);
        let (all, last) = (self.fresh(), self.fresh());
        let mut attributes = attributes.to_vec();
        attributes.push(("hidden_size", Attribute::Int(whole(hidden))));
        self.push(
            operator,
            vec![x.0.clone(), w.0, r.0, b.0],
            vec![all.0.clone(), last.0.clone()],
            &attributes,
        );
        // Both carry an axis for the direction, of which there is one.
        (self.squeeze(&all, 1), self.squeeze(&last, 0))
    }
}
