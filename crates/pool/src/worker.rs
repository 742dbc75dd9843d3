//! One worker as its pool holds it.

use crate::link::Link;
use crate::process::{Ending, Process};
use crate::schedule::{TaskId, WorkerId};
use crate::start::Guest;
use crate::stderr::Stderr;
use guardian::GuardedGroup;
use nix::sys::socket::{Shutdown, shutdown};
use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use wire::{Memory, RegionId};

pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) name: String,
    /// None while a forkserver has not answered, and of a guest.
    pub(crate) process: Option<Process>,
    /// The guardian's place for that process, until it is known.
    pub(crate) group: Option<GuardedGroup>,
    /// Where it came by itself: not ours to signal, or to read the stderr of.
    pub(crate) guest: Option<Guest>,
    pub(crate) link: Link,
    pub(crate) stderr: Option<Stderr>,
    pub(crate) phase: Phase,
    /// It has closed its socket, or its process has ended; how is not known yet.
    pub(crate) dying: bool,
    /// Its word on the board; guests have none, since all workers write to one board.
    pub(crate) slot: Option<u32>,
    pub(crate) greeted: bool,
    /// The regions that it has been told of.
    pub(crate) knows: HashSet<RegionId>,
    /// Parts of the output that is being answered.
    pub(crate) output: Vec<u8>,
    /// Tasks that it has answered.
    pub(crate) answered: u64,
    /// The task that it answered last.
    pub(crate) last_answered: Option<TaskId>,
    /// It has answered that one again.
    pub(crate) answered_twice: bool,
    pub(crate) memory: Option<Memory>,
    /// Why the pool is ending it, if it is.
    pub(crate) doom: Option<Doom>,
    /// When to use force: by when it has to be ready, or gone.
    pub(crate) deadline_ns: Option<u64>,
    /// When the task that is due began to be due; for its time limit.
    pub(crate) due_since_ns: u64,
    /// Whether epoll watches for room in its socket.
    pub(crate) watches_room: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Started; its handshake is awaited.
    Starting,
    /// Takes tasks.
    Serving,
    /// Told to go; its end is awaited.
    Leaving,
}

/// Why the pool ends a worker.
#[derive(Debug, Clone)]
pub(crate) enum Doom {
    /// It broke the protocol.
    Nonsense(String),
    /// A task took too long.
    TimedOut,
    /// Its running task was cancelled.
    Cancelled,
    /// It was not ready, or not gone, in time.
    Late(&'static str),
}

impl Doom {
    pub(crate) fn reason(&self) -> String {
        match self {
            Doom::Nonsense(what) => format!("it answered nonsense ({what})"),
            Doom::TimedOut => "its task took too long".to_owned(),
            Doom::Cancelled => "its task was cancelled".to_owned(),
            Doom::Late(what) => format!("it was not {what} in time"),
        }
    }
}

impl Worker {
    pub(crate) fn new(id: WorkerId, name: String, socket: OwnedFd) -> Worker {
        Worker {
            id,
            name,
            process: None,
            group: None,
            guest: None,
            link: Link::new(socket),
            stderr: None,
            phase: Phase::Starting,
            dying: false,
            slot: None,
            greeted: false,
            knows: HashSet::new(),
            output: Vec::new(),
            answered: 0,
            last_answered: None,
            answered_twice: false,
            memory: None,
            doom: None,
            deadline_ns: None,
            due_since_ns: 0,
            watches_room: false,
        }
    }

    /// Whether it came by itself and has not shown yet that it is a worker at all.
    pub(crate) fn is_strange(&self) -> bool {
        self.guest.is_some() && self.phase == Phase::Starting
    }

    /// Its process; 0 where it has none yet, or none that can be seen from here.
    pub(crate) fn pid(&self) -> u32 {
        let guest = || self.guest.as_ref().map_or(0, |guest| guest.pid);
        self.process.as_ref().map_or_else(guest, Process::pid)
    }

    /// Signals it, with its group; a guest is disconnected instead, whatever the signal.
    pub(crate) fn signal(&self, signal: i32) {
        if let Some(process) = &self.process {
            process.signal(signal);
        } else if self.guest.is_some() {
            let _ = shutdown(self.link.as_fd().as_raw_fd(), Shutdown::Both);
        }
    }

    /// How it ended, if it has and that is known.
    pub(crate) fn ending(&mut self) -> Option<Ending> {
        self.process.as_mut()?.try_reap().ok().flatten()
    }
}
