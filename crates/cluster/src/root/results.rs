//! What comes back: results, calls that were given back, and what failed.

use super::Root;
use super::held::{Closed, Content, Held};
use super::own::{Left, MERGES};
use crate::ids::{Group, bit_of, entry_of};
use crate::plain::next_result;
use crate::protocol::{Done, Output, Trouble, Up, split, take};
use pool::TaskFailure;
use std::sync::PoisonError;
use std::time::Instant;
use task::arrays;

impl Root {
    /// Takes in what another rank says.
    pub(super) fn handle(&mut self, rank: usize, message: &[u8]) {
        let Some((up, body)) = split::<Up>(message) else {
            let why = format!(
                "rank {rank} sent what this program cannot read: run the same program on all machines"
            );
            let failure = coordinator::exit::Failure::Failed(anyhow::anyhow!(why));
            self.link.borrow().comm().abort(&failure);
        };
        match up {
            Up::Results {
                done,
                plain,
                ns_each,
                seen,
            } => {
                self.ranks[rank].seen = seen;
                self.take_results(rank, (done, plain), ns_each, body);
            }
            Up::Piece(piece) => {
                // One that cannot be stored is missing when its result refers to it.
                let _ = self.ranks[rank].memories.write(&piece, body);
            }
            Up::Into {
                call,
                index,
                offset,
            } => {
                if self.rank_of(call) == Some(rank) {
                    self.write_argument(call, index, offset, body);
                }
            }
            Up::Returned(ids) => {
                for &id in &ids {
                    self.unuse(rank, id);
                }
                let entries: Vec<u64> = ids.into_iter().map(entry_of).collect();
                let now_ns = self.now_ns();
                self.schedule.returned(rank, &entries, now_ns);
            }
            Up::Merged { value, trouble, .. } => {
                let value = value.map(|_| body.to_vec());
                if let Some(fold) = &mut self.fold {
                    fold.take_below(value, trouble);
                }
            }
            Up::Stopped => self.stopped += 1,
            // Only while the pool starts.
            Up::Ready(_) | Up::Refused(_) => {}
            Up::Alive => {}
        }
    }

    fn take_results(
        &mut self,
        rank: usize,
        (done, plain): (Vec<Done>, Vec<Group>),
        ns_each: u64,
        mut body: &[u8],
    ) {
        for Done { id, result } in done {
            match result {
                Ok(output) => self.take_output(rank, id, output, &mut body),
                Err(trouble) => {
                    if self.rank_of(id) == Some(rank) {
                        self.fail(id, trouble.into_failure());
                    }
                }
            }
        }
        for run in plain {
            self.take_run(rank, run, &mut body);
        }
        if ns_each > 0
            && let Some(task) = self.last_task
        {
            self.schedule.measured(task, ns_each);
        }
    }

    /// Results of calls of one entry that are nothing but bytes, which are taken from `body`.
    fn take_run(&mut self, rank: usize, run: Group, body: &mut &[u8]) {
        let entry = entry_of(run.first);
        let is_there = self.schedule.rank_of(entry) == Some(rank);
        let mut ended = Group { which: 0, ..run };
        let mut held = self.held.get(entry).filter(|_| is_there);
        for _ in 0..run.calls() {
            let Some((at, value)) = next_result(body) else {
                break;
            };
            let id = run.first + at;
            if let Some(held) = &mut held
                && held.left & !ended.which & bit_of(id) != 0
            {
                ended.which |= bit_of(id);
                held.reply.resolve(held.tag + at, Ok(value));
            }
        }
        let Some(held) = held else { return };
        self.last_task = Some(held.task);
        let calls = ended.calls();
        self.end(rank, ended);
        self.done += calls as u64;
    }

    fn take_output(&mut self, rank: usize, id: u64, output: Output, body: &mut &[u8]) {
        let Some(value) = take(body, output.len) else {
            return;
        };
        let is_there = self.rank_of(id) == Some(rank);
        let closed = is_there.then(|| self.end_one(rank, id)).flatten();
        let Some(closed) = closed else {
            // Nobody wants it; the bytes of its arrays are passed over.
            let _ = self.back(rank, output.arrays, Vec::new(), body);
            return;
        };
        let result = self.back(rank, output.arrays, closed.parts, body);
        match result {
            Ok(table) => {
                self.done += 1;
                arrays::with_incoming(table, || closed.reply.resolve(closed.tag, Ok(value)));
            }
            Err(why) => {
                self.failed += 1;
                let place = &self.ranks[rank].place;
                let failure = TaskFailure::Undecodable(format!("{place}: {why}"));
                closed.reply.resolve(closed.tag, Err(failure));
            }
        }
    }

    /// A rank has ended calls, whose results were given.
    fn end(&mut self, rank: usize, group: Group) {
        let entry = entry_of(group.first);
        self.unuse(rank, group.first);
        self.schedule.done(rank, entry, group.calls() as u32);
        // One that expires has an account of its own.
        match self.held(entry).is_some_and(|held| held.expires.is_some()) {
            true => drop(self.close(group.first)),
            false => self.held.take_out(group),
        }
    }

    /// A rank has ended a call.
    fn end_one(&mut self, rank: usize, id: u64) -> Option<Closed> {
        self.unuse(rank, id);
        self.schedule.done(rank, entry_of(id), 1);
        let closed = self.close(id)?;
        self.last_task = Some(closed.task);
        Some(closed)
    }

    /// A call is not at another rank any more.
    pub(super) fn unuse(&mut self, rank: usize, id: u64) {
        let held = self.held(entry_of(id));
        let uses = held.map(|held| std::mem::take(&mut held.uses));
        for memory in uses.unwrap_or_default() {
            self.regions.unused(rank, memory);
        }
    }

    /// Takes what this rank's own pool has ended; whether there was anything.
    pub(super) fn take_ended(&mut self) -> bool {
        let ended = {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *ended)
        };
        let calls = ended.calls();
        if calls == 0 && ended.others.is_empty() {
            return false;
        }
        let mut last = None;
        for group in ended.resolved {
            last = self
                .held(entry_of(group.first))
                .map(|held| held.task)
                .or(last);
            self.end(0, group);
            self.done += group.calls() as u64;
        }
        for (id, left) in ended.others {
            if id >= MERGES {
                self.take_merged(left);
                continue;
            }
            last = self.held.with(id).map(|held| held.task).or(last);
            match left {
                Left::Failure(failure) => self.fail(id, failure),
                Left::Kept(value) => {
                    if let Some(fold) = self.fold.as_mut().filter(|fold| fold.has(id)) {
                        fold.keep(value);
                    }
                    if let Some(closed) = self.end_one(0, id) {
                        self.done += 1;
                        closed.reply.resolve(closed.tag, Ok(&[]));
                    }
                }
            }
        }
        if calls > 0 {
            self.feed.ended(calls, self.own_open);
            self.own_open = self.own_open.saturating_sub(calls);
            if let (Some(task), Some(ns)) = (last, self.feed.ns_each()) {
                self.schedule.measured(task, ns);
            }
        }
        true
    }

    fn take_merged(&mut self, left: Left) {
        let Some(fold) = &mut self.fold else { return };
        fold.merged(match left {
            Left::Kept(value) => Ok(value),
            Left::Failure(failure) => Err(Trouble::of(failure, &self.ranks[0].place)),
        });
    }

    /// A call has failed: it is run again where its terms say so.
    pub(super) fn fail(&mut self, id: u64, failure: TaskFailure) {
        let Some(rank) = self.rank_of(id) else {
            return;
        };
        self.unuse(rank, id);
        // This rank's own pool has run its calls again itself.
        if rank > 0
            && let Some(held) = self.held.with(id)
            && let Some(pause) = held.pause_after(&failure)
        {
            held.failures += 1;
            let due = Instant::now().checked_add(pause);
            self.again.insert((due.unwrap_or_else(Instant::now), id));
            return;
        }
        self.schedule.done(rank, entry_of(id), 1);
        if let Some(closed) = self.close(id) {
            self.failed += 1;
            closed.reply.resolve(closed.tag, Err(failure));
        }
    }

    /// Fails what has expired, and runs again what has waited for it.
    pub(super) fn run_timers(&mut self) {
        if self.again.is_empty() && self.expiring.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(&(due, id)) = self.again.first()
            && due <= now
        {
            self.again.pop_first();
            self.schedule.requeue(entry_of(id));
        }
        while let Some(&(due, id)) = self.expiring.first()
            && due <= now
        {
            self.expiring.pop_first();
            // What runs is ended by the pool that runs it.
            let is_open = self.held.with(id).is_some();
            if is_open && self.rank_of(id).is_none() {
                self.schedule.close(entry_of(id), 1);
                if let Some(closed) = self.close(id) {
                    self.failed += 1;
                    closed.reply.resolve(closed.tag, Err(TaskFailure::Expired));
                }
            }
        }
    }
}

impl Held {
    /// After which pause it is run again, if at all.
    fn pause_after(&self, failure: &TaskFailure) -> Option<std::time::Duration> {
        let Content::Call(call) = &self.content else {
            return None;
        };
        let more = call.more.as_ref()?;
        let again = more.again.as_ref()?;
        // The memory that it owned is gone with the first run.
        let owns = self.parts.iter().any(|part| part.mutable);
        let wanted = !owns && self.failures < again.times && (again.after)(failure);
        let pause = again.pause.saturating_mul(1 << self.failures.min(20));
        wanted.then_some(pause)
    }
}
