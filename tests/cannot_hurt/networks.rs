//! Networks that are broken in all ways.

use std::fs;
use std::sync::Arc;

use forescale::analyze::models::Registry;
use forescale::analyze::{self, OnnxEngine};
use forescale::train::onnx_file::{Graph, Value};
use tempfile::TempDir;

use super::support;

/// Networks called `m`, by what is wrong with them; each folder is loaded once for all lives.
pub(crate) struct Networks {
    _folder: TempDir,
    pub(crate) registries: Vec<Arc<Registry>>,
}

impl Networks {
    pub(crate) fn write() -> Self {
        let folder = TempDir::new().unwrap();
        let mut card = support::card();
        let good = support::mlp(&card, 8).to_onnx(&card).unwrap();
        card.calendar.clear();
        let files: [(&str, Option<Vec<u8>>); 5] = [
            ("good", Some(good)),
            (
                "nonsense",
                Some(made(|graph, newest| {
                    // The root of what is below zero: not a number whenever the load falls.
                    graph.node("Sqrt", &[&newest], &[])
                })),
            ),
            (
                "huge",
                Some(made(|graph, newest| {
                    let much = graph.floats(&[1], &[3e37]);
                    let once = graph.node("Abs", &[&newest], &[]);
                    let once = graph.node("Add", &[&once, &much], &[]);
                    graph.node("Mul", &[&once, &much], &[])
                })),
            ),
            ("broken", Some(b"not a network".to_vec())),
            ("absent", None),
        ];
        let registries = files.map(|(name, bytes)| {
            let dir = folder.path().join(name);
            fs::create_dir(&dir).unwrap();
            if let Some(bytes) = bytes {
                fs::write(dir.join("m.onnx"), bytes).unwrap();
            }
            let config = analyze::Config {
                model_dirs: vec![dir],
                shipped_networks: false,
                onnx_engine: OnnxEngine::Rten,
                ..analyze::Config::default()
            };
            Arc::new(Registry::new(&config).unwrap())
        });
        Self {
            _folder: folder,
            registries: registries.into(),
        }
    }
}

/// A network whose every output is `of` the newest value.
fn made(of: impl FnOnce(&mut Graph, Value) -> Value) -> Vec<u8> {
    let mut card = support::card();
    card.calendar.clear();
    let mut graph = Graph::new();
    let context = graph.context(&card);
    let newest = graph.slice(&context, 1, 23, 24);
    let value = of(&mut graph, newest);
    let flat = graph.concat(&[&value; 18], 1);
    graph.quantiles(&card, &flat);
    graph.to_bytes(&card).unwrap()
}
