//! The dense table of unresolved tasks.

use crate::{TaskId, TaskSpec, WorkerId};

/// A task that has no result yet.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) spec: TaskSpec,
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

#[derive(Debug, Default)]
pub(crate) struct Tasks {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    task: Option<Task>,
}

impl Tasks {
    #[inline]
    pub(crate) fn insert(&mut self, spec: TaskSpec) -> TaskId {
        let task = Task {
            spec,
            deaths: 0,
            lost: 0,
            send_failures: 0,
            again: 0,
            pause_ns: 0,
            pinned: None,
            place: Place::Queued,
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

    #[inline]
    pub(crate) fn remove(&mut self, id: TaskId) -> Option<Task> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let task = slot.task.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        Some(task)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
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
