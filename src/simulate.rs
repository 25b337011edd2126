//! The cluster on paper: what KEDA, the HPA and pods that take time to start make of the numbers they get.
//!
//! Deterministic and without I/O: time comes in as [`crate::domain::Timestamp`], chance as a seed. Each rule names the
//! place in the Kubernetes or KEDA source where it was read. Seen in this order by a run: [`trace`] is what arrives (or
//! [`demand`], made up), [`metric`] what can be measured of it, a policy of [`policies`] answers, [`keda`] asks it, [`hpa`]
//! turns its answer into replicas, [`pods`] start and stop, [`queueing`] makes the requests wait, [`figures`] keep the
//! score. [`cluster`] puts them together, [`frontier`] compares what came out.

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
