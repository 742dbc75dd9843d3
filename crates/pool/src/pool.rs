//! The pool as its caller drives it: submit, wait, shut down. Nothing happens outside these calls.

mod deaths;
mod listen;
mod send;
mod starts;

use crate::builder::{Builder, Limits, Watcher};
use crate::call::Call;
use crate::counters::Counters;
use crate::event::{Event, What};
use crate::failure::{PoolError, TaskFailure};
use crate::handle::{Handle, Reply, Slot};
use crate::input::Input;
use crate::region::Region;
use crate::schedule::{Scheduler, TaskId, WorkerId};
use crate::start::{StartMethod, Starter};
use crate::worker::{Doom, Phase, Worker};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use shmem::Board;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use task::{Task, now_ns};
use thiserror::Error;
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
    watcher: Option<Watcher>,
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
    /// A worker's initializer has failed.
    refused: Option<PoolError>,
    /// Workers that have something to be sent.
    to_pump: Vec<WorkerId>,
    /// Whether any task ever had a time limit.
    has_timeouts: bool,
    oom_kills: Option<u64>,
    /// Keeps the pool where it was made: its workers die with that thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

/// Why a task was not taken.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// The arguments cannot be encoded, or are longer than a frame.
    #[error("arguments of {task} cannot be sent: {why}; hand large data over as input")]
    Args {
        /// The task's name.
        task: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The input refers to a region that is not attached, or to a range outside it.
    #[error("{len} bytes at {offset} of region {region}: {why}")]
    Input {
        /// The region.
        region: RegionId,
        /// Bytes from its start.
        offset: u64,
        /// Bytes.
        len: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// As many tasks are open as the queue bound allows.
    #[error("the queue is full")]
    Full,
    /// The pool cannot go on.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// How a pool is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// All tasks that have been submitted are answered first.
    Drain,
    /// Queued tasks fail; running ones are ended, first with SIGTERM, then with SIGKILL.
    Now,
}

impl Pool {
    /// A pool that starts its workers by `method`.
    pub fn builder(method: StartMethod) -> Builder {
        Builder::new(method)
    }

    /// Submits a task. Where the queue bound is reached, drives the pool until there is room.
    ///
    /// # Errors
    /// [`SubmitError`], but never `Full`.
    pub fn submit<T: Task>(
        &mut self,
        args: &T::Args,
        input: impl Into<Input>,
    ) -> Result<Handle<T::Output>, SubmitError>
    where
        T::Output: Send,
    {
        let slot = Slot::new();
        let id = self.submit_with::<T>(args, input.into(), Arc::clone(&slot) as _)?;
        Ok(Handle { id, slot })
    }

    pub(crate) fn submit_with<T: Task>(
        &mut self,
        args: &T::Args,
        input: Input,
        reply: Arc<dyn Reply>,
    ) -> Result<TaskId, SubmitError> {
        let call = Call::new::<T>(args, input, None, reply)?;
        while self.is_full() {
            self.drive(None)?;
        }
        self.enqueue(call)
    }

    /// Submits a task if the queue bound allows it now.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn try_submit<T: Task>(
        &mut self,
        args: &T::Args,
        input: impl Into<Input>,
    ) -> Result<Handle<T::Output>, SubmitError>
    where
        T::Output: Send,
    {
        let slot = Slot::new();
        let call = Call::new::<T>(args, input.into(), None, Arc::clone(&slot) as _)?;
        let id = self.enqueue(call)?;
        Ok(Handle { id, slot })
    }

    pub(crate) fn enqueue(&mut self, call: Call) -> Result<TaskId, SubmitError> {
        self.check_broken()?;
        if self.is_full() {
            return Err(SubmitError::Full);
        }
        self.check_reach(&call.input)?;
        let id = self.next_task;
        self.take_in(id, call);
        Ok(id)
    }

    /// Takes a task under a number given by the caller; what is wrong with it is its failure.
    pub(crate) fn enqueue_as(&mut self, id: TaskId, call: Call) {
        let checked = match self.check_broken() {
            Ok(()) => self.check_reach(&call.input),
            Err(error) => Err(error.into()),
        };
        match checked {
            Ok(()) => self.take_in(id, call),
            Err(error) => call.resolve(Err(error.into())),
        }
    }

    fn take_in(&mut self, id: TaskId, mut call: Call) {
        self.next_task = id + 1;
        call.timeout = call.timeout.or(self.limits.task_timeout);
        self.has_timeouts |= call.timeout.is_some();
        self.jobs.insert(id, call);
        self.scheduler.submit(id);
    }

    /// Refuses slices that are out of reach.
    fn check_reach(&self, input: &Input) -> Result<(), SubmitError> {
        let &Input::Slice {
            region,
            offset,
            len,
        } = input
        else {
            return Ok(());
        };
        let why = match self.regions.get(&region) {
            None => "no such region is attached",
            Some(known) if offset.checked_add(len).is_none_or(|end| end > known.len()) => {
                "outside the region"
            }
            Some(_) => return Ok(()),
        };
        Err(SubmitError::Input {
            region,
            offset,
            len,
            why,
        })
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

    /// What the pool has done and is doing.
    pub fn counters(&self) -> Counters {
        Counters {
            queued: self.scheduler.queued() as u64,
            running: self.scheduler.sent() as u64,
            workers: self.workers.len() as u64,
            streamed: self.counters.streamed
                + self
                    .workers
                    .values()
                    .map(|w| w.link.outbox.streamed())
                    .sum::<u64>(),
            ..self.counters
        }
    }

    /// Asks all workers for their memory and waits until each has told or died; for `pss` and
    /// `private` they read smaps, so no clock should be running. By worker.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn memory(&mut self) -> Result<BTreeMap<WorkerId, Memory>, PoolError> {
        let asked: Vec<WorkerId> = self.serving().collect();
        for id in &asked {
            let worker = self.workers.get_mut(id).expect("a worker just listed");
            worker.memory = None;
            worker
                .link
                .outbox
                .push(&wire::ToWorker::ReportMemory)
                .expect("a short frame");
        }
        self.pump_all();
        loop {
            let told: BTreeMap<WorkerId, Memory> = asked
                .iter()
                .filter_map(|id| Some((*id, self.workers.get(id)?.memory?)))
                .collect();
            let alive = asked.iter().filter(|&id| {
                self.workers
                    .get(id)
                    .is_some_and(|worker| worker.phase == Phase::Serving)
            });
            if alive.count() <= told.len() {
                return Ok(told);
            }
            self.drive(None)?;
        }
    }

    /// Advances the pool: hands out tasks, then waits up to `timeout` (or without bound, where
    /// workers are alive to end the wait) for something to happen, and deals with it.
    ///
    /// # Errors
    /// [`PoolError`] once the pool cannot go on; every open task has failed with it.
    pub fn drive(&mut self, timeout: Option<Duration>) -> Result<(), PoolError> {
        self.check_broken()?;
        self.hand_out();
        let now = now_ns();
        let until_deadline = self
            .next_deadline_ns()
            .map(|deadline| Duration::from_nanos(deadline.saturating_sub(now)));
        let wait = match (timeout, until_deadline) {
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
        self.enforce_deadlines();
        self.hand_out();
        self.check_broken()
    }

    /// When [`drive`](Self::drive) has to be called next even if nothing becomes readable.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.next_deadline_ns()
            .map(|at| Duration::from_nanos(at.saturating_sub(now_ns())))
    }

    /// Shuts the pool down and waits until every worker has ended, by force once the grace
    /// period is over. Every open task has its result afterwards.
    ///
    /// # Errors
    /// [`PoolError`] where the pool could not go on while it drained.
    pub fn shutdown(mut self, how: Shutdown) -> Result<(), PoolError> {
        let mut drained = Ok(());
        if how == Shutdown::Drain {
            while !self.jobs.is_empty() && drained.is_ok() {
                drained = self.drive(None);
            }
        }
        self.close(how);
        drained
    }

    fn close(&mut self, how: Shutdown) {
        self.closing = true;
        if let Some(interrupt) = self.interrupt.take() {
            let _ = self.epoll.delete(interrupt);
            self.interrupted = false;
        }
        self.fail_all(|| TaskFailure::ShutDown);
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            match how {
                Shutdown::Drain => self.dismiss(id),
                Shutdown::Now => self.end(id, Doom::Late("gone")),
            }
        }
        while !self.workers.is_empty() && self.broken.is_none() {
            if self.drive(None).is_err() {
                break;
            }
        }
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

    fn serving(&self) -> impl Iterator<Item = WorkerId> {
        let serving = self
            .workers
            .values()
            .filter(|worker| worker.phase == Phase::Serving);
        serving.map(|worker| worker.id)
    }

    fn check_broken(&self) -> Result<(), PoolError> {
        if self.interrupted {
            return Err(PoolError::Interrupted);
        }
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// The pool cannot go on: every open task fails, every worker is killed.
    fn break_down(&mut self, error: PoolError) {
        if self.broken.is_some() {
            return;
        }
        self.closing = true;
        self.fail_all(|| TaskFailure::Pool(error.clone()));
        self.workers.clear();
        self.starter.server = None;
        self.broken = Some(error);
    }

    fn fail_all(&mut self, why: impl Fn() -> TaskFailure) {
        for id in self.scheduler.drain() {
            self.fail(id, why());
        }
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
        }
    }
}

impl AsFd for Pool {
    /// Readable when [`drive`](Pool::drive) has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.fail_all(|| TaskFailure::ShutDown);
        // All are killed before the first is waited for.
        for worker in self.workers.values() {
            worker.signal(libc::SIGKILL);
        }
    }
}

fn new_epoll() -> io::Result<Epoll> {
    Ok(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?)
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
