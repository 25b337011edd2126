//! Networks: how they are built and written as ONNX files that keep the contract of `docs/onnx-contract.md`.

pub mod networks;
pub mod onnx_file;
