//! The faults that can be injected into a round, by name.

use std::fmt;

/// A fault of one process or of its data. `pick` chooses among the processes that there are at the
/// moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
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
    /// SIGINT twice, as an impatient user does.
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
    /// Its content is unchanged, its time of modification is new.
    TouchData,
    /// Its programs are removed.
    RemovePrograms,
    /// Other programs, which end at once, are renamed over them.
    ReplacePrograms,
}

impl Fault {
    /// The name under which it is counted.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Fault::SignalWorker { signal, .. } => match signal {
                libc::SIGKILL => "kill-worker",
                libc::SIGTERM => "terminate-worker",
                _ => "crash-worker",
            },
            Fault::StopWorker { .. } => "stop-worker",
            Fault::KillForkserver => "kill-forkserver",
            Fault::KillGuardian => "kill-guardian",
            Fault::StopForkserver { .. } => "stop-forkserver",
            Fault::SignalProgram { signal } => match signal {
                libc::SIGINT => "interrupt",
                libc::SIGTERM => "terminate",
                libc::SIGHUP => "hang-up",
                _ => "kill-program",
            },
            Fault::InterruptTwice => "interrupt-twice",
            Fault::StopProgram { signal, .. } => match signal {
                libc::SIGTSTP => "suspend-program",
                _ => "stop-program",
            },
            Fault::TruncateData { .. } => "truncate-data",
            Fault::ReplaceData => "replace-data",
            Fault::RemoveData => "remove-data",
            Fault::TouchData => "touch-data",
            Fault::RemovePrograms => "remove-programs",
            Fault::ReplacePrograms => "replace-programs",
        }
    }

    /// Whether it is done to the dataset, which then has to be a copy.
    pub(crate) fn is_to_data(self) -> bool {
        matches!(
            self,
            Fault::TruncateData { .. } | Fault::ReplaceData | Fault::RemoveData | Fault::TouchData
        )
    }

    /// Whether it is done to the programs' files, which then have to be others than all rounds use.
    pub(crate) fn is_to_programs(self) -> bool {
        matches!(self, Fault::RemovePrograms | Fault::ReplacePrograms)
    }

    /// The signal by which the program may end for it.
    pub(crate) fn ends_by(self) -> Option<i32> {
        match self {
            Fault::SignalProgram { signal } => Some(signal),
            Fault::InterruptTwice => Some(libc::SIGINT),
            _ => None,
        }
    }
}

/// From when on a fault's delay counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The program's start.
    Begin,
    /// The first line on its stderr that contains this.
    Line(&'static str),
}

/// A fault, and when it is injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Injection {
    /// From when on.
    pub(crate) mark: Mark,
    /// How long after.
    pub(crate) delay_us: u64,
    /// Which fault.
    pub(crate) fault: Fault,
}

impl fmt::Display for Injection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = self.delay_us;
        match self.mark {
            Mark::Begin => write!(formatter, "{delay} µs after the start")?,
            Mark::Line(text) => write!(formatter, "{delay} µs after {text:?}")?,
        }
        write!(formatter, ": {:?}", self.fault)
    }
}
