//! The dense table of workers.

use crate::worker::{Holds, State, Worker};
use crate::{Capabilities, WorkerId};

#[derive(Debug, Default)]
pub(crate) struct Workers {
    slots: Vec<Worker>,
    free: Vec<u32>,
}

impl Workers {
    pub(crate) fn insert(&mut self, capabilities: Capabilities, state: State) -> WorkerId {
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            let generation = slot.generation.wrapping_add(1);
            *slot = Worker::new(generation, capabilities, state);
            return WorkerId { index, generation };
        }
        self.slots.push(Worker::new(0, capabilities, state));
        WorkerId {
            index: (self.slots.len() - 1) as u32,
            generation: 0,
        }
    }

    pub(crate) fn get(&self, id: WorkerId) -> Option<&Worker> {
        let worker = self.slots.get(id.index as usize)?;
        (worker.generation == id.generation && worker.state != State::Free).then_some(worker)
    }

    pub(crate) fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        let worker = self.slots.get_mut(id.index as usize)?;
        (worker.generation == id.generation && worker.state != State::Free).then_some(worker)
    }

    /// The id of the worker at an index.
    pub(crate) fn id(&self, index: u32) -> WorkerId {
        WorkerId {
            index,
            generation: self.slots[index as usize].generation,
        }
    }

    /// The worker of an id that the engine keeps itself.
    pub(crate) fn at(&mut self, index: u32) -> &mut Worker {
        &mut self.slots[index as usize]
    }

    /// The worker at an index, if there is one.
    pub(crate) fn get_at(&self, index: u32) -> Option<&Worker> {
        let worker = self.slots.get(index as usize)?;
        (worker.state != State::Free).then_some(worker)
    }

    pub(crate) fn release(&mut self, id: WorkerId) {
        if self.get(id).is_some() {
            self.slots[id.index as usize].state = State::Free;
            self.free.push(id.index);
        }
    }

    /// Unresolved tasks that have begun.
    pub(crate) fn running(&self) -> usize {
        let runs = |worker: &&Worker| {
            let entry = worker.running().and_then(|number| worker.entry(number));
            let runs = entry.is_some_and(|entry| matches!(entry.holds, Holds::Task(_)));
            runs && worker.state != State::Free
        };
        self.slots.iter().filter(runs).count()
    }

    /// Workers that exist.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn ids(&self) -> Vec<WorkerId> {
        let used = |(index, worker): (usize, &Worker)| {
            (worker.state != State::Free).then_some(WorkerId {
                index: index as u32,
                generation: worker.generation,
            })
        };
        self.slots.iter().enumerate().filter_map(used).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskId;
    use crate::worker::Entry;

    const PLAIN: Capabilities = Capabilities {
        signal: true,
        lane: true,
        replace: true,
        ask: false,
    };

    fn insert(workers: &mut Workers) -> WorkerId {
        workers.insert(PLAIN, State::Serving { retiring: false })
    }

    #[test]
    fn an_id_is_that_of_one_worker_alone() {
        let mut workers = Workers::default();
        let ids = [(); 3].map(|()| insert(&mut workers));
        assert_eq!(ids.map(|id| id.index), [0, 1, 2]);
        assert_eq!((workers.ids(), workers.len()), (ids.to_vec(), 3));
        workers.release(ids[1]);
        workers.release(ids[1]);
        assert!(workers.get(ids[1]).is_none() && workers.get_mut(ids[1]).is_none());
        assert!(workers.get_at(1).is_none() && workers.get_at(2).is_some());
        assert_eq!(workers.ids(), [ids[0], ids[2]]);
        assert_eq!((workers.len(), workers.slots()), (2, 3));
        let again = insert(&mut workers);
        assert_eq!((again.index, workers.id(1)), (1, again));
        assert_ne!(again, ids[1]);
        assert!(workers.get(ids[1]).is_none() && workers.get_mut(ids[1]).is_none());
        assert!(workers.get(again).is_some() && workers.get_mut(again).is_some());
        workers.release(ids[1]);
        assert_eq!((workers.len(), workers.slots()), (3, 3));
        let beyond = WorkerId { index: 3, ..again };
        assert!(workers.get(beyond).is_none() && workers.get_at(3).is_none());
    }

    #[test]
    fn a_task_runs_that_has_begun_and_is_not_resolved() {
        let mut workers = Workers::default();
        let (index, generation) = (7, 0);
        let task = Holds::Task(TaskId { index, generation });
        let mut give = |holds, begins| {
            let index = insert(&mut workers).index;
            let entry = workers.at(index).push(Entry::of(holds));
            if begins {
                workers.at(index).begin(entry, 0);
            }
            (workers.running(), workers.id(index))
        };
        assert_eq!(give(task, false).0, 0);
        assert_eq!(give(Holds::Cancelled, true).0, 0);
        assert_eq!(give(task, true).0, 1);
        let (running, last) = give(task, true);
        assert_eq!(running, 2);
        workers.release(last);
        assert_eq!(workers.running(), 1);
    }
}
