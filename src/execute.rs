//! Answers KEDA, and looks after what scales in the cluster.

pub mod keda;
mod kubernetes;
pub mod operator;
