//! What can be done to a round, by name.

use std::fmt;

/// Something bad, done to one process or to what it works on. `pick` chooses among the processes
/// that there are at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// A signal to a worker: SIGKILL, SIGTERM or SIGSEGV.
    SignalWorker {
        /// Which worker.
        pick: u32,
        /// Which signal.
        signal: i32,
    },
    /// SIGSTOP to a worker, SIGCONT later.
    StopWorker {
        /// Which worker.
        pick: u32,
        /// When it goes on.
        millis: u64,
    },
    /// SIGKILL to the forkserver.
    KillForkserver,
    /// SIGKILL to the guardian.
    KillGuardian,
    /// SIGSTOP to the forkserver, SIGCONT later.
    StopForkserver {
        /// When it goes on.
        millis: u64,
    },
    /// A signal that ends the program: SIGINT, SIGTERM, SIGHUP or SIGKILL.
    SignalProgram {
        /// Which signal.
        signal: i32,
    },
    /// SIGINT twice, as someone does who has lost patience.
    InterruptTwice,
    /// SIGSTOP or SIGTSTP to the program, SIGCONT later.
    StopProgram {
        /// Which of the two.
        signal: i32,
        /// When it goes on.
        millis: u64,
    },
    /// The dataset loses the end of it.
    TruncateData {
        /// What is left, of a thousand.
        per_mille: u64,
    },
    /// Another dataset is renamed over it.
    ReplaceData,
    /// It is removed.
    RemoveData,
    /// It is as it was, but for its time of modification.
    TouchData,
}

impl Harm {
    /// The name under which it is counted.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Harm::SignalWorker { signal, .. } => match signal {
                libc::SIGKILL => "kill-worker",
                libc::SIGTERM => "terminate-worker",
                _ => "crash-worker",
            },
            Harm::StopWorker { .. } => "stop-worker",
            Harm::KillForkserver => "kill-forkserver",
            Harm::KillGuardian => "kill-guardian",
            Harm::StopForkserver { .. } => "stop-forkserver",
            Harm::SignalProgram { signal } => match signal {
                libc::SIGINT => "interrupt",
                libc::SIGTERM => "terminate",
                libc::SIGHUP => "hang-up",
                _ => "kill-program",
            },
            Harm::InterruptTwice => "interrupt-twice",
            Harm::StopProgram { signal, .. } => match signal {
                libc::SIGTSTP => "suspend-program",
                _ => "stop-program",
            },
            Harm::TruncateData { .. } => "truncate-data",
            Harm::ReplaceData => "replace-data",
            Harm::RemoveData => "remove-data",
            Harm::TouchData => "touch-data",
        }
    }

    /// Whether it is done to the dataset, which then has to be a copy.
    pub(crate) fn is_to_data(self) -> bool {
        matches!(
            self,
            Harm::TruncateData { .. } | Harm::ReplaceData | Harm::RemoveData | Harm::TouchData
        )
    }

    /// The signal by which the program may end for it.
    pub(crate) fn ends_by(self) -> Option<i32> {
        match self {
            Harm::SignalProgram { signal } => Some(signal),
            Harm::InterruptTwice => Some(libc::SIGINT),
            _ => None,
        }
    }
}

/// From when on a harm's delay counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The program's start.
    Begin,
    /// The first line on its stderr that contains this.
    Line(&'static str),
}

/// A harm and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stroke {
    /// From when on.
    pub(crate) mark: Mark,
    /// How long after.
    pub(crate) delay_us: u64,
    /// What.
    pub(crate) harm: Harm,
}

impl fmt::Display for Stroke {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = self.delay_us;
        match self.mark {
            Mark::Begin => write!(formatter, "{delay} µs after the start")?,
            Mark::Line(text) => write!(formatter, "{delay} µs after {text:?}")?,
        }
        write!(formatter, ": {:?}", self.harm)
    }
}
