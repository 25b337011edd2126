//! The cluster on paper: what KEDA, the HPA and pods that take time to start make of the numbers they get.
//!
//! Deterministic and without I/O: time comes in as [`crate::domain::Timestamp`], chance as a seed. Each rule names the
//! place in the Kubernetes or KEDA source where it was read. Seen in this order by a loop: [`keda`] asks the scaler,
//! [`hpa`] turns its answer into replicas, [`pods`] start and stop, [`figures`] keep the score. [`demand`] is what they are all
//! for.

pub mod cluster;
pub mod demand;
pub mod figures;
pub mod frontier;
pub mod hpa;
pub mod keda;
pub mod metric;
pub mod pods;
pub mod policies;
pub mod queueing;
pub mod trace;
