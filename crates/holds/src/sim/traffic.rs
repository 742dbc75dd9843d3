//! Steps between the simulated process and its workers: calls, reports and deaths.

use crate::{Access, CallId, Entry, Range, UseError, Worker};

use super::worker::{ToWorker, slice};
use super::world::{ARRAYS, Step, World, text};

impl World {
    pub(super) fn open(&mut self) -> Step {
        let call = CallId(self.calls);
        let mut args = Vec::new();
        let mut taken = Vec::new();
        for _ in 0..self.rng.u8(..4) {
            let mutable = self.rng.bool();
            let Some(index) = self.any_handle(mutable) else {
                continue;
            };
            let entry = self.handles[index];
            if mutable && !taken.contains(&entry) {
                // Often with its neighbour, for a task that joins them.
                let next = |other: &&Entry| {
                    other.mutable
                        && other.region == entry.region
                        && other.range.offset == entry.range.end()
                };
                let neighbour = self
                    .handles
                    .iter()
                    .find(next)
                    .copied()
                    .filter(|other| !taken.contains(other));
                taken.push(entry);
                taken.extend(neighbour);
            } else if !mutable {
                args.push(Entry {
                    range: slice(&mut self.rng, entry.range),
                    ..entry
                });
            }
        }
        args.extend(&taken);
        let read_only = taken.iter().any(|entry| entry.region == ARRAYS);
        match self.holds.open(call, &args) {
            Err(UseError::ReadOnlyRegion(_)) if read_only => return Ok(()),
            result => result.map_err(text)?,
        }
        self.model.open(call, &args);
        self.handles.retain(|entry| !taken.contains(entry));
        self.calls += 1;
        Ok(())
    }

    pub(super) fn any_worker(&mut self) -> Option<Worker> {
        let all: Vec<Worker> = self.workers.keys().copied().collect();
        (!all.is_empty()).then(|| all[self.rng.usize(..all.len())])
    }

    pub(super) fn any_call(&mut self, sent: bool) -> Option<CallId> {
        let calls = self.model.calls.iter();
        let found: Vec<CallId> = calls
            .filter(|(_, call)| call.sent.is_some() == sent && !call.cancelled)
            .map(|(&call, _)| call)
            .collect();
        (!found.is_empty()).then(|| found[self.rng.usize(..found.len())])
    }

    pub(super) fn send(&mut self) -> Step {
        let (Some(call), Some(worker)) = (self.any_call(false), self.any_worker()) else {
            return Ok(());
        };
        let args = self.model.calls[&call].args.clone();
        let mate = &self.model.workers[&worker];
        let owns = args.iter().any(|entry| entry.mutable);
        let refused = owns && !mate.writable;
        let lacks = |entry: &&Entry| {
            let needed = if entry.mutable {
                Access::Write
            } else {
                Access::Read
            };
            mate.attached
                .get(&entry.region)
                .is_none_or(|&has| has < needed)
        };
        let lacking = args.iter().filter(lacks).count();
        let missing = self.holds.missing(call, worker).map_err(text)?;
        if missing.is_empty() != (lacking == 0) {
            return Err(format!(
                "{missing:?} is missing, expected {lacking} entries"
            ));
        }
        let attaches = self.rng.u8(..8) > 0;
        if attaches {
            self.attach(worker, &missing)?;
        }
        let expected = !refused && (lacking == 0 || attaches);
        let sent = self.holds.send(call, worker);
        if sent.is_ok() != expected {
            return Err(format!("sending {call:?} to {worker:?}: {sent:?}"));
        }
        if sent.is_ok() {
            if let Some(call) = self.model.calls.get_mut(&call) {
                call.sent = Some(worker);
            }
            if let Some(found) = self.workers.get_mut(&worker) {
                found.inbox.push_back(ToWorker::Call(call));
            }
        }
        Ok(())
    }

    pub(super) fn recall(&mut self) -> Step {
        let is_call = |message: &ToWorker| matches!(message, ToWorker::Call(_));
        let Some(worker) = self.any_worker() else {
            return Ok(());
        };
        let Some(found) = self.workers.get_mut(&worker).filter(|found| !found.rogue) else {
            return Ok(());
        };
        let Some(at) = found.inbox.iter().position(is_call) else {
            return Ok(());
        };
        let Some(ToWorker::Call(call)) = found.inbox.remove(at) else {
            return Ok(());
        };
        self.holds.recall(call).map_err(text)?;
        if let Some(open) = self.model.calls.get_mut(&call) {
            open.sent = None;
            if open.cancelled {
                self.model.close(call);
            }
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self) -> Step {
        let sent = self.rng.bool();
        let Some(call) = self.any_call(sent) else {
            return Ok(());
        };
        self.cancel_call(call)
    }

    pub(super) fn cancel_call(&mut self, call: CallId) -> Step {
        self.holds.cancel(call).map_err(text)?;
        if self.model.calls[&call].sent.is_none() {
            self.model.close(call);
        } else if let Some(open) = self.model.calls.get_mut(&call) {
            open.cancelled = true;
        }
        Ok(())
    }

    pub(super) fn run_worker(&mut self) -> Step {
        let Some(worker) = self.any_worker() else {
            return Ok(());
        };
        for _ in 0..self.rng.u8(1..4) {
            self.step_worker(worker)?;
        }
        Ok(())
    }

    pub(super) fn step_worker(&mut self, worker: Worker) -> Step {
        let model = &self.model;
        let Some(found) = self.workers.get_mut(&worker).filter(|found| !found.rogue) else {
            return Ok(());
        };
        found.step(&mut self.rng, self.now_ns, |call| {
            let (mut owned, mut args): (Vec<Entry>, Vec<Entry>) = model.calls[&call]
                .args
                .iter()
                .partition(|entry| entry.mutable);
            owned.sort_unstable();
            for entry in owned {
                let block = model.block_of(entry.region, entry.range.offset);
                match args.last_mut() {
                    Some(last)
                        if last.mutable
                            && last.range.end() == entry.range.offset
                            && last.region == entry.region
                            && model.block_of(last.region, last.range.offset) == block =>
                    {
                        last.range = Range::between(last.range.offset, entry.range.end());
                    }
                    _ => args.push(entry),
                }
            }
            args
        })?;
        for range in found.lent.due(self.now_ns) {
            found.ground.punch(range);
        }
        Ok(())
    }

    pub(super) fn receive(&mut self) -> Step {
        let Some(worker) = self.any_worker() else {
            return Ok(());
        };
        for _ in 0..self.rng.u8(1..4) {
            self.deliver(worker)?;
            self.settle()?;
        }
        Ok(())
    }

    pub(super) fn drop_kept(&mut self) -> Step {
        let Some(worker) = self.any_worker() else {
            return Ok(());
        };
        let Some(found) = self
            .workers
            .get_mut(&worker)
            .filter(|found| !found.kept.is_empty())
        else {
            return Ok(());
        };
        let index = self.rng.usize(..found.kept.len());
        let in_part = self.rng.bool();
        found.drop_kept(&mut self.rng, self.now_ns, index, in_part)
    }

    pub(super) fn kill_any(&mut self) -> Step {
        let Some(worker) = self.any_worker() else {
            return Ok(());
        };
        let waiting = self.workers[&worker].outbox.len();
        let received = self.rng.usize(..=waiting);
        self.kill(worker, received)?;
        let unsent: Vec<CallId> = self
            .model
            .calls
            .iter()
            .filter(|(_, call)| call.sent.is_none())
            .map(|(&call, _)| call)
            .collect();
        for call in unsent {
            if self.rng.u8(..4) == 0 {
                self.cancel_call(call)?;
            }
        }
        Ok(())
    }
}
