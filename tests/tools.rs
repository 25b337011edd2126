//! The tools for recorded history, as a person runs them: collect, preprocess, evaluate, backtest.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

#[path = "tools/history.rs"]
mod history;
#[path = "tools/source.rs"]
mod source;

#[path = "tools/backtest.rs"]
mod backtest;
#[path = "tools/collect.rs"]
mod collect;
#[path = "tools/evaluate.rs"]
mod evaluate;
#[path = "tools/preprocess.rs"]
mod preprocess;
