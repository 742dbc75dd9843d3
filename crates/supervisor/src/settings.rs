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
pub struct Pause {
    /// Readable when it is to stop.
    pub asked: OwnedFd,
    /// Returns when it goes on.
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
pub struct Limits {
    /// How many workers take tasks at least.
    pub min: usize,
    /// How many take tasks at most.
    pub workers: usize,
    /// How many are ready beside them.
    pub spare: usize,
    /// After which time without a task a worker above the least number leaves.
    pub idle_timeout: Option<Duration>,
    /// How long a task that was asked to end has, before its worker is ended.
    pub cancel_grace: Duration,
    /// Whether starting the pool waits for its workers.
    pub wait: bool,
    /// How often a task is begun again after its worker died.
    pub retries: u32,
    /// How many tasks may be open.
    pub queue: usize,
    /// Bytes of inputs that a map holds ahead of its results.
    pub read_ahead: usize,
    /// How long a task may run.
    pub task_timeout: Option<Duration>,
    /// How long a worker may take to start.
    pub start_timeout: Duration,
    /// How long a worker has between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The longest output, bytes.
    pub output: usize,
    /// After how many tasks a worker is replaced.
    pub recycle_tasks: Option<u64>,
    /// Above how many bytes of memory a worker is replaced.
    pub recycle_bytes: Option<u64>,
}

/// What a pool was configured with.
pub struct Settings {
    /// Its bounds.
    pub limits: Limits,
    /// The task that each worker runs first, with its encoded arguments.
    pub initializer: Option<(&'static str, Vec<u8>)>,
    /// Whether workers confine themselves.
    pub sandbox: bool,
    /// Whether workers report when they begin and end each call.
    pub timeline: bool,
    /// Whether the workers' stdout comes through pipes.
    pub stdout: bool,
    /// Bytes of each worker's arena, where they share memory.
    pub arena_bytes: Option<u64>,
    /// Up to which level the workers' log records are forwarded; 0 for none.
    pub log_level: u8,
    /// What each worker may take of the machine.
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
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
