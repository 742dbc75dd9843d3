//! How a worker died, as far as is known.

use nix::sys::signal::Signal;
use std::fmt;

/// How a worker died, as far as is known.
#[derive(Debug, Clone)]
pub struct Death {
    pub(crate) worker: String,
    pub(crate) pid: u32,
    pub(crate) ending: Ending,
    pub(crate) deaths: u32,
    pub(crate) reason: Option<String>,
    pub(crate) stderr: Vec<String>,
    pub(crate) rss_peak: Option<u64>,
    pub(crate) out_of_memory: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Exit(i32),
    Signal(i32),
    /// An external worker disconnected, or the exit status of the process is not available.
    Unknown,
}

impl Death {
    /// The worker's name, such as `SpawnProcess-1`.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The code that it exited with, if it exited.
    pub fn exit_code(&self) -> Option<i32> {
        match self.ending {
            Ending::Exit(code) => Some(code),
            _ => None,
        }
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.ending {
            Ending::Signal(signal) => Some(signal),
            _ => None,
        }
    }

    /// How many workers have died running this task, this one included.
    pub fn count(&self) -> u32 {
        self.deaths
    }

    /// Why the pool ended it, if the pool did.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The last lines that it printed on stderr.
    pub fn stderr(&self) -> &[String] {
        &self.stderr
    }

    /// The most memory that was ever resident of it, in bytes, if the kernel's figure is its own.
    pub fn rss_peak(&self) -> Option<u64> {
        self.rss_peak
    }

    /// Whether the kernel's OOM killer was active when it was killed.
    pub fn out_of_memory(&self) -> bool {
        self.out_of_memory
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Ending::Exit(code) => write!(formatter, "exited with code {code}"),
            Ending::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(formatter, "was killed by signal {number} ({signal})"),
                Err(_) => write!(formatter, "was killed by signal {number}"),
            },
            Ending::Unknown => write!(formatter, "ended, and its exit status is not known"),
        }
    }
}
