//! A pool on a thread of its own, for programs that have other things to do, or many threads.

use crate::bell::Bell;
use crate::builder::Builder;
use crate::handle::{Handle, Slot};
use crate::pool::Shutdown;
use crate::seen::Seen;
use crate::server::{Broadcast, MakeCall, Order, serve};
use crate::submit::Submission;
use runtime::{ForkError, thread_count};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;
use supervisor::call::Call;
use supervisor::counters::{self, Counters};
use supervisor::failure::{PoolError, SubmitError, TaskFailure};
use supervisor::gate::Gate;
use supervisor::ids::{self, TaskId};
use supervisor::input::Input;
use supervisor::region::Region;
use supervisor::settings::MAX_WORKERS;
use supervisor::start::StartMethod;
use task::Task;
use wire::RegionId;

/// A pool on a thread of its own. It can be shared between threads; its handles are futures.
///
/// Forking would copy a process with more than one thread, so only `spawn` and `forkserver` are
/// accepted. Dropping it ends the workers at once; [`shutdown`](Self::shutdown) lets them finish.
pub struct Background {
    orders: Sender<Order>,
    bell: Arc<Bell>,
    gate: Arc<Gate>,
    next_task: AtomicU64,
    number: u32,
    pub(crate) shares_arrays: bool,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<Result<(), PoolError>>>,
}

impl Builder {
    /// Starts the pool on a thread of its own and waits until its workers are ready.
    ///
    /// # Errors
    /// [`PoolError`]: for start method `fork`, or what failed.
    pub fn background(self) -> Result<Background, PoolError> {
        if matches!(self.method, StartMethod::Fork) {
            let threads = thread_count().unwrap_or(1) + 1;
            let error = crate::StartError::Fork(ForkError::Threads { threads });
            return Err(PoolError::Start(Arc::new(error)));
        }
        let wait = |error: nix::Error| PoolError::Wait(Arc::new(error.into()));
        let bell = Bell::new().map_err(wait)?;
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (gate, shares_arrays) = (Gate::new(self.limits.queue), self.arenas().is_some());
        let (orders, inbox) = mpsc::channel();
        let (started, ready) = mpsc::channel();
        let thread = std::thread::spawn({
            let (bell, seen) = (Arc::clone(&bell), Arc::clone(&seen));
            move || {
                let mut pool = self.unbounded().start()?;
                let woken = pool.shell().wake_by(bell.signal());
                woken.map_err(|error| PoolError::Wait(Arc::new(error)))?;
                let first = seen.lock();
                (first.unwrap_or_else(PoisonError::into_inner)).look(&mut pool, 0);
                let _ = started.send(());
                serve(pool, (&inbox, &bell), &seen)
            }
        });
        if ready.recv().is_err() {
            return Err(match thread.join() {
                Ok(Err(error)) => error,
                Ok(Ok(())) => unreachable!("the thread serves until it is stopped"),
                Err(panic) => resume_unwind(panic),
            });
        }
        let thread = Some(thread);
        Ok(Background {
            orders,
            bell,
            gate,
            next_task: AtomicU64::new(0),
            number: ids::new_pool(),
            shares_arrays,
            seen,
            thread,
        })
    }
}

impl Background {
    /// Submits a task. Where the queue bound is reached, waits until there is room.
    ///
    /// # Errors
    /// [`SubmitError::Args`]; everything else is the task's own failure.
    pub fn submit<T: Task>(
        &self,
        args: &T::Args,
        input: impl Into<Input>,
    ) -> Result<Pending<T::Output>, SubmitError>
    where
        T::Output: Send,
    {
        self.call::<T>(args).input(input).submit()
    }

    /// Starts the submission of a task that has terms of its own, as [`Pool::call`](crate::Pool::call) does.
    pub fn call<'a, T: Task>(&'a self, args: &'a T::Args) -> Submission<'a, &'a Background, T> {
        Submission::new(self, args)
    }

    /// Gives a task up, as [`Pool::cancel`](crate::Pool::cancel) does.
    ///
    /// # Panics
    /// Where the task is another pool's.
    pub fn cancel<T>(&self, pending: &Pending<T>) {
        assert_eq!(
            pending.0.pool, self.number,
            "task {} belongs to another pool",
            pending.0.id
        );
        self.cancel_id(pending.0.id);
    }

    /// Attaches a region that tasks can then refer to.
    ///
    /// # Panics
    /// For [`Region::Inherited`]: nothing is inherited here.
    pub fn attach(&self, region: Region) -> RegionId {
        assert!(
            !matches!(region, Region::Inherited(_)),
            "spawned workers inherit no memory"
        );
        let id = ids::new_region();
        self.order(Order::Attach(id, region));
        id
    }

    /// Detaches a region; workers release it.
    pub fn detach(&self, region: RegionId) {
        self.order(Order::Detach(region));
    }

    /// What the pool has done, as its thread saw it before it last waited, and the workers' memory now. Tasks
    /// that the thread has not looked at count as queued; a result may be there a moment before it counts.
    pub fn counters(&self) -> Counters {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (counters, pids, taken) = (seen.counters, seen.pids.clone(), seen.taken);
        drop(seen);
        let submitted = self.next_task.load(Ordering::Relaxed);
        Counters {
            queued: counters.queued + submitted.saturating_sub(taken),
            rss: counters::rss(pids),
            ..counters
        }
    }

    /// Whether this is the pool's thread, which runs watchers and wakers: waiting for the pool here would
    /// never end.
    pub fn is_here(&self) -> bool {
        let here = std::thread::current().id();
        self.thread
            .as_ref()
            .is_some_and(|thread| thread.thread().id() == here)
    }

    /// Shuts the pool down and waits for it, as [`Pool::shutdown`](crate::Pool::shutdown) does; on the pool's
    /// own thread it does not wait.
    ///
    /// # Errors
    /// [`PoolError`] where the pool could not go on.
    pub fn shutdown(mut self, how: Shutdown) -> Result<(), PoolError> {
        self.order(Order::Shutdown(how));
        self.join()
    }

    fn enqueue<T>(&self, call: Call, slot: Arc<Slot<T>>) -> Pending<T> {
        let id = self.enqueue_call(call);
        let pool = self.number;
        Pending(Handle { pool, id, slot })
    }

    pub(crate) fn enqueue_call(&self, call: Call) -> TaskId {
        let id = self.next_task.fetch_add(1, Ordering::Relaxed);
        self.order(Order::Submit(id, call));
        id
    }

    pub(crate) fn cancel_id(&self, id: TaskId) {
        self.order(Order::Cancel(id));
    }

    /// Changes how many workers take tasks: at least `min`, and up to `max` while tasks wait.
    ///
    /// # Panics
    /// Where `max` is not 1 to [`MAX_WORKERS`](crate::MAX_WORKERS), or below `min`.
    pub fn resize(&self, min: usize, max: usize) {
        assert!(
            (1..=MAX_WORKERS).contains(&max) && min <= max,
            "{min} to {max} workers: at most {MAX_WORKERS}"
        );
        self.order(Order::Resize(min, max));
    }

    pub(crate) fn broadcast_calls(&self, make: MakeCall) -> Broadcasting {
        let (answer, answered) = std::sync::mpsc::channel();
        let most = MAX_WORKERS as TaskId;
        let first = self.next_task.fetch_add(most, Ordering::Relaxed);
        self.order(Order::Broadcast(Broadcast {
            first,
            make,
            answer,
        }));
        Broadcasting(answered)
    }

    pub(crate) fn withdraw_id(&self, id: TaskId) {
        self.order(Order::Withdraw(id));
    }

    fn order(&self, order: Order) {
        // Where the thread is gone, dropping the order fails the task that it carries.
        let _ = self.orders.send(order);
        self.bell.ring();
    }

    fn join(&mut self) -> Result<(), PoolError> {
        if self.is_here() {
            self.thread = None;
        }
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => resume_unwind(panic),
        }
    }
}

impl<T: Task> Submission<'_, &Background, T>
where
    T::Output: Send,
{
    /// Submits the task. Where the queue bound is reached, waits until there is room.
    ///
    /// # Errors
    /// [`SubmitError::Args`]; everything else is the task's own failure.
    pub fn submit(self) -> Result<Pending<T::Output>, SubmitError> {
        let slot = Slot::new();
        let (pool, mut call) = self.into_call(&slot)?;
        call.place = Some(pool.gate.enter());
        Ok(pool.enqueue(call, slot))
    }

    /// Submits the task if the queue bound allows it now.
    ///
    /// # Errors
    /// [`SubmitError::Args`] and [`SubmitError::Full`]; everything else is the task's own failure.
    pub fn try_submit(self) -> Result<Pending<T::Output>, SubmitError> {
        let slot = Slot::new();
        let (pool, mut call) = self.into_call(&slot)?;
        call.place = Some(pool.gate.try_enter().ok_or(SubmitError::Full)?);
        Ok(pool.enqueue(call, slot))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.order(Order::Shutdown(Shutdown::Now));
            let _ = self.join();
        }
    }
}

/// A task given to a [`Background`] pool: wait for it, or await it.
#[derive(Debug)]
pub struct Pending<T>(Handle<T>);

impl<T> Pending<T> {
    /// Waits for the result.
    ///
    /// # Errors
    /// [`TaskFailure`]: why the task gave no output.
    pub fn wait(self) -> Result<T, TaskFailure> {
        self.0.slot.wait()
    }

    /// Waits for the result up to `timeout`; gives the task back if there is none by then.
    ///
    /// # Errors
    /// The task itself, still pending.
    pub fn wait_for(self, timeout: Duration) -> Result<Result<T, TaskFailure>, Pending<T>> {
        self.0.slot.wait_for(timeout).ok_or(self)
    }

    /// Whether there is a result to take.
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, TaskFailure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.slot.poll(context.waker())
    }
}

/// Calls for all workers that the pool's thread takes in.
#[must_use = "whether they were taken in is not known yet"]
pub struct Broadcasting(Receiver<Result<Vec<TaskId>, SubmitError>>);

impl Broadcasting {
    /// Waits until they are taken in; gives their numbers.
    ///
    /// # Errors
    /// [`SubmitError`]; calls that were submitted before go on.
    pub fn wait(self) -> Result<Vec<TaskId>, SubmitError> {
        self.0.recv().unwrap_or_else(|_| Ok(Vec::new()))
    }
}
