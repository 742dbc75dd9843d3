//! A bound on tasks that are open at once, held by many threads.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Lets as many in as there are places.
#[derive(Debug)]
pub struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place behind the gate; free again once it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

impl Gate {
    /// A gate with this number of places.
    pub fn new(places: usize) -> Arc<Gate> {
        Arc::new(Gate {
            free: Mutex::new(places),
            freed: Condvar::new(),
        })
    }

    /// Waits for a place.
    pub fn enter(self: &Arc<Gate>) -> Place {
        let mut free = self
            .freed
            .wait_while(self.lock(), |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Place(Arc::clone(self))
    }

    /// A place, if one is free now.
    pub fn try_enter(self: &Arc<Gate>) -> Option<Place> {
        let mut free = self.lock();
        *free = free.checked_sub(1)?;
        Some(Place(Arc::clone(self)))
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_get_in_than_there_are_places() {
        let gate = Gate::new(2);
        let (first, second) = (gate.enter(), gate.enter());
        assert!(gate.try_enter().is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter());
            drop(first);
            assert!(Arc::ptr_eq(&waiting.join().unwrap().0, &gate));
        });
        drop(second);
        assert_eq!(*gate.lock(), 2);
    }
}
