//! Networks: how they are trained, and written as ONNX files that keep the contract of `docs/onnx-contract.md`.
//!
//! [`cutter`] makes windows of series with the server's own code, [`corpus`] gathers them, [`net`] holds the weights,
//! [`session`] trains them, [`measure`] says how good they are, and [`export`] writes the file. The writer
//! ([`onnx_file`]) is always there; what needs candle comes with the feature `train`.

#[cfg(feature = "train")]
pub mod corpus;
pub mod cutter;
#[cfg(feature = "train")]
pub mod export;
#[cfg(feature = "train")]
pub mod measure;
#[cfg(feature = "train")]
pub mod net;
pub mod networks;
pub mod onnx_file;
#[cfg(feature = "train")]
pub mod optimiser;
#[cfg(feature = "train")]
pub mod pooling;
#[cfg(feature = "train")]
pub mod recipe;
#[cfg(feature = "train")]
pub mod session;
pub mod source;
pub mod synthetic;
#[cfg(all(test, feature = "train"))]
mod tests;
