//! Why a task gave no output, and why a pool cannot go on.

use crate::ids::TaskId;
use crate::process::Ending;
use crate::reserve::ShortError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use wire::{FailureKind, Memory, RegionId};

/// Why a task gave no output.
#[derive(Debug, Clone, Error)]
pub enum TaskFailure {
    /// The task returned an error or panicked, or could not be called. Its worker lives on.
    #[error("{0}")]
    Failed(Box<Failed>),
    /// Its worker died while running it, and so did those that tried again.
    #[error("{0}")]
    Died(Box<Certificate>),
    /// Its worker got SIGBUS while it read the input: a mapped file became shorter. Not retried.
    #[error("the input changed while it was read (a mapped file was truncated?): {0}")]
    InputChanged(Box<Certificate>),
    /// It took longer than its limit; its worker was ended.
    #[error("took longer than {0:?}; its worker was ended")]
    TimedOut(Duration),
    /// Its deadline passed, which includes the time that it waited for a worker.
    #[error("had no result by its deadline")]
    Expired,
    /// It was for one worker only, and that ended or was to end before it ran there.
    #[error("the worker that it was for has ended")]
    WorkerGone,
    /// Its output is longer than `Builder::output_bound`, in bytes. It is
    /// not run again.
    #[error("its output is longer than {0} bytes, the bound of outputs")]
    OutputTooLong(usize),
    /// It was cancelled by its caller.
    #[error("cancelled")]
    Cancelled,
    /// Its input could not be read while it was being streamed.
    #[error("its input could not be sent: {0}")]
    Input(String),
    /// It was not taken: its arguments or input cannot be sent.
    #[error("{0}")]
    NotTaken(String),
    /// Its output is not what the caller expects: caller and worker differ in the task's type.
    #[error("its output cannot be decoded ({0}): are caller and worker built from one version?")]
    Undecodable(String),
    /// The pool was shut down or dropped before it ran.
    #[error("the pool was shut down before it ran")]
    ShutDown,
    /// The pool cannot go on.
    #[error(transparent)]
    Pool(PoolError),
}

/// What a worker said of a task that failed in it.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The worker's name.
    pub worker: String,
    /// In which way it failed.
    pub kind: FailureKind,
    /// The error's text, its sources included, or the panic's.
    pub message: String,
    /// `file:line:column` of a panic, else empty.
    pub location: String,
    /// The backtrace of a panic, else empty.
    pub backtrace: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FailureKind::Panic => {
                write!(formatter, "panicked at {}: {}", self.location, self.message)
            }
            _ => write!(formatter, "{}", self.message),
        }
    }
}

/// How a worker died, and of what, as far as known.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The worker's name.
    pub worker: String,
    /// Its process.
    pub pid: u32,
    /// The task that it was running.
    pub task: Option<TaskId>,
    /// How often a worker has died running that task, this time included.
    pub deaths: u32,
    /// How it ended.
    pub ending: Ending,
    /// Why the coordinator ended it, if it was the coordinator.
    pub reason: Option<String>,
    /// The last lines of its stderr.
    pub stderr: Vec<String>,
    /// Its memory when it last told; workers of a pool with
    /// `timeline` tell with every answer.
    pub memory: Option<Memory>,
    /// The most that was ever resident of it, in bytes, as the kernel says at its end. Of a
    /// spawned worker only where it is more than what the coordinator had resident when it started
    /// it, for the kernel reckons that in.
    pub rss_peak: Option<u64>,
    /// Whether the kernel's OOM killer was at work meanwhile.
    pub oom: bool,
    /// The limit that it may have met, in words.
    pub limit: Option<String>,
}

impl Certificate {
    /// Of a worker of which nothing is known any more.
    pub(crate) fn unknown() -> Certificate {
        Certificate {
            worker: String::new(),
            pid: 0,
            task: None,
            deaths: 0,
            ending: Ending::Unknown,
            reason: None,
            stderr: Vec::new(),
            memory: None,
            rss_peak: None,
            oom: false,
            limit: None,
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} (pid {}) {}",
            self.worker, self.pid, self.ending
        )?;
        if let Some(reason) = &self.reason {
            write!(formatter, " by its coordinator: {reason}")?;
        }
        if self.oom {
            write!(formatter, "; the kernel's OOM killer was at work")?;
        }
        if let Some(limit) = &self.limit {
            write!(formatter, "; {limit}")?;
        }
        if let Some(rss_peak) = self.rss_peak {
            write!(
                formatter,
                "; at most {} MB of it were resident",
                rss_peak / 1_000_000
            )?;
        }
        if self.deaths > 1 {
            write!(
                formatter,
                "; {} workers have died of this task",
                self.deaths
            )?;
        }
        if !self.stderr.is_empty() {
            write!(formatter, "; its stderr: {}", self.stderr.join(" | "))?;
        }
        Ok(())
    }
}

/// Why a pool cannot go on. All its tasks fail with the same.
#[derive(Debug, Clone, Error)]
pub enum PoolError {
    /// A worker could not be started.
    #[error("{0}")]
    Start(Arc<crate::start::StartError>),
    /// Workers die, or leave, before they are ready.
    #[error("no worker gets ready: {0}")]
    NotReady(String),
    /// The initializer failed in a worker.
    #[error("the initializer failed in {worker}: {reason}")]
    Initializer {
        /// The worker's name.
        worker: String,
        /// What the initializer said.
        reason: String,
    },
    /// There are not enough descriptors or processes for this number of workers.
    #[error(transparent)]
    Short(ShortError),
    /// This kernel cannot confine workers, which `Builder::sandbox` asks
    /// for.
    #[error("workers cannot be confined: {0}")]
    NoSandbox(Arc<runtime::SandboxError>),
    /// A worker could not confine itself.
    #[error("{worker} could not be confined: {reason}")]
    Sandbox {
        /// The worker's name.
        worker: String,
        /// What stood in the way.
        reason: String,
    },
    /// A worker could not set a limit that `Builder::bounds` asks for.
    #[error("{worker} could not set {reason}")]
    Bounds {
        /// The worker's name.
        worker: String,
        /// Which limit, and what stood in the way.
        reason: String,
    },
    /// A worker's program is another build than this one.
    #[error("{worker} is of another build: {why}; build both programs from the same source")]
    OtherBuild {
        /// The worker's name.
        worker: String,
        /// What differs.
        why: String,
    },
    /// A task is not among those of the workers.
    #[error("the workers have no task named {0:?}; they have {1}")]
    UnknownTask(String, String),
    /// What `Builder::interrupted_by` names became readable.
    #[error("interrupted")]
    Interrupted,
    /// Waiting for events failed.
    #[error("the pool cannot wait for its workers: {0}{hint}", hint = runtime::limit_hint(.0))]
    Wait(Arc<std::io::Error>),
}

/// Why a task was not taken.
#[derive(Debug, Clone, Error)]
pub enum SubmitError {
    /// The arguments cannot be encoded, or are longer than a frame.
    #[error("arguments of {task} cannot be sent: {why}; hand large data over as input")]
    Args {
        /// The task's name.
        task: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The input refers to a region that is not attached, or to a range outside it.
    #[error("{len} bytes at {offset} of region {region}: {why}")]
    Input {
        /// The region.
        region: RegionId,
        /// Bytes from its start.
        offset: u64,
        /// Bytes.
        len: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// As many tasks are open as the queue bound allows.
    #[error("the queue is full")]
    Full,
    /// The pool cannot go on.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl From<SubmitError> for TaskFailure {
    fn from(error: SubmitError) -> TaskFailure {
        match error {
            SubmitError::Pool(error) => TaskFailure::Pool(error),
            error => TaskFailure::NotTaken(error.to_string()),
        }
    }
}
