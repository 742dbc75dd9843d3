//! One worker as the shell holds it.

use crate::connection::{Connection, Lane};
use crate::ids::{TaskId, WorkerId};
use crate::lines::Lines;
use crate::process::{Ending, Process};
use crate::start::External;
use guardian::GuardedGroup;
use nix::sys::socket::{Shutdown, shutdown};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use task::arrays::coordinator::Member;
use wire::{CallArrays, Memory};

/// What a worker wrote while its caller was away, and nobody has taken.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// When the caller went away.
    pub left_ns: u64,
    pub bytes: usize,
}

/// What was said of arrays beside a call.
#[derive(Default)]
pub(super) struct Beside {
    /// The call's number in the books.
    pub book: Option<u64>,
    /// What the worker received about other arrays.
    pub news: CallArrays,
}

/// One worker as the shell holds it.
pub(super) struct Worker {
    pub id: WorkerId,
    /// Its id in the engine; none of an external worker that is not ready.
    pub key: Option<engine::WorkerId>,
    pub name: String,
    /// None while a forkserver has not answered, and of an external worker.
    pub process: Option<Process>,
    /// The guardian's place for that process, until it is known.
    pub group: Option<GuardedGroup>,
    /// Of an external worker: it is not signalled, and its stderr is not read.
    pub external: Option<External>,
    pub connection: Connection,
    pub stderr: Option<Lines>,
    /// Where it has a pipe of its own for it.
    pub stdout: Option<Lines>,
    pub written: Written,
    /// Its word on the status page; external workers have none.
    pub slot: Option<u32>,
    pub greeted: bool,
    pub ready: bool,
    /// It was asked to exit.
    pub leaving: bool,
    /// Nothing is read from its socket any more.
    pub muted: bool,
    /// Its process has ended, and the forkserver has not reported how.
    pub ended: bool,
    /// Offered to it, and, once it is ready, in use: then it has its calls there.
    pub lane: Option<Box<Lane>>,
    /// The call that it has over its socket.
    pub current: Option<Current>,
    /// Parts of the output that is being received.
    pub output: Vec<u8>,
    /// Bytes of it when progress was last reported.
    pub seen: usize,
    /// The task that it answered last.
    pub last_answered: Option<TaskId>,
    /// It has answered that one again.
    pub answered_twice: bool,
    pub memory: Option<Memory>,
    /// Why it is being ended, if it is.
    pub reason: Option<String>,
    /// Why it did not get ready is known better than by how it ended.
    pub explained: bool,
    /// By when an external worker has to be ready, by the engine's clock.
    pub deadline_ns: Option<u64>,
    /// Whether epoll waits for room in its socket.
    pub watches_room: bool,
    /// By entry: what was said of arrays beside calls that are not answered.
    pub besides: BTreeMap<u64, Beside>,
    /// What it has said of arrays beside a body that came by its socket.
    pub said: Vec<u8>,
    /// Its place in the books, where it shares memory. Dropped last: by then its process has ended.
    pub member: Option<Member>,
}

/// The call that a worker without a lane has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Current {
    pub entry: u64,
    pub number: TaskId,
}

impl Worker {
    pub(super) fn new(id: WorkerId, name: String, socket: OwnedFd) -> Worker {
        Worker {
            id,
            key: None,
            name,
            process: None,
            group: None,
            external: None,
            connection: Connection::new(socket),
            stderr: None,
            stdout: None,
            written: Written::default(),
            slot: None,
            greeted: false,
            ready: false,
            leaving: false,
            muted: false,
            ended: false,
            lane: None,
            current: None,
            output: Vec::new(),
            seen: 0,
            last_answered: None,
            answered_twice: false,
            memory: None,
            reason: None,
            explained: false,
            deadline_ns: None,
            watches_room: false,
            besides: BTreeMap::new(),
            said: Vec::new(),
            member: None,
        }
    }

    /// Its process; 0 where it has none yet, or none that can be seen from here.
    pub(super) fn pid(&self) -> u32 {
        let external = || self.external.as_ref().map_or(0, |external| external.pid);
        self.process.as_ref().map_or_else(external, Process::pid)
    }

    /// Signals it, with its group; an external worker is disconnected instead, whatever the signal.
    pub(super) fn signal(&self, signal: i32) {
        if let Some(process) = &self.process {
            process.signal(signal);
        } else if self.external.is_some() {
            let _ = shutdown(self.connection.as_fd().as_raw_fd(), Shutdown::Both);
        }
    }

    /// How it ended, if it has and that is known.
    pub(super) fn ending(&mut self) -> Option<Ending> {
        self.process.as_mut()?.try_reap().ok().flatten()
    }
}
