//! The contract with KEDA, over real gRPC: a client that calls in KEDA's own order and does KEDA's arithmetic, against the
//! production server on a free port.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside the functions where clippy lets tests unwrap"
)]

#[path = "keda_contract/grpcurl.rs"]
mod grpcurl;
#[path = "keda_contract/helpers.rs"]
mod helpers;
#[path = "keda_contract/keda.rs"]
mod keda;
#[path = "keda_contract/lifecycle.rs"]
mod lifecycle;
#[path = "keda_contract/reads.rs"]
mod reads;
#[path = "keda_contract/tls.rs"]
mod tls;
