//! The cluster on paper.

pub mod demand;
