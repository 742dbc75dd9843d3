//! `cargo xtask`: Handoff's own development commands. The program itself is the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
