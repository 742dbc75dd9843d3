//! A worker: its state, and the entries that it holds.

mod entries;
#[cfg(test)]
mod tests;

use crate::config::{AHEAD_NS, CREDIT_NS, FRUITLESS};
use crate::{Capabilities, Config, KillReason, Priority, TaskId};
use std::collections::VecDeque;

pub(crate) use entries::{Entry, Holds};

/// What a worker is doing, as far as the shell has reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no worker at this index.
    Free,
    Starting {
        since_ns: u64,
    },
    /// It is ready, and takes tasks once another worker has ended.
    Standby,
    /// It takes tasks, or, where it is `retiring`, finishes what it holds and then leaves.
    Serving {
        retiring: bool,
    },
    /// It is to be ended because of `entry`, or because it does nothing, if that is still so once
    /// nothing else can begin there.
    Checking {
        retiring: bool,
        reason: KillReason,
        entry: Option<u64>,
    },
    /// It was asked to exit.
    Leaving {
        since_ns: u64,
    },
    /// Its connection has ended.
    Closed {
        /// Before it was ready.
        starting: bool,
        since_ns: u64,
    },
    /// It was sent SIGTERM.
    Ending {
        reason: KillReason,
        since_ns: u64,
    },
    /// It was killed or disconnected.
    Killed,
}

/// A running task was asked to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) entry: u64,
    pub(crate) since_ns: u64,
    pub(crate) reason: KillReason,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) generation: u32,
    pub(crate) state: State,
    pub(crate) capabilities: Capabilities,
    /// Those that have not finished, were not recalled, and were sent.
    entries: VecDeque<Entry>,
    /// The number that the next one gets.
    tail: u64,
    /// Entries below have begun.
    pub(crate) begun: u64,
    /// Entries below have returned from their function.
    pub(crate) done: u64,
    /// When the newest begun entry began.
    pub(crate) since_ns: u64,
    /// When a part of its result was last seen.
    pub(crate) done_ns: u64,
    /// When the worker last began or finished something, or was given an entry while it had none.
    pub(crate) progress_ns: u64,
    /// Entries, those of batches counted one by one.
    pub(crate) open: u32,
    /// Those of them that have not begun, and their expected time.
    pub(crate) unclaimed: u32,
    pub(crate) unclaimed_ns: u64,
    /// Expected time of all open entries.
    pub(crate) ahead_ns: u64,
    /// The shortest limit among entries since the worker last had none.
    limit_min_ns: u64,
    /// When its deadline last came.
    pub(crate) looked_at_ns: u64,
    /// Entries below are being recalled; 0 for none.
    pub(crate) recalling: u64,
    pub(crate) exclusive: bool,
    pub(crate) offered: bool,
    pub(crate) asked: Option<Asked>,
    /// Tasks that only this worker may run.
    pub(crate) pinned: VecDeque<TaskId>,
    /// The lowest priority among entries since the worker last had none.
    pub(crate) lowest: Priority,
    pub(crate) answered: u64,
    /// Recalls in a row that brought nothing back, since the last that is known of its entries. It may have
    /// begun what seems unclaimed: that shows only once the result before has come in full.
    pub(crate) fruitless: u32,
    /// When it got ready.
    pub(crate) ready_ns: u64,
    /// A transient failure to send: nothing is sent before.
    pub(crate) blocked_until_ns: u64,
    pub(crate) blocked_times: u32,
}

impl Worker {
    pub(crate) fn new(generation: u32, capabilities: Capabilities, state: State) -> Worker {
        Worker {
            generation,
            state,
            capabilities,
            entries: VecDeque::new(),
            tail: 0,
            begun: 0,
            done: 0,
            since_ns: 0,
            done_ns: 0,
            progress_ns: 0,
            open: 0,
            unclaimed: 0,
            unclaimed_ns: 0,
            ahead_ns: 0,
            limit_min_ns: u64::MAX,
            looked_at_ns: 0,
            recalling: 0,
            exclusive: false,
            offered: false,
            asked: None,
            pinned: VecDeque::new(),
            lowest: Priority::High,
            answered: 0,
            fruitless: 0,
            ready_ns: 0,
            blocked_until_ns: 0,
            blocked_times: 0,
        }
    }

    /// The entry that has begun and not finished.
    pub(crate) fn running(&self) -> Option<u64> {
        let number = self.begun.checked_sub(1)?;
        self.entry(number).map(|_| number)
    }

    /// The running entry, unless its function has returned.
    pub(crate) fn in_function(&self) -> Option<u64> {
        self.running().filter(|&number| number >= self.done)
    }

    /// When the running entry has run for longer than it may.
    pub(crate) fn limit_at_ns(&self) -> u64 {
        self.in_function()
            .and_then(|number| self.entry(number))
            .map_or(u64::MAX, |entry| {
                self.since_ns.saturating_add(entry.limit_ns)
            })
    }

    /// Whether it may be given one more entry, of this expected time (`None`: unknown, and then only if it has
    /// none). `fill` leaves the expected time aside.
    pub(crate) fn has_room(
        &self,
        now: u64,
        config: &Config,
        expected: Option<u64>,
        fill: bool,
    ) -> bool {
        let left = config
            .recycle_tasks
            .map_or(u64::MAX, |tasks| tasks.saturating_sub(self.answered));
        if self.state != (State::Serving { retiring: false })
            || self.asked.is_some()
            || now < self.blocked_until_ns
            || u64::from(self.open) >= left
        {
            return false;
        }
        if self.open == 0 {
            return true;
        }
        if !self.capabilities.lane || self.exclusive {
            return false;
        }
        let stuck = now.saturating_sub(self.progress_ns) >= CREDIT_NS;
        fill || (!stuck && self.ahead_ns + expected.unwrap_or(AHEAD_NS) <= AHEAD_NS)
    }

    /// How many entries such as one that [has room](Self::has_room) it may be given; at least one.
    pub(crate) fn room(&self, config: &Config, expected: Option<u64>, fill: bool) -> u32 {
        if !self.capabilities.lane {
            return 1;
        }
        let left = config.recycle_tasks.map_or(u64::MAX, |tasks| {
            tasks.saturating_sub(self.answered + u64::from(self.open))
        });
        let credit = match (fill, expected) {
            (true, _) => u64::MAX,
            (false, None) => 1,
            (false, Some(expected)) => AHEAD_NS.saturating_sub(self.ahead_ns) / expected,
        };
        u32::try_from(left.min(credit)).unwrap_or(u32::MAX).max(1)
    }

    /// The request to end that its running task got, unless that has returned.
    pub(crate) fn asked_of_running(&self) -> Option<Asked> {
        let running = self.in_function()?;
        self.asked.filter(|asked| asked.entry == running)
    }

    /// When this worker has to be looked at next. `idle_ns`: how long it may be idle.
    pub(crate) fn deadline(
        &self,
        config: &Config,
        stalled: bool,
        idle_ns: Option<u64>,
    ) -> Option<u64> {
        let after = u64::saturating_add;
        match self.state {
            State::Free | State::Standby | State::Killed | State::Checking { .. } => None,
            State::Starting { since_ns } => Some(after(since_ns, config.start_timeout_ns)),
            State::Leaving { since_ns }
            | State::Closed { since_ns, .. }
            | State::Ending { since_ns, .. } => Some(after(since_ns, config.grace_ns)),
            State::Serving { .. } => {
                let limit = match (self.in_function(), self.running()) {
                    (None, Some(_)) => after(self.done_ns, config.grace_ns),
                    _ => self.asked_of_running().map_or_else(
                        || self.limit_at_ns(),
                        |asked| after(asked.since_ns, config.soft_ns),
                    ),
                };
                let blocked = if self.blocked_until_ns > 0 && self.open == 0 {
                    self.blocked_until_ns
                } else {
                    u64::MAX
                };
                let idle = idle_ns.filter(|_| self.is_idle());
                let idle = idle.map_or(u64::MAX, |idle_ns| after(self.idle_since_ns(), idle_ns));
                let unclaimed = self.unclaimed_deadline(config, stalled);
                let earliest = limit.min(unclaimed).min(blocked).min(idle);
                (earliest != u64::MAX).then_some(earliest)
            }
        }
    }

    /// Whether it has nothing to do and is not about to get anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.open == 0 && !self.offered && self.pinned.is_empty()
    }

    /// Since when it has been idle, if it is.
    pub(crate) fn idle_since_ns(&self) -> u64 {
        self.progress_ns.max(self.ready_ns)
    }

    /// When it has to be looked at because of what it has not claimed.
    fn unclaimed_deadline(&self, config: &Config, stalled: bool) -> u64 {
        let after = u64::saturating_add;
        let mut at_ns = u64::MAX;
        if self.unclaimed == 0 {
            return at_ns;
        }
        if self.running().is_none() {
            at_ns = after(self.progress_ns, config.grace_ns);
        }
        if self.fruitless >= FRUITLESS {
            // Nothing more is recalled.
        } else if !stalled {
            at_ns = at_ns.min(after(self.progress_ns, CREDIT_NS));
        } else if self.limit_min_ns != u64::MAX {
            // So that the start of a task with a limit is seen soon after it.
            let pause = (self.limit_min_ns / 4).max(CREDIT_NS);
            let looked_at_ns = self.looked_at_ns.max(self.progress_ns);
            at_ns = at_ns.min(after(looked_at_ns, pause));
        }
        at_ns
    }
}
