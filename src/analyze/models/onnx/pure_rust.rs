//! The engine that needs no library: rten, a part of the binary.

use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::Layout;
use rten_tensor::prelude::*;

use super::engine::{Engine, Network, Tensor, guarded};

/// The engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct PureRust;

struct Loaded {
    model: Model,
    /// One thread: a batch is small, and the workloads of other models want the other cores.
    threads: Arc<ThreadPool>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("params", &self.model.total_params())
            .finish_non_exhaustive()
    }
}

impl Engine for PureRust {
    fn name(&self) -> String {
        "rten 0.27".to_owned()
    }

    fn load(&self, file: Arc<[u8]>) -> Result<Box<dyn Network>, String> {
        let model = guarded(|| Model::load(file.to_vec()).map_err(|error| error.to_string()))?;
        Ok(Box::new(Loaded {
            model,
            threads: Arc::new(ThreadPool::with_num_threads(1)),
        }))
    }
}

impl Network for Loaded {
    fn run(&self, inputs: &[(&str, Tensor)], outputs: &[&str]) -> Result<Vec<Tensor>, String> {
        guarded(|| {
            let values = inputs
                .iter()
                .map(|(name, tensor)| Ok((self.node(name)?, view(tensor)?)))
                .collect::<Result<Vec<_>, String>>()?;
            let wanted = outputs
                .iter()
                .map(|name| self.node(name))
                .collect::<Result<Vec<_>, _>>()?;
            let options = RunOptions::default().with_thread_pool(Some(self.threads.clone()));
            self.model
                .run(values, &wanted, Some(options))
                .map_err(|error| error.to_string())?
                .into_iter()
                .zip(outputs)
                .map(|(value, name)| tensor(value, name))
                .collect()
        })
    }
}

impl Loaded {
    fn node(&self, name: &str) -> Result<NodeId, String> {
        self.model
            .find_node(name)
            .ok_or_else(|| format!("there is no value `{name}`"))
    }
}

fn view(tensor: &Tensor) -> Result<ValueOrView<'_>, String> {
    ValueView::from_shape(&tensor.shape, tensor.data.as_slice())
        .map(Into::into)
        .map_err(|error| error.to_string())
}

fn tensor(value: Value, name: &str) -> Result<Tensor, String> {
    let found = value.dtype();
    let tensor = value
        .into_tensor::<f32>()
        .ok_or_else(|| format!("output `{name}` holds {found}, not float32"))?;
    Ok(Tensor {
        shape: tensor.shape().to_vec(),
        data: tensor.to_vec(),
    })
}
