//! A pool that advances by itself, for async programs and programs with many threads.

use crate::counters::Counters;
use crate::gate::{Entering, Gate, Place, Watching};
use crate::pending::Pending;
use crate::shared::{Engine, Shared, read};
use crate::shutdown::Shutdown;
use crate::slot::Single;
use crate::workers::Workers;
use crate::{Call, Error, ErrorKind};
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, ready};

/// A pool on a thread of its own. It can be cloned and shared between threads; its handles are
/// futures of no particular runtime. Made by [`Pool::background`](crate::Pool::background) or
/// [`Builder::background`](crate::Builder::background).
///
/// Dropping the last clone ends the workers at once; [`shutdown`](Self::shutdown) lets them finish.
///
/// Watchers, and wakers of tasks that have a result, run on the pool's thread. They may use the pool, but not
/// wait for it: that is an error there ([`ErrorKind::Misuse`]).
///
/// ```
/// use handoff::{Pool, StartMethod, task};
///
/// #[task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// async fn sum_of_squares(pool: &handoff::Background) -> Result<u64, handoff::Error> {
///     // Waits for room without blocking the executor, then for the result.
///     let first = pool.submit_async(square(3)).await?;
///     let second = pool.submit_async(square(4)).await?;
///     Ok(first.await? + second.await?)
/// }
///
/// let pool = Pool::builder().start_method(StartMethod::InProcess).background()?;
/// # let waker = std::task::Waker::noop();
/// # let mut future = std::pin::pin!(sum_of_squares(&pool));
/// # let sum = loop {
/// #     let mut context = std::task::Context::from_waker(waker);
/// #     if let std::task::Poll::Ready(sum) = future.as_mut().poll(&mut context) { break sum? }
/// #     std::thread::yield_now();
/// # };
/// # assert_eq!(sum, 25);
/// # Ok::<(), handoff::Error>(())
/// ```
#[derive(Clone)]
pub struct Background {
    shared: Arc<Shared>,
}

impl Background {
    pub(crate) fn over(engine: Engine, gate: Arc<Gate>, workers: usize) -> Background {
        let shared = Shared {
            gate,
            engine: RwLock::new(Some(engine)),
            workers: AtomicUsize::new(workers),
        };
        Background {
            shared: Arc::new(shared),
        }
    }

    /// Room for one more task, which keeps nobody else from it.
    pub(crate) fn room(&self) -> Watching {
        self.shared.gate.watching()
    }

    /// The most workers that it is to have.
    pub(crate) fn workers(&self) -> usize {
        self.shared.workers.load(Ordering::Relaxed)
    }

    /// Submits a task. Where the [queue bound](crate::Builder::queue_bound) is reached, blocks this
    /// thread until there is room; async programs use [`submit_async`](Self::submit_async).
    ///
    /// # Errors
    /// [`ErrorKind::Arguments`] where the arguments cannot be sent, [`ErrorKind::Misuse`] where the pool's own
    /// thread would wait for room; everything else is the task's own failure.
    pub fn submit<R>(&self, call: Call<R>) -> Result<Pending<R>, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let place = match self.shared.gate.try_enter() {
            Some(place) => place,
            None => {
                self.shared.check_may_wait()?;
                self.shared.gate.enter()
            }
        };
        self.enqueue(call, place)
    }

    /// Submits a task if there is room now.
    ///
    /// # Errors
    /// [`ErrorKind::Full`], or as [`submit`](Self::submit).
    pub fn try_submit<R>(&self, call: Call<R>) -> Result<Pending<R>, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let place = self.shared.gate.try_enter().ok_or_else(|| {
            let text = "as many tasks are open as the queue bound allows";
            Error::new(ErrorKind::Full, text)
        })?;
        self.enqueue(call, place)
    }

    /// Submits a task, as a future that waits for room. Dropped before it is ready, it submits
    /// nothing.
    pub fn submit_async<R>(&self, call: Call<R>) -> Submit<R>
    where
        R: DeserializeOwned + Send + 'static,
    {
        Submit {
            pool: self.clone(),
            entering: self.shared.gate.entering(),
            call: Some(call),
        }
    }

    /// Submits a task and waits for its result; dropped before it is ready, it cancels the task.
    ///
    /// # Errors
    /// Why the task gave no result.
    pub async fn run<R>(&self, call: Call<R>) -> Result<R, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.submit_async(call).await?.cancel_on_drop().await
    }

    /// Changes how many workers the pool has. Those that are too many leave once they have no task; where
    /// there is too little of the machine for more, there are as many as before.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for threads.
    ///
    /// # Panics
    /// Where the numbers are out of range.
    pub fn resize(&self, workers: impl Into<Workers>) -> Result<(), Error> {
        self.shared.resize(workers.into().checked())
    }

    /// Submits a task once for every worker that takes tasks now, as
    /// [`Pool::broadcast`](crate::Pool::broadcast). The queue bound does not count here.
    ///
    /// # Errors
    /// As there.
    pub fn broadcast<R>(&self, call: Call<R>) -> Result<Vec<Pending<R>>, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let task = call.task();
        let copies = call.into_copies()?;
        let (put, slots) = std::sync::mpsc::channel();
        let ids = self.shared.broadcast(move || {
            let slot: Arc<Single<R>> = Single::new(task, None);
            let _ = put.send(Arc::clone(&slot));
            (copies.one(), slot)
        })?;
        let pool = || Arc::downgrade(&self.shared);
        let pending = ids.into_iter().zip(slots);
        Ok(pending
            .map(|(id, slot)| Pending::new(id, slot, pool()))
            .collect())
    }

    /// What the pool has done and is doing, as its thread saw it before it last waited: a result may be there
    /// a moment before it counts.
    pub fn counters(&self) -> Counters {
        match &*read(&self.shared) {
            Some(Engine::Processes(pool)) => pool.counters().into(),
            Some(Engine::Threads(threads)) => threads.counters(),
            None => Counters::default(),
        }
    }

    /// Ends the pool, for all clones, and blocks until its workers are gone; on the pool's own thread, in a watcher
    /// say, it does not block.
    ///
    /// # Errors
    /// Why the pool could not finish its tasks.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        let engine = &self.shared.engine;
        let engine = engine
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match engine {
            Some(Engine::Processes(pool)) => Ok(pool.shutdown(how.into())?),
            Some(Engine::Threads(threads)) => {
                threads.shutdown(how == Shutdown::Drain);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn enqueue<R>(&self, call: Call<R>, place: Place) -> Result<Pending<R>, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let has_timeout = call.has_timeout();
        let slot = Single::new(call.task(), Some(place));
        let id = self
            .shared
            .submit(call.into_raw()?, has_timeout, slot.clone())?;
        Ok(Pending::new(id, slot, Arc::downgrade(&self.shared)))
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Background").finish_non_exhaustive()
    }
}

/// Submits a task once there is room. Made by [`Background::submit_async`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Submit<R> {
    pool: Background,
    entering: Entering,
    call: Option<Call<R>>,
}

// Nothing in it is pinned.
impl<R> Unpin for Submit<R> {}

impl<R> Future for Submit<R>
where
    R: DeserializeOwned + Send + 'static,
{
    type Output = Result<Pending<R>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let place = ready!(self.entering.poll(context));
        let call = self.call.take().expect("not polled after it was ready");
        Poll::Ready(self.pool.enqueue(call, place))
    }
}

impl<R> fmt::Debug for Submit<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Submit").field(&self.call).finish()
    }
}
