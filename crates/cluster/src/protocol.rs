//! What rank 0 and the other ranks say to each other about calls: a value, and bytes behind it.
//!
//! Arguments, results and parts of arrays are the bytes. A pack of calls is one message, and so are results
//! that come together.

use crate::ids::Group;
use pool::{Certificate, Ending, Failed, FailureKind, TaskFailure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// From rank 0.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Down {
    /// Start a pool.
    Start(Box<Settings>),
    /// More names of tasks, which calls refer to by number.
    Names(Vec<String>),
    /// Calls and batches, with their arguments as bytes, in order.
    Calls(Vec<Packed>),
    /// A part of some memory, as bytes.
    Piece(Piece),
    /// Parts of some memory that the rank reads from a file itself.
    File(FilePieces),
    /// Memory that no call will refer to.
    Forget(Vec<u64>),
    /// Give back this number of calls that have not begun.
    Recall(u32),
    /// Nobody wants the results of these.
    Withdraw(Vec<Group>),
    /// Fail this call.
    Cancel(u64),
    /// Results of calls from that number on stay here, and are merged by that task.
    Fold { merge: u32, from: u64 },
    /// Merge what is there with what comes from the ranks below, and send it up.
    Gather { round: u64 },
    /// The pool ends; calls are finished first, or not.
    Stop { drain: bool },
    /// The job ends; whether all ranks are there to leave MPI together.
    End { whole: bool },
}

/// From the other ranks to rank 0, but for what is merged, which may go to others.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Up {
    /// The pool is started.
    Ready(Ready),
    /// It is not: why.
    Refused(String),
    /// Results as bytes, in order, and behind them [plain ones](crate::plain); nanoseconds that each call took of a
    /// worker, and workers' deaths so far.
    Results {
        done: Vec<Done>,
        plain: Vec<Group>,
        ns_each: u64,
        seen: Seen,
    },
    /// A part of the memory of a result, as bytes.
    Piece(Piece),
    /// A part of memory that came as an argument of that call, as bytes.
    Into { call: u64, index: u32, offset: u64 },
    /// These calls have not begun, and will not: of batches, the first of each that is left.
    Returned(Vec<u64>),
    /// What a rank and those below it have merged, as bytes: how many bytes, or why there is nothing.
    Merged {
        round: u64,
        value: Option<u64>,
        trouble: Option<Trouble>,
    },
    /// The pool has ended.
    Stopped,
    /// Nothing new: the rank is there.
    Alive,
}

/// How the pool of each rank is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) fork_server: bool,
    pub(crate) program: Option<PathBuf>,
    /// Of each rank; by default its share of its machine's processors.
    pub(crate) workers: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) output_bound: Option<usize>,
    pub(crate) arena_bytes: Option<u64>,
    pub(crate) recycle_after: Option<u64>,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    /// How long a rank may be silent before it counts as lost.
    pub(crate) rank_timeout: Duration,
    pub(crate) stderr: bool,
}

/// A rank's pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) host: String,
    pub(crate) workers: usize,
    /// Distinguishes programs with other tasks.
    pub(crate) fingerprint: u64,
    pub(crate) version: String,
}

/// What a rank's pool has seen of its workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) started: u64,
    pub(crate) died: u64,
    pub(crate) retried: u64,
    pub(crate) rss: u64,
}

/// What was submitted as one, on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Packed {
    One(PackedCall),
    /// Calls of one task with nothing but short arguments. The arguments of each are two bytes, which say how many
    /// follow, and those.
    Batch {
        calls: Group,
        task: u32,
    },
}

/// A call on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PackedCall {
    pub(crate) id: u64,
    pub(crate) task: u32,
    /// Bytes of its arguments.
    pub(crate) args: u64,
    /// Whether those are the task's input.
    pub(crate) input: bool,
    /// The bytes of those that travel with the call follow its arguments.
    pub(crate) arrays: Vec<Given>,
    pub(crate) terms: Option<Terms>,
}

/// What is unusual about a call.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) priority: u8,
}

/// An array of a call's arguments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Given {
    /// `len` bytes, which follow.
    Inline { len: u64, mutable: bool },
    /// A part of memory that the rank has by now.
    Slice { memory: u64, start: u64, len: u64 },
    /// All of memory that was sent for this call: it is the call's.
    Taken { memory: u64 },
}

/// A part of some memory; as many bytes as follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) memory: u64,
    /// Bytes of all of it.
    pub(crate) total: u64,
    pub(crate) offset: u64,
    pub(crate) mutable: bool,
}

/// Parts of memory that is a file's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FilePieces {
    pub(crate) memory: u64,
    pub(crate) total: u64,
    pub(crate) file: FileState,
    pub(crate) ranges: Vec<Range<u64>>,
}

/// Which file, in what state. The device's number is not in it: each machine gives its own to a file system
/// that they share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileState {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) mtime_ns: i64,
    pub(crate) inode: u64,
}

/// A call's result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) id: u64,
    pub(crate) result: Result<Output, Trouble>,
}

/// Bytes of an output; and those of its arrays that travel with it follow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Output {
    pub(crate) len: u64,
    pub(crate) arrays: Vec<Back>,
}

/// An array of a call's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Back {
    /// `len` bytes, which follow.
    Inline { len: u64, mutable: bool },
    /// Memory that was sent for this result.
    Memory { memory: u64 },
    /// A part of the call's own argument of that index.
    Argument {
        index: u32,
        start: u64,
        len: u64,
        mutable: bool,
    },
}

/// Why a task gave no output, as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Trouble {
    Failed {
        worker: String,
        kind: FailureKind,
        message: String,
        location: String,
        backtrace: String,
    },
    Died(Box<Death>),
    TimedOut(Duration),
    Expired,
    OutputTooLong(u64),
    Cancelled,
    ShutDown,
    NotTaken(String),
}

/// How a worker died, as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Death {
    worker: String,
    pid: u32,
    deaths: u32,
    exit: Option<i32>,
    signal: Option<i32>,
    reason: Option<String>,
    stderr: Vec<String>,
    rss_peak: Option<u64>,
    oom: bool,
    limit: Option<String>,
}

impl Trouble {
    /// Of a task of a rank that calls itself `place`.
    pub(crate) fn of(failure: TaskFailure, place: &str) -> Trouble {
        match failure {
            TaskFailure::Failed(failed) => Trouble::Failed {
                worker: format!("{} of {place}", failed.worker),
                kind: failed.kind,
                message: failed.message,
                location: failed.location,
                backtrace: failed.backtrace,
            },
            TaskFailure::Died(death) | TaskFailure::InputChanged(death) => {
                Trouble::Died(Box::new(Death::of(*death, place)))
            }
            TaskFailure::TimedOut(limit) => Trouble::TimedOut(limit),
            TaskFailure::Expired => Trouble::Expired,
            TaskFailure::OutputTooLong(bytes) => Trouble::OutputTooLong(bytes as u64),
            TaskFailure::Cancelled => Trouble::Cancelled,
            TaskFailure::ShutDown => Trouble::ShutDown,
            other => Trouble::NotTaken(format!("{place}: {other}")),
        }
    }

    pub(crate) fn into_failure(self) -> TaskFailure {
        match self {
            Trouble::Failed {
                worker,
                kind,
                message,
                location,
                backtrace,
            } => TaskFailure::Failed(Box::new(Failed {
                worker,
                kind,
                message,
                location,
                backtrace,
            })),
            Trouble::Died(death) => TaskFailure::Died(Box::new(death.into_certificate())),
            Trouble::TimedOut(limit) => TaskFailure::TimedOut(limit),
            Trouble::Expired => TaskFailure::Expired,
            Trouble::OutputTooLong(bytes) => TaskFailure::OutputTooLong(bytes as usize),
            Trouble::Cancelled => TaskFailure::Cancelled,
            Trouble::ShutDown => TaskFailure::ShutDown,
            Trouble::NotTaken(why) => TaskFailure::NotTaken(why),
        }
    }

    /// The rank itself is gone.
    pub(crate) fn lost(place: &str, deaths: u32) -> Trouble {
        Trouble::Died(Box::new(Death {
            worker: place.to_owned(),
            pid: 0,
            deaths,
            exit: None,
            signal: None,
            reason: Some("the rank is gone".to_owned()),
            stderr: Vec::new(),
            rss_peak: None,
            oom: false,
            limit: None,
        }))
    }
}

impl Death {
    fn of(death: Certificate, place: &str) -> Death {
        let (exit, signal) = match death.ending {
            Ending::Exit(code) => (Some(code), None),
            Ending::Signal(signal) => (None, Some(signal)),
            Ending::Left | Ending::Unknown => (None, None),
        };
        Death {
            worker: format!("{} of {place}", death.worker),
            pid: death.pid,
            deaths: death.deaths,
            exit,
            signal,
            reason: death.reason,
            stderr: death.stderr,
            rss_peak: death.rss_peak,
            oom: death.oom,
            limit: death.limit,
        }
    }

    fn into_certificate(self) -> Certificate {
        let ending = match (self.exit, self.signal) {
            (Some(code), _) => Ending::Exit(code),
            (_, Some(signal)) => Ending::Signal(signal),
            _ => Ending::Unknown,
        };
        Certificate {
            worker: self.worker,
            pid: self.pid,
            task: None,
            deaths: self.deaths,
            ending,
            reason: self.reason,
            stderr: self.stderr,
            memory: None,
            rss_peak: self.rss_peak,
            oom: self.oom,
            limit: self.limit,
        }
    }
}

/// A value as the beginning of a message; bytes may follow.
pub(crate) fn head<T: Serialize>(value: &T) -> Vec<u8> {
    let encoded = postcard::to_extend(value, vec![0; 4]);
    let mut bytes = encoded.expect("plain values can be encoded");
    let len = (bytes.len() - 4) as u32;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    bytes
}

/// The value of a message and the bytes behind it.
pub(crate) fn split<T: DeserializeOwned>(message: &[u8]) -> Option<(T, &[u8])> {
    let (len, rest) = message.split_first_chunk::<4>()?;
    let (head, body) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    Some((postcard::from_bytes(head).ok()?, body))
}

/// Takes `len` bytes off.
pub(crate) fn take<'b>(bytes: &mut &'b [u8], len: u64) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some(taken)
}
