//! The monitor against real HTTP servers that do everything a server can do wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "monitor_http/credentials.rs"]
mod credentials;
#[path = "monitor_http/faults.rs"]
mod faults;
#[path = "monitor_http/fixtures.rs"]
mod fixtures;
#[path = "monitor_http/limits.rs"]
mod limits;
#[path = "monitor_http/replay.rs"]
mod replay;
#[path = "monitor_http/tls.rs"]
mod tls;
