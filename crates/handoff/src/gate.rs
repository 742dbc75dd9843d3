//! A bound on open tasks, held by many threads and futures at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Admits as many as there are places.
#[derive(Debug)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Each has a number, so that a future that is polled again does not queue twice.
    waiting: VecDeque<(u64, Waker)>,
    /// Those that are woken where nobody waits, and keep nobody from a place while they do not come.
    watching: Vec<(u64, Waker)>,
    next: u64,
}

/// A place; free again once it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Gate>);

/// Waits for a place, as a future; leaves the queue when it is dropped.
#[derive(Debug)]
pub(crate) struct Entering {
    gate: Arc<Gate>,
    number: Option<u64>,
}

impl Gate {
    pub(crate) fn new(places: usize) -> Arc<Gate> {
        Arc::new(Gate(Mutex::new(State {
            free: places,
            waiting: VecDeque::new(),
            watching: Vec::new(),
            next: 0,
        })))
    }

    /// A place, if one is free now and nobody waits for it.
    pub(crate) fn try_enter(self: &Arc<Gate>) -> Option<Place> {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            return None;
        }
        state.free = state.free.checked_sub(1)?;
        Some(Place(Arc::clone(self)))
    }

    /// Waits for a place, blocking this thread.
    pub(crate) fn enter(self: &Arc<Gate>) -> Place {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut entering = self.entering();
        loop {
            match entering.poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(place) => return place,
                Poll::Pending => thread::park(),
            }
        }
    }

    pub(crate) fn entering(self: &Arc<Gate>) -> Entering {
        Entering {
            gate: Arc::clone(self),
            number: None,
        }
    }

    pub(crate) fn watching(self: &Arc<Gate>) -> Watching {
        Watching(self.entering())
    }

    /// Wakes the one that has waited longest, if there is a place for it, or else those that watch.
    fn wake_next(&self) {
        let mut state = self.lock();
        if state.free == 0 {
            return;
        }
        let first = state.waiting.front().map(|(_, waker)| waker.clone());
        let watching = match first {
            None => std::mem::take(&mut state.watching),
            Some(_) => Vec::new(),
        };
        drop(state);
        let watching = watching.into_iter().map(|(_, waker)| waker);
        first.into_iter().chain(watching).for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entering {
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Place> {
        let mut state = self.gate.lock();
        // Those that wait already come first.
        let is_first = match (state.waiting.front(), self.number) {
            (None, _) => true,
            (Some((first, _)), number) => Some(*first) == number,
        };
        if is_first && state.free > 0 {
            state.free -= 1;
            if self.number.take().is_some() {
                state.waiting.pop_front();
            }
            drop(state);
            self.gate.wake_next();
            return Poll::Ready(Place(Arc::clone(&self.gate)));
        }
        let waker = context.waker().clone();
        match self.number {
            Some(number) => {
                let mine = state.waiting.iter_mut().find(|(other, _)| *other == number);
                if let Some((_, known)) = mine {
                    *known = waker;
                }
            }
            None => {
                let number = state.next;
                state.next += 1;
                state.waiting.push_back((number, waker));
                self.number = Some(number);
            }
        }
        Poll::Pending
    }
}

/// Waits for a place that nobody else waits for. Others pass it while it is not polled.
#[derive(Debug)]
pub(crate) struct Watching(Entering);

impl Watching {
    /// A place, if one is free now and nobody waits for it.
    pub(crate) fn try_enter(&self) -> Option<Place> {
        self.0.gate.try_enter()
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Place> {
        let Entering { gate, number } = &mut self.0;
        let mut state = gate.lock();
        if state.waiting.is_empty() && state.free > 0 {
            state.free -= 1;
            return Poll::Ready(Place(Arc::clone(gate)));
        }
        if number.is_none() {
            *number = Some(state.next);
            state.next += 1;
        }
        let number = number.unwrap_or_default();
        state.watching.retain(|(other, _)| *other != number);
        state.watching.push((number, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut state = self.gate.lock();
            state.waiting.retain(|(other, _)| *other != number);
            state.watching.retain(|(other, _)| *other != number);
            drop(state);
            // It may have been woken for a place that it does not take.
            self.gate.wake_next();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.wake_next();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_enter_than_there_are_places() {
        let gate = Gate::new(2);
        let (first, second) = (gate.enter(), gate.enter());
        assert!(gate.try_enter().is_none());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter());
            drop(first);
            drop(waiting.join().unwrap());
        });
        drop(second);
        assert_eq!(gate.lock().free, 2);
    }

    #[test]
    fn a_future_that_is_dropped_passes_its_turn_on() {
        let gate = Gate::new(1);
        let mut context = Context::from_waker(Waker::noop());
        let place = gate.enter();
        let (mut first, mut second) = (gate.entering(), gate.entering());
        assert!(first.poll(&mut context).is_pending());
        assert!(second.poll(&mut context).is_pending());
        drop(place);
        assert!(
            second.poll(&mut context).is_pending(),
            "the first comes first"
        );
        drop(first);
        assert!(second.poll(&mut context).is_ready());
        assert!(gate.lock().waiting.is_empty());
    }

    #[test]
    fn one_that_watches_holds_nobody_up() {
        let gate = Gate::new(1);
        let mut context = Context::from_waker(Waker::noop());
        let place = gate.enter();
        let mut watching = gate.watching();
        assert!(watching.poll(&mut context).is_pending());
        drop(place);
        // It does not come, and others do.
        let place = gate.try_enter().expect("it keeps nobody from it");
        let mut entering = gate.entering();
        assert!(entering.poll(&mut context).is_pending());
        drop(place);
        assert!(watching.poll(&mut context).is_pending(), "others wait");
        drop(entering);
        assert!(watching.poll(&mut context).is_ready());
        assert_eq!(gate.lock().watching.len(), 0);
    }
}
