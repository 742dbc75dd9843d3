//! The pool as its caller drives it: submit, wait, shut down. Nothing happens outside these calls.

mod accounts;
mod closing;
mod deaths;
mod guests;
mod listen;
mod pausing;
mod send;
mod starts;
mod submit;

pub use closing::Shutdown;
pub use submit::{Submission, SubmitError};

use crate::builder::{Builder, Limits, Pause, Watcher};
use crate::call::Call;
use crate::counters::Counters;
use crate::event::{Event, What};
use crate::failure::{PoolError, TaskFailure};
use crate::handle::Handle;
use crate::heartbeat::Heartbeat;
use crate::region::Region;
use crate::schedule::{Scheduler, TaskId, WorkerId};
use crate::start::{StartMethod, Starter};
use crate::worker::{Doom, Phase, Worker};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use runtime::now_ns;
use shmem::Board;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use wire::{Memory, RegionId};

/// Worker processes, and the tasks that they run.
///
/// The pool is driven by its caller: it advances inside its own calls and nowhere else, so it
/// is not `Send`, and deadlines hold while one of its calls is under way. A program with an
/// event loop of its own watches [`as_fd`](AsFd::as_fd) and calls [`drive`](Self::drive) when it
/// is readable or [`next_deadline`](Self::next_deadline) has come.
///
/// Dropping a pool kills its workers; [`shutdown`](Self::shutdown) lets them finish.
pub struct Pool {
    starter: Starter,
    limits: Limits,
    scheduler: Scheduler,
    jobs: HashMap<TaskId, Call>,
    workers: BTreeMap<WorkerId, Box<Worker>>,
    regions: HashMap<RegionId, Region>,
    next_task: TaskId,
    next_worker: WorkerId,
    next_region: RegionId,
    epoll: Epoll,
    board: Board,
    board_fd: Arc<OwnedFd>,
    free_slots: Vec<u32>,
    initializer: Option<(&'static str, Vec<u8>)>,
    /// Whether workers confine themselves.
    sandbox: bool,
    watcher: Option<Watcher>,
    echo: bool,
    heartbeat: Option<Heartbeat>,
    timeline: bool,
    log_level: u8,
    counters: Counters,
    /// Workers that ended before they were ready, since one last was.
    failed_starts: u32,
    /// Whether any worker ever was.
    ever_ready: bool,
    /// No worker is replaced any more.
    closing: bool,
    broken: Option<PoolError>,
    /// Rung by another thread that has orders.
    bell: Option<Arc<EventFd>>,
    interrupt: Option<OwnedFd>,
    interrupted: bool,
    pause: Option<Pause>,
    /// For how long the pool has been stopped, all in all.
    paused_ns: u64,
    /// A worker has refused to serve.
    refused: Option<PoolError>,
    /// Workers that have something to be sent.
    to_pump: Vec<WorkerId>,
    /// Whether any task ever had a time limit.
    has_timeouts: bool,
    oom_kills: Option<u64>,
    /// Where workers come by themselves, if they do.
    lobby: Option<guests::Lobby>,
    /// Guests whose sockets have ended, to be buried.
    gone: Vec<WorkerId>,
    /// Keeps the pool where it was made: its workers die with that thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Pool {
    /// A pool that starts its workers by `method`.
    pub fn builder(method: StartMethod) -> Builder {
        Builder::new(method)
    }

    /// Drives the pool until the task has its result.
    ///
    /// # Errors
    /// [`TaskFailure`]: why the task gave no output.
    pub fn wait<T>(&mut self, mut handle: Handle<T>) -> Result<T, TaskFailure> {
        loop {
            if let Some(result) = handle.try_take() {
                return result;
            }
            self.drive(None).map_err(TaskFailure::Pool)?;
        }
    }

    /// As [`wait`](Self::wait), for at most `timeout`; gives the handle back if there is no result
    /// by then. The task goes on.
    ///
    /// # Errors
    /// The handle itself.
    pub fn wait_for<T>(
        &mut self,
        mut handle: Handle<T>,
        timeout: Duration,
    ) -> Result<Result<T, TaskFailure>, Handle<T>> {
        let (deadline, paused_ns) = (after(now_ns(), timeout), self.paused_ns);
        loop {
            if let Some(result) = handle.try_take() {
                return Ok(result);
            }
            let deadline = deadline.saturating_add(self.paused_ns - paused_ns);
            let left = deadline.saturating_sub(now_ns());
            if left == 0 {
                return Err(handle);
            }
            if let Err(error) = self.drive(Some(Duration::from_nanos(left))) {
                return Ok(Err(TaskFailure::Pool(error)));
            }
        }
    }

    /// Gives a task up: a queued one is never run; a running one is ended with its worker, which
    /// is replaced. `false` where the task has a result already.
    pub fn cancel<T>(&mut self, handle: &Handle<T>) -> bool {
        self.cancel_id(handle.id)
    }

    pub(crate) fn cancel_id(&mut self, id: TaskId) -> bool {
        if !self.jobs.contains_key(&id) {
            return false;
        }
        if self.withdraw(id) {
            return true;
        }
        let holder = self.workers.values().find_map(|worker| {
            self.scheduler
                .window(worker.id)
                .any(|task| task == id)
                .then_some(worker.id)
        });
        self.fail(id, TaskFailure::Cancelled);
        if let Some(holder) = holder {
            self.end(holder, Doom::Cancelled);
        }
        true
    }

    /// Attaches a region that tasks can then refer to. Workers are told of it when they first
    /// need it.
    ///
    /// # Panics
    /// For [`Region::Inherited`], which has to be attached before the pool starts
    /// ([`Builder::attach`]).
    pub fn attach(&mut self, region: Region) -> RegionId {
        assert!(
            !matches!(region, Region::Inherited(_)),
            "memory is inherited when a worker starts: attach it with the builder"
        );
        let id = self.next_region;
        self.attach_as(id, region);
        id
    }

    pub(crate) fn attach_as(&mut self, id: RegionId, region: Region) {
        self.next_region = id + 1;
        self.regions.insert(id, region);
    }

    /// Detaches a region; workers let go of it. Tasks that still refer to it fail.
    pub fn detach(&mut self, region: RegionId) {
        if self.regions.remove(&region).is_none() {
            return;
        }
        for worker in self.workers.values_mut() {
            if worker.knows.remove(&region) {
                worker
                    .link
                    .outbox
                    .push(&wire::ToWorker::Detach { region })
                    .expect("a short frame");
            }
        }
        self.pump_all();
    }

    /// Advances the pool: hands out tasks, then waits up to `timeout` (or without bound, where
    /// workers are alive to end the wait) for something to happen, and deals with it.
    ///
    /// # Errors
    /// [`PoolError`] once the pool cannot go on; every open task has failed with it.
    pub fn drive(&mut self, timeout: Option<Duration>) -> Result<(), PoolError> {
        self.check_broken()?;
        self.bury_guests();
        self.hand_out();
        self.expect_guests();
        let wait = match (timeout, self.next_deadline()) {
            (Some(timeout), Some(deadline)) => Some(timeout.min(deadline)),
            (one, other) => one.or(other),
        };
        let mut events = [EpollEvent::empty(); 64];
        let happened = match self.epoll.wait(&mut events, epoll_timeout(wait)) {
            Ok(count) => &events[..count],
            Err(nix::errno::Errno::EINTR) => &[],
            Err(error) => {
                let error = Arc::new(io::Error::from(error));
                self.break_down(PoolError::Wait(error));
                &[]
            }
        };
        for event in happened {
            self.listen(event.data());
        }
        if self.next_deadline_ns().is_some_and(|at| at <= now_ns()) {
            self.enforce_deadlines();
        }
        self.bury_guests();
        self.hand_out();
        self.beat();
        self.check_broken()
    }

    /// When [`drive`](Self::drive) has to be called next even if nothing becomes readable.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.next_deadline_ns()
            .map(|at| Duration::from_nanos(at.saturating_sub(now_ns())))
    }

    /// Gives a task up if it is still queued.
    pub(crate) fn withdraw(&mut self, id: TaskId) -> bool {
        let withdrawn = self.scheduler.withdraw(id);
        if withdrawn {
            self.fail(id, TaskFailure::Cancelled);
        }
        withdrawn
    }

    pub(crate) fn queue_bound(&self) -> usize {
        self.limits.queue
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.limits.workers
    }

    /// Makes [`drive`](Self::drive) return when another thread rings `bell`.
    pub(crate) fn wake_by(&mut self, bell: Arc<EventFd>) -> io::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, starts::Token::Bell.encode());
        self.epoll.add(&bell, event)?;
        self.bell = Some(bell);
        Ok(())
    }

    /// Whether the queue bound is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.jobs.len() >= self.limits.queue
    }

    /// The number that the next task submitted will have.
    pub fn next_task_id(&self) -> TaskId {
        self.next_task
    }

    fn check_broken(&self) -> Result<(), PoolError> {
        if self.interrupted {
            return Err(PoolError::Interrupted);
        }
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, task: TaskId, why: TaskFailure) {
        if let Some(job) = self.jobs.remove(&task) {
            self.counters.failed += 1;
            job.resolve(Err(why));
        }
    }

    fn tell(&mut self, worker: &Worker, at_ns: u64, what: What<'_>) {
        if let Some(watcher) = &mut self.watcher {
            let (id, name, pid) = (worker.id, &worker.name[..], worker.pid());
            watcher(&Event {
                worker: id,
                name,
                pid,
                at_ns,
                what,
            });
        } else if let What::Stderr(line) = what
            && self.echo
        {
            // Nobody may read it, and that is no reason to panic.
            let _ = writeln!(io::stderr(), "{}: {line}", worker.name);
        }
    }
}

impl AsFd for Pool {
    /// Readable when [`drive`](Pool::drive) has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

fn new_epoll() -> io::Result<Epoll> {
    Ok(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?)
}

/// A moment some time after another, for deadlines; beyond the clock's end it is never.
fn after(at_ns: u64, time: Duration) -> u64 {
    let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    at_ns.saturating_add(time)
}

/// Rounded up to the next millisecond, so that a deadline has passed when the wait is over.
fn epoll_timeout(wait: Option<Duration>) -> EpollTimeout {
    match wait {
        None => EpollTimeout::NONE,
        Some(wait) => {
            let millis = wait.as_nanos().div_ceil(1_000_000);
            EpollTimeout::try_from(millis.min(i32::MAX as u128) as i32)
                .expect("a non-negative number of milliseconds")
        }
    }
}
