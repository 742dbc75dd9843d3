//! What comes back: results, calls that were given back, and what failed.

use super::{Held, Left, Root};
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
                ns_each,
                seen,
            } => {
                self.ranks[rank].seen = seen;
                self.take_results(rank, done, ns_each, body);
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
                if self.schedule.rank_of(call) == Some(rank) {
                    self.write_argument(call, index, offset, body);
                }
            }
            Up::Returned(ids) => {
                for &id in &ids {
                    self.unuse(rank, id);
                }
                let now_ns = self.now_ns();
                self.schedule.returned(rank, &ids, now_ns);
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

    fn take_results(&mut self, rank: usize, done: Vec<Done>, ns_each: u64, mut body: &[u8]) {
        for Done { id, result } in done {
            match result {
                Ok(output) => self.take_output(rank, id, output, &mut body),
                Err(trouble) => {
                    if self.schedule.rank_of(id) == Some(rank) {
                        self.fail(id, trouble.into_failure());
                    }
                }
            }
        }
        if ns_each > 0
            && let Some(task) = self.last_task
        {
            self.schedule.measured(task, ns_each);
        }
    }

    fn take_output(&mut self, rank: usize, id: u64, output: Output, body: &mut &[u8]) {
        let Some(value) = take(body, output.len) else {
            return;
        };
        let is_there = self.schedule.rank_of(id) == Some(rank);
        let held = is_there.then(|| self.end(rank, id)).flatten();
        let Some(mut held) = held else {
            // Nobody wants it; the bytes of its arrays are passed over.
            let _ = self.back(rank, output.arrays, Vec::new(), body);
            return;
        };
        let parts = std::mem::take(&mut held.parts);
        let result = self.back(rank, output.arrays, parts, body);
        match result {
            Ok(table) => {
                self.done += 1;
                arrays::with_incoming(table, || held.reply.resolve(held.tag, Ok(value)));
            }
            Err(why) => {
                self.failed += 1;
                let place = &self.ranks[rank].place;
                let failure = TaskFailure::Undecodable(format!("{place}: {why}"));
                held.reply.resolve(held.tag, Err(failure));
            }
        }
    }

    /// A rank has ended a call.
    fn end(&mut self, rank: usize, id: u64) -> Option<Held> {
        self.unuse(rank, id);
        self.schedule.done(rank, id);
        let held = self.close(id)?;
        self.last_task = Some(held.task);
        Some(held)
    }

    /// A call is not at another rank any more.
    pub(super) fn unuse(&mut self, rank: usize, id: u64) {
        let uses = self.held(id).map(|held| std::mem::take(&mut held.uses));
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
        if ended.is_empty() {
            return false;
        }
        let calls = ended.iter().filter(|(id, _)| *id < super::sending::MERGES);
        let calls = calls.count();
        let mut last = None;
        for (id, left) in ended {
            if id >= super::sending::MERGES {
                self.take_merged(left);
                continue;
            }
            last = self.held(id).map(|held| held.task).or(last);
            match left {
                Some(Left::Failure(failure)) => self.fail(id, failure),
                Some(Left::Kept(value)) => {
                    if let Some(fold) = self.fold.as_mut().filter(|fold| fold.has(id)) {
                        fold.keep(value);
                    }
                    if let Some(held) = self.end(0, id) {
                        self.done += 1;
                        held.reply.resolve(held.tag, Ok(&[]));
                    }
                }
                None => {
                    if self.end(0, id).is_some() {
                        self.done += 1;
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

    fn take_merged(&mut self, left: Option<Left>) {
        let Some(fold) = &mut self.fold else { return };
        fold.merged(match left {
            Some(Left::Kept(value)) => Ok(value),
            Some(Left::Failure(failure)) => Err(Trouble::of(failure, &self.ranks[0].place)),
            None => Err(Trouble::NotTaken("a merge without a result".to_owned())),
        });
    }

    /// A call has failed: it is run again where its terms say so.
    pub(super) fn fail(&mut self, id: u64, failure: TaskFailure) {
        let Some(rank) = self.schedule.rank_of(id) else {
            return;
        };
        self.unuse(rank, id);
        // This rank's own pool has run its calls again itself.
        if rank > 0
            && let Some(held) = self.held(id)
            && let Some(pause) = held.pause_after(&failure)
        {
            held.failures += 1;
            let due = Instant::now().checked_add(pause);
            self.again.insert((due.unwrap_or_else(Instant::now), id));
            return;
        }
        self.schedule.done(rank, id);
        if let Some(held) = self.close(id) {
            self.failed += 1;
            held.reply.resolve(held.tag, Err(failure));
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
            self.schedule.requeue(id);
        }
        while let Some(&(due, id)) = self.expiring.first()
            && due <= now
        {
            self.expiring.pop_first();
            // What runs is ended by the pool that runs it.
            if self.schedule.is_open(id) && self.schedule.rank_of(id).is_none() {
                self.schedule.close(id);
                if let Some(held) = self.close(id) {
                    self.failed += 1;
                    held.reply.resolve(held.tag, Err(TaskFailure::Expired));
                }
            }
        }
    }
}

impl Held {
    /// After which pause it is run again, if at all.
    fn pause_after(&self, failure: &TaskFailure) -> Option<std::time::Duration> {
        let more = self.call.as_ref()?.more.as_ref()?;
        let again = more.again.as_ref()?;
        // The memory that it owned is gone with the first run.
        let owns = self.parts.iter().any(|part| part.mutable);
        let wanted = !owns && self.failures < again.times && (again.after)(failure);
        let pause = again.pause.saturating_mul(1 << self.failures.min(20));
        wanted.then_some(pause)
    }
}
