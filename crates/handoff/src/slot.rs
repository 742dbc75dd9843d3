//! Where one task's result is put, and who waits for it there.

use crate::call::undecodable;
use crate::gate::Place;
use crate::notes::Notes;
use crate::{Error, encoding};
use pool::{Reply, TaskFailure};
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use task::arrays;

/// Where one task's result is put.
pub(crate) struct Slot<R> {
    /// For messages.
    task: &'static str,
    state: Mutex<State<R>>,
    notes: Notes,
}

enum State<R> {
    Open {
        waiter: Option<Waiter>,
        /// How far the task says that it is.
        progress: Option<Box<(u64, u64)>>,
        /// The task's place in a bounded queue; free once there is a result.
        _place: Option<Place>,
    },
    Done(Result<R, Error>),
    Taken,
}

/// Who waits for the result. A handle has one owner, so there is at most one. A condition variable
/// would cost every result a system call, also where nobody waits.
enum Waiter {
    Thread(Thread),
    Future(Waker),
}

impl Waiter {
    fn wake(self) {
        match self {
            Waiter::Thread(thread) => thread.unpark(),
            Waiter::Future(waker) => waker.wake(),
        }
    }
}

impl<R> Slot<R> {
    pub(crate) fn new(task: &'static str, place: Option<Place>) -> Arc<Slot<R>> {
        let state = Mutex::new(State::Open {
            waiter: None,
            progress: None,
            _place: place,
        });
        let notes = Notes::default();
        Arc::new(Slot { task, state, notes })
    }

    pub(crate) fn is_done(&self) -> bool {
        !matches!(*self.lock(), State::Open { .. })
    }

    /// How far the task last said that it is.
    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        match *self.lock() {
            State::Open { ref progress, .. } => progress.as_deref().copied(),
            _ => None,
        }
    }

    /// The oldest note that was not taken.
    pub(crate) fn note(&self) -> Option<Vec<u8>> {
        self.notes.pop()
    }

    /// Waits for a note on another thread than the pool's; `None` where the task has ended.
    pub(crate) fn wait_note(&self) -> Option<Vec<u8>> {
        while self.is_open_for(|| Waiter::Thread(thread::current())) {
            if let Some(note) = self.notes.pop() {
                return Some(note);
            }
            thread::park();
        }
        self.notes.pop()
    }

    /// A note, or `None` where the task has ended; or else `waker` is woken when there is either.
    pub(crate) fn poll_note(&self, waker: &Waker) -> Poll<Option<Vec<u8>>> {
        let open = self.is_open_for(|| Waiter::Future(waker.clone()));
        match self.notes.pop() {
            None if open => Poll::Pending,
            note => Poll::Ready(note),
        }
    }

    /// The result, once, when there is one.
    pub(crate) fn take(&self) -> Option<Result<R, Error>> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(result) => Some(result),
            State::Taken => None,
            open @ State::Open { .. } => {
                *state = open;
                None
            }
        }
    }

    /// Waits for the result on another thread than the pool's, up to `timeout`.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<Result<R, Error>> {
        let began = Instant::now();
        while self.is_open_for(|| Waiter::Thread(thread::current())) {
            match timeout {
                None => thread::park(),
                Some(timeout) => thread::park_timeout(timeout.checked_sub(began.elapsed())?),
            }
        }
        self.take()
    }

    /// The result; or else `waker` is woken when there is one.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Option<Result<R, Error>>> {
        if self.is_open_for(|| Waiter::Future(waker.clone())) {
            return Poll::Pending;
        }
        Poll::Ready(self.take())
    }

    /// Whether there is no result yet; `new_waiter` is woken when there is.
    fn is_open_for(&self, new_waiter: impl FnOnce() -> Waiter) -> bool {
        let mut state = self.lock();
        if let State::Open { waiter, .. } = &mut *state {
            *waiter = Some(new_waiter());
            return true;
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: DeserializeOwned + Send> Reply for Slot<R> {
    fn progress(&self, _: u64, done: u64, total: u64) {
        if let State::Open { progress, .. } = &mut *self.lock() {
            *progress = Some(Box::new((done, total)));
        }
    }

    fn note(&self, _: u64, bytes: &[u8]) {
        self.notes.push(bytes);
        let waiter = match &mut *self.lock() {
            State::Open { waiter, .. } => waiter.take(),
            _ => None,
        };
        // Who waits for the result waits again.
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    fn resolve(&self, _: u64, result: Result<&[u8], TaskFailure>) {
        let result = decoded(self.task, result);
        let before = std::mem::replace(&mut *self.lock(), State::Done(result));
        // Woken, and its place freed, with the lock released.
        if let State::Open {
            waiter: Some(waiter),
            ..
        } = before
        {
            waiter.wake();
        }
    }
}

/// A task's result as its caller sees it.
pub(crate) fn decoded<R: DeserializeOwned>(
    task: &str,
    result: Result<&[u8], TaskFailure>,
) -> Result<R, Error> {
    arrays::decode(result?, encoding::decode).map_err(|why| undecodable(task, &why))
}
