//! What happens to workers, for watchers.

use log::{Level, Record};
use std::io::{self, Write};

/// Something that happened to a worker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The worker's name, such as `SpawnProcess-1`.
    pub worker: &'a str,
    /// Its process; 0 where there is none yet.
    pub pid: u32,
    /// What happened.
    pub what: What<'a>,
}

/// What happened to a worker. Tasks are identified by their numbers ([`Handle::id`](crate::Handle::id)).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum What<'a> {
    /// It was started.
    Started,
    /// It is ready for tasks.
    Ready,
    /// It is being sent a task.
    Sent {
        /// The task.
        task: u64,
    },
    /// It has answered a task.
    Answered {
        /// The task.
        task: u64,
    },
    /// It died while it ran this task, which another worker will run again.
    Retried {
        /// The task.
        task: u64,
    },
    /// Its task says how far it is ([`progress`](crate::progress)).
    #[non_exhaustive]
    Progress {
        /// The task.
        task: u64,
        /// Units that are done.
        done: u64,
        /// All units; 0 where that is not known.
        total: u64,
    },
    /// Its task sent bytes ([`note`](crate::note)).
    #[non_exhaustive]
    Note {
        /// The task.
        task: u64,
        /// What it sent.
        bytes: &'a [u8],
    },
    /// It printed a line on stderr.
    Stderr(&'a str),
    /// It printed a line on stdout ([`Builder::capture_stdout`](crate::Builder::capture_stdout)).
    Stdout(&'a str),
    /// It logged a record ([`Builder::log_level`](crate::Builder::log_level)).
    #[non_exhaustive]
    Log {
        /// How severe.
        level: Level,
        /// The record's target, usually a module's path.
        target: &'a str,
        /// The message.
        message: &'a str,
        /// The task that was running, if one was.
        task: Option<u64>,
    },
    /// It ended.
    #[non_exhaustive]
    Ended {
        /// Its exit code, if it exited.
        exit_code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
    },
}

impl Event<'_> {
    /// The pool's event in this crate's words; `None` for those that only measurements need.
    pub(crate) fn of<'a>(event: &'a pool::Event<'_>) -> Option<Event<'a>> {
        let what = match event.what {
            pool::What::Started => What::Started,
            pool::What::Ready => What::Ready,
            pool::What::HandedOut { task } => What::Sent { task },
            pool::What::Sent { task } => What::Answered { task },
            pool::What::Retried { task } => What::Retried { task },
            pool::What::Progress { task, done, total } => What::Progress { task, done, total },
            pool::What::Note { task, bytes } => What::Note { task, bytes },
            pool::What::Stderr(line) => What::Stderr(line),
            pool::What::Stdout(line) => What::Stdout(line),
            pool::What::Log(record) => What::Log {
                level: level(record.level),
                target: record.target,
                message: record.message,
                task: record.call,
            },
            pool::What::Ended(ending) => What::Ended {
                exit_code: match ending {
                    pool::Ending::Exit(code) => Some(code),
                    _ => None,
                },
                signal: match ending {
                    pool::Ending::Signal(signal) => Some(signal),
                    _ => None,
                },
            },
            pool::What::Received { .. } | pool::What::Computed { .. } | pool::What::Memory(_) => {
                return None;
            }
        };
        Some(Event {
            worker: event.name,
            pid: event.pid,
            what,
        })
    }
}

/// Passes records on to this process's logger, and lines to its stderr.
pub(crate) fn forward(event: &pool::Event<'_>, stderr: bool) {
    match event.what {
        pool::What::Log(record) => log::logger().log(
            &Record::builder()
                .level(level(record.level))
                .target(record.target)
                .args(format_args!("{}: {}", event.name, record.message))
                .build(),
        ),
        // Nobody may read it, and that is no reason to panic.
        pool::What::Stderr(line) if stderr => {
            let _ = writeln!(io::stderr(), "{}: {line}", event.name);
        }
        pool::What::Stdout(line) => {
            let _ = writeln!(io::stdout(), "{}: {line}", event.name);
        }
        _ => {}
    }
}

fn level(number: u8) -> Level {
    match number {
        0 | 1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        _ => Level::Trace,
    }
}
