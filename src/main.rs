//! The `forescale` binary: everything is in the library, this only starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    forescale::cli::main()
}
