//! The coordinator's side of one worker's lane: calls go in, results come out, and what does not fit
//! goes by the socket. It decides nothing: who gets which call, and when to wake or to recall, comes
//! from its owner.

use crate::failure::Failed;
use shmem::{Words, WordsError};
use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::OwnedFd;
use wire::lane::{
    Armed, Body, Claimed, CoordinatorLane, Layout, PushError, Recalled, Record, Running, Violation,
    WakeAt,
};
use wire::{LaneEntry, NO_TASK, PlainCall};

/// The most bytes of calls by socket that wait for one worker; a single call always may.
const BODIES: usize = 1 << 20;
/// The most entries that are pushed in a row.
const BATCH: usize = 64;
/// How long results may go unseen while they flow.
const TICK_NS: u64 = 1_000_000;
/// How long a wake message makes others superfluous. Below the worker's nap of a millisecond, which begins after
/// it.
const WAKE_PAUSE_NS: u64 = 750_000;
/// A task that the worker does not have.
const UNKNOWN: u32 = NO_TASK - 1;

/// One worker's lane.
pub(crate) struct Lane {
    ring: CoordinatorLane<Words>,
    /// Where entries are encoded.
    encoded: Box<[u8]>,
    /// The names of the worker's tasks, in the order of their numbers.
    tasks: Vec<String>,
    /// By our number of a task: the worker's; [`NO_TASK`] where it was not looked up.
    numbers: Vec<u32>,
    /// Entries whose calls go by the socket, with their sizes.
    bodies: VecDeque<(u64, usize)>,
    bodies_bytes: usize,
    /// Words of the bytes of the plain call that was pushed last: the next is expected to be like it.
    words: u64,
    /// The call that was pushed last goes by the socket.
    by_socket: bool,
    /// What the worker was last asked to wake us at, until its wake message was read.
    armed: Option<WakeAt>,
    /// When results last came, or entries that were pushed were last noted.
    pub fresh_ns: u64,
    /// Entries were pushed, and not noted.
    pushed: bool,
    /// The last result's task ran for longer than results may go unseen.
    slow: bool,
    /// The engine has offered more than there was room for.
    pub starved: bool,
    /// It is among those that are looked at.
    pub listed: bool,
    /// The next entry whose beginning is to be reported, and whose return.
    pub began: u64,
    pub returned: u64,
    /// A result that says "by socket", and whose body has not come.
    pub marker: Option<Marker>,
    /// A body that has come, and whose result has not been taken.
    pub body: Option<Result<(), Box<Failed>>>,
    /// When the worker was last woken.
    woken_ns: u64,
    /// Entries were published, and whether the worker sleeps was not looked at.
    wake_due: bool,
}

/// A result without its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marker {
    pub entry: u64,
    pub ran_ns: u32,
}

impl Lane {
    /// A lane, the code of its layout, and the descriptor for the worker.
    pub(crate) fn create(layout: Layout) -> Result<(Lane, u32, OwnedFd), WordsError> {
        let (words, descriptor) = Words::create(c"handoff-lane", layout.words())?;
        // Workers that are forked have no part in the lanes of others.
        words.keep_from_children()?;
        let ring = CoordinatorLane::new(words, layout).expect("there are enough words");
        let lane = Lane {
            ring,
            encoded: vec![0; layout.call_inline_max()].into(),
            tasks: Vec::new(),
            numbers: Vec::new(),
            bodies: VecDeque::new(),
            bodies_bytes: 0,
            words: 1,
            by_socket: false,
            armed: None,
            fresh_ns: 0,
            pushed: false,
            slow: false,
            starved: false,
            listed: false,
            began: 0,
            returned: 0,
            marker: None,
            body: None,
            woken_ns: 0,
            wake_due: false,
        };
        Ok((lane, layout.code(), descriptor))
    }

    /// The worker uses the lane, and these are its tasks.
    pub(crate) fn open(&mut self, tasks: Vec<String>) {
        self.tasks = tasks;
    }

    /// Whether one more entry may be pushed.
    pub(crate) fn has_room(&self) -> bool {
        let room = self.ring.free_slots() > 0 && self.ring.free_words() >= self.words;
        room && self.bodies_bytes < BODIES
    }

    /// How many entries may be pushed before room is looked at again: one by one while calls go by the
    /// socket, so that these stay bounded by their bytes.
    pub(crate) fn room(&self) -> usize {
        if self.by_socket || self.bodies_bytes > 0 {
            return usize::from(self.has_room());
        }
        let room = self
            .ring
            .free_slots()
            .min(self.ring.free_words() / self.words);
        usize::try_from(room).unwrap_or(BATCH).min(BATCH)
    }

    /// The worker's number of our task `number`, if it has a task of that name.
    pub(crate) fn number(&mut self, number: u32, name: &str) -> Option<u32> {
        let at = number as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, NO_TASK);
        }
        if self.numbers[at] == NO_TASK {
            let found = self
                .tasks
                .binary_search_by(|known| known.as_str().cmp(name));
            self.numbers[at] = found.map_or(UNKNOWN, |index| index as u32);
        }
        Some(self.numbers[at]).filter(|&number| number != UNKNOWN)
    }

    /// Writes a call into the lane. `false` where it does not fit: it has to go by the socket.
    pub(crate) fn push(&mut self, task: u32, entry: &LaneEntry<'_>) -> bool {
        let Some(value) = wire::to_slice(entry, &mut self.encoded) else {
            return false;
        };
        match self.ring.push(task, Body::Inline { arrays: &[], value }) {
            Ok(_) => {
                self.by_socket = false;
                true
            }
            Err(PushError::Full | PushError::TooLong { .. } | _) => false,
        }
    }

    /// As [`push`](Self::push), of a call that has nothing but arguments.
    #[inline]
    pub(crate) fn push_plain(&mut self, task: u32, call: PlainCall, args: &[u8]) -> bool {
        let Some(arrays) = &call.to_bytes() else {
            return false;
        };
        let value = args;
        let pushed = self.ring.push(task, Body::Inline { arrays, value }).is_ok();
        self.by_socket &= !pushed;
        if pushed {
            self.words = 1 + args.len().div_ceil(8) as u64;
        }
        pushed
    }

    /// The index of the next entry.
    pub(crate) fn next_index(&self) -> u64 {
        self.ring.next_index()
    }

    /// Writes an entry whose call goes by the socket, in `bytes`.
    pub(crate) fn push_by_socket(&mut self, bytes: usize) {
        let pushed = self.ring.push(0, Body::Socket);
        let index = pushed.expect("there is room, and it has no bytes");
        self.bodies.push_back((index, bytes));
        self.bodies_bytes += bytes;
        self.by_socket = true;
    }

    /// Writes an entry that stands for nothing, so that entries are numbered as the engine numbers them.
    pub(crate) fn push_nothing(&mut self) {
        let body = Body::Inline {
            arrays: &[],
            value: &[],
        };
        let pushed = self.ring.push(NO_TASK, body);
        pushed.expect("there is room, and it has no bytes");
    }

    /// Lets the worker see what was pushed. Returns whether to wake it now, as [`take_wake`](Self::take_wake). The
    /// clock is looked at only for one that sleeps.
    ///
    /// Within a short time after the last wake message there is no other for a worker that naps: that message, or
    /// the end of the nap, makes it look. Nobody relies on that for long: see [`wake_if_due`](Self::wake_if_due).
    #[must_use]
    pub(crate) fn publish(&mut self, worth: bool, clock: impl FnOnce() -> u64) -> bool {
        self.ring.publish();
        self.pushed = true;
        if worth {
            return self.wakes(clock);
        }
        self.wake_due = true;
        false
    }

    /// Whether to wake the worker for what was published before.
    #[must_use]
    pub(crate) fn wakes(&mut self, clock: impl FnOnce() -> u64) -> bool {
        if !self.ring.is_to_be_woken() {
            return false;
        }
        self.wake_due = true;
        let now = clock();
        let may_nap = now < self.woken_ns + WAKE_PAUSE_NS && !self.ring.sleeps_deep();
        !may_nap && self.wake_if_due(now)
    }

    /// Whether entries wait for a worker that sleeps: the caller has to send the message.
    #[must_use]
    pub(crate) fn wake_if_due(&mut self, now: u64) -> bool {
        let wake = std::mem::take(&mut self.wake_due) && self.ring.take_wake();
        if wake {
            self.woken_ns = now;
        }
        wake
    }

    /// Whether the worker sleeps and is to be woken: the caller has to send the message.
    #[must_use]
    pub(crate) fn take_wake(&mut self) -> bool {
        self.ring.take_wake()
    }

    /// Takes the next result, if it is that of an entry below `below`.
    pub(crate) fn next(&mut self, below: u64) -> Result<Option<Record<'_>>, Violation> {
        // Results are delivered in their order.
        if self.marker.is_some() || self.ring.oldest() >= below {
            return Ok(None);
        }
        let record = self.ring.next_result()?;
        if let Some(record) = &record {
            self.slow = u64::from(record.ran_ns) >= TICK_NS;
        }
        Ok(record)
    }

    /// Gives the space of results that were taken back to the worker.
    pub(crate) fn release(&mut self) {
        self.ring.release();
    }

    /// Forgets calls by socket whose entries have results or were recalled.
    pub(crate) fn settle_bodies(&mut self) {
        let below = self.ring.oldest();
        while let Some(&(index, bytes)) = self.bodies.front()
            && index < below
        {
            self.bodies.pop_front();
            self.bodies_bytes -= bytes;
        }
    }

    /// Claims the unclaimed entries below `below`, and perhaps a few more.
    pub(crate) fn recall(&mut self, below: u64) -> Result<Range<u64>, Violation> {
        loop {
            let unclaimed = self.ring.unclaimed()?;
            let first = self.ring.next_index() - unclaimed;
            match self.ring.recall(below.saturating_sub(first))? {
                Recalled::Calls(entries) => return Ok(entries),
                // The worker claims one entry at a time, so this ends when there is none left.
                Recalled::Contended => {}
            }
        }
    }

    /// The entry that the worker has claimed; none where it has not, or results have to be taken first.
    pub(crate) fn claimed(&mut self) -> Result<Option<Claimed>, Violation> {
        Ok(match self.ring.running()? {
            Running::Call(claimed) => Some(claimed),
            Running::Nothing | Running::Unsettled => None,
        })
    }

    /// The entry that a dead worker had claimed. All results were taken.
    pub(crate) fn after_death(&mut self) -> Result<Option<Claimed>, Violation> {
        Ok(self.ring.after_death()?.begun)
    }

    /// The newest entry that has no result and was not recalled.
    pub(crate) fn newest_open(&self) -> Option<u64> {
        self.ring.open().last()
    }

    /// Those of `from` to below `below` whose results were not delivered, and that were not recalled.
    pub(crate) fn undelivered(&self, from: u64, below: u64) -> Vec<u64> {
        let marked = self.marker.as_ref().map(|marker| marker.entry);
        let open = marked.into_iter().chain(self.ring.open());
        open.filter(|entry| (from..below).contains(entry)).collect()
    }

    /// Whether no entry is without a result.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.marker.is_none()
    }

    /// Asks to be woken, unless that was asked for: when the worker runs dry, while results flow in less time
    /// than they may go unseen, and else at the next result. Returns by when to look all the same; at once where there is something to take.
    pub(crate) fn arm(&mut self, now: u64) -> Result<Option<u64>, Violation> {
        if std::mem::take(&mut self.pushed) {
            self.fresh_ns = now;
        }
        let look_ns = self.fresh_ns + TICK_NS;
        // A claim wakes nobody, and the counters have to show that the call runs.
        let to_begin = !self.ring.is_empty() && self.began <= self.ring.oldest();
        let (at, look) = if now < look_ns && !self.slow {
            (WakeAt::Dry, Some(look_ns))
        } else {
            (WakeAt::NextResult, to_begin.then_some(now + TICK_NS))
        };
        if self.armed == Some(at) {
            return Ok(look);
        }
        self.armed = None;
        Ok(match self.ring.arm(at)? {
            Armed::Sleep => {
                self.armed = Some(at);
                look
            }
            Armed::Ready => Some(0),
        })
    }

    /// Whether there seems to be a result.
    pub(crate) fn has_results(&self) -> bool {
        self.ring.has_results()
    }

    /// Takes back that it asked to be woken, unless the wake message is on its way.
    pub(crate) fn disarm(&mut self) {
        if self.armed.is_some() && !self.ring.disarm() {
            self.armed = None;
        }
    }

    /// A wake message was read.
    pub(crate) fn woken(&mut self) {
        self.ring.disarm();
        self.armed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::lane::{Completion, Outcome, WorkerLane};

    /// When to look at the lane, once the first of two tasks has run for `ran_ns` and the second has begun.
    fn look_after(ran_ns: u32) -> Option<u64> {
        let layout = Layout::for_workers(1);
        let (mut lane, _, descriptor) = Lane::create(layout).unwrap();
        let words = Words::open(&descriptor, layout.words()).unwrap();
        let mut worker = WorkerLane::new(words, layout).unwrap();
        lane.push_nothing();
        lane.push_nothing();
        assert!(!lane.publish(false, || 0));
        worker.claim(|| 0).unwrap();
        let outcome = Outcome {
            status: wire::LANE_DONE,
            ran_ns,
            body: Body::Inline {
                arrays: &[],
                value: &[],
            },
        };
        let completed = worker.complete(&outcome).unwrap();
        assert!(matches!(completed, Completion::Published { .. }));
        worker.claim(|| 0).unwrap();
        assert!(lane.next(u64::MAX).unwrap().is_some());
        lane.release();
        lane.pushed = false;
        (lane.fresh_ns, lane.began) = (1, 2);
        lane.arm(2).unwrap()
    }

    #[test]
    fn a_worker_with_long_tasks_wakes_the_coordinator_at_each_and_no_timer_does() {
        assert_eq!(look_after(1000), Some(1 + TICK_NS));
        assert_eq!(look_after(2 * TICK_NS as u32), None);
    }
}
