//! What a pool was configured with, unchanged for its life.

use crate::event::Event;
use crate::reserve::Needs;
use std::os::fd::OwnedFd;
use std::time::Duration;
use wire::Bounds;

/// The most workers that a pool has.
pub const MAX_WORKERS: usize = 4096;

/// Receives every event of a pool, from inside the pool's own calls.
pub type Watcher = Box<dyn FnMut(&Event<'_>) + Send>;

/// When and how the program stops for a while.
pub(crate) struct Pause {
    pub asked: OwnedFd,
    pub wait: Box<dyn FnMut() + Send>,
}

/// How calls and results travel between a pool and the workers that it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Carrier {
    /// Through memory that the coordinator shares with each worker, many calls at a time; what does not
    /// fit goes over the socket.
    #[default]
    Lane,
    /// Over the worker's socket, one call at a time.
    Socket,
}

/// Bounds of a pool.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How many workers take tasks at least, and at most.
    pub min: usize,
    pub workers: usize,
    pub spare: usize,
    pub idle_timeout: Option<Duration>,
    /// How long a task that was asked to end has, before its worker is ended.
    pub cancel_grace: Duration,
    /// Whether starting the pool waits for its workers.
    pub wait: bool,
    pub retries: u32,
    pub queue: usize,
    pub read_ahead: usize,
    pub task_timeout: Option<Duration>,
    pub start_timeout: Duration,
    pub grace: Duration,
    pub output: usize,
    pub recycle_tasks: Option<u64>,
    pub recycle_bytes: Option<u64>,
}

/// What a pool was configured with.
pub(crate) struct Settings {
    pub limits: Limits,
    pub initializer: Option<(&'static str, Vec<u8>)>,
    /// Whether workers confine themselves.
    pub sandbox: bool,
    pub timeline: bool,
    /// Whether the workers' stdout comes through pipes.
    pub stdout: bool,
    /// Bytes of each worker's arena, where they share memory.
    pub arena_bytes: Option<u64>,
    pub log_level: u8,
    pub bounds: Option<Bounds>,
    /// Where not empty, each worker runs on one of these processors.
    pub spread: Vec<u32>,
    /// How calls reach workers that the pool starts.
    pub carrier: Carrier,
    /// For how long the pool and its workers look at lanes before they sleep.
    pub spin_ns: u64,
}

impl Settings {
    /// What workers have beside their sockets.
    pub(crate) fn needs(&self) -> Needs {
        Needs {
            arenas: self.arena_bytes.is_some(),
            stdout: self.stdout,
        }
    }

    /// What the worker with this place on the board may take of the machine.
    pub(crate) fn bounds_of(&self, slot: Option<u32>) -> Option<Bounds> {
        let mut bounds = self.bounds.clone();
        if let (Some(slot), false) = (slot, self.spread.is_empty()) {
            let cpu = self.spread[slot as usize / 2 % self.spread.len()];
            bounds.get_or_insert_default().cpus = vec![cpu];
        }
        bounds
    }
}

/// Nanoseconds of a duration; a longer one than the clock can show is forever.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
