//! A worker: its state, and the entries that it holds.

use crate::config::CREDIT_NS;
use crate::tasks::Piece;
use crate::{Capabilities, Config, KillReason, Priority, TaskId};
use std::collections::VecDeque;
use std::ops::Range;

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

/// An entry that a worker was given, or several that follow each other and are those of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The number of the first.
    pub(crate) number: u64,
    pub(crate) count: u32,
    /// The place of the first in its batch.
    pub(crate) first: u32,
    pub(crate) holds: Holds,
    pub(crate) sent_ns: u64,
    /// Of each. [`CREDIT_NS`] where the task's class is unknown.
    pub(crate) expected_ns: u64,
    pub(crate) class: u32,
    pub(crate) priority: Priority,
    /// How long it may run; `u64::MAX` for as long as it takes.
    pub(crate) limit_ns: u64,
}

impl Entry {
    pub(crate) fn end(&self) -> u64 {
        self.number + u64::from(self.count)
    }

    fn has(&self, number: u64) -> bool {
        (self.number..self.end()).contains(&number)
    }

    /// How many of the entries are in `range`.
    fn within(&self, range: &Range<u64>) -> u32 {
        let (start, end) = (self.number.max(range.start), self.end().min(range.end));
        end.saturating_sub(start) as u32
    }

    /// Those of the entries that are in `range`, which has some.
    fn cut(&self, range: &Range<u64>) -> Entry {
        let number = self.number.max(range.start);
        Entry {
            number,
            count: self.within(range),
            first: self.first + (number - self.number) as u32,
            ..*self
        }
    }

    /// The tasks that it holds, if they are unresolved.
    pub(crate) fn piece(&self) -> Option<Piece> {
        let Holds::Task(task) = self.holds else {
            return None;
        };
        Some(Piece {
            task,
            first: self.first,
            count: self.count,
        })
    }
}

/// A running task was asked to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) entry: u64,
    pub(crate) since_ns: u64,
    pub(crate) reason: KillReason,
}

/// What an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Task(TaskId),
    /// A task that ran for too long or failed: it runs again once this run has ended.
    Again(TaskId),
    /// A resolved task that must not run: if it has begun, its worker is ended.
    Cancelled,
    /// A resolved task that may run to its end.
    Withdrawn,
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

    /// The number that the next entry gets.
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// The first of the entries that ends behind `number`.
    fn position(&self, number: u64) -> usize {
        // Nearly always the oldest.
        match self.entries.front() {
            Some(oldest) if oldest.end() > number => 0,
            _ => self.entries.partition_point(|entry| entry.end() <= number),
        }
    }

    #[inline]
    pub(crate) fn entry(&self, number: u64) -> Option<&Entry> {
        let entry = self.entries.get(self.position(number))?;
        entry.has(number).then_some(entry)
    }

    /// What is in a range of numbers: how many entries, and their expected time.
    pub(crate) fn load(&self, range: &Range<u64>) -> (u32, u64) {
        let (mut count, mut expected_ns) = (0, 0);
        for at in self.position(range.start)..self.entries.len() {
            let entry = &self.entries[at];
            if entry.number >= range.end {
                break;
            }
            let within = entry.within(range);
            count += within;
            expected_ns += u64::from(within) * entry.expected_ns;
        }
        (count, expected_ns)
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

    /// Adds entries, and gives them their numbers.
    pub(crate) fn push(&mut self, mut entry: Entry) -> u64 {
        if self.open == 0 {
            self.progress_ns = entry.sent_ns;
            self.limit_min_ns = u64::MAX;
            self.lowest = Priority::High;
        }
        let expected_ns = u64::from(entry.count) * entry.expected_ns;
        self.fruitless = 0;
        self.lowest = self.lowest.max(entry.priority);
        self.limit_min_ns = self.limit_min_ns.min(entry.limit_ns);
        self.open += entry.count;
        self.unclaimed += entry.count;
        self.unclaimed_ns += expected_ns;
        self.ahead_ns += expected_ns;
        entry.number = self.tail;
        self.tail = entry.end();
        self.entries.push_back(entry);
        entry.number
    }

    /// Entries up to and including `number` have begun, `number` at `since_ns`.
    pub(crate) fn begin(&mut self, number: u64, since_ns: u64) {
        if number >= self.begun {
            let (count, expected_ns) = self.load(&(self.begun..number + 1));
            self.unclaimed -= count;
            self.unclaimed_ns -= expected_ns;
            self.fruitless = 0;
        }
        self.begun = self.begun.max(number + 1);
        self.since_ns = since_ns;
    }

    /// Takes the oldest entries of a range out, as many as are alike.
    pub(crate) fn take(&mut self, range: Range<u64>) -> Option<Entry> {
        let at = self.position(range.start);
        let entry = self.entries.get_mut(at)?;
        if entry.within(&range) == 0 {
            return None;
        }
        let whole = *entry;
        let taken = whole.cut(&range);
        let (before, behind) = (taken.number > whole.number, taken.end() < whole.end());
        let rest = || whole.cut(&(taken.end()..whole.end()));
        match (before, behind) {
            (false, false) if at == 0 => drop(self.entries.pop_front()),
            (false, false) => drop(self.entries.remove(at)),
            (false, true) => *entry = rest(),
            (true, _) => {
                *entry = whole.cut(&(whole.number..taken.number));
                if behind {
                    self.entries.insert(at + 1, rest());
                }
            }
        }
        let unclaimed = taken.within(&(self.begun..u64::MAX));
        self.fruitless = 0;
        self.open -= taken.count;
        self.ahead_ns -= u64::from(taken.count) * taken.expected_ns;
        self.unclaimed -= unclaimed;
        self.unclaimed_ns -= u64::from(unclaimed) * taken.expected_ns;
        if self.open == 0 {
            self.exclusive = false;
        }
        if self.asked.is_some_and(|asked| taken.has(asked.entry)) {
            self.asked = None;
        }
        Some(taken)
    }

    /// What an entry holds has changed, and it holds it alone.
    pub(crate) fn mark(&mut self, number: u64, holds: Holds) {
        let at = self.position(number);
        let Some(&whole) = self.entries.get(at).filter(|entry| entry.has(number)) else {
            return;
        };
        let mut marked = whole.cut(&(number..number + 1));
        marked.holds = holds;
        self.entries[at] = marked;
        if number + 1 < whole.end() {
            let rest = whole.cut(&(number + 1..whole.end()));
            self.entries.insert(at + 1, rest);
        }
        if whole.number < number {
            let before = whole.cut(&(whole.number..number));
            self.entries.insert(at, before);
        }
    }

    /// All tasks of a batch that it has are resolved. Gives the number behind the last of them.
    pub(crate) fn mark_batch(&mut self, batch: TaskId, holds: Holds) -> Option<u64> {
        let mut end = None;
        for entry in &mut self.entries {
            if entry.holds == Holds::Task(batch) {
                entry.holds = holds;
                end = Some(entry.end());
            }
        }
        end
    }

    /// The number of the entry that holds this task of a batch.
    pub(crate) fn number_of(&self, batch: TaskId, at: u32) -> Option<u64> {
        let holds = |entry: &&Entry| {
            let places = entry.first..entry.first + entry.count;
            entry.holds == Holds::Task(batch) && places.contains(&at)
        };
        let entry = self.entries.iter().find(holds)?;
        Some(entry.number + u64::from(at - entry.first))
    }

    /// The entry of this number becomes that of a task which was one of a batch.
    pub(crate) fn part(&mut self, number: u64, task: TaskId) {
        self.mark(number, Holds::Task(task));
        let at = self.position(number);
        self.entries[at].first = 0;
    }

    /// All entries: those that have begun one by one.
    pub(crate) fn by_fate(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for entry in &self.entries {
            let begun = entry.end().min(self.begun).max(entry.number);
            entries.extend((entry.number..begun).map(|it| entry.cut(&(it..it + 1))));
            if begun < entry.end() {
                entries.push(entry.cut(&(begun..entry.end())));
            }
        }
        entries
    }

    /// When the running entry has run for longer than it may.
    pub(crate) fn limit_at_ns(&self) -> u64 {
        self.in_function()
            .and_then(|number| self.entry(number))
            .map_or(u64::MAX, |entry| {
                self.since_ns.saturating_add(entry.limit_ns)
            })
    }

    /// Whether it may be given one more entry, of this expected time (`None`: unknown). `fill`
    /// leaves the expected time aside.
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
        fill || (!stuck && self.ahead_ns + expected.unwrap_or(CREDIT_NS) <= CREDIT_NS)
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
            (false, Some(expected)) => CREDIT_NS.saturating_sub(self.ahead_ns) / expected,
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
        if !stalled {
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
