//! Answers KEDA, looks after what scales in the cluster, and asks it what it knows.

pub mod cluster;
pub mod keda;
pub mod kubernetes;
pub mod operator;
pub(crate) mod quantity;
