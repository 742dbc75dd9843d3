//! The pool as its caller drives it.
//!
//! What runs the tasks is behind [`Engine`]; here are handles, waiting and checks.

use crate::counters::Counters;
use crate::engine::Engine;
use crate::shutdown::{Shutdown, no_limits};
use crate::slot::{Blocks, Single, SlotRef};
use crate::workers::Workers;
use crate::{Call, Error, ErrorKind};
use ::pool::{CallBlock, Reply};
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

/// Worker processes, and the tasks that they run.
///
/// The pool advances inside its own calls: a program that computes between [`submit`](Self::submit)
/// and [`wait`](Self::wait), or that has an async runtime, uses a [`Background`](crate::Background)
/// pool. It belongs to the thread that made it. Dropping it ends its workers at once;
/// [`shutdown`](Self::shutdown) lets them finish.
///
/// ```no_run
/// use handoff::{Pool, task};
///
/// #[task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// fn main() -> Result<(), handoff::Error> {
///     handoff::init();
///     let mut pool = Pool::new()?;
///     let squares = pool.map((0..100).map(square)).collect::<Result<Vec<_>, _>>()?;
///     assert_eq!(squares[9], 81);
///     Ok(())
/// }
/// ```
pub struct Pool {
    pub(crate) engine: Engine,
    /// Distinguishes this pool's handles from others'.
    number: u64,
    workers: usize,
    queue_bound: usize,
    /// Where handles' slots are taken from.
    slots: Blocks,
    /// Its workers die with the thread that started them.
    _not_send: PhantomData<*const ()>,
}

/// A task that was submitted to a [`Pool`]. Dropping the handle does not cancel the task.
#[must_use = "the result is taken with Pool::wait"]
pub struct Handle<R> {
    pool: u64,
    id: u64,
    slot: SlotRef<R>,
}

impl<R> Handle<R> {
    /// The task's number in its pool.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether there is a result. Does not drive the pool.
    pub fn is_done(&self) -> bool {
        self.slot.is_done()
    }

    /// How far the task last said that it is ([`progress`](crate::progress)): units that are done, and
    /// all of them. `None` before it has said so, and once it has a result. Does not drive the pool.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.slot.progress()
    }

    /// The oldest of the bytes that the task has sent ([`note`](crate::note)) and that were not taken. Of
    /// what nobody takes, the last 1 MiB is kept. Does not drive the pool.
    pub fn try_note(&mut self) -> Option<Vec<u8>> {
        self.slot.note()
    }

    /// The result, once, if there is one. Does not drive the pool.
    pub fn try_take(&mut self) -> Option<Result<R, Error>> {
        self.slot.take()
    }
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Handle");
        text.field("id", &self.id).field("done", &self.is_done());
        text.finish()
    }
}

impl Pool {
    pub(crate) fn over(engine: Engine, workers: usize, queue_bound: usize) -> Pool {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Pool {
            engine,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            workers,
            queue_bound,
            slots: Blocks::default(),
            _not_send: PhantomData,
        }
    }

    /// Runs one task and waits for its result.
    ///
    /// # Errors
    /// [`Error`]: why the task gave no result.
    pub fn run<R>(&mut self, call: Call<R>) -> Result<R, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        // It is waited for at once, so what a caller that goes away needs is left out.
        let handle = self.submit_by(call, Engine::submit_later)?;
        self.wait(handle)
    }

    /// Submits a task; [`wait`](Self::wait) gives its result. Where the
    /// [queue bound](crate::Builder::queue_bound) is reached, drives the pool until there is room.
    ///
    /// # Errors
    /// [`ErrorKind::Arguments`] where the arguments cannot be sent, or why the pool cannot go on.
    pub fn submit<R>(&mut self, call: Call<R>) -> Result<Handle<R>, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.submit_by(call, Engine::submit)
    }

    #[inline]
    fn submit_by<R>(
        &mut self,
        call: Call<R>,
        submit: impl FnOnce(&mut Engine, CallBlock, Arc<dyn Reply>) -> Result<u64, Error>,
    ) -> Result<Handle<R>, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.check(&call)?;
        let task = call.task();
        let mut raw = call.into_raw()?;
        let (slot, reply, tag) = self.slots.take(task);
        raw.tag = tag;
        let id = submit(&mut self.engine, raw, reply)?;
        let pool = self.number;
        Ok(Handle { pool, id, slot })
    }

    /// Drives the pool until the task has its result.
    ///
    /// # Errors
    /// [`Error`]: why the task gave no result; [`ErrorKind::Misuse`] for a handle of another pool,
    /// or one whose result was taken.
    pub fn wait<R>(&mut self, mut handle: Handle<R>) -> Result<R, Error> {
        self.check_handle(&handle)?;
        loop {
            if let Poll::Ready(result) = handle.slot.settle() {
                let text = "the result of this handle has been taken already";
                return result.unwrap_or_else(|| Err(Error::new(ErrorKind::Misuse, text)));
            }
            self.engine.drive(None)?;
        }
    }

    /// As [`wait`](Self::wait), for at most `timeout`; gives the handle back where there is no result
    /// by then. The task goes on.
    ///
    /// # Errors
    /// The handle.
    pub fn wait_for<R>(
        &mut self,
        handle: Handle<R>,
        timeout: Duration,
    ) -> Result<Result<R, Error>, Handle<R>> {
        let deadline = Instant::now().checked_add(timeout);
        while self.check_handle(&handle).is_ok() && !handle.is_done() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(handle);
            }
            if let Err(error) = self.engine.drive(left) {
                return Ok(Err(error));
            }
        }
        Ok(self.wait(handle))
    }

    /// Drives the pool until the task has sent something ([`note`](crate::note)) that was not taken; `None`
    /// where it has its result and there is nothing more.
    ///
    /// ```no_run
    /// use handoff::{Pool, task};
    ///
    /// #[task]
    /// fn steps(count: u8) -> Result<(), handoff::Error> {
    ///     for step in 0..count {
    ///         handoff::note(&[step])?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// fn main() -> Result<(), handoff::Error> {
    ///     handoff::init();
    ///     let mut pool = Pool::new()?;
    ///     let mut handle = pool.submit(steps(3))?;
    ///     while let Some(note) = pool.wait_note(&mut handle)? {
    ///         println!("step {}", note[0]);
    ///     }
    ///     pool.wait(handle)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] for a handle of another pool, or why the pool cannot go on.
    pub fn wait_note<R>(&mut self, handle: &mut Handle<R>) -> Result<Option<Vec<u8>>, Error> {
        self.check_handle(handle)?;
        loop {
            // Asked first: notes come before the result.
            let done = handle.is_done();
            let note = handle.try_note();
            if note.is_some() || done {
                return Ok(note);
            }
            self.engine.drive(None)?;
        }
    }

    /// Waits until something happens, for at most `timeout` (`None`: as long as it takes), and deals
    /// with it: results, deaths, limits that have passed. For programs with an event loop of their own,
    /// which call it with a timeout of zero whenever the pool's descriptor ([`AsFd`]) is readable.
    ///
    /// # Errors
    /// Why the pool cannot go on, or [`ErrorKind::Interrupted`].
    pub fn drive(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        self.engine.drive(timeout)
    }

    /// Gives a task up: a queued one is never begun. One that runs is asked to end
    /// ([`cancelled`](crate::cancelled)); where it does not within the
    /// [grace](crate::Builder::cancel_grace), it is ended with its worker, which is replaced. `false` where the task has a result already, where it belongs to another pool, and
    /// with [`StartMethod::InProcess`](crate::StartMethod::InProcess) also where it runs.
    pub fn cancel<R>(&mut self, handle: &Handle<R>) -> bool {
        self.check_handle(handle).is_ok() && self.engine.cancel(handle.id)
    }

    /// What the pool has done and is doing.
    pub fn counters(&self) -> Counters {
        self.engine.counters()
    }

    /// How many workers it is to have.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Ends the pool and waits until its workers are gone.
    ///
    /// # Errors
    /// Why the pool could not finish its tasks.
    pub fn shutdown(self, how: Shutdown) -> Result<(), Error> {
        self.engine.shutdown(how)
    }

    /// Changes how many workers the pool has. Those that are too many leave once they have no task.
    ///
    /// # Errors
    /// [`ErrorKind::Start`] where there are not enough descriptors or processes for more,
    /// [`ErrorKind::Unsupported`] for threads.
    ///
    /// # Panics
    /// Where the numbers are out of range.
    pub fn resize(&mut self, workers: impl Into<Workers>) -> Result<(), Error> {
        let workers = workers.into().checked();
        self.engine.resize(workers)?;
        self.workers = workers.max;
        Ok(())
    }

    /// Runs a task once on every worker that takes tasks now, and waits for the results. A worker that
    /// ends before it runs the task gives an error of kind [`ErrorKind::Died`]. Spares do not run it, nor do
    /// workers that are started later: that is what an [initializer](crate::Builder::initializer) is for. Each
    /// worker runs it before tasks that it has not been sent yet, so a priority is ignored, and so are
    /// [`retries`](Call::retries), since the worker is gone then.
    ///
    /// # Errors
    /// [`ErrorKind::Arguments`] where the arguments cannot be sent, [`ErrorKind::Unsupported`] for threads,
    /// or why the pool cannot go on.
    pub fn broadcast<R>(&mut self, call: Call<R>) -> Result<Vec<Result<R, Error>>, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.check(&call)?;
        let task = call.task();
        let copies = call.into_copies()?;
        let mut slots = Vec::new();
        let ids = self.engine.broadcast(|| {
            let slot = Single::new(task, None);
            slots.push(Arc::clone(&slot));
            (copies.one(), slot)
        })?;
        let pool = self.number;
        let handles = ids.into_iter().zip(slots);
        let handles = handles.map(|(id, slot)| {
            let slot = SlotRef::Alone(slot);
            Handle { pool, id, slot }
        });
        Ok(handles.map(|handle| self.wait(handle)).collect())
    }

    pub(crate) fn queue_bound(&self) -> usize {
        self.queue_bound
    }

    /// Refuses what this pool cannot do.
    pub(crate) fn check<R>(&self, call: &Call<R>) -> Result<(), Error> {
        match self.engine {
            Engine::Threads { .. } if call.has_timeout() => Err(no_limits()),
            _ => Ok(()),
        }
    }

    fn check_handle<R>(&self, handle: &Handle<R>) -> Result<(), Error> {
        if handle.pool == self.number {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Misuse,
            "this handle belongs to a task of another pool",
        ))
    }
}

/// Readable when [`drive`](Pool::drive) has something to do.
impl AsFd for Pool {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.engine.as_fd()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Pool");
        text.field("workers", &self.workers).finish_non_exhaustive()
    }
}
