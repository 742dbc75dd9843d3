//! The shell around the engine: sockets, processes, timers and payloads. It reports what happens and
//! executes what the engine decides; it decides nothing itself.

mod absence;
mod accounts;
mod arrays;
mod construct;
mod dealing;
mod deaths;
mod drive;
mod effects;
mod externals;
mod hooks;
mod inputs;
mod job;
mod jobs;
mod lanes;
mod listening;
mod many;
mod messages;
mod numbers;
mod reactor;
mod regions;
mod results;
mod sending;
mod server;
mod starting;
mod waking;
mod wishes;
mod worker;

use crate::counters::Counters;
use crate::failure::{Certificate, PoolError};
use crate::ids::WorkerId;
use crate::region::Region;
use crate::settings::Settings;
use crate::start::Starter;
pub use construct::Parts;
use engine::{Assignment, Engine};
pub use hooks::Hooks;
use jobs::Jobs;
use listening::Listening;
use reactor::Reactor;
use shmem::Board;
use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use wire::RegionId;
use worker::Worker;

/// What executes the engine's decisions.
pub struct Shell {
    engine: Engine,
    settings: Settings,
    jobs: Jobs,
    crew: Crew,
    regions: HashMap<RegionId, Region>,
    reactor: Reactor,
    hooks: Hooks,
    starter: Starter,
    /// Where external workers connect, if they do.
    listening: Option<Listening>,
    counters: Counters,
    health: Health,
}

/// The workers, and what each of them needs a part of.
struct Crew {
    workers: BTreeMap<WorkerId, Box<Worker>>,
    /// By the engine's index: which worker that is.
    names: Vec<WorkerId>,
    next: WorkerId,
    board: Board,
    board_fd: Arc<OwnedFd>,
    free_slots: Vec<u32>,
    /// What a worker is being given.
    dealt: Vec<Assignment>,
    /// Workers whose lanes have entries without results.
    listed: Vec<WorkerId>,
    /// Workers that are ready and have lanes, and whose turn it is to be given an entry ahead.
    laned: Vec<WorkerId>,
    turn: usize,
    /// None of their lanes has room.
    full: bool,
    /// A lane has come into use, and its worker was not asked to wake us.
    unarmed: bool,
    /// The caller will drive the pool soon: workers with little to do are woken then.
    lazy: bool,
    /// Wake messages are held until workers were asked to wake this process: one that shares its processor may run
    /// before the next statement does.
    holds_wakes: bool,
    /// Workers that were given something meanwhile.
    held: Vec<WorkerId>,
    /// Processors of this machine that this process may use.
    processors: usize,
    /// Calls submitted since results were last looked for, and effects executed.
    waiting: u32,
    /// Calls submitted since results were last looked for.
    passed: u32,
    /// The number of the name of the task that was submitted last.
    class: u32,
    /// External workers whose connections have ended.
    gone: Vec<WorkerId>,
    /// Workers whose socket refused a send for want of memory or descriptors.
    stuck: Vec<WorkerId>,
    /// Workers whose deaths the engine is still dealing with.
    graves: Vec<Grave>,
}

/// What is known of a worker that has died.
struct Grave {
    key: Option<engine::WorkerId>,
    id: WorkerId,
    name: String,
    pid: u32,
    certificate: Certificate,
}

/// How the pool itself is.
#[derive(Default)]
struct Health {
    /// Why it cannot go on.
    broken: Option<PoolError>,
    interrupted: bool,
    /// Why a worker could not be started last.
    why: Option<PoolError>,
    /// For how long the pool has been stopped, all in all.
    paused_ns: u64,
    /// When the caller last went away, by the engine's clock, and for how long it had been when it came back.
    left_ns: u64,
    away_ns: u64,
    oom_kills: Option<u64>,
}
