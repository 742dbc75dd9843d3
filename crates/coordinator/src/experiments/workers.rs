//! The workers of an experiment: forked from this process, or this program again, so that the same
//! statics exist in every image, as Python's workers import the main module again.

use super::kind::Experiment;
use super::process;
use crate::exit::Failure;
use crate::signals::Signals;
use anyhow::Context;
use pool::{Builder, Pool, Program, StartMethod};
use report::StartMethod as Method;
use std::io;
use task::Registry;

/// How many workers an experiment has, as in the original study.
pub(super) const WORKERS: u64 = 2;

/// A pool of the experiment's workers, to be started.
pub(super) fn builder(
    experiment: Experiment,
    registry: Registry,
    method: Method,
    signals: &Signals,
) -> io::Result<Builder> {
    let method = start_method(experiment, method)?;
    let (stop_asked, stop) = signals.stops()?;
    Ok(Pool::builder(method)
        .tasks(registry)
        .workers(WORKERS as usize)
        .carrier(pool::Carrier::Socket)
        .interrupted_by(signals.descriptor()?)
        .paused_by(stop_asked, stop))
}

/// How the pool starts workers of `experiment` by `method`.
pub(super) fn start_method(experiment: Experiment, method: Method) -> io::Result<StartMethod> {
    Ok(match method {
        Method::Fork => StartMethod::Fork,
        Method::Spawn => StartMethod::Spawn(image(experiment)?),
        Method::ForkServer => StartMethod::ForkServer(image(experiment)?),
    })
}

/// This program again, as a worker of `experiment`.
fn image(experiment: Experiment) -> io::Result<Program> {
    let current = Program::current().map_err(|error| {
        let why = format!("cannot start this program again as a worker: {error}");
        io::Error::new(error.kind(), why)
    })?;
    Ok(current
        .arg("worker-image")
        .arg(experiment.as_str())
        .arg("--began-ns")
        .arg(process::began_ns().to_string()))
}

/// Runs `experiment`; a signal that came meanwhile is why it failed. What it saw has to be printed whole.
pub(super) fn with_signals(
    experiment: impl FnOnce(&Signals) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let signals = Signals::note()?;
    let ran = experiment(&signals);
    match signals.came() {
        Some(signal) if ran.is_err() => Err(Failure::Signal(signal)),
        _ => {
            ran?;
            Ok(process::printed().context("cannot print what was seen")?)
        }
    }
}
