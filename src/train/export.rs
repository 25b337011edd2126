//! A trained network as an ONNX file, and the proof that the file says what the trainer would.

use candle_core::{Device, Result as CandleResult, Tensor as CandleTensor};

use super::net::{Architecture, CALM, FAR, Net};
use super::onnx_file::{Graph, Recurrence, Value, whole};
use super::pooling::Matrix;
use crate::analyze::models::onnx::card::Card;
use crate::analyze::models::onnx::contract::{CALENDAR, CONTEXT, MASK, PEAKS, QUANTILES};
use crate::analyze::models::onnx::engine::{Engine, Tensor};
use crate::analyze::models::onnx::row::Row;

/// The parts of the inputs in the graph.
struct Parts {
    context: Value,
    mask: Value,
    known: Value,
    spread: Value,
}

/// The file.
///
/// # Errors
/// When it breaks the contract.
pub fn to_onnx(net: &Net, card: &Card) -> Result<Vec<u8>, String> {
    let mut graph = Graph::new();
    let parts = parts(&mut graph, net, card)?;
    let inputs = graph.concat(&[&parts.context, &parts.mask, &parts.known], 1);
    let outputs = net.shape.outputs();
    let hidden = match net.shape.architecture {
        Architecture::Mlp => {
            let first = dense(&mut graph, net, &inputs, "first", net.shape.hidden);
            let first = graph.relu(&first);
            let second = dense(&mut graph, net, &first, "second", net.shape.hidden);
            graph.relu(&second)
        }
        kind => {
            let state = recurrent(&mut graph, net, &parts, kind);
            let x = graph.concat(&[&state, &parts.known], 1);
            let head = dense(&mut graph, net, &x, "head", net.shape.head);
            graph.relu(&head)
        }
    };
    let last = dense(&mut graph, net, &hidden, "last", outputs);
    let skip = graph.dense(
        &inputs,
        outputs,
        &net.numbers("skip.weight"),
        &vec![0.0; outputs],
    );
    let both = graph.add(&last, &skip);
    let answers = graph.mul(&both, &parts.spread);
    let (knots, levels) = (net.shape.knots.len(), net.shape.levels);
    let paths = graph.slice(&answers, 1, 0, whole(knots * levels));
    let paths = graph.reshape(&paths, &[-1, whole(knots), whole(levels)]);
    let between = between(&net.shape.knots);
    let between = graph.floats(&[card.horizon, knots], &between);
    let paths = graph.matmul(&between, &paths);
    graph.quantiles(card, &paths);
    if net.shape.leads > 0 {
        let peaks = graph.slice(&answers, 1, whole(knots * levels), whole(outputs));
        graph.peaks(card, &peaks);
    }
    graph.to_bytes(card)
}

fn parts(graph: &mut Graph, net: &Net, card: &Card) -> Result<Parts, String> {
    let pooling = &net.shape.pooling;
    let (context, mask) = (graph.context(card), graph.mask(card));
    let calendar = graph
        .calendar(card)
        .ok_or("a trained network takes a calendar")?;
    let calendar = graph.reshape(&calendar, &[-1, whole(card.horizon * card.calendar.len())]);
    let ones = graph.floats(&[card.context, 1], &vec![1.0; card.context]);
    let distance = graph.node("Abs", &[&context], &[]);
    let sum = graph.matmul(&distance, &ones);
    let count = graph.matmul(&mask, &ones);
    let one = graph.floats(&[], &[1.0]);
    let count = graph.add(&count, &one);
    let mean = graph.div(&sum, &count);
    let calm = graph.floats(&[], &[CALM]);
    let spread = graph.add(&mean, &calm);
    let mut pool = |x: &Value, matrix: &Matrix| {
        let matrix = graph.floats(&[matrix.inputs, matrix.outputs], &matrix.numbers);
        graph.matmul(x, &matrix)
    };
    let context = pool(&context, &pooling.context);
    let mask = pool(&mask, &pooling.context);
    let flags = pool(&calendar, &pooling.flags);
    let values = (pooling.values.outputs > 0).then(|| pool(&calendar, &pooling.values));
    let context = graph.div(&context, &spread);
    let mut known = Vec::new();
    if let Some(values) = values {
        let values = graph.div(&values, &spread);
        let (low, high) = (graph.floats(&[], &[-FAR]), graph.floats(&[], &[FAR]));
        known.push(graph.node("Clip", &[&values, &low, &high], &[]));
    }
    known.extend([flags, spread.clone()]);
    let known = graph.concat(&known.iter().collect::<Vec<_>>(), 1);
    Ok(Parts {
        context,
        mask,
        known,
        spread,
    })
}

fn dense(graph: &mut Graph, net: &Net, x: &Value, name: &str, outputs: usize) -> Value {
    let weights = net.numbers(&format!("{name}.weight"));
    graph.dense(x, outputs, &weights, &net.numbers(&format!("{name}.bias")))
}

fn recurrent(graph: &mut Graph, net: &Net, parts: &Parts, kind: Architecture) -> Value {
    let values = graph.unsqueeze(&parts.context, 2);
    let mask = graph.unsqueeze(&parts.mask, 2);
    let pairs = graph.concat(&[&values, &mask], 2);
    let steps = graph.transpose(&pairs, &[1, 0, 2]);
    let mut bias = net.numbers("cell.input_bias");
    bias.extend(net.numbers("cell.state_bias"));
    let weights = Recurrence {
        hidden: net.shape.hidden,
        inputs: 2,
        input_weights: net.numbers("cell.input"),
        state_weights: net.numbers("cell.state"),
        bias,
    };
    let (_, last) = match kind {
        Architecture::Lstm => graph.lstm(&steps, &weights),
        _ => graph.gru(&steps, &weights),
    };
    last
}

/// All steps from the knots: linear between two, `[horizon, knots]`.
pub fn between(knots: &[usize]) -> Vec<f32> {
    let horizon = knots.last().copied().unwrap_or(0);
    let mut matrix = vec![0.0; horizon * knots.len()];
    for step in 1..=horizon {
        let row = &mut matrix[(step - 1) * knots.len()..step * knots.len()];
        let above = knots.partition_point(|knot| *knot < step);
        if above == 0 || knots[above] == step {
            row[above] = 1.0;
        } else {
            let (from, to) = (knots[above - 1], knots[above]);
            let share = (step - from) as f32 / (to - from) as f32;
            (row[above - 1], row[above]) = (1.0 - share, share);
        }
    }
    matrix
}

/// The largest difference of an answer of `file` in `engine` from the trainer's on `rows`, relative to the largest
/// answer.
///
/// # Errors
/// When either can't run.
pub fn difference(
    net: &Net,
    card: &Card,
    file: &[u8],
    engine: &dyn Engine,
    rows: &[Row],
) -> Result<f64, String> {
    if rows.is_empty() {
        return Err("there is no window to compare on".to_owned());
    }
    let network = engine.load(file.into())?;
    let gather =
        |part: fn(&Row) -> &[f32]| -> Vec<f32> { rows.iter().flat_map(part).copied().collect() };
    let shape = vec![rows.len(), card.context];
    let inputs = [
        (
            CONTEXT,
            Tensor {
                shape: shape.clone(),
                data: gather(|r| &r.window.context),
            },
        ),
        (
            MASK,
            Tensor {
                shape,
                data: gather(|r| &r.window.mask),
            },
        ),
        (
            CALENDAR,
            Tensor {
                shape: vec![rows.len(), card.horizon, card.calendar.len()],
                data: gather(|r| &r.calendar),
            },
        ),
    ];
    let found = network.run(&inputs, &[QUANTILES, PEAKS])?;
    let wanted = trainers(net, card, rows).map_err(|error| error.to_string())?;
    let mut largest = (0.0_f64, 1e-9_f64);
    for (found, wanted) in found.iter().zip(&wanted) {
        if found.data.len() != wanted.len() {
            return Err("the answers differ in length".to_owned());
        }
        for (found, wanted) in found.data.iter().zip(wanted) {
            largest.0 = largest.0.max(f64::from((found - wanted).abs()));
            largest.1 = largest.1.max(f64::from(wanted.abs()));
        }
    }
    Ok(largest.0 / largest.1)
}

/// The trainer's own answers, laid out as the file's.
fn trainers(net: &Net, card: &Card, rows: &[Row]) -> CandleResult<[Vec<f32>; 2]> {
    let mut inputs = Vec::new();
    for row in rows {
        net.shape.pooling.append(row, &mut inputs);
    }
    let inputs = CandleTensor::from_vec(inputs, (rows.len(), net.shape.inputs()), &Device::Cpu)?;
    let (paths, peaks) = net.forward(&inputs)?;
    let knots = net.shape.knots.len();
    let between = CandleTensor::from_vec(
        between(&net.shape.knots),
        (card.horizon, knots),
        &Device::Cpu,
    )?;
    let paths = between.broadcast_matmul(&paths.contiguous()?)?;
    Ok([
        paths.flatten_all()?.to_vec1()?,
        peaks.flatten_all()?.to_vec1()?,
    ])
}
