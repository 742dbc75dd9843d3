//! `cargo xtask conformance`: other projects' tests of executors, on the Python package's.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use harness::exit;

use crate::ci::python;

/// What is run.
#[derive(Debug, Args)]
pub(crate) struct ConformanceArgs {
    /// Suites: cpython, joblib, sklearn; all where none is named
    suites: Vec<String>,
}

/// Runs the suites in an environment of their own, one after another.
///
/// # Errors
///
/// Where there is no Python, or a suite cannot be run.
pub(crate) fn main(args: &ConformanceArgs) -> anyhow::Result<ExitCode> {
    let mut run = python::script("python/conformance/all.py")?;
    let status = run
        .args(&args.suites)
        .status()
        .context("cannot run the suites")?;
    Ok(exit::of(status))
}
