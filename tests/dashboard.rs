//! What is in `dashboard/`: every query of every dashboard and every rule is executed against a real Prometheus that
//! scrapes a real Forescale, the rules pass their own unit tests, and each alert has its section in the runbook.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

mod support;

#[path = "dashboard/files.rs"]
mod files;
#[path = "dashboard/live.rs"]
mod live;
#[path = "dashboard/promql.rs"]
mod promql;
#[path = "dashboard/rules.rs"]
mod rules;
#[path = "dashboard/shape.rs"]
mod shape;
#[path = "dashboard/world.rs"]
mod world;
