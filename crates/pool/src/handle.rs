//! A handle on a task that was submitted.

use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use supervisor::failure::TaskFailure;
use supervisor::ids::TaskId;
use supervisor::reply::{Reply, decode};

/// A task that was submitted. Dropping the handle does not cancel the task.
#[derive(Debug)]
pub struct Handle<T> {
    pub(crate) pool: u32,
    pub(crate) id: TaskId,
    pub(crate) slot: Arc<Slot<T>>,
}

impl<T> Handle<T> {
    /// The task's number; rises by one with every task submitted to one pool.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Whether there is a result to take.
    pub fn is_done(&self) -> bool {
        !matches!(*self.slot.lock(), State::Open(_))
    }

    /// The result, once, when it is there.
    pub fn try_take(&mut self) -> Option<Result<T, TaskFailure>> {
        self.slot.take()
    }
}

/// Where a result is put for its handle.
#[derive(Debug)]
pub(crate) struct Slot<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    Open(Option<Waiter>),
    Done(Result<T, TaskFailure>),
    Taken,
}

/// Who is waiting for the result. A handle has one owner, so there is at most one. A condition
/// variable would cost every result a system call, also where nobody waits.
#[derive(Debug)]
enum Waiter {
    Thread(Thread),
    Task(Waker),
}

impl Waiter {
    fn wake(self) {
        match self {
            Waiter::Thread(thread) => thread.unpark(),
            Waiter::Task(waker) => waker.wake(),
        }
    }
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Arc<Slot<T>> {
        Arc::new(Slot(Mutex::new(State::Open(None))))
    }

    /// Waits, on another thread than the pool's, for the result.
    pub(crate) fn wait(&self) -> Result<T, TaskFailure> {
        while self.is_open_for(|| Waiter::Thread(thread::current())) {
            thread::park();
        }
        self.take()
            .expect("a handle that waits has not been taken from")
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    pub(crate) fn wait_for(&self, timeout: Duration) -> Option<Result<T, TaskFailure>> {
        let began = Instant::now();
        while self.is_open_for(|| Waiter::Thread(thread::current())) {
            let left = timeout.checked_sub(began.elapsed())?;
            thread::park_timeout(left);
        }
        self.take()
    }

    /// The result, or else `waker` is woken when it is there.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, TaskFailure>> {
        if self.is_open_for(|| Waiter::Task(waker.clone())) {
            return Poll::Pending;
        }
        Poll::Ready(
            self.take()
                .expect("a future is not polled again once it is ready"),
        )
    }

    /// Whether there is no result yet; `waiter` is then told when there is.
    fn is_open_for(&self, waiter: impl FnOnce() -> Waiter) -> bool {
        let mut state = self.lock();
        if let State::Open(waiting) = &mut *state {
            *waiting = Some(waiter());
            return true;
        }
        false
    }

    /// Whether there was a result that somebody has taken.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(*self.lock(), State::Taken)
    }

    fn take(&self) -> Option<Result<T, TaskFailure>> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(result) => Some(result),
            State::Taken => None,
            open @ State::Open(_) => {
                *state = open;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: DeserializeOwned + Send> Reply for Slot<T> {
    fn resolve(&self, _: u64, result: Result<&[u8], TaskFailure>) {
        let result = result.and_then(decode);
        let before = std::mem::replace(&mut *self.lock(), State::Done(result));
        if let State::Open(Some(waiter)) = before {
            waiter.wake();
        }
    }
}
