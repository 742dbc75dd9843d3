//! A caller's own function, called now and then while the pool is driven. The pool owns no thread that
//! could do it.

use crate::counters::Counters;
use std::time::Duration;

/// What is called, and when next.
pub struct Heartbeat {
    every_ns: u64,
    next_ns: u64,
    beat: Box<dyn FnMut(&Counters) + Send>,
}

impl Heartbeat {
    /// Calls `beat` after each such time.
    pub fn new(every: Duration, beat: Box<dyn FnMut(&Counters) + Send>) -> Heartbeat {
        Heartbeat {
            every_ns: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX),
            next_ns: 0,
            beat,
        }
    }

    /// When it is due, on the clock of deadlines.
    pub(crate) fn due_ns(&self) -> u64 {
        self.next_ns
    }

    pub(crate) fn beat(&mut self, now_ns: u64, counters: &Counters) {
        (self.beat)(counters);
        self.next_ns = now_ns.saturating_add(self.every_ns);
    }
}
