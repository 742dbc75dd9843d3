//! The queue of tasks that no worker holds, by priority. A task that leaves it out of turn stays as a
//! tombstone until it comes to the front or tombstones outnumber tasks.

use crate::TaskId;
use crate::config::{PATIENCE, Priority};
use std::collections::VecDeque;

/// Tombstones that are never worth the work of removing them.
const FEW: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    levels: [Level; Priority::COUNT],
    /// Places that compaction looked at, all in all: what tests count to show that it is linear.
    moved: u64,
}

/// The tasks of one priority.
#[derive(Debug, Default)]
struct Level {
    places: VecDeque<TaskId>,
    tombstones: usize,
    /// Tasks of higher priority that were taken while one of this level waited.
    passed: u32,
}

impl Level {
    fn len(&self) -> usize {
        self.places.len() - self.tombstones
    }
}

/// What a test build leaves out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flaws {
    pub(crate) keeps_tombstones: bool,
    pub(crate) one_level: bool,
    pub(crate) no_patience: bool,
}

impl Queue {
    pub(crate) fn push_back(&mut self, priority: Priority, task: TaskId) {
        self.level(priority).places.push_back(task);
    }

    pub(crate) fn push_front(&mut self, priority: Priority, task: TaskId) {
        self.level(priority).places.push_front(task);
    }

    fn level(&mut self, priority: Priority) -> &mut Level {
        let level = &mut self.levels[priority.level()];
        if level.len() == 0 {
            level.passed = 0;
        }
        level
    }

    /// The level whose turn it is: one that was passed over for long, or the first that has tasks.
    fn turn(&self, flaws: Flaws) -> Option<usize> {
        let waits = |&level: &usize| self.levels[level].len() > 0;
        let patient = |&level: &usize| self.levels[level].passed < PATIENCE || flaws.no_patience;
        if flaws.one_level {
            return (0..Priority::COUNT).rev().find(waits);
        }
        let mut overdue = (1..Priority::COUNT).filter(|level| waits(level) && !patient(level));
        overdue.next().or_else(|| (0..Priority::COUNT).find(waits))
    }

    /// The task whose turn it is, where `alive` holds, without taking it.
    pub(crate) fn front(&mut self, flaws: Flaws, alive: impl Fn(TaskId) -> bool) -> Option<TaskId> {
        let turn = self.turn(flaws)?;
        let level = &mut self.levels[turn];
        while let Some(&task) = level.places.front() {
            if alive(task) {
                return Some(task);
            }
            level.places.pop_front();
            level.tombstones -= 1;
        }
        None
    }

    /// Takes what [`front`](Self::front) gave.
    pub(crate) fn pop_front(&mut self, flaws: Flaws, alive: impl Fn(TaskId) -> bool) {
        let Some(turn) = self.turn(flaws) else {
            return;
        };
        let level = &mut self.levels[turn];
        level.places.pop_front();
        level.passed = 0;
        for lower in &mut self.levels[turn + 1..] {
            if lower.len() > 0 {
                lower.passed += 1;
            }
        }
        self.tidy(turn, flaws, alive);
    }

    /// A queued task has been resolved: its place is a tombstone from now on.
    pub(crate) fn forget(
        &mut self,
        priority: Priority,
        flaws: Flaws,
        alive: impl Fn(TaskId) -> bool,
    ) {
        self.levels[priority.level()].tombstones += 1;
        self.tidy(priority.level(), flaws, alive);
    }

    fn tidy(&mut self, level: usize, flaws: Flaws, alive: impl Fn(TaskId) -> bool) {
        let level = &mut self.levels[level];
        let many = level.tombstones > FEW && level.tombstones * 2 > level.places.len();
        if many && !flaws.keeps_tombstones {
            self.moved += level.places.len() as u64;
            level.places.retain(|&task| alive(task));
            level.tombstones = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.levels = <[Level; Priority::COUNT]>::default();
    }

    /// Tasks in the queue.
    pub(crate) fn len(&self) -> usize {
        self.levels.iter().map(Level::len).sum()
    }

    /// Tasks of one priority in the queue.
    pub(crate) fn len_of(&self, priority: Priority) -> usize {
        self.levels[priority.level()].len()
    }

    /// Places in the queue, tombstones included.
    pub(crate) fn places(&self) -> usize {
        self.levels.iter().map(|level| level.places.len()).sum()
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }
}
