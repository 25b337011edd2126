//! STUB

pub mod check;
