//! Answers KEDA.

pub mod keda;
