//! Which rank gets which calls, and when: a state machine without MPI, without calls' contents and without a
//! clock.
//!
//! A rank has a bounded amount of work in flight, in expected time: enough that it is busy until the next pack
//! can be there, and little enough that others can have the rest. Times are measured by task, from what
//! ranks report. Where nothing is queued and a rank has free workers, calls that another rank has not begun
//! are recalled.

use std::collections::{BTreeMap, VecDeque};

/// Expected time of the calls in one pack, for each worker of its rank.
const PACK_NS: u64 = 4_000_000;
/// Packs in flight to a rank on another machine: one that runs, one that waits.
const PACKS: u64 = 2;
/// Expected time in flight for each worker of rank 0's own pool, which is asked at once.
const OWN_NS: u64 = 2_000_000;
/// Calls in a pack at most, for each worker.
const PACK_CALLS: usize = 4096;
/// Bytes of arguments in a pack at most.
const PACK_BYTES: u64 = 1 << 20;
/// Calls are worth a recall from this expected time on, for each worker.
const RECALL_NS: u64 = 1_000_000;
/// How long no call has come before calls are recalled: until then the next may be on their way.
const SETTLED_NS: u64 = 500_000;
/// How long a rank that had nothing to give back is not asked again.
const QUIET_NS: u64 = 2_000_000;
/// A task is reckoned with this time at least.
const LEAST_NS: u64 = 200;
/// After this number of calls of one priority, one of a lower one is taken.
const IN_A_ROW: u32 = 8;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// These calls go to that rank.
    Pack { rank: usize, calls: Vec<u64> },
    /// The rank is to give back this number of the calls that it has not begun.
    Recall { rank: usize, calls: u32 },
}

/// A call as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// Which task, by a number of the caller's.
    pub(crate) task: u32,
    /// Bytes of its arguments.
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

#[derive(Debug, Clone, Copy)]
struct Call {
    ask: Ask,
    /// Where it is, and for how long it was reckoned there.
    at: Option<(u32, u64)>,
}

/// Who gets which calls.
#[derive(Debug)]
pub(crate) struct Schedule {
    ranks: Vec<Rank>,
    /// From the oldest call without a result on.
    calls: VecDeque<Option<Call>>,
    first: u64,
    open: usize,
    /// Calls by priority. Those that were given up meanwhile are skipped.
    queues: [VecDeque<u64>; 3],
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
            calls: VecDeque::new(),
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

    /// Takes a call in; gives its number. Numbers rise by one.
    pub(crate) fn submit(&mut self, ask: Ask) -> u64 {
        let id = self.next();
        self.calls.push_back(Some(Call { ask, at: None }));
        self.queues[usize::from(ask.priority.min(2))].push_back(id);
        self.queued += 1;
        self.open += 1;
        self.fresh = true;
        id
    }

    /// The number of the next call.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.calls.len() as u64
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

    /// Which rank has the call; `None` where it waits or has its result.
    pub(crate) fn rank_of(&self, id: u64) -> Option<usize> {
        Some(self.call(id)?.at?.0 as usize)
    }

    /// Whether the call has no result yet.
    pub(crate) fn is_open(&self, id: u64) -> bool {
        self.call(id).is_some()
    }

    fn call(&self, id: u64) -> Option<&Call> {
        let index = id.checked_sub(self.first)?;
        self.calls.get(index as usize)?.as_ref()
    }

    /// The call has its result, or nobody wants one; gives the rank that had it.
    pub(crate) fn close(&mut self, id: u64) -> Option<usize> {
        let index = id.checked_sub(self.first)? as usize;
        let call = self.calls.get_mut(index)?.take()?;
        self.open -= 1;
        while let Some(None) = self.calls.front() {
            self.calls.pop_front();
            self.first += 1;
        }
        match call.at {
            Some((rank, ns)) => {
                let rank = &mut self.ranks[rank as usize];
                rank.load.open -= 1;
                rank.open_ns = rank.open_ns.saturating_sub(ns);
            }
            None => self.queued -= 1,
        }
        call.at.map(|(rank, _)| rank as usize)
    }

    /// A rank sends the result of a call; `false` where nobody waits for it from there.
    pub(crate) fn done(&mut self, rank: usize, id: u64) -> bool {
        if self.rank_of(id) != Some(rank) {
            return false;
        }
        self.close(id);
        self.ranks[rank].load.done += 1;
        true
    }

    /// Calls of that task took so long each, on one worker.
    pub(crate) fn measured(&mut self, task: u32, ns: u64) {
        let time = self.times.entry(task).or_insert(ns as f64);
        *time += (ns as f64 - *time) / 4.0;
    }

    /// A rank gives calls back.
    pub(crate) fn returned(&mut self, rank: usize, ids: &[u64], now_ns: u64) {
        self.ranks[rank].recalling = false;
        if ids.is_empty() {
            self.ranks[rank].quiet_until = now_ns + QUIET_NS;
        }
        for &id in ids.iter().rev() {
            if self.rank_of(id) == Some(rank) {
                self.ranks[rank].load.recalled += 1;
                self.requeue(id);
            }
        }
    }

    /// The call is taken from its rank, and is the first of those that wait.
    pub(crate) fn requeue(&mut self, id: u64) {
        let Some(index) = id.checked_sub(self.first) else {
            return;
        };
        let Some(Some(call)) = self.calls.get_mut(index as usize) else {
            return;
        };
        if let Some((rank, ns)) = call.at.take() {
            let priority = usize::from(call.ask.priority.min(2));
            let rank = &mut self.ranks[rank as usize];
            rank.load.open -= 1;
            rank.open_ns = rank.open_ns.saturating_sub(ns);
            self.queues[priority].push_front(id);
            self.queued += 1;
        }
    }

    /// The rank is gone; gives the calls that it had, which the caller closes or requeues.
    pub(crate) fn lost(&mut self, rank: usize) -> Vec<u64> {
        self.ranks[rank].lives = false;
        self.ranks[rank].recalling = false;
        let at = |call: &Option<Call>| call.and_then(|call| call.at);
        let calls = (self.first..).zip(&self.calls);
        let there = calls.filter(|(_, call)| at(call).is_some_and(|(at, _)| at as usize == rank));
        there.map(|(id, _)| id).collect()
    }

    /// What is to be done now, if anything is.
    pub(crate) fn poll(&mut self, now_ns: u64) -> Option<Action> {
        if std::mem::take(&mut self.fresh) {
            self.fresh_ns = now_ns;
        }
        if self.queued > 0 {
            return self.pack();
        }
        if now_ns < self.fresh_ns + SETTLED_NS {
            return None;
        }
        self.recall(now_ns)
    }

    /// Expected time of a call; none where its task has not been measured.
    fn expected(&self, task: u32) -> Option<u64> {
        let ns = *self.times.get(&task)?;
        Some((ns as u64).max(LEAST_NS))
    }

    /// How much a rank may have in flight, in expected time, and in calls whatever their time.
    fn credit(&self, rank: usize) -> (u64, u64) {
        let workers = u64::from(self.ranks[rank].load.workers);
        match rank {
            0 => (OWN_NS * workers, workers),
            _ => (PACKS * PACK_NS * workers, PACKS * workers),
        }
    }

    fn has_room(&self, rank: usize) -> bool {
        let (ns, calls) = self.credit(rank);
        let Rank {
            load,
            open_ns,
            lives,
            ..
        } = &self.ranks[rank];
        let workers: u64 = self
            .ranks
            .iter()
            .map(|rank| u64::from(rank.load.workers))
            .sum();
        let fair = self.open as u64 * u64::from(load.workers) / workers.max(1);
        // Where there is room for half of it only, so that packs are not cut small.
        *lives && (load.open < calls || (*open_ns <= ns / 2 && load.open < fair))
    }

    fn pack(&mut self) -> Option<Action> {
        let fill = |rank: &usize| {
            let (ns, _) = self.credit(*rank);
            (self.ranks[*rank].open_ns as f64 / ns.max(1) as f64 * 1e6) as u64
        };
        let free = (0..self.ranks.len()).filter(|&rank| self.has_room(rank));
        let rank = free.min_by_key(|rank| (fill(rank), self.ranks[*rank].load.open))?;
        let (credit_ns, credit_calls) = self.credit(rank);
        let lives = self.ranks.iter().filter(|rank| rank.lives);
        let all: usize = lives.map(|rank| rank.load.workers as usize).sum();
        let workers = self.ranks[rank].load.workers as usize;
        // What is left is shared, in ever smaller packs; and no rank has more than its share of all that is open.
        let share = (self.queued * workers).div_ceil(2 * all.max(1)).max(1);
        let fair = (self.open * workers).div_ceil(all.max(1)).max(2 * workers) as u64;
        let most = share.min(PACK_CALLS * workers);
        let mut calls = Vec::new();
        let (mut pack_ns, mut bytes) = (0, 0);
        while calls.len() < most && bytes < PACK_BYTES {
            let load = &self.ranks[rank];
            let within = load.load.open < fair && load.open_ns < credit_ns;
            let fits = load.load.open < credit_calls || within;
            if !fits || pack_ns >= PACK_NS * workers as u64 {
                break;
            }
            let Some(id) = self.take_queued() else { break };
            let index = (id - self.first) as usize;
            let Some(Some(call)) = self.calls.get(index) else {
                break;
            };
            let (task, size) = (call.ask.task, call.ask.bytes);
            // One that has not been measured fills its part of the credit.
            let unknown = credit_ns / credit_calls.max(1);
            let ns = self.expected(task).unwrap_or(unknown);
            if let Some(Some(call)) = self.calls.get_mut(index) {
                call.at = Some((rank as u32, ns));
            }
            let given = &mut self.ranks[rank];
            given.load.open += 1;
            given.open_ns += ns;
            pack_ns += ns;
            bytes += size;
            calls.push(id);
        }
        if calls.is_empty() {
            return None;
        }
        self.ranks[rank].load.packs += 1;
        Some(Action::Pack { rank, calls })
    }

    /// The next call that waits: of the highest priority, but now and then one of a lower.
    fn take_queued(&mut self) -> Option<u64> {
        let turn = self.row >= IN_A_ROW;
        let order: [usize; 3] = if turn { [1, 2, 0] } else { [0, 1, 2] };
        for priority in order {
            while let Some(id) = self.queues[priority].pop_front() {
                if self.call(id).is_some_and(|call| call.at.is_none()) {
                    self.row = if priority == 0 { self.row + 1 } else { 0 };
                    self.queued -= 1;
                    return Some(id);
                }
            }
        }
        None
    }

    fn recall(&mut self, now_ns: u64) -> Option<Action> {
        let lives = || self.ranks.iter().filter(|rank| rank.lives);
        let is_idle = |rank: &Rank| rank.load.open < u64::from(rank.load.workers);
        if self.ranks.len() < 2 || !lives().any(is_idle) {
            return None;
        }
        let workers: u64 = lives().map(|rank| u64::from(rank.load.workers)).sum();
        let open: u64 = lives().map(|rank| rank.load.open).sum();
        let each = |rank: &Rank| rank.open_ns / u64::from(rank.load.workers.max(1));
        let (rank, victim) = (self.ranks.iter_mut().enumerate().skip(1))
            .filter(|(_, rank)| rank.lives && !rank.recalling && rank.quiet_until <= now_ns)
            .filter(|(_, rank)| rank.load.open > u64::from(rank.load.workers))
            .filter(|(_, rank)| each(rank) >= RECALL_NS)
            .max_by_key(|(_, rank)| each(rank))?;
        let own = u64::from(victim.load.workers);
        let fair = (open * own).div_ceil(workers.max(1)).max(own);
        let calls = victim.load.open.saturating_sub(fair).max(1) as u32;
        victim.recalling = true;
        Some(Action::Recall { rank, calls })
    }
}

#[cfg(test)]
mod tests;
