//! Which rank gets which calls, and when: a state machine without MPI, without calls' contents and without a
//! clock.
//!
//! A rank has a bounded amount of work in flight, in expected time: enough that it is busy until the next pack
//! can be there, and little enough that others can have the rest. Times are measured by task, from what
//! ranks report. Where nothing is queued and a rank has free workers, calls that another rank has not begun
//! are recalled.
//!
//! What was submitted as one, a call or a batch, is one entry here: it goes to a rank as one, and is given back as one.
//! Its calls end one by one.

mod giving;

use std::collections::{BTreeMap, VecDeque};

/// Expected time of the calls in one pack, for each worker of its rank.
const PACK_NS: u64 = 4_000_000;
/// How long a rank that had nothing to give back is not asked again.
const QUIET_NS: u64 = 2_000_000;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// These entries go to that rank.
    Pack { rank: usize, entries: Vec<u64> },
    /// The rank is to give back this number of the calls that it has not begun.
    Recall { rank: usize, calls: u32 },
}

/// A call, or calls that were submitted as one, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// How many calls.
    pub(crate) calls: u32,
    /// Which task, by a number of the caller's.
    pub(crate) task: u32,
    /// Bytes of all arguments.
    pub(crate) bytes: u64,
    /// 0 first.
    pub(crate) priority: u8,
}

/// What a rank has been given and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Its workers.
    pub(crate) workers: u32,
    /// Calls in flight.
    pub(crate) open: u64,
    /// Calls whose results it has sent.
    pub(crate) done: u64,
    /// Packs that it was sent.
    pub(crate) packs: u64,
    /// Calls that it has given back.
    pub(crate) recalled: u64,
}

#[derive(Debug)]
struct Rank {
    load: Load,
    /// Expected time of the calls in flight.
    open_ns: u64,
    lives: bool,
    recalling: bool,
    quiet_until: u64,
}

impl Rank {
    /// This number of calls is not there any more, each of which was reckoned with that time.
    fn take(&mut self, calls: u32, ns: u64) {
        self.load.open -= u64::from(calls);
        self.open_ns = self.open_ns.saturating_sub(ns * u64::from(calls));
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    ask: Ask,
    /// Calls without a result.
    left: u32,
    /// Where it is, and for how long each call was reckoned there.
    at: Option<(u32, u64)>,
}

/// Who gets which calls.
#[derive(Debug)]
pub(crate) struct Schedule {
    ranks: Vec<Rank>,
    /// From the oldest with a call without a result on.
    entries: VecDeque<Option<Entry>>,
    first: u64,
    /// Calls.
    open: usize,
    /// Entries by priority. Those that were given up meanwhile are skipped.
    queues: [VecDeque<u64>; 3],
    /// Calls.
    queued: usize,
    row: u32,
    /// Whether calls have come since the last look, and when they last had.
    fresh: bool,
    fresh_ns: u64,
    /// Measured time by task, nanoseconds.
    times: BTreeMap<u32, f64>,
}

impl Schedule {
    /// For ranks with these numbers of workers.
    pub(crate) fn new(workers: &[u32]) -> Schedule {
        let rank = |&workers: &u32| Rank {
            load: Load {
                workers,
                ..Load::default()
            },
            open_ns: 0,
            lives: true,
            recalling: false,
            quiet_until: 0,
        };
        Schedule {
            ranks: workers.iter().map(rank).collect(),
            entries: VecDeque::new(),
            first: 0,
            open: 0,
            queues: Default::default(),
            queued: 0,
            row: 0,
            fresh: false,
            fresh_ns: 0,
            times: BTreeMap::new(),
        }
    }

    /// Takes an entry in; gives its number. Numbers rise by one.
    pub(crate) fn submit(&mut self, ask: Ask) -> u64 {
        let number = self.next();
        let left = ask.calls;
        let at = None;
        self.entries.push_back(Some(Entry { ask, left, at }));
        self.queues[usize::from(ask.priority.min(2))].push_back(number);
        self.queued += left as usize;
        self.open += left as usize;
        self.fresh = true;
        number
    }

    /// The number of the next entry.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Calls without a result.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Calls that no rank has.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether another rank is expected to be done soon with what it has.
    pub(crate) fn is_due(&self) -> bool {
        self.ranks.iter().skip(1).any(|rank| {
            let each = rank.open_ns / u64::from(rank.load.workers.max(1));
            rank.load.open > 0 && each < 2 * PACK_NS
        })
    }

    /// What each rank has and has done.
    pub(crate) fn loads(&self) -> impl Iterator<Item = Load> {
        self.ranks.iter().map(|rank| rank.load)
    }

    /// Which rank has the entry; `None` where it waits or has ended.
    pub(crate) fn rank_of(&self, number: u64) -> Option<usize> {
        Some(self.entry(number)?.at?.0 as usize)
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        let index = number.checked_sub(self.first)?;
        self.entries.get(index as usize)?.as_ref()
    }

    fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        let index = number.checked_sub(self.first)?;
        self.entries.get_mut(index as usize)?.as_mut()
    }

    /// This number of calls of the entry have their results, or nobody wants them.
    pub(crate) fn close(&mut self, number: u64, calls: u32) {
        let Some(entry) = self.entry_mut(number) else {
            return;
        };
        let calls = calls.min(entry.left);
        entry.left -= calls;
        let (at, is_over) = (entry.at, entry.left == 0);
        if is_over {
            self.entries[(number - self.first) as usize] = None;
            while let Some(None) = self.entries.front() {
                self.entries.pop_front();
                self.first += 1;
            }
        }
        self.open -= calls as usize;
        match at {
            Some((rank, ns)) => self.ranks[rank as usize].take(calls, ns),
            None => self.queued -= calls as usize,
        }
    }

    /// A rank sends the results of this number of calls of an entry; `false` where nobody waits for them from there.
    pub(crate) fn done(&mut self, rank: usize, number: u64, calls: u32) -> bool {
        if self.rank_of(number) != Some(rank) {
            return false;
        }
        self.close(number, calls);
        self.ranks[rank].load.done += u64::from(calls);
        true
    }

    /// Calls of that task took so long each, on one worker.
    pub(crate) fn measured(&mut self, task: u32, ns: u64) {
        let time = self.times.entry(task).or_insert(ns as f64);
        *time += (ns as f64 - *time) / 4.0;
    }

    /// A rank gives entries back.
    pub(crate) fn returned(&mut self, rank: usize, entries: &[u64], now_ns: u64) {
        self.ranks[rank].recalling = false;
        if entries.is_empty() {
            self.ranks[rank].quiet_until = now_ns + QUIET_NS;
        }
        for &number in entries.iter().rev() {
            if self.rank_of(number) == Some(rank) {
                let left = self.entry(number).map_or(0, |entry| entry.left);
                self.ranks[rank].load.recalled += u64::from(left);
                self.requeue(number);
            }
        }
    }

    /// The entry is taken from its rank, and is the first of those that wait.
    pub(crate) fn requeue(&mut self, number: u64) {
        let Some(entry) = self.entry_mut(number) else {
            return;
        };
        let (left, priority) = (entry.left, usize::from(entry.ask.priority.min(2)));
        if let Some((rank, ns)) = entry.at.take() {
            self.ranks[rank as usize].take(left, ns);
            self.queues[priority].push_front(number);
            self.queued += left as usize;
        }
    }

    /// The rank is gone; gives the entries that it had, which the caller closes or requeues.
    pub(crate) fn lost(&mut self, rank: usize) -> Vec<u64> {
        self.ranks[rank].lives = false;
        self.ranks[rank].recalling = false;
        let at = |entry: &Option<Entry>| entry.and_then(|entry| entry.at);
        let entries = (self.first..).zip(&self.entries);
        let there =
            entries.filter(|(_, entry)| at(entry).is_some_and(|(at, _)| at as usize == rank));
        there.map(|(number, _)| number).collect()
    }
}

#[cfg(test)]
mod tests;
