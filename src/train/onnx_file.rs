//! A small writer of ONNX files: a graph is built value by value, then encoded.
//!
//! [`Graph`] has a method for each operator that forecasting networks need, and [`Graph::node`] for any other. Shapes
//! follow ONNX: row by row, the batch first. Gate orders are ONNX's: update, reset, hidden for a GRU; input, output,
//! forget, cell for an LSTM. Files declare operator set 17 and format version 8, which both engines read.

mod operators;

use prost::Message;

pub use self::operators::Recurrence;

use crate::analyze::models::onnx::card::Card;
use crate::analyze::models::onnx::contract::{self, CALENDAR, CONTEXT, MASK, PEAKS, QUANTILES};
use crate::analyze::models::onnx::proto::{
    AttributeProto, DimensionProto, FLOAT, GraphProto, INT64, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, attribute_type,
};

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const BATCH: &str = "batch";

/// A value of a graph: an input, a constant or an operator's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

/// A dimension of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    /// May vary from run to run.
    Batch,
    /// Always the same.
    Fixed(usize),
}

/// An operator's setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// One integer.
    Int(i64),
    /// Integers.
    Ints(Vec<i64>),
    /// One float.
    Float(f32),
    /// One string.
    Text(String),
}

/// A graph that is being built.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    graph: GraphProto,
    values: usize,
}

// === impl Graph ===

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// The contract's input `context`, `[batch, context]`.
    pub fn context(&mut self, card: &Card) -> Value {
        self.input(CONTEXT, &[Dim::Batch, Dim::Fixed(card.context)])
    }

    /// The contract's input `mask`, `[batch, context]`.
    pub fn mask(&mut self, card: &Card) -> Value {
        self.input(MASK, &[Dim::Batch, Dim::Fixed(card.context)])
    }

    /// The contract's input `calendar`, `[batch, horizon, features]`; `None` when the card has no features.
    pub fn calendar(&mut self, card: &Card) -> Option<Value> {
        let features = card.calendar.len();
        let dims = [Dim::Batch, Dim::Fixed(card.horizon), Dim::Fixed(features)];
        (features > 0).then(|| self.input(CALENDAR, &dims))
    }

    /// The contract's output `quantiles`, from `[batch, horizon * levels]`.
    pub fn quantiles(&mut self, card: &Card, flat: &Value) {
        self.output_grid(QUANTILES, flat, card.horizon, card.levels.len());
    }

    /// The contract's output `peaks`, from `[batch, leads * levels]`.
    pub fn peaks(&mut self, card: &Card, flat: &Value) {
        self.output_grid(PEAKS, flat, card.peak_leads.len(), card.levels.len());
    }

    /// An input of floats.
    pub fn input(&mut self, name: &str, dims: &[Dim]) -> Value {
        self.graph.input.push(value_info(name, dims));
        Value(name.to_owned())
    }

    /// Makes `value` an output of floats called `name`.
    pub fn output(&mut self, name: &str, value: &Value, dims: &[Dim]) {
        let node = NodeProto {
            input: vec![value.0.clone()],
            output: vec![name.to_owned()],
            op_type: Some("Identity".to_owned()),
            name: Some(name.to_owned()),
            ..NodeProto::default()
        };
        self.graph.node.push(node);
        self.graph.output.push(value_info(name, dims));
    }

    /// A constant of floats.
    ///
    /// # Panics
    /// When `data` doesn't hold as many as `shape` says.
    pub fn floats(&mut self, shape: &[usize], data: &[f32]) -> Value {
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "shape {shape:?}"
        );
        let bytes = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(FLOAT, shape, bytes)
    }

    /// A constant list of integers, as shapes and axes are given.
    pub fn integers(&mut self, data: &[i64]) -> Value {
        let bytes = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(INT64, &[data.len()], bytes)
    }

    /// Any operator with one result.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
    ) -> Value {
        let inputs = inputs.iter().map(|value| value.0.clone()).collect();
        let result = self.fresh();
        self.push(operator, inputs, vec![result.0.clone()], attributes);
        result
    }

    /// The file, with the card as its metadata.
    ///
    /// # Errors
    /// When it breaks the contract: what could not be loaded is not written.
    pub fn to_bytes(&self, card: &Card) -> Result<Vec<u8>, String> {
        let bytes = self.to_bytes_unchecked(&card.to_metadata());
        contract::check(&bytes).map(|_| bytes)
    }

    /// The file with any metadata, unchecked.
    pub fn to_bytes_unchecked(&self, metadata: &[(String, String)]) -> Vec<u8> {
        let entry = |(key, value): &(String, String)| StringStringEntryProto {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        let graph = GraphProto {
            name: Some("network".to_owned()),
            ..self.graph.clone()
        };
        ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("forescale".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
            metadata_props: metadata.iter().map(entry).collect(),
        }
        .encode_to_vec()
    }

    fn output_grid(&mut self, name: &str, flat: &Value, rows: usize, columns: usize) {
        let shape = [-1, whole(rows), whole(columns)];
        let grid = self.reshape(flat, &shape);
        let dims = [Dim::Batch, Dim::Fixed(rows), Dim::Fixed(columns)];
        self.output(name, &grid, &dims);
    }

    fn constant(&mut self, data_type: i32, shape: &[usize], bytes: Vec<u8>) -> Value {
        let value = self.fresh();
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().copied().map(whole).collect(),
            data_type: Some(data_type),
            name: Some(value.0.clone()),
            raw_data: Some(bytes),
            ..TensorProto::default()
        });
        value
    }

    fn push(
        &mut self,
        operator: &str,
        input: Vec<String>,
        output: Vec<String>,
        attributes: &[(&str, Attribute)],
    ) {
        let name = format!("{}_{}", operator.to_lowercase(), self.graph.node.len());
        self.graph.node.push(NodeProto {
            input,
            output,
            name: Some(name),
            op_type: Some(operator.to_owned()),
            attribute: attributes.iter().map(|(n, a)| attribute(n, a)).collect(),
            domain: None,
        });
    }

    fn fresh(&mut self) -> Value {
        self.values += 1;
        Value(format!("v{}", self.values))
    }
}

/// A size as ONNX writes it.
pub(super) fn whole(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto {
        name: Some(name.to_owned()),
        ..AttributeProto::default()
    };
    let kind = match value {
        Attribute::Int(i) => {
            proto.i = Some(*i);
            attribute_type::INT
        }
        Attribute::Ints(ints) => {
            proto.ints.clone_from(ints);
            attribute_type::INTS
        }
        Attribute::Float(f) => {
            proto.f = Some(*f);
            attribute_type::FLOAT
        }
        Attribute::Text(text) => {
            proto.s = Some(text.clone().into_bytes());
            attribute_type::STRING
        }
    };
    proto.r#type = Some(kind);
    proto
}

fn value_info(name: &str, dims: &[Dim]) -> ValueInfoProto {
    let dim = |dim: &Dim| match dim {
        Dim::Batch => DimensionProto {
            dim_value: None,
            dim_param: Some(BATCH.to_owned()),
        },
        Dim::Fixed(n) => DimensionProto {
            dim_value: Some(whole(*n)),
            dim_param: None,
        },
    };
    let tensor = TensorTypeProto {
        elem_type: Some(FLOAT),
        shape: Some(TensorShapeProto {
            dim: dims.iter().map(dim).collect(),
        }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
    }
}
