//! The study's experiments: what a start method does to a program's module scope and to its
//! loggers, and every claim of its table measured.
//!
//! Workers that are not forked here are this program again ([`mod@image`]), so that the same statics
//! exist in every image, as Python's workers import the main module again.

pub(crate) mod image;
pub(crate) mod logger;
pub(crate) mod module_scope;
mod observe;
mod process;
pub(crate) mod traits;

use crate::exit::Failure;
use crate::signals::Signals;
use anyhow::Context;
use image::Experiment;
use pool::{Builder, Pool, Program, StartMethod};
use report::StartMethod as Method;
use std::io;

/// How many workers an experiment has, as in the study.
const WORKERS: u64 = 2;

/// A pool of the experiment's workers, to be started.
fn builder(experiment: Experiment, method: Method, signals: &Signals) -> io::Result<Builder> {
    let method = match method {
        Method::Fork => StartMethod::Fork,
        Method::Spawn => StartMethod::Spawn(image(experiment)?),
        Method::ForkServer => StartMethod::ForkServer(image(experiment)?),
    };
    let (stop_asked, stop) = signals.stops()?;
    Ok(Pool::builder(method)
        .tasks(experiment.registry())
        .workers(WORKERS as usize)
        .carrier(pool::Carrier::Socket)
        .interrupted_by(signals.descriptor()?)
        .paused_by(stop_asked, stop))
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
fn with_signals(experiment: impl FnOnce(&Signals) -> Result<(), Failure>) -> Result<(), Failure> {
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
