//! What happens in a pool, as reported to its watcher.

use crate::ids::{TaskId, WorkerId};
use crate::process::Ending;
use wire::Memory;

/// Something that happened to a worker. Times are CLOCK_MONOTONIC in nanoseconds, of the
/// process in which it happened.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// The worker.
    pub worker: WorkerId,
    /// Its name, such as `SpawnProcess-1`.
    pub name: &'a str,
    /// Its process; 0 where it has none yet.
    pub pid: u32,
    /// When.
    pub at_ns: u64,
    /// What.
    pub what: What<'a>,
}

/// What happened to a worker.
#[derive(Debug, Clone)]
pub enum What<'a> {
    /// It was asked for.
    Started,
    /// It has shaken hands, and waits for tasks.
    Ready,
    /// It is being sent a task.
    HandedOut {
        /// The task.
        task: TaskId,
    },
    /// The whole input of a task is accessible to it.
    Received {
        /// The task.
        task: TaskId,
        /// The worker's memory then.
        memory: Memory,
    },
    /// It has computed a task's output.
    Computed {
        /// The task.
        task: TaskId,
        /// The worker's memory then, if asked for.
        memory: Option<Memory>,
    },
    /// Its answer has arrived.
    Sent {
        /// The task.
        task: TaskId,
    },
    /// It died while running this task, which goes to another worker.
    Retried {
        /// The task.
        task: TaskId,
    },
    /// Its task says how far it is.
    Progress {
        /// The task.
        task: TaskId,
        /// Units that are done.
        done: u64,
        /// All units; 0 where the task does not know.
        total: u64,
    },
    /// Its task says something.
    Note {
        /// The task.
        task: TaskId,
        /// What.
        bytes: &'a [u8],
    },
    /// It wrote a line to its stderr.
    Stderr(&'a str),
    /// It wrote a line to its stdout, and that comes through a pipe.
    Stdout(&'a str),
    /// It logged a record.
    Log(&'a wire::LogRecord<'a>),
    /// It has told its memory.
    Memory(Memory),
    /// It has ended.
    Ended(Ending),
}
