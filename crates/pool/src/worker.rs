//! One worker as its pool holds it.

use crate::link::Link;
use crate::process::{Ending, Process};
use crate::schedule::WorkerId;
use crate::start::Wiring;
use crate::stderr::Stderr;
use std::collections::HashSet;
use wire::{Memory, RegionId};

pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) name: String,
    /// None while a forkserver has not answered.
    pub(crate) process: Option<Process>,
    pub(crate) link: Link,
    pub(crate) stderr: Stderr,
    pub(crate) phase: Phase,
    /// It has closed its socket, or its process has ended; how is not known yet.
    pub(crate) dying: bool,
    /// Its word on the board.
    pub(crate) slot: u32,
    pub(crate) greeted: bool,
    /// The regions that it has been told of.
    pub(crate) knows: HashSet<RegionId>,
    /// Parts of the output that is being answered.
    pub(crate) output: Vec<u8>,
    /// Tasks that it has answered.
    pub(crate) answered: u64,
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
    pub(crate) fn new(id: WorkerId, name: String, wiring: Wiring, slot: u32) -> Worker {
        Worker {
            id,
            name,
            process: None,
            link: Link::new(wiring.socket),
            stderr: Stderr::new(wiring.stderr),
            phase: Phase::Starting,
            dying: false,
            slot,
            greeted: false,
            knows: HashSet::new(),
            output: Vec::new(),
            answered: 0,
            memory: None,
            doom: None,
            deadline_ns: None,
            due_since_ns: 0,
            watches_room: false,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::pid)
    }

    pub(crate) fn signal(&self, signal: i32) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// How it ended, if it has and that is known.
    pub(crate) fn ending(&mut self) -> Option<Ending> {
        self.process.as_mut()?.try_reap().ok().flatten()
    }
}
