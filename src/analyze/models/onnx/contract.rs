//! The check of a file against the contract, `docs/onnx-contract.md`.
//!
//! It reads the file itself rather than ask an engine, so that the verdict and its words are the same under both.

use prost::Message;

use super::card::Card;
use super::proto::{
    AttributeProto, FLOAT, GraphProto, ModelProto, TensorProto, TensorShapeProto, ValueInfoProto,
};

/// Input: normalised history, `[batch, context]`.
pub const CONTEXT: &str = "context";
/// Input: where history was observed, `[batch, context]`.
pub const MASK: &str = "mask";
/// Input: known-future values, `[batch, horizon, calendar]`.
pub const CALENDAR: &str = "calendar";
/// Output: quantiles of each coming step, `[batch, horizon, levels]`.
pub const QUANTILES: &str = "quantiles";
/// Output: quantiles of the highest value up to each lead time, `[batch, peak_leads, levels]`.
pub const PEAKS: &str = "peaks";

/// A file that keeps the contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// What it says about itself.
    pub card: Card,
    /// Whether it takes [`MASK`].
    pub mask: bool,
}

/// A dimension that the contract asks for.
#[derive(Clone, Copy)]
enum Want {
    /// One that may vary from run to run.
    Batch,
    /// A number, by its key in the metadata.
    Fixed(usize, &'static str),
}

/// Reads a file and checks it.
///
/// # Errors
/// Everything that is wrong with it, each with what was expected and what was found.
pub fn check(file: &[u8]) -> Result<Contract, String> {
    let model =
        ModelProto::decode(file).map_err(|error| format!("it is not an ONNX file ({error})"))?;
    let graph = model
        .graph
        .as_ref()
        .filter(|graph| !graph.node.is_empty())
        .ok_or("it is not an ONNX file (no network in it)")?;
    let metadata = model.metadata_props.iter().map(|entry| {
        let text = |field: &'_ Option<String>| field.as_deref().unwrap_or_default().to_owned();
        (text(&entry.key), text(&entry.value))
    });
    let metadata: Vec<(String, String)> = metadata.collect();
    let card = Card::from_metadata(metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())))
        .map_err(|problems| problems.join("; "))?;
    let mut problems = Vec::new();
    foreign_operators(&model, &mut problems);
    if external_weights(graph) {
        problems.push("its weights stand in another file: they must be in this one".to_owned());
    }
    let mask = inputs(graph, &card, &mut problems);
    outputs(graph, &card, &mut problems);
    if problems.is_empty() {
        Ok(Contract { card, mask })
    } else {
        Err(problems.join("; "))
    }
}

fn foreign_operators(model: &ModelProto, problems: &mut Vec<String>) {
    let domains = model
        .opset_import
        .iter()
        .filter_map(|set| set.domain.as_deref());
    for domain in domains.filter(|domain| !["", "ai.onnx"].contains(domain)) {
        problems.push(format!(
            "it uses operators of `{domain}`: only ONNX's own are allowed"
        ));
    }
}

/// Returns whether the network takes a mask.
fn inputs(graph: &GraphProto, card: &Card, problems: &mut Vec<String>) -> bool {
    // Older writers list weights as inputs too.
    let is_weight = |name: &str| {
        graph
            .initializer
            .iter()
            .any(|w| w.name.as_deref() == Some(name))
    };
    let found: Vec<&ValueInfoProto> = graph
        .input
        .iter()
        .filter(|input| !is_weight(name(input)))
        .collect();
    let context = [Want::Batch, Want::Fixed(card.context, "context")];
    let calendar = [
        Want::Batch,
        Want::Fixed(card.horizon, "horizon"),
        Want::Fixed(card.calendar.len(), "calendar"),
    ];
    let mut mask = false;
    for input in &found {
        match name(input) {
            CONTEXT => compare("input", input, &context, false, problems),
            MASK => {
                mask = true;
                compare("input", input, &context, false, problems);
            }
            CALENDAR if card.calendar.is_empty() => problems.push(
                "there is an input `calendar` but no metadata `forescale.calendar` that names its columns"
                    .to_owned(),
            ),
            CALENDAR => compare("input", input, &calendar, false, problems),
            other => problems.push(format!(
                "input `{other}` is unknown: expected `context`, `mask` (may be left out) and `calendar` (when \
                 metadata `forescale.calendar` is there)"
            )),
        }
    }
    let has = |wanted: &str| found.iter().any(|input| name(input) == wanted);
    if !has(CONTEXT) {
        problems.push("input `context` is missing".to_owned());
    }
    if !card.calendar.is_empty() && !has(CALENDAR) {
        problems.push(
            "input `calendar` is missing though metadata `forescale.calendar` is there".to_owned(),
        );
    }
    mask
}

fn outputs(graph: &GraphProto, card: &Card, problems: &mut Vec<String>) {
    let levels = Want::Fixed(card.levels.len(), "levels");
    let horizon = Want::Fixed(card.horizon, "horizon");
    let leads = Want::Fixed(card.peak_leads.len(), "peak_leads");
    let find = |wanted: &str| graph.output.iter().find(|output| name(output) == wanted);
    if let Some(output) = find(QUANTILES) {
        let want = [Want::Batch, horizon, levels];
        compare("output", output, &want, true, problems);
    } else {
        let names: Vec<String> = graph
            .output
            .iter()
            .map(|output| format!("`{}`", name(output)))
            .collect();
        problems.push(format!(
            "output `quantiles` is missing: found {}",
            names.join(", ")
        ));
    }
    match (find(PEAKS), card.peak_leads.is_empty()) {
        (Some(output), false) => {
            compare(
                "output",
                output,
                &[Want::Batch, leads, levels],
                true,
                problems,
            );
        }
        (Some(_), true) => problems
            .push("there is an output `peaks` but no metadata `forescale.peak_leads`".to_owned()),
        (None, false) => problems.push(
            "output `peaks` is missing though metadata `forescale.peak_leads` is there".to_owned(),
        ),
        (None, true) => {}
    }
}

/// `open`: dimensions after the first may be unknown, as exporters leave those of outputs.
fn compare(
    kind: &str,
    value: &ValueInfoProto,
    want: &[Want],
    open: bool,
    problems: &mut Vec<String>,
) {
    let tensor = value.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let element = tensor.and_then(|tensor| tensor.elem_type).unwrap_or(0);
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let fits = |shape: &TensorShapeProto| {
        shape.dim.len() == want.len()
            && shape
                .dim
                .iter()
                .zip(want)
                .all(|(dim, want)| match (dim.dim_value, want) {
                    (Some(_), Want::Batch) => false,
                    (None, Want::Batch) => true,
                    (None, Want::Fixed(..)) => open,
                    (Some(found), Want::Fixed(wanted, _)) => usize::try_from(found) == Ok(*wanted),
                })
    };
    if element != FLOAT || !shape.is_some_and(fits) {
        problems.push(format!(
            "{kind} `{}` must be {}, found {}",
            name(value),
            expected(want),
            found(element, shape)
        ));
    }
}

fn expected(want: &[Want]) -> String {
    let dims: Vec<String> = want
        .iter()
        .map(|want| match want {
            Want::Batch => "batch (not fixed)".to_owned(),
            Want::Fixed(n, key) => format!("{n} ({key})"),
        })
        .collect();
    format!("float32 [{}]", dims.join(", "))
}

fn found(element: i32, shape: Option<&TensorShapeProto>) -> String {
    let element = match element {
        FLOAT => "float32".to_owned(),
        7 => "int64".to_owned(),
        10 => "float16".to_owned(),
        11 => "float64".to_owned(),
        0 => "no tensor type".to_owned(),
        other => format!("element type {other}"),
    };
    let Some(shape) = shape else {
        return format!("{element} of unknown shape");
    };
    let dims: Vec<String> = shape
        .dim
        .iter()
        .map(|dim| match (dim.dim_value, &dim.dim_param) {
            (Some(n), _) => n.to_string(),
            (None, Some(name)) if !name.is_empty() => name.clone(),
            (None, _) => "?".to_owned(),
        })
        .collect();
    format!("{element} [{}]", dims.join(", "))
}

/// Weights in another file would let a model file name any path of the machine.
fn external_weights(graph: &GraphProto) -> bool {
    let outside =
        |tensor: &TensorProto| tensor.data_location == Some(1) || !tensor.external_data.is_empty();
    let in_attribute = |attribute: &AttributeProto| {
        attribute.t.iter().chain(&attribute.tensors).any(outside)
            || attribute
                .g
                .iter()
                .map(AsRef::as_ref)
                .chain(&attribute.graphs)
                .any(external_weights)
    };
    graph.initializer.iter().any(outside)
        || graph
            .node
            .iter()
            .flat_map(|node| &node.attribute)
            .any(in_attribute)
}

fn name(value: &ValueInfoProto) -> &str {
    value.name.as_deref().unwrap_or_default()
}
