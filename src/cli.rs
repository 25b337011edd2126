//! The desk: one file a command. Only here is anything written to stdout.

mod demo;

use std::process::ExitCode;

/// Parses the command line, runs the command, and says how the process shall end.
pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
