//! KEDA's messages, its client and its server, compiled from `proto/externalscaler.proto`.

#![expect(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated code; the contract is documented in the proto file"
)]

tonic::include_proto!("externalscaler");

/// The contract's descriptors, for the reflection service.
pub(super) const DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/externalscaler.bin"));
