//! Who is given what next, and from whom calls are recalled.

use super::{Action, PACK_NS, Rank, Schedule};

/// Packs in flight to a rank on another machine: one that runs, one that waits.
const PACKS: u64 = 2;
/// Expected time in flight for each worker of rank 0's own pool, which is asked at once.
const OWN_NS: u64 = 2_000_000;
/// Calls in a pack at most, for each worker.
pub(super) const PACK_CALLS: usize = 4096;
/// Bytes of arguments in a pack at most.
const PACK_BYTES: u64 = 1 << 20;
/// Calls are worth a recall from this expected time on, for each worker.
const RECALL_NS: u64 = 1_000_000;
/// How long no call has come before calls are recalled: until then the next may be on their way.
const SETTLED_NS: u64 = 500_000;
/// A task is reckoned with this time at least.
const LEAST_NS: u64 = 200;
/// After this number of calls of one priority, one of a lower one is taken.
const IN_A_ROW: u32 = 8;

impl Schedule {
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
        let mut entries = Vec::new();
        let (mut calls, mut pack_ns, mut bytes) = (0, 0, 0);
        while calls < most && bytes < PACK_BYTES {
            let load = &self.ranks[rank];
            let within = load.load.open < fair && load.open_ns < credit_ns;
            let fits = load.load.open < credit_calls || within;
            if !fits || pack_ns >= PACK_NS * workers as u64 {
                break;
            }
            let Some(number) = self.take_queued() else {
                break;
            };
            let Some(entry) = self.entry(number) else {
                break;
            };
            let (ask, left) = (entry.ask, entry.left);
            // One that has not been measured fills its part of the credit.
            let unknown = credit_ns / credit_calls.max(1);
            let ns = self.expected(ask.task).unwrap_or(unknown);
            if let Some(entry) = self.entry_mut(number) {
                entry.at = Some((rank as u32, ns));
            }
            let given = &mut self.ranks[rank];
            given.load.open += u64::from(left);
            given.open_ns += ns * u64::from(left);
            pack_ns += ns * u64::from(left);
            bytes += ask.bytes;
            calls += left as usize;
            entries.push(number);
        }
        if entries.is_empty() {
            return None;
        }
        self.ranks[rank].load.packs += 1;
        Some(Action::Pack { rank, entries })
    }

    /// The next entry that waits: of the highest priority, but now and then one of a lower.
    fn take_queued(&mut self) -> Option<u64> {
        let turn = self.row >= IN_A_ROW;
        let order: [usize; 3] = if turn { [1, 2, 0] } else { [0, 1, 2] };
        for priority in order {
            while let Some(number) = self.queues[priority].pop_front() {
                if let Some(entry) = self.entry(number).filter(|entry| entry.at.is_none()) {
                    self.queued -= entry.left as usize;
                    self.row = if priority == 0 { self.row + 1 } else { 0 };
                    return Some(number);
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
