//! The end of a run: everything is dropped, and nothing may be left.

use crate::{CallId, Worker};

use super::world::{ARRAYS, MUTABLES, Step, World};

impl World {
    /// Ends everything; then nothing must be left.
    pub(super) fn finish(&mut self) -> Step {
        let workers: Vec<Worker> = self.workers.keys().copied().collect();
        for &worker in &workers {
            let found = &self.workers[&worker];
            let received = found.outbox.len();
            if found.rogue || found.start.forked {
                self.kill(worker, received)?;
            }
        }
        let unsent: Vec<CallId> = self
            .model
            .calls
            .iter()
            .filter(|(_, call)| call.sent.is_none())
            .map(|(&call, _)| call)
            .collect();
        for call in unsent {
            self.cancel_call(call)?;
            self.settle()?;
        }
        for &worker in &workers {
            self.drain(worker)?;
        }
        while !self.handles.is_empty() {
            self.drop_handle()?;
            self.settle()?;
        }
        for &worker in &workers {
            self.drain(worker)?;
            let Some(found) = self.workers.get(&worker) else {
                continue;
            };
            let (free, size) = (found.lent.alloc().free_bytes(), found.lent.alloc().size());
            if free != size || found.lent.lent_bytes() != 0 {
                return Err(format!(
                    "{worker:?} has {free} of {size} bytes free in the end"
                ));
            }
            self.kill(worker, 0)?;
        }
        for region in [ARRAYS, MUTABLES] {
            let held = self.holds.usage(region).map(|usage| usage.held());
            if held != Some(0) {
                return Err(format!("{held:?} bytes of {region:?} are held in the end"));
            }
        }
        self.give_back()?;
        if !self.holds.is_idle()
            || self.holds.next_due_ns().is_some()
            || self.model.regions.len() != 2
        {
            return Err("something is left in the end".into());
        }
        Ok(())
    }

    /// A worker runs what it has, drops what it keeps, and everything it says is received.
    fn drain(&mut self, worker: Worker) -> Step {
        while self
            .workers
            .get(&worker)
            .is_some_and(|found| !found.inbox.is_empty())
        {
            self.step_worker(worker)?;
        }
        while let Some(found) = self.workers.get_mut(&worker)
            && !found.kept.is_empty()
        {
            found.drop_kept(&mut self.rng, self.now_ns, 0, false)?;
        }
        while self
            .workers
            .get(&worker)
            .is_some_and(|found| !found.outbox.is_empty())
        {
            self.deliver(worker)?;
            self.settle()?;
        }
        let again = self
            .workers
            .get(&worker)
            .is_some_and(|found| !found.inbox.is_empty());
        if again { self.drain(worker) } else { Ok(()) }
    }
}
