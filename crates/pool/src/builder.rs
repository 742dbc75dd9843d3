//! How a pool is to be: start method, workers, limits, and who watches.

use crate::machine::processors;
use crate::pool::Pool;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use supervisor::counters::Counters;
use supervisor::event::Event;
use supervisor::failure::PoolError;
use supervisor::heartbeat::Heartbeat;
use supervisor::ids;
use supervisor::region::Region;
use supervisor::reserve::{self, Needs};
use supervisor::settings::{Carrier, Limits, MAX_WORKERS, Pause, Settings, Watcher};
use supervisor::shell::{Hooks, Parts, Shell};
use supervisor::start::StartMethod;
use task::{Registry, Task};
use wire::{Bounds, RegionId};

/// Bytes of inputs that a map holds ahead of its results, unless said otherwise.
const READ_AHEAD: usize = 64 << 20;

/// How a pool is to be. Made by [`Pool::builder`].
pub struct Builder {
    pub(crate) method: StartMethod,
    registry: Registry,
    pub(crate) limits: Limits,
    pub(crate) initializer: Option<(&'static str, Vec<u8>)>,
    watcher: Option<Watcher>,
    heartbeat: Option<Heartbeat>,
    threads_allowed: bool,
    sandbox: bool,
    timeline: bool,
    pub(super) stdout: bool,
    pub(super) bounds: Option<Bounds>,
    pub(super) spread: bool,
    log_level: u8,
    carrier: Carrier,
    spin: Duration,
    arena_bytes: u64,
    regions: Vec<(RegionId, Region)>,
    interrupt: Option<OwnedFd>,
    pause: Option<Pause>,
    /// Whether lines of workers' stderr that no watcher takes go to this process's.
    echo: bool,
}

impl Pool {
    /// A pool that starts its workers by `method`.
    pub fn builder(method: StartMethod) -> Builder {
        Builder::new(method)
    }
}

impl Builder {
    fn new(method: StartMethod) -> Builder {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Builder {
            method,
            registry: Registry::new(),
            limits: Limits {
                min: processors,
                workers: processors,
                spare: 0,
                idle_timeout: None,
                cancel_grace: Duration::from_millis(50),
                wait: true,
                retries: 2,
                queue: usize::MAX,
                read_ahead: READ_AHEAD,
                task_timeout: None,
                start_timeout: Duration::from_secs(30),
                grace: Duration::from_secs(5),
                output: 1 << 30,
                recycle_tasks: None,
                recycle_bytes: None,
            },
            initializer: None,
            watcher: None,
            heartbeat: None,
            threads_allowed: false,
            sandbox: false,
            timeline: false,
            stdout: false,
            bounds: None,
            spread: false,
            log_level: 0,
            carrier: Carrier::default(),
            spin: Duration::ZERO,
            arena_bytes: 0,
            regions: Vec::new(),
            interrupt: None,
            pause: None,
            echo: false,
        }
    }

    /// The tasks that forked workers serve; spawned programs bring their own registry.
    #[must_use]
    pub fn tasks(mut self, registry: Registry) -> Builder {
        self.registry = registry;
        self
    }

    /// How many workers, 1 to [`MAX_WORKERS`]; by default as many as there are processors that
    /// this process may use.
    ///
    /// # Panics
    /// Where `workers` is out of that range.
    #[must_use]
    pub fn workers(self, workers: usize) -> Builder {
        assert!(
            (1..=MAX_WORKERS).contains(&workers),
            "{workers} workers: 1 to {MAX_WORKERS}"
        );
        self.workers_between(workers, workers)
    }

    /// How often a task is run again after a worker died running it; 2 by default.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Builder {
        self.limits.retries = retries;
        self
    }

    /// How many tasks may be submitted and unanswered at once: [`Pool::submit`] waits beyond
    /// that. No bound by default.
    ///
    /// # Panics
    /// Where `tasks` is 0.
    #[must_use]
    pub fn queue_bound(mut self, tasks: usize) -> Builder {
        assert!(tasks > 0, "a queue holds at least one task");
        self.limits.queue = tasks;
        self
    }

    /// How many bytes of inputs [`Pool::map`] holds ahead of the results that were taken; 64 MiB by
    /// default. One call is always taken, however long its input is.
    #[must_use]
    pub fn read_ahead(mut self, bytes: usize) -> Builder {
        self.limits.read_ahead = bytes;
        self
    }

    /// How long a task may run before its worker is ended and the task fails.
    #[must_use]
    pub fn task_timeout(mut self, timeout: Duration) -> Builder {
        self.limits.task_timeout = Some(timeout);
        self
    }

    /// How long a worker may take to get ready; 30 seconds by default. With
    /// [`StartMethod::Listen`], also how long the pool waits for its workers to come, and for another
    /// one where all have left and tasks wait.
    #[must_use]
    pub fn start_timeout(mut self, timeout: Duration) -> Builder {
        self.limits.start_timeout = timeout;
        self
    }

    /// How long a worker that is asked to end (SIGTERM, or shut-down) may take before it is
    /// killed; 5 seconds by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Builder {
        self.limits.grace = grace;
        self
    }

    /// The longest output of a task in bytes; 1 GiB by default. A task with a longer one fails and is not
    /// run again.
    #[must_use]
    pub fn output_bound(mut self, bytes: usize) -> Builder {
        self.limits.output = bytes;
        self
    }

    /// Replaces every worker after it has answered that many tasks.
    ///
    /// # Panics
    /// Where `tasks` is 0.
    #[must_use]
    pub fn recycle_after(mut self, tasks: u64) -> Builder {
        assert!(tasks > 0, "a worker answers at least one task");
        self.limits.recycle_tasks = Some(tasks);
        self
    }

    /// Replaces a worker once its resident memory is above `bytes` after a task. Makes the
    /// workers tell their memory with every answer, as [`timeline`](Self::timeline) does.
    #[must_use]
    pub fn recycle_above(mut self, bytes: u64) -> Builder {
        self.limits.recycle_bytes = Some(bytes);
        self
    }

    /// A task that every worker runs once, before any other, without input.
    ///
    /// # Errors
    /// Where `args` cannot be encoded.
    pub fn initializer<T: Task>(mut self, args: &T::Args) -> Result<Builder, postcard::Error> {
        self.initializer = Some((T::NAME, postcard::to_stdvec(args)?));
        Ok(self)
    }

    /// Calls `watcher` with everything that happens.
    #[must_use]
    pub fn watch(mut self, watcher: impl FnMut(&Event<'_>) + Send + 'static) -> Builder {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// Writes what workers print on their stderr to this process's, line by line, after the worker's
    /// name. Not where there is a [watcher](Self::watch): it is given the lines.
    #[must_use]
    pub fn echo_stderr(mut self, echo: bool) -> Builder {
        self.echo = echo;
        self
    }

    /// Calls `beat` from inside the pool's own calls, no more often than `every` and, while a call
    /// waits, no later: to draw progress, say. [`Counters::rss`] is 0 there, since it costs a
    /// reading of every worker's figures.
    #[must_use]
    pub fn heartbeat(
        mut self,
        every: Duration,
        beat: impl FnMut(&Counters) + Send + 'static,
    ) -> Builder {
        self.heartbeat = Some(Heartbeat::new(every, Box::new(beat)));
        self
    }

    /// Makes workers tell when the input of a task has come, and their memory with every event.
    /// That costs some tens of microseconds a task.
    #[must_use]
    pub fn timeline(mut self, timeline: bool) -> Builder {
        self.timeline = timeline;
        self
    }

    /// Forwards the workers' log records of this level (0 none, 1 error … 5 trace) and below to
    /// the watcher.
    #[must_use]
    pub fn log_level(mut self, level: u8) -> Builder {
        self.log_level = level;
        self
    }

    /// How calls and results travel; [`Carrier::Lane`] by default. Pools with a
    /// [`timeline`](Self::timeline) or [`recycle_above`](Self::recycle_above), whose workers report every
    /// call, use the socket all the same, and so do external workers.
    #[must_use]
    pub fn carrier(mut self, carrier: Carrier) -> Builder {
        self.carrier = carrier;
        self
    }

    /// Has the pool, when it waits, and its workers, when they are out of calls, look at their lanes for at
    /// most this long before they sleep. A call and its result then take about a microsecond in place of
    /// several, and a processor is busy meanwhile on either side, so that this is for machines with a processor
    /// for each. By default nobody spins.
    #[must_use]
    pub fn spin(mut self, longest: Duration) -> Builder {
        self.spin = longest;
        self
    }

    /// Shares arrays with the workers: each of them has an arena of `bytes` bytes for its results, which
    /// takes address space at once, and memory where it is written. 0, the default: arrays are copied.
    /// External and confined workers share none.
    #[must_use]
    pub fn arena_bytes(mut self, bytes: u64) -> Builder {
        self.arena_bytes = bytes;
        self
    }

    /// Bytes of an arena, where workers share memory.
    pub(crate) fn arenas(&self) -> Option<u64> {
        let external = matches!(self.method, StartMethod::Listen(_));
        let shares = self.arena_bytes > 0 && !self.sandbox && !external;
        shares.then_some(self.arena_bytes)
    }

    /// Forks even where this process has other threads. Only for a program that knows that none
    /// of them ever holds a lock which a worker needs, the allocator's included.
    #[must_use]
    pub fn allow_threads(mut self) -> Builder {
        self.threads_allowed = true;
        self
    }

    /// Confines every worker, after its initializer and before its first task, to its socket, its
    /// memory and what comes over the socket: no path can be opened any more, nothing connected to,
    /// executed, forked, traced or signalled, whatever its tasks do (threads they may start). Regions
    /// reach such workers by descriptor alone; what they print on stdout comes as lines of stderr.
    ///
    /// Needs landlock and seccomp of the kernel: [`start`](Self::start) fails where they are not to
    /// be had.
    #[must_use]
    pub fn sandbox(mut self, sandbox: bool) -> Builder {
        self.sandbox = sandbox;
        self
    }

    /// Attaches a region before the pool starts: the only way to let forked workers inherit
    /// memory.
    #[must_use]
    pub fn attach(mut self, region: Region) -> (Builder, RegionId) {
        let id = ids::new_region();
        self.regions.push((id, region));
        (self, id)
    }

    /// Makes every call that waits return [`PoolError::Interrupted`] once `descriptor` is
    /// readable; a pipe that a signal handler writes to, say. The pool reads nothing from it, and
    /// can still be shut down.
    #[must_use]
    pub fn interrupted_by(mut self, descriptor: OwnedFd) -> Builder {
        self.interrupt = Some(descriptor);
        self
    }

    /// Makes the pool stop when `asked` is readable: it stops its workers with everything in their
    /// process groups, calls `wait`, lets them go on when that returns, and puts every deadline off
    /// by as long as that took. `wait` has to read from the descriptor what made it readable.
    ///
    /// For a program that the terminal can stop (Ctrl-Z): its workers are not in its process group,
    /// so they are not stopped with it. `wait` is where it stops itself.
    #[must_use]
    pub fn paused_by(mut self, asked: OwnedFd, wait: impl FnMut() + Send + 'static) -> Builder {
        let wait = Box::new(wait);
        self.pause = Some(Pause { asked, wait });
        self
    }

    /// Without a bound of its own: callers wait at a gate.
    pub(crate) fn unbounded(mut self) -> Builder {
        self.limits.queue = usize::MAX;
        self
    }

    /// What [`start`](Self::start) checks before it starts anything: for programs that have other
    /// work to do before.
    ///
    /// # Errors
    /// [`PoolError::Short`], [`PoolError::NoSandbox`].
    pub fn check(&self) -> Result<(), PoolError> {
        if self.sandbox {
            runtime::sandbox_available().map_err(|error| PoolError::NoSandbox(Arc::new(error)))?;
        }
        let most = self.limits.workers + self.limits.spare;
        let needs = Needs {
            arenas: self.arenas().is_some(),
            stdout: self.stdout,
        };
        reserve::check(most, &self.method, needs).map_err(PoolError::Short)
    }

    /// Starts all workers at once and waits until they are ready.
    ///
    /// # Errors
    /// [`PoolError`]: what failed, once; whatever had been started is ended.
    pub fn start(self) -> Result<Pool, PoolError> {
        self.check()?;
        let arena_bytes = self.arenas();
        let timeline = self.timeline || self.limits.recycle_bytes.is_some();
        let shell = Shell::start(Parts {
            method: self.method.resolved(),
            registry: self.registry,
            settings: Settings {
                limits: self.limits,
                initializer: self.initializer,
                sandbox: self.sandbox,
                timeline,
                stdout: self.stdout,
                bounds: self.bounds,
                spread: if self.spread {
                    processors()
                } else {
                    Vec::new()
                },
                log_level: self.log_level,
                carrier: self.carrier,
                spin_ns: supervisor::settings::nanoseconds(self.spin),
                arena_bytes,
            },
            threads_allowed: self.threads_allowed,
            regions: self.regions,
            interrupt: self.interrupt,
            hooks: Hooks::new(self.watcher, self.heartbeat, self.pause, self.echo),
        })?;
        Ok(Pool::over(shell))
    }
}
