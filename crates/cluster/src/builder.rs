//! How a pool over all ranks is to be, and how it is started on each.

use crate::link::{Link, Message};
use crate::pool::{Pool, Shared};
use crate::protocol::{Down, Ready, Settings, Up, head, split};
use crate::root::Root;
use crate::session;
use crate::start;
use handoff::elsewhere::{self, error};
use handoff::{Error, ErrorKind, StartMethod};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// How a pool over all ranks is to be. Made by [`Pool::builder`]; its methods are those of [`handoff::Builder`], and
/// hold for the pool of each rank.
#[derive(Debug, Clone)]
#[must_use = "a builder builds nothing until it is started"]
pub struct Builder {
    settings: Settings,
    method: StartMethod,
    queue_bound: usize,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder {
            settings: Settings {
                fork_server: false,
                program: None,
                workers: None,
                timeout: None,
                retries: None,
                output_bound: None,
                arena_bytes: None,
                recycle_after: None,
                start_timeout: None,
                grace: None,
                rank_timeout: Duration::from_secs(60),
                stderr: true,
            },
            method: StartMethod::Spawn,
            queue_bound: usize::MAX,
        }
    }

    /// How each rank starts its workers: `Spawn` (the default) or `ForkServer`. A process that has joined an MPI job
    /// must not be forked. `InProcess` is for this process alone: threads of rank 0.
    pub fn start_method(mut self, method: StartMethod) -> Builder {
        self.settings.fork_server = method == StartMethod::ForkServer;
        self.method = method;
        self
    }

    /// Workers of each rank; by default its share of the processors that it may use.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.settings.workers = Some(workers);
        self
    }

    /// The worker program, under the same path on all machines; by default this program.
    pub fn program(mut self, program: impl Into<PathBuf>) -> Builder {
        self.settings.program = Some(program.into());
        self
    }

    /// See [`handoff::Builder::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Builder {
        self.settings.timeout = Some(timeout);
        self
    }

    /// See [`handoff::Builder::retries`].
    pub fn retries(mut self, retries: u32) -> Builder {
        self.settings.retries = Some(retries);
        self
    }

    /// See [`handoff::Builder::queue_bound`]; of all ranks together.
    ///
    /// # Panics
    /// Where `tasks` is 0.
    pub fn queue_bound(mut self, tasks: usize) -> Builder {
        assert!(tasks > 0, "a queue holds at least one task");
        self.queue_bound = tasks;
        self
    }

    /// See [`handoff::Builder::output_bound`].
    pub fn output_bound(mut self, bytes: usize) -> Builder {
        self.settings.output_bound = Some(bytes);
        self
    }

    /// See [`handoff::Builder::arena_bytes`]; and what a rank keeps of rank 0's arrays at most, unless the calls that
    /// it has need more.
    pub fn arena_bytes(mut self, bytes: u64) -> Builder {
        self.settings.arena_bytes = Some(bytes);
        self
    }

    /// See [`handoff::Builder::recycle_after`].
    pub fn recycle_after(mut self, tasks: u64) -> Builder {
        self.settings.recycle_after = Some(tasks);
        self
    }

    /// See [`handoff::Builder::start_timeout`].
    pub fn start_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.start_timeout = Some(timeout);
        self
    }

    /// See [`handoff::Builder::grace`].
    pub fn grace(mut self, grace: Duration) -> Builder {
        self.settings.grace = Some(grace);
        self
    }

    /// How long a rank may be silent before it counts as lost; a minute by default. It matters where the MPI library and
    /// its launcher go on without a rank that is gone. What that rank had is run elsewhere, as after the death of a
    /// worker.
    pub fn rank_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.rank_timeout = timeout;
        self
    }

    /// See [`handoff::Builder::stderr`].
    pub fn stderr(mut self, through: bool) -> Builder {
        self.settings.stderr = through;
        self
    }

    /// Starts the pool of each rank and waits until all are ready. On other ranks than 0 it serves, and does not
    /// return.
    ///
    /// # Errors
    /// What failed, on which rank; [`ErrorKind::OtherBuild`] where ranks run different programs;
    /// [`ErrorKind::Misuse`] where there is a pool over all ranks already.
    pub fn start(self) -> Result<Pool, Error> {
        if self.method == StartMethod::InProcess {
            return self.start_here();
        }
        elsewhere::check_initialized()?;
        let Some(lease) = session::lease()? else {
            return self.start_here();
        };
        if !matches!(self.method, StartMethod::Spawn | StartMethod::ForkServer) {
            let text = "over MPI, start method Spawn or ForkServer: a process that has joined an MPI job must \
                        not be forked, and others do not know where ranks are";
            return Err(error(ErrorKind::Unsupported, text));
        }
        let others = start_others(&mut lease.link.borrow_mut(), &self.settings);
        let own = start::start_pool(&self.settings, lease.cores);
        let (others, pool) = (others?, own?);
        let descriptor = pool.as_fd().try_clone_to_owned();
        let descriptor = descriptor.map_err(|why| error(ErrorKind::System, why.to_string()))?;
        let arena_bytes = self.settings.arena_bytes.unwrap_or(DEFAULT_ARENA_BYTES);
        let link = Rc::clone(&lease.link);
        let root = Root::new(
            link,
            pool,
            others,
            self.queue_bound,
            (arena_bytes, self.settings.rank_timeout),
        );
        let workers = root.workers();
        let root = Shared::new(root, descriptor);
        let engine = Box::new(root.clone());
        let pool = elsewhere::pool(engine, workers, self.queue_bound);
        Ok(Pool::over(pool, Some((root, lease))))
    }

    /// A pool of this machine.
    fn start_here(self) -> Result<Pool, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let builder = start::builder(&self.settings, cores).start_method(self.method);
        let mut builder = builder;
        if self.queue_bound < usize::MAX {
            builder = builder.queue_bound(self.queue_bound);
        }
        Ok(Pool::over(builder.start()?, None))
    }
}

/// What a rank keeps of rank 0's arrays where nothing else is said: the machine's memory is the bound then.
const DEFAULT_ARENA_BYTES: u64 = u64::MAX;

/// Has the other ranks start their pools.
fn start_others(link: &mut Link, settings: &Settings) -> Result<Vec<Ready>, Error> {
    let ranks = link.comm().size() as usize;
    for rank in 1..ranks {
        let start = head(&Down::Start(Box::new(settings.clone())));
        link.send(rank, Message::of(start));
    }
    let mut answers: Vec<Option<Result<Ready, String>>> = vec![None; ranks];
    while answers.iter().skip(1).any(Option::is_none) {
        link.pump();
        let Some((from, message)) = link.receive() else {
            std::thread::sleep(Duration::from_micros(100));
            continue;
        };
        match split::<Up>(&message) {
            Some((Up::Ready(ready), _)) => answers[from] = Some(Ok(ready)),
            Some((Up::Refused(why), _)) => answers[from] = Some(Err(why)),
            _ => {}
        }
    }
    let mut ready = Vec::new();
    for (rank, answer) in answers.into_iter().enumerate().skip(1) {
        match answer {
            Some(Ok(one))
                if one.version != pool::VERSION || one.fingerprint != elsewhere::fingerprint() =>
            {
                let text = format!(
                    "rank {rank} on {} runs another program: its tasks differ; run the same build on all machines",
                    one.host
                );
                return Err(error(ErrorKind::OtherBuild, text));
            }
            Some(Ok(one)) => ready.push(one),
            Some(Err(why)) => {
                let text = format!("rank {rank} cannot start its pool: {why}");
                return Err(error(ErrorKind::Start, text));
            }
            None => {}
        }
    }
    Ok(ready)
}

impl Pool {
    /// A pool over all ranks, with as many workers as there are processors.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn new() -> Result<Pool, Error> {
        Pool::builder().start()
    }

    /// For a pool that is to differ from [`new`](Self::new).
    pub fn builder() -> Builder {
        Builder::new()
    }
}
