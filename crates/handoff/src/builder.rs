//! How a pool is to be.

mod bounds;
mod program;

use crate::background::Background;
use crate::engine::Engine;
use crate::event::Event;
use crate::gate::Gate;
use crate::pool::Pool;
use crate::shared;
use crate::shutdown::no_limits;
use crate::threads::Threads;
use crate::workers::Workers;
use crate::{Call, Error, ErrorKind};
use log::LevelFilter;
use pool::CallBlock;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

/// A change of the worker program, made when the pool is started.
type Change = Box<dyn FnOnce(pool::Program) -> pool::Program + Send>;

/// How workers are started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartMethod {
    /// The worker program is started anew for each worker. Works from any program, also from one
    /// with threads.
    #[default]
    Spawn,
    /// The worker program is started once and forks the workers. For programs that take long to
    /// start, and pools that replace workers often.
    ForkServer,
    /// The worker is a fork of this process, with its memory copy-on-write. Refused where this
    /// process has other threads.
    Fork,
    /// Tasks run on threads of this process: for debuggers, sanitizers, coverage and tests. No time
    /// limits; a crash is this program's.
    InProcess,
    /// Workers are not started here: they connect to a socket at this path
    /// ([`serve_at`](crate::serve_at)).
    Listen(PathBuf),
}

/// How a pool is to be. Made by [`Pool::builder`].
///
/// ```no_run
/// use handoff::{Pool, StartMethod};
/// use std::time::Duration;
///
/// let pool = Pool::builder()
///     .start_method(StartMethod::ForkServer)
///     .workers(4)
///     .timeout(Duration::from_secs(10))
///     .start()?;
/// # Ok::<(), handoff::Error>(())
/// ```
#[must_use = "a builder builds nothing until it is started"]
pub struct Builder {
    method: StartMethod,
    program: Option<PathBuf>,
    /// What is changed in the program, in this order.
    changes: Vec<Change>,
    workers: Workers,
    bounds: pool::Bounds,
    queue_bound: usize,
    timeout: Option<Duration>,
    initializer: Option<Result<CallBlock, Error>>,
    watcher: Option<Watcher>,
    stderr: bool,
    stdout: bool,
    log_level: LevelFilter,
    sandbox: bool,
    arena_bytes: Option<u64>,
    /// Settings for the pool itself, in this order.
    settings: Vec<Setting>,
}

type Watcher = Box<dyn FnMut(&Event<'_>) + Send>;
type Setting = Box<dyn FnOnce(pool::Builder) -> pool::Builder + Send>;

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder {
            method: StartMethod::default(),
            program: None,
            changes: Vec::new(),
            workers: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .into(),
            bounds: pool::Bounds::default(),
            queue_bound: usize::MAX,
            timeout: None,
            initializer: None,
            watcher: None,
            stderr: true,
            stdout: false,
            log_level: LevelFilter::Off,
            sandbox: false,
            arena_bytes: None,
            settings: Vec::new(),
        }
    }

    /// How workers are started; [`StartMethod::Spawn`] by default.
    pub fn start_method(mut self, method: StartMethod) -> Builder {
        self.method = method;
        self
    }

    /// How many workers, 1 to [`MAX_WORKERS`](crate::MAX_WORKERS); by default one for each processor that
    /// this process may use. With a range, such as `1..=8`, the pool starts with the smallest number (0 is
    /// allowed), starts more while tasks wait, and lets them go after an
    /// [`idle_timeout`](Self::idle_timeout). Threads ([`StartMethod::InProcess`]) are always as many as the
    /// largest number.
    ///
    /// # Panics
    /// Where the numbers are out of that range.
    pub fn workers(mut self, workers: impl Into<Workers>) -> Builder {
        self.workers = workers.into().checked();
        self
    }

    /// How many ready workers are kept beside those that take tasks. One of them takes the place of a
    /// worker that ends at once, so that no task waits for a start or an initializer. None by default.
    pub fn spare(self, workers: usize) -> Builder {
        self.set(move |pool| pool.spare(workers))
    }

    /// How long a worker above the smallest number may be idle before it is asked to exit. By default they
    /// stay.
    pub fn idle_timeout(self, timeout: Duration) -> Builder {
        self.set(move |pool| pool.idle_timeout(timeout))
    }

    /// How long a running task has to end after it was cancelled or its time is over, before its worker is
    /// ended. It sees that by [`cancelled`](crate::cancelled), and one that returns then leaves its worker
    /// warm. 50 ms by default; with 0 the worker is ended at once.
    pub fn cancel_grace(self, grace: Duration) -> Builder {
        self.set(move |pool| pool.cancel_grace(grace))
    }

    /// Whether [`start`](Self::start) waits until the workers are ready, and fails where none can be
    /// started; the default. Without, the first tasks do.
    pub fn wait_until_ready(self, wait: bool) -> Builder {
        self.set(move |pool| pool.wait_until_ready(wait))
    }

    /// How long a task may run before its worker is ended and the task fails with
    /// [`ErrorKind::TimedOut`]. No limit by default.
    pub fn timeout(mut self, timeout: Duration) -> Builder {
        self.timeout = Some(timeout);
        self
    }

    /// How often a task is run again after a worker died running it; 2 by default.
    pub fn retries(self, retries: u32) -> Builder {
        self.set(move |pool| pool.retries(retries))
    }

    /// How many tasks may be submitted and have no result: [`Pool::submit`] waits beyond that. No
    /// bound by default.
    ///
    /// # Panics
    /// Where `tasks` is 0.
    pub fn queue_bound(mut self, tasks: usize) -> Builder {
        assert!(tasks > 0, "a queue holds at least one task");
        self.queue_bound = tasks;
        self
    }

    /// The longest result of a task in bytes; 1 GiB by default. A longer one ends its worker.
    pub fn output_bound(self, bytes: usize) -> Builder {
        self.set(move |pool| pool.output_bound(bytes))
    }

    /// A task that every worker runs once, before any other. Its arguments have no arrays: every worker
    /// gets the same.
    pub fn initializer<R>(mut self, call: Call<R>) -> Builder {
        self.initializer = Some(match call.has_arrays() {
            true => Err(Error::new(
                ErrorKind::Arguments,
                "the arguments of an initializer cannot have arrays, since all workers get them; send \
                 a Vec",
            )),
            false => call.into_raw(),
        });
        self
    }

    /// The size of each worker's arena in bytes: what a worker's results, while the caller holds them, and the
    /// arrays that it keeps can take at most. By default as much as the machine has memory, or less where
    /// limits or many workers leave less address space. An array that does not fit is an error in its
    /// task. With 0, and by default without `/proc`, there are no arenas: arrays are copied.
    pub fn arena_bytes(mut self, bytes: u64) -> Builder {
        self.arena_bytes = Some(bytes);
        self
    }

    /// Calls `watcher` for everything that happens to workers, from inside the pool's own calls.
    pub fn watch(mut self, watcher: impl FnMut(&Event<'_>) + Send + 'static) -> Builder {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// Forwards the workers' `log` and `tracing` records of this level and above: to the
    /// [watcher](Self::watch), or else to this process's own `log` logger. Off by default.
    pub fn log_level(mut self, level: LevelFilter) -> Builder {
        self.log_level = level;
        self
    }

    /// Replaces every worker after that many tasks.
    ///
    /// # Panics
    /// Where `tasks` is 0.
    pub fn recycle_after(self, tasks: u64) -> Builder {
        assert!(tasks > 0, "a worker runs at least one task");
        self.set(move |pool| pool.recycle_after(tasks))
    }

    /// Replaces a worker whose resident memory is above `bytes` after a task.
    pub fn recycle_above(self, bytes: u64) -> Builder {
        self.set(move |pool| pool.recycle_above(bytes))
    }

    /// Confines every worker, after its initializer, to its memory and its connection to the pool: it
    /// opens, connects, starts and signals nothing. Needs landlock and seccomp.
    pub fn sandbox(mut self, sandbox: bool) -> Builder {
        self.sandbox = sandbox;
        self
    }

    /// How long a worker may take to get ready; 30 seconds by default. A pool with some workers whose other starts
    /// fail again and again goes on with those, and tries the others on.
    pub fn start_timeout(self, timeout: Duration) -> Builder {
        self.set(move |pool| pool.start_timeout(timeout))
    }

    /// Makes every call that waits return [`ErrorKind::Interrupted`] once `descriptor` is readable: a
    /// pipe that a signal handler writes to, say. The pool reads nothing from it, and can still be
    /// shut down. Not with [`StartMethod::InProcess`].
    pub fn interrupted_by(self, descriptor: OwnedFd) -> Builder {
        self.set(move |pool| pool.interrupted_by(descriptor))
    }

    /// How long a worker that is asked to end may take before it is killed; 5 seconds by default.
    pub fn grace(self, grace: Duration) -> Builder {
        self.set(move |pool| pool.grace(grace))
    }

    /// For how long, when there is nothing to do, the pool and its workers look for a result or a call
    /// again and again before they sleep. A task there and back then takes about a microsecond in place of
    /// several. A processor is busy meanwhile on either side, so this is for machines that have one for
    /// each; an idle pool sleeps all the same. By default nobody spins. Ignored with
    /// [`StartMethod::InProcess`](crate::StartMethod::InProcess).
    pub fn spin(self, longest: Duration) -> Builder {
        self.set(move |pool| pool.spin(longest))
    }

    /// Starts the workers and waits until they are ready.
    ///
    /// # Errors
    /// What failed; whatever had been started is ended. [`ErrorKind::Misuse`] where
    /// [`init`](crate::init) has not run and workers are to be this program.
    pub fn start(self) -> Result<Pool, Error> {
        let (workers, bound) = (self.workers, self.queue_bound);
        let engine = if self.method == StartMethod::InProcess {
            Engine::Threads {
                threads: self.threads()?,
                bound,
                seen: 0,
            }
        } else {
            let builder = self.processes()?.queue_bound(bound);
            Engine::Processes(Box::new(builder.start()?))
        };
        Ok(Pool::over(engine, workers.max, bound))
    }

    /// As [`start`](Self::start), on a thread of its own. Not for [`StartMethod::Fork`].
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn background(self) -> Result<Background, Error> {
        let gate = Gate::new(self.queue_bound);
        let workers = self.workers.max;
        let engine = match self.method {
            StartMethod::InProcess => shared::Engine::Threads(self.threads()?),
            _ => shared::Engine::Processes(self.processes()?.background()?),
        };
        Ok(Background::over(engine, gate, workers))
    }

    fn set(
        mut self,
        setting: impl FnOnce(pool::Builder) -> pool::Builder + Send + 'static,
    ) -> Builder {
        self.settings.push(Box::new(setting));
        self
    }

    fn threads(self) -> Result<Threads, Error> {
        crate::program::check_not_unserved_worker()?;
        if self.timeout.is_some() {
            return Err(no_limits());
        }
        if self.sandbox || self.stdout || self.program.is_some() || !self.changes.is_empty() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "start method InProcess has no worker program, sandbox or stdout of its own",
            ));
        }
        let initializer = self.initializer.transpose()?;
        Threads::start(self.workers.max, crate::program::tasks(), initializer)
    }

    fn processes(mut self) -> Result<pool::Builder, Error> {
        crate::program::check_not_unserved_worker()?;
        let arena_bytes = self.arena_bytes;
        // The process's own arenas take as much again.
        let default = || shmem::shared_arena_size(self.workers.max + 2);
        let arena_bytes = arena_bytes.unwrap_or_else(default);
        let mut builder = pool::Pool::builder(self.pool_method()?)
            .tasks(crate::program::tasks())
            .workers_between(self.workers.min, self.workers.max)
            .bounds(self.bounds)
            .sandbox(self.sandbox)
            .log_level(self.log_level as u8)
            .arena_bytes(arena_bytes)
            .capture_stdout(self.stdout)
            .echo_stderr(self.stderr);
        if let Some(timeout) = self.timeout {
            builder = builder.task_timeout(timeout);
        }
        if let Some(initializer) = self.initializer {
            let initializer = initializer?;
            if initializer.more.is_some() {
                return Err(Error::new(
                    ErrorKind::Arguments,
                    "the initializer's arguments are more than 256 KiB",
                ));
            }
            builder = builder.initializer_raw(initializer.task, initializer.args.to_vec());
        }
        if let Some(mut watcher) = self.watcher {
            builder = builder.watch(move |event| {
                if let Some(event) = Event::of(event) {
                    watcher(&event);
                }
            });
        } else if self.log_level != LevelFilter::Off {
            let stderr = self.stderr;
            builder = builder.watch(move |event| crate::event::forward(event, stderr));
        }
        for setting in self.settings {
            builder = setting(builder);
        }
        Ok(builder)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("start_method", &self.method)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of this program's own workers, started by
    /// [`StartMethod::Spawn`](crate::StartMethod::Spawn), one for each processor.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] where [`init`](crate::init) has not run, [`ErrorKind::Start`] where no
    /// worker can be started.
    pub fn new() -> Result<Pool, Error> {
        Builder::new().start()
    }

    /// For a pool that is to differ from [`new`](Self::new).
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A pool on a thread of its own, whose handles are futures. As [`new`](Self::new) otherwise.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn background() -> Result<crate::Background, Error> {
        Builder::new().background()
    }
}
