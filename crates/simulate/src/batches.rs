//! Batches: tasks that are submitted together, and tasks that are added to them one by one.

use crate::hand::LANE;
use crate::world::{Fails, SimTask, World};
use engine::{Grown, SubmitError, TaskId, TaskSpec, WorkerId};

impl World {
    /// Several tasks at once that are alike.
    pub(crate) fn submit_batch(&mut self, most: u32) -> Result<(), Fails> {
        let rng = &mut self.rng;
        let count = rng.u32(1..=most);
        let spec = TaskSpec {
            class: rng.u32(..4),
            retries: [0, 0, 1, 2][rng.usize(..4)],
            ..TaskSpec::new()
        };
        let accepted = self.engine.submit_batch(self.now, spec, count);
        self.pull();
        let id = match accepted {
            Ok(id) => id,
            Err(SubmitError::Full)
                if self.open_tasks() + (count as usize) <= self.profile.bound =>
            {
                return Err(self.broken(7, "full below the bound".to_owned()));
            }
            Err(_) => return Ok(()),
        };
        let first = self.tasks.len();
        for number in first..first + count as usize {
            self.one_more(id, number, spec);
        }
        self.name(id, first, count);
        self.grows = Some((id, spec));
        self.note(|| format!("the caller submits {count} tasks from {first} on: {spec:?}"));
        Ok(())
    }

    /// Adds tasks to the batch that was submitted last, as long as that is possible and nothing else was
    /// submitted since.
    pub(crate) fn grow_batch(&mut self, most: u32) -> Result<(), Fails> {
        for _ in 0..most {
            let Some((id, spec)) = self.grows else {
                return Ok(());
            };
            let (first, count) = self.names[&id];
            let number = self.tasks.len();
            if number != first + count as usize {
                return Ok(());
            }
            let workers = &self.workers;
            let room = |id: WorkerId| {
                let worker = workers.get(id.index()).and_then(Option::as_ref);
                worker.is_some_and(|worker| worker.lane.len() < LANE)
            };
            let full = self.engine.is_full();
            let Some(grown) = self.engine.grow(self.now, id, room) else {
                return Ok(());
            };
            if full {
                return Err(self.broken(7, "a batch grew beyond the bound".to_owned()));
            }
            self.one_more(id, number, spec);
            self.names.insert(id, (first, count + 1));
            self.note(|| {
                format!("the caller adds task {number} to the batch from {first} on: {grown:?}")
            });
            self.pull();
            if let Grown::Dealt(worker, assignment) = grown {
                let sent = self.each(&assignment)[0];
                self.check_turn(number, &[])?;
                self.send(worker, sent)?;
            }
        }
        Ok(())
    }

    fn one_more(&mut self, id: TaskId, number: usize, spec: TaskSpec) {
        let poison = self.rng.u32(..2000) < self.profile.crashes;
        self.tasks.push(SimTask::new(id, spec, None, poison));
        self.entered(number, spec);
    }
}
