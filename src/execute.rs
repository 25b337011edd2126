//! Answers KEDA, and asks the cluster what it knows.

pub mod cluster;
pub mod keda;
pub mod kubernetes;
