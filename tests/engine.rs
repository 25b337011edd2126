//! The loop turned by hand on a virtual clock, over real HTTP against the replay endpoint: networks that work, fail and
//! talk nonsense side by side, and a restart.

#![expect(clippy::unwrap_used, reason = "the stage fails as its tests do")]

#[path = "engine/faults.rs"]
mod faults;
#[path = "engine/gaps.rs"]
mod gaps;
#[path = "engine/herd.rs"]
mod herd;
#[path = "engine/learning.rs"]
mod learning;
#[path = "engine/restart.rs"]
mod restart;
#[path = "engine/stage.rs"]
mod stage;
#[path = "engine/storage.rs"]
mod storage;
#[path = "support/onnx.rs"]
#[expect(dead_code, reason = "shared with the tests of the engines")]
mod support;
