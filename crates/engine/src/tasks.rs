//! The dense table of unresolved tasks, in which a batch is one.

use crate::{TaskId, TaskSpec, WorkerId};

/// A task that has no result yet, or those of a batch that have none.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) spec: TaskSpec,
    /// Tasks without a result: 1, or what is left of a batch.
    pub(crate) count: u32,
    /// Of a batch: the place that the next task gets that is added.
    pub(crate) size: u32,
    /// Of a batch: a bit for each task that is in the queue, and at how many places there they are.
    pub(crate) waits: u64,
    pub(crate) places: u32,
    /// Of a batch: the index of the worker that was last given some of it.
    pub(crate) holder: u32,
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

    /// A bit for each task, at its place in the batch.
    pub(crate) fn bits(&self) -> u64 {
        (u64::MAX >> (u64::BITS - self.count)) << self.first
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
            size: count,
            waits: 0,
            places: 0,
            holder: u32::MAX,
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

    /// The first tasks of a piece of the queue that still wait, as many as follow each other; `None` where none
    /// does.
    #[inline]
    pub(crate) fn waiting(&self, piece: Piece) -> Option<Piece> {
        let known = self.get(piece.task)?;
        if known.place != Place::Spread {
            return Some(piece);
        }
        let waits = known.waits & piece.bits();
        if waits == 0 {
            return None;
        }
        let first = waits.trailing_zeros();
        let count = (waits >> first).trailing_ones();
        Some(Piece {
            first,
            count,
            ..piece
        })
    }

    /// One more task of a batch, which waits in the queue or does not.
    pub(crate) fn grow(&mut self, batch: TaskId, waits: bool) {
        if let Some(known) = self.get_mut(batch) {
            known.waits |= u64::from(waits) << known.size;
            known.count += 1;
            known.size += 1;
            self.unresolved += 1;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(tasks: &mut Tasks, count: u32) -> TaskId {
        tasks.insert(TaskSpec::new(), Place::Spread, count)
    }

    #[test]
    fn a_piece_has_a_bit_for_each_task_at_its_place() {
        let (index, generation) = (0, 0);
        let task = TaskId { index, generation };
        for (first, count, bits) in [
            (0, 1, 1),
            (0, 3, 0b111),
            (2, 2, 0b1100),
            (63, 1, 1 << 63),
            (0, 64, u64::MAX),
        ] {
            assert_eq!(Piece { task, first, count }.bits(), bits);
        }
        let (first, count) = (0, 1);
        assert_eq!(Piece::single(task), Piece { task, first, count });
    }

    #[test]
    fn an_id_is_that_of_one_task_alone() {
        let mut tasks = Tasks::default();
        let first = batch(&mut tasks, 1);
        let second = batch(&mut tasks, 3);
        assert_eq!((first.index, second.index, tasks.len()), (0, 1, 4));
        assert_eq!(tasks.ids(), [first, second]);
        assert!(tasks.remove(first).is_some() && tasks.remove(first).is_none());
        assert_eq!(
            (tasks.len(), tasks.slots(), tasks.ids()),
            (3, 2, vec![second])
        );
        // Its index is free once it is released.
        let third = batch(&mut tasks, 1);
        assert_eq!(third.index, 2);
        tasks.release(first);
        let again = batch(&mut tasks, 1);
        assert_eq!((again.index, tasks.slots(), tasks.len()), (0, 3, 5));
        assert_ne!(again, first);
        assert!(tasks.get(first).is_none() && tasks.get_mut(first).is_none());
        assert!(tasks.get(again).is_some() && tasks.get_mut(again).is_some());
        assert!(tasks.remove(first).is_none());
    }

    #[test]
    fn a_batch_ends_with_the_last_of_its_tasks() {
        let mut tasks = Tasks::default();
        let id = batch(&mut tasks, 5);
        for (count, left) in [(2, 3), (2, 1), (1, 0), (1, 0)] {
            tasks.finish(id, count);
            assert_eq!(tasks.len(), left);
            assert_eq!(tasks.get(id).map_or(0, |it| it.count as usize), left);
        }
        assert_eq!(batch(&mut tasks, 1).index, id.index, "its index is free");
    }

    #[test]
    fn the_first_that_wait_and_follow_each_other_are_found() {
        let mut tasks = Tasks::default();
        let task = batch(&mut tasks, 10);
        let waiting = |tasks: &Tasks, first, count| {
            let found = tasks.waiting(Piece { task, first, count });
            found.map(|it| (it.first, it.count))
        };
        assert_eq!(waiting(&tasks, 0, 10), None);
        tasks.get_mut(task).expect("it is there").waits = 0b11_0110_1100;
        for (first, count, found) in [
            (0, 10, Some((2, 2))),
            (3, 7, Some((3, 1))),
            (0, 2, None),
            (4, 1, None),
            (4, 2, Some((5, 1))),
            (8, 2, Some((8, 2))),
        ] {
            assert_eq!(waiting(&tasks, first, count), found);
        }
        let single = tasks.insert(TaskSpec::new(), Place::Queued, 1);
        let piece = Piece::single(single);
        assert_eq!(tasks.waiting(piece), Some(piece));
        tasks.remove(single);
        assert_eq!(tasks.waiting(piece), None);
    }

    #[test]
    fn a_batch_grows_by_one_at_its_end() {
        let mut tasks = Tasks::default();
        let id = batch(&mut tasks, 3);
        tasks.get_mut(id).expect("it is there").waits = 0b101;
        for (waits, bits) in [(true, 0b1101), (false, 0b1101), (true, 0b10_1101)] {
            tasks.grow(id, waits);
            assert_eq!(tasks.get(id).map(|it| it.waits), Some(bits));
        }
        let numbers = tasks.get(id).map(|it| (it.count, it.size));
        assert_eq!((numbers, tasks.len()), (Some((6, 6)), 6));
        tasks.remove(id);
        tasks.grow(id, true);
        assert_eq!(tasks.len(), 0, "it is resolved");
    }
}
