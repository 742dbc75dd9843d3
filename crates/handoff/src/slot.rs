//! Where one task's result is put, and who waits for it there.

mod block;

use crate::call::undecodable;
use crate::gate::Place;
use crate::notes::Notes;
use crate::{Error, encoding};
use pool::{Reply, TaskFailure};
use serde::de::DeserializeOwned;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use task::arrays;

pub(crate) use block::{Blocks, SlotRef};

/// Where one task's result is put. Small: programs hold very many.
pub(crate) struct Slot<R>(Mutex<Inside<R>>);

const _: () = assert!(size_of::<Slot<u64>>() <= 40);

struct Inside<R> {
    state: State<R>,
    /// What few tasks have.
    more: Option<Box<More>>,
}

enum State<R> {
    Open {
        /// The task's place in a bounded queue, which is free before anybody sees the result.
        place: Option<Place>,
    },
    Done(Result<R, Error>),
    Taken,
}

#[derive(Default)]
struct More {
    waiter: Option<Waiter>,
    /// How far the task says that it is.
    progress: Option<(u64, u64)>,
    notes: Notes,
}

/// A slot alone.
pub(crate) struct Single<R> {
    /// For messages.
    task: &'static str,
    slot: Slot<R>,
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
    fn open(place: Option<Place>) -> Slot<R> {
        let state = State::Open { place };
        Slot(Mutex::new(Inside { state, more: None }))
    }

    /// Nobody wants the result any more.
    fn abandon(&self) {
        let taken = Inside {
            state: State::Taken,
            more: None,
        };
        let before = std::mem::replace(&mut *self.lock(), taken);
        // What may be large is dropped with the lock released.
        drop(before);
    }

    pub(crate) fn is_done(&self) -> bool {
        !self.lock().state.is_open()
    }

    /// How far the task last said that it is.
    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        let inside = self.lock();
        let more = inside.more.as_ref().filter(|_| inside.state.is_open());
        more.and_then(|more| more.progress)
    }

    /// The oldest note that was not taken.
    pub(crate) fn note(&self) -> Option<Vec<u8>> {
        self.lock().more.as_mut()?.notes.pop()
    }

    /// Waits for a note on another thread than the pool's; `None` where the task has ended.
    pub(crate) fn wait_note(&self) -> Option<Vec<u8>> {
        while self.is_open_for(|| Waiter::Thread(thread::current())) {
            if let Some(note) = self.note() {
                return Some(note);
            }
            thread::park();
        }
        self.note()
    }

    /// A note, or `None` where the task has ended; or else `waker` is woken when there is either.
    pub(crate) fn poll_note(&self, waker: &Waker) -> Poll<Option<Vec<u8>>> {
        let open = self.is_open_for(|| Waiter::Future(waker.clone()));
        match self.note() {
            None if open => Poll::Pending,
            note => Poll::Ready(note),
        }
    }

    /// The result, once, when there is one.
    #[inline]
    pub(crate) fn take(&self) -> Option<Result<R, Error>> {
        self.lock().state.take()
    }

    /// As [`take`](Self::take), and whether nothing else is left to be dropped; `Ready(None)` where the result
    /// was taken before. One look: threads of this process may put the result at any time.
    #[inline]
    fn take_all(&self) -> Poll<Option<(Result<R, Error>, bool)>> {
        let mut inside = self.lock();
        if inside.state.is_open() {
            return Poll::Pending;
        }
        let nothing_left = inside.more.is_none();
        Poll::Ready(inside.state.take().map(|result| (result, nothing_left)))
    }

    /// Waits for the result on another thread than the pool's, up to `timeout`; `Ready(None)` where it was
    /// taken before.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Poll<Option<Result<R, Error>>> {
        let began = Instant::now();
        while self.is_open_for(|| Waiter::Thread(thread::current())) {
            match timeout.map(|timeout| timeout.checked_sub(began.elapsed())) {
                None => thread::park(),
                Some(Some(left)) => thread::park_timeout(left),
                Some(None) => return Poll::Pending,
            }
        }
        Poll::Ready(self.take())
    }

    /// The result, as from [`wait`](Self::wait); or else `waker` is woken when there is one.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Option<Result<R, Error>>> {
        if self.is_open_for(|| Waiter::Future(waker.clone())) {
            return Poll::Pending;
        }
        Poll::Ready(self.take())
    }

    /// Whether there is no result yet; `new_waiter` is woken when there is.
    fn is_open_for(&self, new_waiter: impl FnOnce() -> Waiter) -> bool {
        let mut inside = self.lock();
        let open = inside.state.is_open();
        if open {
            inside.more.get_or_insert_default().waiter = Some(new_waiter());
        }
        open
    }

    fn lock(&self) -> MutexGuard<'_, Inside<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_progress(&self, done: u64, total: u64) {
        let mut inside = self.lock();
        if inside.state.is_open() {
            inside.more.get_or_insert_default().progress = Some((done, total));
        }
    }

    fn add_note(&self, bytes: &[u8]) {
        let mut inside = self.lock();
        if !inside.state.is_open() {
            return;
        }
        let more = inside.more.get_or_insert_default();
        more.notes.push(bytes);
        let waiter = more.waiter.take();
        drop(inside);
        // Who waits for the result waits again.
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    fn put(&self, result: Result<R, Error>) {
        let mut inside = self.lock();
        if let State::Open { place } = &mut inside.state
            && let Some(place) = place.take()
        {
            // Others are woken for it, with the lock released.
            drop(inside);
            drop(place);
            inside = self.lock();
        }
        if !inside.state.is_open() {
            return;
        }
        inside.state = State::Done(result);
        let waiter = inside.more.as_mut().and_then(|more| more.waiter.take());
        drop(inside);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl<R> State<R> {
    fn is_open(&self) -> bool {
        matches!(self, State::Open { .. })
    }

    #[inline]
    fn take(&mut self) -> Option<Result<R, Error>> {
        if !matches!(self, State::Done(_)) {
            return None;
        }
        match std::mem::replace(self, State::Taken) {
            State::Done(result) => Some(result),
            _ => None,
        }
    }
}

impl<R> Single<R> {
    pub(crate) fn new(task: &'static str, place: Option<Place>) -> Arc<Single<R>> {
        let slot = Slot::open(place);
        Arc::new(Single { task, slot })
    }
}

impl<R> Deref for Single<R> {
    type Target = Slot<R>;

    fn deref(&self) -> &Slot<R> {
        &self.slot
    }
}

impl<R: DeserializeOwned + Send> Reply for Single<R> {
    fn resolve(&self, _: u64, result: Result<&[u8], TaskFailure>) {
        self.put(decoded(self.task, result));
    }

    fn progress(&self, _: u64, done: u64, total: u64) {
        self.set_progress(done, total);
    }

    fn note(&self, _: u64, bytes: &[u8]) {
        self.add_note(bytes);
    }
}

/// A task's result as its caller sees it.
pub(crate) fn decoded<R: DeserializeOwned>(
    task: &str,
    result: Result<&[u8], TaskFailure>,
) -> Result<R, Error> {
    arrays::decode(result?, encoding::decode).map_err(|why| undecodable(task, &why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Gate;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Wake};

    /// Counts how often it is woken for a place while there is no result.
    struct Looks(Arc<Single<u8>>, AtomicU32);

    impl Wake for Looks {
        fn wake(self: Arc<Looks>) {
            assert!(!self.0.is_done(), "a result whose place is not free");
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_place_of_a_task_is_free_before_its_result_is_there() {
        let gate = Gate::new(1);
        let slot = Single::new("task", Some(gate.enter()));
        let looks = Arc::new(Looks(Arc::clone(&slot), AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&looks));
        let mut entering = gate.entering();
        let mut context = Context::from_waker(&waker);
        assert!(entering.poll(&mut context).is_pending());
        slot.put(Ok(7));
        assert_eq!(looks.1.load(Ordering::Relaxed), 1);
        assert_eq!(slot.take().unwrap().unwrap(), 7);
        assert!(entering.poll(&mut context).is_ready());
    }
}
