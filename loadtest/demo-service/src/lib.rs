//! A service to scale. `GET /workload` burns a set amount of CPU time for whoever shows the API token, a bounded number
//! of requests at once; the others wait for a while and are then turned away. `/metrics` tells of both, so that a
//! ScaledObject can go by the load and a dashboard can show when there were too few replicas.
//!
//! Work is measured in CPU time of the thread, not in time that passes: a replica with a CPU limit carries
//! `limit / work` requests a second, on any machine.

pub mod config;
mod http;
mod metrics;
mod token;
mod work;

pub use config::Config;
pub use http::serve;
pub use token::Token;
