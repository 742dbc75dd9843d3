//! Making a pool, and waiting until its workers are ready.

use super::deaths::oom_kills;
use super::hooks::Hooks;
use super::jobs::Jobs;
use super::reactor::{Reactor, Token};
use super::{Crew, Health, Shell};
use crate::counters::Counters;
use crate::failure::PoolError;
use crate::region::Region;
use crate::settings::{MAX_WORKERS, Settings, nanoseconds};
use crate::start::{StartError, StartMethod, Starter};
use engine::{Config, Engine};
use guardian::Guardian;
use nix::sys::eventfd::EventFd;
use runtime::now_ns;
use shmem::Board;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use task::Registry;
use wire::RegionId;

/// What a shell is made of.
pub struct Parts {
    /// How its workers are started.
    pub method: StartMethod,
    /// The tasks of forked workers.
    pub registry: Registry,
    /// What holds for its life.
    pub settings: Settings,
    /// Whether it may fork beside other threads.
    pub threads_allowed: bool,
    /// What forked workers inherit.
    pub regions: Vec<(RegionId, Region)>,
    /// Readable when it is to be interrupted.
    pub interrupt: Option<OwnedFd>,
    /// The caller's functions.
    pub hooks: Hooks,
}

impl Shell {
    /// Starts all workers at once and waits until they are ready.
    pub fn start(parts: Parts) -> Result<Shell, PoolError> {
        let wait = |error: io::Error| PoolError::Wait(Arc::new(error));
        let start = |error: StartError| PoolError::Start(Arc::new(error));
        let regions: HashMap<RegionId, Region> = parts.regions.into_iter().collect();
        let inherited = regions.iter().filter_map(|(&id, region)| match region {
            Region::Inherited(memory) => Some((id, Arc::clone(memory))),
            _ => None,
        });
        let settings = parts.settings;
        // Two words for each worker: the call that it runs, and the one that it should end.
        let board =
            Board::create(2 * MAX_WORKERS).map_err(|error| wait(io::Error::other(error)))?;
        let board_fd = Arc::new(board.fd().try_clone_to_owned().map_err(wait)?);
        let starter = Starter {
            inherited: inherited.collect(),
            method: parts.method,
            registry: parts.registry,
            threads_allowed: parts.threads_allowed,
            guardian: Guardian::join().map_err(|error| start(error.into()))?,
            server: None,
        };
        let config = config(&settings, &starter.method);
        let mut shell = Shell {
            engine: Engine::new(now_ns(), config),
            jobs: Jobs::default(),
            crew: Crew::new(board, board_fd, processors(&settings)),
            regions,
            reactor: Reactor::new().map_err(wait)?,
            hooks: parts.hooks,
            starter,
            listening: None,
            counters: Counters::default(),
            health: Health {
                oom_kills: oom_kills(),
                ..Health::default()
            },
            settings,
        };
        if let Some(interrupt) = parts.interrupt {
            let watched = shell.reactor.watch(&interrupt, Token::Interrupt);
            watched.map_err(wait)?;
            shell.reactor.interrupt = Some(interrupt);
        }
        if let Some(pause) = &shell.hooks.pause {
            shell
                .reactor
                .watch(&pause.asked, Token::Pause)
                .map_err(wait)?;
        }
        if let StartMethod::Listen(path) = &shell.starter.method {
            let path = path.clone();
            shell.open_door(&path)?;
        }
        if shell.settings.limits.wait {
            shell.wait_until_ready()?;
        } else {
            shell.settle();
            shell.arm();
            shell.check()?;
        }
        Ok(shell)
    }

    /// Where some can be started and others cannot, those are enough once that is seen, at the latest when the
    /// start time-out is over. The others are tried on.
    fn wait_until_ready(&mut self) -> Result<(), PoolError> {
        let limits = self.settings.limits.clone();
        let patience_ns = self.now().saturating_add(nanoseconds(limits.start_timeout));
        let round = Duration::from_secs(1).min(limits.start_timeout);
        while self.engine.serving() < limits.min {
            self.drive(Some(round))?;
            self.report_panic();
            let vain = self.engine.starts_keep_failing() || self.now() >= patience_ns;
            if self.engine.serving() > 0 && self.listening.is_none() && vain {
                break;
            }
        }
        Ok(())
    }

    /// Makes [`drive`](Self::drive) return when another thread signals `bell`.
    pub fn wake_by(&mut self, bell: Arc<EventFd>) -> io::Result<()> {
        self.reactor.watch(&bell, Token::Bell)?;
        self.reactor.bell = Some(bell);
        Ok(())
    }
}

impl Crew {
    fn new(board: Board, board_fd: Arc<OwnedFd>, processors: u32) -> Crew {
        Crew {
            workers: BTreeMap::new(),
            names: Vec::new(),
            next: 1,
            board,
            board_fd,
            free_slots: (0..MAX_WORKERS as u32).rev().map(|slot| 2 * slot).collect(),
            dealt: Vec::new(),
            listed: Vec::new(),
            laned: Vec::new(),
            turn: 0,
            full: false,
            unarmed: false,
            lazy: false,
            holds_wakes: false,
            held: Vec::new(),
            processors: processors as usize,
            waiting: 0,
            passed: 0,
            class: u32::MAX,
            gone: Vec::new(),
            stuck: Vec::new(),
            graves: Vec::new(),
        }
    }
}

/// Processors that workers may use: those that they are bound to, or else those of this process.
fn processors(settings: &Settings) -> u32 {
    let bound_to = settings.bounds.as_ref().map_or(0, |it| it.cpus.len());
    match settings.spread.len().max(bound_to) {
        0 => std::thread::available_parallelism().map_or(u32::MAX, |it| it.get() as u32),
        bound_to => bound_to as u32,
    }
}

fn config(settings: &Settings, method: &StartMethod) -> Config {
    let limits = &settings.limits;
    #[expect(
        clippy::needless_update,
        reason = "a build with defects has one more field"
    )]
    let config = Config {
        min: limits.min as u32,
        max: limits.workers as u32,
        spare: limits.spare as u32,
        idle_timeout_ns: limits.idle_timeout.map(nanoseconds),
        soft_ns: nanoseconds(limits.cancel_grace),
        external: matches!(method, StartMethod::Listen(_)),
        bound: limits.queue,
        processors: processors(settings),
        start_timeout_ns: nanoseconds(limits.start_timeout),
        grace_ns: nanoseconds(limits.grace),
        recycle_tasks: limits.recycle_tasks,
        recycle_bytes: limits.recycle_bytes,
        ..Config::default()
    };
    config
}
