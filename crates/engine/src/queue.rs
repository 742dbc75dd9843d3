//! The queue of tasks that no worker holds, by priority. Tasks of a batch that follow each other have one
//! place. What leaves the queue out of turn stays as a tombstone until it comes to the front or tombstones
//! outnumber the other places.

use crate::config::{PATIENCE, Priority};
use crate::tasks::Piece;
use crate::{TaskAt, TaskId};
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
    places: VecDeque<Piece>,
    tombstones: usize,
    /// Tasks that wait.
    tasks: usize,
    /// Tasks of higher priority that were taken while one of this level waited.
    passed: u32,
}

/// What a test build leaves out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flaws {
    pub(crate) keeps_tombstones: bool,
    pub(crate) one_level: bool,
    pub(crate) no_patience: bool,
}

impl Queue {
    pub(crate) fn push_back(&mut self, priority: Priority, piece: Piece) {
        self.more(priority, piece.count).places.push_back(piece);
    }

    /// Returns whether it has a place of its own: where it comes before tasks of its batch, it joins them.
    pub(crate) fn push_front(&mut self, priority: Priority, piece: Piece) -> bool {
        let level = self.more(priority, piece.count);
        if let Some(next) = level.places.front_mut()
            && next.task == piece.task
            && next.first == piece.first + piece.count
        {
            next.first = piece.first;
            next.count += piece.count;
            return false;
        }
        level.places.push_front(piece);
        true
    }

    fn more(&mut self, priority: Priority, count: u32) -> &mut Level {
        let level = &mut self.levels[priority.level()];
        if level.tasks == 0 {
            level.passed = 0;
        }
        level.tasks += count as usize;
        level
    }

    /// The level whose turn it is: one that was passed over for long, or the first that has tasks.
    fn turn(&self, flaws: Flaws) -> Option<usize> {
        let waits = |&level: &usize| self.levels[level].tasks > 0;
        let patient = |&level: &usize| self.levels[level].passed < PATIENCE || flaws.no_patience;
        if flaws.one_level {
            return (0..Priority::COUNT).rev().find(waits);
        }
        let mut overdue = (1..Priority::COUNT).filter(|level| waits(level) && !patient(level));
        overdue.next().or_else(|| (0..Priority::COUNT).find(waits))
    }

    /// The tasks whose turn it is, where `alive` holds, without taking them. Where tasks of other
    /// priorities wait, the turn is that of the first alone.
    pub(crate) fn front(&mut self, flaws: Flaws, alive: impl Fn(TaskId) -> bool) -> Option<Piece> {
        let turn = self.turn(flaws)?;
        let others = (0..Priority::COUNT).any(|it| it != turn && self.levels[it].tasks > 0);
        let level = &mut self.levels[turn];
        while let Some(&piece) = level.places.front() {
            if alive(piece.task) {
                let count = if others { 1 } else { piece.count };
                return Some(Piece { count, ..piece });
            }
            level.places.pop_front();
            level.tombstones -= 1;
        }
        None
    }

    /// Takes `count` tasks of what [`front`](Self::front) gave. Returns whether that was all at its place.
    pub(crate) fn pop_front(
        &mut self,
        flaws: Flaws,
        count: u32,
        alive: impl Fn(TaskId) -> bool,
    ) -> bool {
        let Some(turn) = self.turn(flaws) else {
            return false;
        };
        let level = &mut self.levels[turn];
        level.tasks -= count as usize;
        let Some(piece) = level.places.front_mut() else {
            return false;
        };
        piece.first += count;
        piece.count -= count;
        let all = piece.count == 0;
        if all {
            level.places.pop_front();
        }
        level.passed = 0;
        for lower in &mut self.levels[turn + 1..] {
            if lower.tasks > 0 {
                lower.passed += count;
            }
        }
        if all {
            self.tidy(turn, flaws, alive);
        }
        all
    }

    /// Makes one task of a batch, which waits, a task of its own at its place. Returns how many more places
    /// the rest of the batch has; `None` where it does not wait. Looks at every place of its level.
    pub(crate) fn part(&mut self, priority: Priority, task: TaskAt, own: TaskId) -> Option<i32> {
        let level = &mut self.levels[priority.level()];
        let has =
            |it: &Piece| it.task == task.task && (it.first..it.first + it.count).contains(&task.at);
        let at = level.places.iter().position(has)?;
        let whole = level.places[at];
        let before = Piece {
            count: task.at - whole.first,
            ..whole
        };
        let behind = Piece {
            first: task.at + 1,
            count: whole.count - before.count - 1,
            ..whole
        };
        level.places[at] = Piece::single(own);
        if behind.count > 0 {
            level.places.insert(at + 1, behind);
        }
        if before.count > 0 {
            level.places.insert(at, before);
        }
        Some(i32::from(before.count > 0) + i32::from(behind.count > 0) - 1)
    }

    /// Queued tasks have been resolved: their places are tombstones from now on.
    pub(crate) fn forget(
        &mut self,
        priority: Priority,
        (tasks, places): (u32, u32),
        flaws: Flaws,
        alive: impl Fn(TaskId) -> bool,
    ) {
        let level = &mut self.levels[priority.level()];
        level.tasks -= tasks as usize;
        level.tombstones += places as usize;
        self.tidy(priority.level(), flaws, alive);
    }

    fn tidy(&mut self, level: usize, flaws: Flaws, alive: impl Fn(TaskId) -> bool) {
        let level = &mut self.levels[level];
        let many = level.tombstones > FEW && level.tombstones * 2 > level.places.len();
        if many && !flaws.keeps_tombstones {
            self.moved += level.places.len() as u64;
            level.places.retain(|piece| alive(piece.task));
            level.tombstones = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.levels = <[Level; Priority::COUNT]>::default();
    }

    /// Tasks in the queue.
    pub(crate) fn len(&self) -> usize {
        self.levels.iter().map(|level| level.tasks).sum()
    }

    /// Tasks of one priority in the queue.
    pub(crate) fn len_of(&self, priority: Priority) -> usize {
        self.levels[priority.level()].tasks
    }

    /// Places in the queue, tombstones included.
    pub(crate) fn places(&self) -> usize {
        self.levels.iter().map(|level| level.places.len()).sum()
    }

    /// Places that are no tombstones.
    pub(crate) fn waiting_places(&self) -> usize {
        self.places() - self.tombstones()
    }

    /// Places of resolved tasks.
    pub(crate) fn tombstones(&self) -> usize {
        self.levels.iter().map(|level| level.tombstones).sum()
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }
}
