//! Where the standalone worker program is.

use crate::exit::Failure;
use pool::Program;
use std::path::{Path, PathBuf};

/// The worker program: the one that was named, else the one beside this program.
///
/// # Errors
/// A usage error that says where was looked.
pub fn worker(named: Option<&Path>) -> Result<Program, Failure> {
    Ok(Program::new(worker_path(named)?))
}

/// Where the worker program is.
pub(crate) fn worker_path(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return if path.is_file() {
            Ok(path.to_owned())
        } else {
            Err(Failure::usage(format!(
                "no worker program at {} (from --worker-bin or HANDOFF_WORKER): name the program 'worker' \
                 that `cargo build --release -p worker` makes",
                path.display()
            )))
        };
    }
    let beside = beside_this_program()?;
    if beside.is_file() {
        return Ok(beside);
    }
    Err(Failure::usage(format!(
        "no worker program at {}, beside this one; build it with `cargo build --release -p worker`, \
         or name it with --worker-bin or HANDOFF_WORKER",
        beside.display()
    )))
}

fn beside_this_program() -> Result<PathBuf, Failure> {
    match std::env::current_exe() {
        Ok(program) => Ok(program.with_file_name("worker")),
        Err(error) => Err(anyhow::anyhow!(
            "cannot find this program, to start the worker program beside it ({error}); name the worker \
             program with --worker-bin or HANDOFF_WORKER"
        )
        .into()),
    }
}
