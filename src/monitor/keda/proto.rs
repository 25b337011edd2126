//! The messages of KEDA's RawMetricsService, compiled from `proto/rawmetrics.proto`.

#![expect(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated code; the contract is documented in the proto file"
)]
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "KEDA's side of the contract is for tests")
)]

tonic::include_proto!("api");
