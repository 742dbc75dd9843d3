//! The entries that a worker holds: in the order of their numbers, those of a batch that follow each other as one.

#[cfg(test)]
mod tests;

use super::Worker;
use crate::tasks::Piece;
use crate::{Priority, TaskAt, TaskId};
use std::ops::Range;

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
    /// Of each. [`AHEAD_NS`](crate::config::AHEAD_NS) where the task's class is unknown.
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

impl Worker {
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

    /// What is in a range of numbers, each with how many of its entries are.
    pub(crate) fn present<'a>(
        &'a self,
        range: &'a Range<u64>,
    ) -> impl Iterator<Item = (&'a Entry, u32)> {
        let behind = self.entries.range(self.position(range.start)..);
        let inside = behind.take_while(|entry| entry.number < range.end);
        inside.map(|entry| (entry, entry.within(range)))
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

    /// Adds one more entry to its last one, where that is of the tasks before this one in their batch. Gives its
    /// number.
    pub(crate) fn grow(&mut self, task: TaskAt) -> Option<u64> {
        let last = self.entries.back_mut()?;
        let follows = last.end() == self.tail && last.first + last.count == task.at;
        if !follows || last.holds != Holds::Task(task.task) {
            return None;
        }
        last.count += 1;
        self.open += 1;
        self.unclaimed += 1;
        self.unclaimed_ns += last.expected_ns;
        self.ahead_ns += last.expected_ns;
        self.tail += 1;
        Some(self.tail - 1)
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
}
