//! The dense table of unresolved tasks, in which a batch is one.

use crate::{TaskId, TaskSpec, WorkerId};

/// A task that has no result yet, or those of a batch that have none.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) spec: TaskSpec,
    /// Tasks without a result: 1, or what is left of a batch.
    pub(crate) count: u32,
    /// Of a batch: how many tasks are in the queue, and at how many places.
    pub(crate) queued: u32,
    pub(crate) places: u32,
    /// Workers that died while they ran it.
    pub(crate) deaths: u32,
    /// Times that it returned and its result did not arrive.
    pub(crate) lost: u32,
    /// How often it could not be sent for a transient reason.
    pub(crate) send_failures: u32,
    /// Times that it failed or ran longer than its limit and was to run again.
    pub(crate) again: u32,
    /// The pause before it runs again.
    pub(crate) pause_ns: u64,
    /// The only worker that may run it.
    pub(crate) pinned: Option<WorkerId>,
    pub(crate) place: Place,
}

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is a batch, whose tasks may be anywhere: in the queue and with several workers.
    Spread,
    Queued,
    /// It waits for its pause to end.
    Paused,
    /// It waits for the worker of this index, to which it is pinned.
    Pinned {
        worker: u32,
    },
    /// With the worker of this index, as this entry.
    Held {
        worker: u32,
        entry: u64,
    },
}

/// Tasks of a batch that follow each other, or a single task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) task: TaskId,
    /// The first of them, by its place in the batch.
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Piece {
    pub(crate) fn single(task: TaskId) -> Piece {
        Piece {
            task,
            first: 0,
            count: 1,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tasks {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Tasks, those of batches counted one by one.
    unresolved: usize,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    task: Option<Task>,
}

impl Tasks {
    /// Adds a task, or a batch of several.
    #[inline]
    pub(crate) fn insert(&mut self, spec: TaskSpec, place: Place, count: u32) -> TaskId {
        self.unresolved += count as usize;
        let task = Task {
            spec,
            count,
            queued: 0,
            places: 0,
            deaths: 0,
            lost: 0,
            send_failures: 0,
            again: 0,
            pause_ns: 0,
            pinned: None,
            place,
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                task: None,
            });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.task = Some(task);
        TaskId {
            index,
            generation: slot.generation,
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: TaskId) -> Option<&Task> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation == id.generation {
            slot.task.as_ref()
        } else {
            None
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation {
            slot.task.as_mut()
        } else {
            None
        }
    }

    /// Takes a task out. Its index is not used again before it is [released](Self::release).
    #[inline]
    pub(crate) fn remove(&mut self, id: TaskId) -> Option<Task> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let task = slot.task.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.unresolved -= task.count as usize;
        Some(task)
    }

    /// Some tasks of a batch, or a single one, are not in the table any more.
    #[inline]
    pub(crate) fn finish(&mut self, id: TaskId, count: u32) {
        match self.get_mut(id) {
            Some(task) if task.count > count => {
                task.count -= count;
                self.unresolved -= count as usize;
            }
            Some(_) => {
                self.remove(id);
                self.release(id);
            }
            None => {}
        }
    }

    /// The index of a task that was taken out may be used again.
    pub(crate) fn release(&mut self, id: TaskId) {
        self.free.push(id.index);
    }

    /// Tasks, those of batches counted one by one.
    pub(crate) fn len(&self) -> usize {
        self.unresolved
    }

    /// Slots, used or not.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn ids(&self) -> Vec<TaskId> {
        let used = |(index, slot): (usize, &Slot)| {
            slot.task.as_ref().map(|_| TaskId {
                index: index as u32,
                generation: slot.generation,
            })
        };
        self.slots.iter().enumerate().filter_map(used).collect()
    }
}
