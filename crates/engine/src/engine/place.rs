//! Who gets which task: offers, credit by expected time, and recall for workers that are idle.

use super::*;
use crate::config::{AHEAD_NS, FRUITLESS, MS, WORTH_WAKING_NS};

impl Engine {
    /// The next entry for this worker, if it has room and there is a task. The shell sends it, or
    /// reports `SendFailed`.
    pub fn next(&mut self, now: u64, worker: WorkerId) -> Option<Assignment> {
        let mut one = Vec::with_capacity(1);
        self.deal(now, worker, Deal::ByTime(1), &mut one);
        one.pop()
    }

    /// Appends the next entries for this worker, as long as it has room and there are tasks. The shell
    /// sends them in this order, or reports `SendFailed` for those that it cannot send.
    pub fn deal(&mut self, now: u64, id: WorkerId, deal: Deal, dealt: &mut Vec<Assignment>) {
        if self.workers.get(id).is_none() {
            // It was offered a task and has died since.
            return self.offer_idle();
        }
        self.set_offered(id.index, false);
        self.idle.remove(&id.index);
        let (most, fill) = match deal {
            Deal::ByTime(most) => (most, false),
            Deal::ByNumber(most) => (most, true),
        };
        let (mut dry, mut left) = (false, u32::try_from(most).unwrap_or(u32::MAX));
        while left > 0 && !dry {
            match self.take_queued(now, id, fill, left) {
                Some(assignment) => {
                    left -= assignment.count;
                    dealt.push(assignment);
                }
                None => dry = true,
            }
        }
        self.watch(id.index);
        if dry {
            let worker = self.workers.at(id.index);
            if worker.has_room(now, &self.config, None, false) {
                self.idle.insert(id.index);
            }
            self.offer_idle();
        } else if self.queue.len() > 0 && !self.idle.is_empty() {
            // Part of a batch was left.
            self.offer_where_gain(now);
        }
        self.balance();
        if self.starts.is_elastic() {
            self.staff(now);
        }
    }

    /// What is next for this worker: a task pinned to it, or the first of the queue.
    fn front(&mut self, index: u32) -> Option<Piece> {
        let (flaws, tasks) = (self.flaws(), &self.tasks);
        let pinned = &mut self.workers.at(index).pinned;
        while let Some(&task) = pinned.front() {
            if tasks.get(task).is_some() {
                return Some(Piece::single(task));
            }
            pinned.pop_front();
        }
        self.queue.front(flaws, |piece| tasks.waiting(piece))
    }

    fn take_queued(&mut self, now: u64, id: WorkerId, fill: bool, most: u32) -> Option<Assignment> {
        let Piece { task, first, count } = self.front(id.index)?;
        let known = self.tasks.get(task)?;
        let (spec, pinned) = (known.spec, known.pinned.is_some());
        let worker = self.workers.at(id.index);
        let expected = self.classes.expected_ns(spec.class);
        if !worker.has_room(now, &self.config, expected, fill)
            || (spec.exclusive && worker.open > 0)
        {
            return None;
        }
        let mut count = count.min(most);
        if count > 1 {
            count = count.min(worker.room(&self.config, expected, fill));
        }
        let mut emptied = true;
        if pinned {
            worker.pinned.pop_front();
        } else {
            let taken = Piece { task, first, count };
            if let Some(known) = self.tasks.get_mut(task) {
                known.waits &= !taken.bits();
            }
            let (flaws, tasks) = (self.flaws(), &self.tasks);
            let live = |piece| tasks.waiting(piece);
            emptied = self.queue.pop_front(flaws, count, live);
        }
        let worker = self.workers.at(id.index);
        let entry = Entry {
            number: 0,
            count,
            first,
            holds: Holds::Task(task),
            sent_ns: now,
            expected_ns: expected.unwrap_or(AHEAD_NS),
            class: spec.class,
            priority: spec.priority,
            limit_ns: spec.limit_ns.unwrap_or(u64::MAX),
        };
        let number = worker.push(entry);
        worker.exclusive = spec.exclusive;
        if !worker.capabilities.lane {
            worker.begin(number, now);
        }
        let known = self.tasks.get_mut(task)?;
        if known.place == Place::Spread {
            known.places -= u32::from(emptied);
            known.holder = id.index;
        } else {
            known.place = Place::Held {
                worker: id.index,
                entry: number,
            };
        }
        Some(Assignment {
            entry: number,
            task,
            first,
            count,
            attempt: known.deaths + 1,
        })
    }

    /// The shell can send to this worker again.
    pub(super) fn room(&mut self, now: u64, worker: WorkerId) {
        if self.workers.get(worker).is_some() {
            self.set_offered(worker.index, false);
            self.settle(now, worker.index);
        }
    }

    /// Brings the sets, the worker's deadline and offers up to date after something changed for it.
    pub(super) fn settle(&mut self, now: u64, index: u32) {
        self.watch(index);
        let worker = self.workers.at(index);
        let takes = worker.has_room(now, &self.config, None, false);
        let more = worker.has_room(now, &self.config, Some(1), false);
        if worker.offered || !more {
            self.idle.remove(&index);
            return;
        }
        if self.queue.len() > 0 || !worker.pinned.is_empty() {
            self.idle.remove(&index);
            self.offer(index);
        } else if takes {
            self.idle.insert(index);
            self.balance();
        }
    }

    pub(super) fn offer(&mut self, index: u32) {
        if !self.workers.at(index).offered {
            self.set_offered(index, true);
            let id = self.workers.id(index);
            self.effects.push_back(Effect::Offer(id));
        }
    }

    /// Offers what is queued to idle workers, one for each task or what is together of a batch.
    pub(super) fn offer_idle(&mut self) {
        for _ in 0..self.queue.waiting_places() {
            let Some(index) = self.idle.pop_first() else {
                return;
            };
            self.offer(index);
        }
    }

    /// As [`offer_idle`](Self::offer_idle). Small tasks that another worker would run no sooner are left to those that
    /// are busy, for a while.
    pub(super) fn offer_where_gain(&mut self, now: u64) {
        if self.idle.is_empty() || self.are_taken() && self.worth_waking() > 1 {
            self.withheld_ns.get_or_insert(now);
        } else {
            self.offer_idle();
        }
    }

    /// Whether as many workers are busy as there are processors.
    fn are_taken(&self) -> bool {
        let busy = (self.starts.serving as usize).saturating_sub(self.idle.len());
        busy >= self.config.processors as usize
    }

    /// When what is queued is offered to idle workers all the same.
    pub(super) fn withheld_until_ns(&mut self) -> Option<u64> {
        if self.queue.len() == 0 || self.idle.is_empty() {
            self.withheld_ns = None;
        }
        self.withheld_ns.map(|since| since.saturating_add(MS))
    }

    /// How many tasks such as the next one are worth waking a worker; at least one.
    #[must_use]
    pub fn worth_waking(&mut self) -> usize {
        let (flaws, tasks) = (self.flaws(), &self.tasks);
        let next = self.queue.front(flaws, |piece| tasks.waiting(piece));
        let class = next
            .and_then(|piece| self.tasks.get(piece.task))
            .map(|task| task.spec.class);
        let expected_ns = class.and_then(|class| self.classes.expected_ns(class));
        expected_ns.map_or(1, |ns| (WORTH_WAKING_NS / ns).max(1) as usize)
    }

    /// Keeps a worker's deadline and its membership in the sets of those to recall from.
    pub(super) fn watch(&mut self, index: u32) {
        let compact = !defect!(self, KeepDeadlines);
        let idle_ns = self.idle_ns();
        let worker = self.workers.at(index);
        let serving = matches!(worker.state, State::Serving { .. });
        let loaded = worker.unclaimed > 0 && serving;
        // Another recall would bring nothing either, and only an event from outside can change that.
        let loaded = loaded && worker.fruitless < FRUITLESS;
        if !loaded {
            self.stalled.remove(index);
        }
        let heavy = loaded && worker.unclaimed_ns >= WORTH_WAKING_NS && worker.open > 1;
        self.heavy.set(index, heavy && worker.recalling == 0);
        let stalled = self.stalled.contains(index);
        if let Some(at_ns) = worker.deadline(&self.config, stalled, idle_ns) {
            self.deadlines.arm(index, at_ns, compact);
        }
    }

    /// Recalls entries for an idle worker: everything from one that is stuck, or half of what one
    /// with more than enough has not claimed.
    pub(super) fn balance(&mut self) {
        if self.idle.is_empty() {
            return;
        }
        let leave_stalled = defect!(self, NoRecallOfStalled);
        if let (Some(index), false) = (self.stalled.any(), leave_stalled) {
            let below = self.workers.at(index).tail();
            self.recall(index, below);
            return;
        }
        if self.queue.len() > 0 {
            // That is first, and may be withheld.
            return;
        }
        if let Some(index) = self.heavy_to_share() {
            self.heavy.remove(index);
            let worker = self.workers.at(index);
            // Where half has brought nothing, all may.
            let left = if worker.fruitless == 0 {
                worker.unclaimed / 2
            } else {
                0
            };
            let below = worker.tail() - u64::from(left);
            self.recall(index, below);
        }
    }

    /// A worker that has much ahead which another would run sooner: small tasks need a processor, and where all are
    /// taken they stay.
    fn heavy_to_share(&mut self) -> Option<u32> {
        if !self.are_taken() {
            return self.heavy.any();
        }
        let workers = &mut self.workers;
        self.heavy.find(|index| {
            let worker = workers.at(index);
            worker.unclaimed_ns >= u64::from(worker.unclaimed) * WORTH_WAKING_NS
        })
    }

    /// A task has come for which nobody is idle: a worker that has much of lower priority ahead
    /// gives it back, so that this one is next there.
    pub(super) fn make_way(&mut self, priority: Priority) {
        if !self.idle.is_empty() || self.offers > 0 {
            return;
        }
        let Some(index) = self.heavy.any() else {
            return;
        };
        let worker = self.workers.at(index);
        if worker.lowest > priority {
            let below = worker.tail();
            self.heavy.remove(index);
            self.recall(index, below);
        }
    }

    /// Asks for entries below a number back, unless that was asked for already.
    pub(super) fn recall(&mut self, index: u32, below: u64) {
        let worker = self.workers.at(index);
        if worker.recalling < below {
            worker.recalling = below;
            let worker = self.workers.id(index);
            self.effects.push_back(Effect::Recall { worker, below });
        }
    }

    /// Puts tasks back to the front of the queue, in their order.
    pub(super) fn requeue(&mut self, pieces: &[Piece], offer: bool) {
        for &piece in pieces.iter().rev() {
            let Some(known) = self.tasks.get_mut(piece.task) else {
                continue;
            };
            let pinned = known.pinned.filter(|_| !defect!(self, PinnedMoves));
            if let Some(worker) = pinned {
                self.pin_again(piece.task, worker);
                continue;
            }
            let (priority, spread) = (known.spec.priority, known.place == Place::Spread);
            let live = |piece| self.tasks.waiting(piece);
            let apart = self.queue.push_front(priority, piece, live);
            let Some(known) = self.tasks.get_mut(piece.task) else {
                continue;
            };
            if spread {
                known.waits |= piece.bits();
                known.places += u32::from(apart);
            } else {
                known.place = Place::Queued;
            }
        }
        if offer {
            self.offer_idle();
        }
    }

    /// A pinned task was recalled: it waits for its worker again, if that is still there.
    fn pin_again(&mut self, task: TaskId, worker: WorkerId) {
        if !self.takes_tasks(worker) {
            return self.resolve(task, Outcome::WorkerGone);
        }
        if let Some(known) = self.tasks.get_mut(task) {
            known.place = Place::Pinned {
                worker: worker.index,
            };
        }
        self.workers.at(worker.index).pinned.push_front(task);
        if !defect!(self, PinnedForgotten) && self.idle.remove(&worker.index) {
            self.offer(worker.index);
        }
    }
}
