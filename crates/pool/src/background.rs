//! A pool on a thread of its own, for programs that have other things to do, or many threads.

use crate::builder::Builder;
use crate::call::Call;
use crate::counters::{self, Counters};
use crate::failure::{PoolError, TaskFailure};
use crate::gate::Gate;
use crate::handle::{Handle, Slot};
use crate::input::Input;
use crate::pool::{Pool, Shutdown, Submission, SubmitError};
use crate::region::Region;
use crate::schedule::TaskId;
use crate::start::StartMethod;
use nix::sys::eventfd::{EfdFlags, EventFd};
use runtime::{ForkError, thread_count};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;
use task::Task;
use wire::RegionId;

/// A pool on a thread of its own. It can be shared between threads; its handles are futures.
///
/// Forking would copy a process with more than one thread, so only `spawn` and `forkserver` are
/// accepted. Dropping it ends the workers at once; [`shutdown`](Self::shutdown) lets them finish.
pub struct Background {
    orders: Sender<Order>,
    bell: Arc<EventFd>,
    gate: Arc<Gate>,
    next_task: AtomicU64,
    next_region: AtomicU32,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<Result<(), PoolError>>>,
}

/// What other threads see of the pool.
#[derive(Default)]
struct Seen {
    counters: Counters,
    pids: Vec<u32>,
}

impl Seen {
    fn look(&mut self, pool: &Pool) {
        self.counters = pool.tally();
        self.pids.clear();
        self.pids.extend(pool.pids());
    }
}

enum Order {
    Submit(TaskId, Call),
    Cancel(TaskId),
    Attach(RegionId, Region),
    Detach(RegionId),
    Shutdown(Shutdown),
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
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        let bell = Arc::new(bell.map_err(wait)?);
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let next_region = AtomicU32::new(self.regions.len() as RegionId + 1);
        let gate = Gate::new(self.limits.queue);
        let (orders, inbox) = mpsc::channel();
        let (started, ready) = mpsc::channel();
        let thread = std::thread::spawn({
            let (bell, seen) = (Arc::clone(&bell), Arc::clone(&seen));
            move || {
                let mut pool = self.start()?;
                pool.wake_by(bell)
                    .map_err(|error| PoolError::Wait(Arc::new(error)))?;
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .look(&pool);
                let _ = started.send(());
                serve(pool, &inbox, &seen)
            }
        });
        if ready.recv().is_err() {
            return Err(match thread.join() {
                Ok(Err(error)) => error,
                Ok(Ok(())) => unreachable!("the thread serves until it is told to stop"),
                Err(panic) => std::panic::resume_unwind(panic),
            });
        }
        let (next_task, thread) = (AtomicU64::new(0), Some(thread));
        Ok(Background {
            orders,
            bell,
            gate,
            next_task,
            next_region,
            seen,
            thread,
        })
    }
}

/// The life of the thread.
fn serve(mut pool: Pool, inbox: &Receiver<Order>, seen: &Mutex<Seen>) -> Result<(), PoolError> {
    loop {
        loop {
            match inbox.try_recv() {
                Ok(Order::Submit(id, call)) => pool.enqueue_as(id, call),
                Ok(Order::Cancel(id)) => drop(pool.cancel_id(id)),
                Ok(Order::Attach(id, region)) => pool.attach_as(id, region),
                Ok(Order::Detach(id)) => pool.detach(id),
                Ok(Order::Shutdown(how)) => return pool.shutdown(how),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return pool.shutdown(Shutdown::Now),
            }
        }
        // A pool that has broken down goes on failing what it is given, until it is dropped.
        if pool.drive(None).is_err() {
            match inbox.recv() {
                Ok(Order::Submit(id, call)) => pool.enqueue_as(id, call),
                Ok(Order::Shutdown(how)) => return pool.shutdown(how),
                Ok(Order::Cancel(_) | Order::Attach(..) | Order::Detach(_)) => {}
                Err(_) => return Ok(()),
            }
        }
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look(&pool);
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

    /// Starts the submission of a task that has terms of its own, as [`Pool::call`] does.
    pub fn call<'a, T: Task>(&'a self, args: &'a T::Args) -> Submission<'a, &'a Background, T> {
        Submission::new(self, args)
    }

    /// Gives a task up, as [`Pool::cancel`] does.
    pub fn cancel<T>(&self, pending: &Pending<T>) {
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
        let id = self.next_region.fetch_add(1, Ordering::Relaxed);
        self.order(Order::Attach(id, region));
        id
    }

    /// Detaches a region; workers let go of it.
    pub fn detach(&self, region: RegionId) {
        self.order(Order::Detach(region));
    }

    /// What the pool had done when it last had something to do, and the workers' memory now.
    pub fn counters(&self) -> Counters {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (counters, pids) = (seen.counters, seen.pids.clone());
        drop(seen);
        Counters {
            rss: counters::rss(pids),
            ..counters
        }
    }

    /// Shuts the pool down and waits for it, as [`Pool::shutdown`] does.
    ///
    /// # Errors
    /// [`PoolError`] where the pool could not go on.
    pub fn shutdown(mut self, how: Shutdown) -> Result<(), PoolError> {
        self.order(Order::Shutdown(how));
        self.join()
    }

    fn enqueue<T>(&self, call: Call, slot: Arc<Slot<T>>) -> Pending<T> {
        let id = self.enqueue_call(call);
        Pending(Handle { id, slot })
    }

    pub(crate) fn enqueue_call(&self, call: Call) -> TaskId {
        let id = self.next_task.fetch_add(1, Ordering::Relaxed);
        self.order(Order::Submit(id, call));
        id
    }

    pub(crate) fn cancel_id(&self, id: TaskId) {
        self.order(Order::Cancel(id));
    }

    fn order(&self, order: Order) {
        // Where the thread is gone, dropping the order fails the task that it carries.
        let _ = self.orders.send(order);
        let _ = self.bell.write(1);
    }

    fn join(&mut self) -> Result<(), PoolError> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
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
