//! The queue of tasks that no worker holds. A task that leaves it out of turn stays as a tombstone
//! until it comes to the front or tombstones outnumber tasks.

use crate::TaskId;
use std::collections::VecDeque;

/// Tombstones that are never worth the work of removing them.
const FEW: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: VecDeque<TaskId>,
    tombstones: usize,
    /// Places that compaction looked at, all in all: what tests count to show that it is linear.
    moved: u64,
}

impl Queue {
    pub(crate) fn push_back(&mut self, task: TaskId) {
        self.places.push_back(task);
    }

    pub(crate) fn push_front(&mut self, task: TaskId) {
        self.places.push_front(task);
    }

    /// The first task for which `alive` holds, without taking it.
    pub(crate) fn front(&mut self, alive: impl Fn(TaskId) -> bool) -> Option<TaskId> {
        while let Some(&task) = self.places.front() {
            if alive(task) {
                return Some(task);
            }
            self.places.pop_front();
            self.tombstones -= 1;
        }
        None
    }

    /// Takes what [`front`](Self::front) gave.
    pub(crate) fn pop_front(&mut self, compact: bool, alive: impl Fn(TaskId) -> bool) {
        self.places.pop_front();
        self.tidy(compact, alive);
    }

    /// A queued task has been resolved: its place is a tombstone from now on.
    pub(crate) fn forget(&mut self, compact: bool, alive: impl Fn(TaskId) -> bool) {
        self.tombstones += 1;
        self.tidy(compact, alive);
    }

    fn tidy(&mut self, compact: bool, alive: impl Fn(TaskId) -> bool) {
        if compact && self.tombstones > FEW && self.tombstones * 2 > self.places.len() {
            self.moved += self.places.len() as u64;
            self.places.retain(|&task| alive(task));
            self.tombstones = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.places = VecDeque::new();
        self.tombstones = 0;
    }

    /// Tasks in the queue.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.tombstones
    }

    /// Places in the queue, tombstones included.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }
}
