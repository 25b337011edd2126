//! The messages of KEDA's RawMetricsService, compiled from `proto/rawmetrics.proto`.

#![expect(
    unreachable_pub,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated code; the contract is documented in the proto file"
)]

tonic::include_proto!("api");
