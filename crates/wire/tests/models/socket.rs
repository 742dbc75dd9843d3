//! The socket between the two sides, as far as sleep goes: wake bytes, and the end of either side.

use loom::sync::{Condvar, Mutex};

#[derive(Default)]
struct State {
    to_worker: u32,
    to_coordinator: u32,
    closed: bool,
    dead: bool,
}

pub(crate) struct Socket {
    state: Mutex<State>,
    changed: Condvar,
}

impl Socket {
    pub(crate) fn new() -> Socket {
        Socket {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("the lock"));
        self.changed.notify_all();
    }

    pub(crate) fn wake_worker(&self) {
        self.change(|state| state.to_worker += 1);
    }

    pub(crate) fn wake_coordinator(&self) {
        self.change(|state| state.to_coordinator += 1);
    }

    /// The coordinator closes its end.
    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// The worker's process has ended: its pidfd is readable.
    pub(crate) fn die(&self) {
        self.change(|state| state.dead = true);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state.lock().expect("the lock").dead
    }

    /// Reads all wake bytes, and blocks if there are none. Returns false at the end of the stream.
    pub(crate) fn worker_waits(&self) -> bool {
        let mut state = self.state.lock().expect("the lock");
        while state.to_worker == 0 && !state.closed {
            state = self.changed.wait(state).expect("the lock");
        }
        std::mem::take(&mut state.to_worker) > 0
    }

    /// Reads all wake bytes, and blocks if there are none. Returns false if the worker is dead.
    pub(crate) fn coordinator_waits(&self) -> bool {
        let mut state = self.state.lock().expect("the lock");
        while state.to_coordinator == 0 && !state.dead {
            state = self.changed.wait(state).expect("the lock");
        }
        std::mem::take(&mut state.to_coordinator) > 0
    }
}
