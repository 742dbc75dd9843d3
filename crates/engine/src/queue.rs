//! The queue of tasks that no worker holds, by priority. Tasks of a batch that follow each other have one
//! place. What leaves the queue out of turn stays as a tombstone until it comes to the front or tombstones
//! outnumber the other places.

use crate::TaskAt;
use crate::config::{PATIENCE, Priority};
use crate::tasks::Piece;
use std::collections::VecDeque;

/// Tombstones that are never worth the work of removing them.
const FEW: usize = 64;

/// Gives the first tasks at a place that wait, as many as follow each other; `None` where it is a tombstone.
pub(crate) trait Live: Fn(Piece) -> Option<Piece> {}

impl<F: Fn(Piece) -> Option<Piece>> Live for F {}

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flaws {
    pub(crate) keeps_tombstones: bool,
    pub(crate) one_level: bool,
    pub(crate) no_patience: bool,
}

impl Queue {
    pub(crate) fn push_back(&mut self, priority: Priority, piece: Piece) {
        self.more(priority, piece.count).places.push_back(piece);
    }

    /// Returns whether it has a place of its own: where it comes before tasks of its batch that wait, it joins
    /// them.
    pub(crate) fn push_front(&mut self, priority: Priority, piece: Piece, live: impl Live) -> bool {
        let level = self.more(priority, piece.count);
        if let Some(next) = level.places.front_mut()
            && next.task == piece.task
            && next.first == piece.first + piece.count
            && live(*next).is_some()
        {
            next.first = piece.first;
            next.count += piece.count;
            return false;
        }
        level.places.push_front(piece);
        true
    }

    /// One more task of a batch, behind its tasks that come last in the queue. `false` where others do.
    pub(crate) fn grow(&mut self, priority: Priority, last: TaskAt, live: impl Live) -> bool {
        let level = &mut self.levels[priority.level()];
        let Some(place) = level.places.back_mut() else {
            return false;
        };
        let joins = place.task == last.task && place.first + place.count == last.at;
        if joins && live(*place).is_some() {
            place.count += 1;
            level.tasks += 1;
            return true;
        }
        false
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

    /// The tasks whose turn it is, without taking them. Where tasks of other priorities wait, the turn is that of
    /// the first alone.
    pub(crate) fn front(&mut self, flaws: Flaws, live: impl Live) -> Option<Piece> {
        let turn = self.turn(flaws)?;
        let others = (0..Priority::COUNT).any(|it| it != turn && self.levels[it].tasks > 0);
        let level = &mut self.levels[turn];
        while let Some(place) = level.places.front_mut() {
            if let Some(next) = live(*place) {
                // Those before it do not wait any more.
                place.count -= next.first - place.first;
                place.first = next.first;
                let count = if others { 1 } else { next.count };
                return Some(Piece { count, ..next });
            }
            level.places.pop_front();
            level.tombstones -= 1;
        }
        None
    }

    /// Takes `count` tasks of what [`front`](Self::front) gave, which `live` does not hold for any more. Returns
    /// whether that was all at its place.
    pub(crate) fn pop_front(&mut self, flaws: Flaws, count: u32, live: impl Live) -> bool {
        let Some(turn) = self.turn(flaws) else {
            return false;
        };
        let level = &mut self.levels[turn];
        level.tasks -= count as usize;
        let Some(place) = level.places.front_mut() else {
            return false;
        };
        place.first += count;
        place.count -= count;
        let all = place.count == 0 || live(*place).is_none();
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
            self.tidy(turn, flaws, live);
        }
        all
    }

    /// Whether nothing waits at the place that this task of a batch has, or had. Looks at every place of its
    /// level.
    pub(crate) fn is_empty_at(&self, priority: Priority, task: TaskAt, live: impl Live) -> bool {
        let places = &self.levels[priority.level()].places;
        let has = |it: &&Piece| {
            it.task == task.task && (it.first..it.first + it.count).contains(&task.at)
        };
        places
            .iter()
            .find(has)
            .is_some_and(|&place| live(place).is_none())
    }

    /// Queued tasks have been resolved: their places are tombstones from now on.
    pub(crate) fn forget(
        &mut self,
        priority: Priority,
        (tasks, places): (u32, u32),
        flaws: Flaws,
        live: impl Live,
    ) {
        let level = &mut self.levels[priority.level()];
        level.tasks -= tasks as usize;
        level.tombstones += places as usize;
        self.tidy(priority.level(), flaws, live);
    }

    fn tidy(&mut self, level: usize, flaws: Flaws, live: impl Live) {
        let level = &mut self.levels[level];
        let many = level.tombstones > FEW && level.tombstones * 2 > level.places.len();
        if many && !flaws.keeps_tombstones {
            self.moved += level.places.len() as u64;
            level.places.retain(|&place| live(place).is_some());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskId;

    const NONE: Flaws = Flaws {
        keeps_tombstones: false,
        one_level: false,
        no_patience: false,
    };

    fn id(index: u32) -> TaskId {
        let generation = 0;
        TaskId { index, generation }
    }

    fn piece(task: u32, first: u32, count: u32) -> Piece {
        let task = id(task);
        Piece { task, first, count }
    }

    #[test]
    fn a_place_is_that_of_the_task_and_of_no_other_batch() {
        let mut queue = Queue::default();
        for place in [piece(1, 0, 8), piece(2, 0, 3), piece(2, 5, 3)] {
            queue.push_back(Priority::Normal, place);
        }
        // Of the second batch, nothing waits at its second place.
        let live = |place: Piece| (place != piece(2, 5, 3)).then_some(place);
        let is_empty = |task, at| {
            let task = TaskAt { task: id(task), at };
            queue.is_empty_at(Priority::Normal, task, live)
        };
        assert!(is_empty(2, 5) && is_empty(2, 7));
        assert!(!is_empty(2, 2) && !is_empty(1, 5));
        assert!(!is_empty(2, 8) && !is_empty(3, 0), "they have no place");
    }

    #[test]
    fn tombstones_are_removed_once_they_are_many_and_most() {
        let mut queue = Queue::default();
        for task in 0..200 {
            queue.push_back(Priority::Low, piece(task, 0, 1));
        }
        let mut resolved = 0;
        let mut forget = |queue: &mut Queue, tasks: u32| {
            for _ in 0..tasks {
                resolved += 1;
                let live = |place: Piece| (place.task.index >= resolved).then_some(place);
                queue.forget(Priority::Low, (1, 1), NONE, live);
            }
            (queue.places(), queue.tombstones(), queue.moved())
        };
        assert_eq!(forget(&mut queue, 100), (200, 100, 0), "half of all");
        assert_eq!(forget(&mut queue, 1), (99, 0, 200));
        assert_eq!(forget(&mut queue, 64), (99, 64, 200), "few");
        assert_eq!(forget(&mut queue, 1), (34, 0, 299));
        assert_eq!((queue.len(), queue.len_of(Priority::Low)), (34, 34));
    }

    #[test]
    fn a_batch_grows_only_at_the_end() {
        let mut queue = Queue::default();
        queue.push_back(Priority::Normal, piece(1, 0, 2));
        let mut grow = |task, at, waits| {
            let last = TaskAt { task: id(task), at };
            let live = |place: Piece| Some(place).filter(|_| waits);
            queue.grow(Priority::Normal, last, live)
        };
        assert!(!grow(1, 1, true) && !grow(1, 3, true), "others are last");
        assert!(!grow(2, 2, true) && !grow(1, 2, false));
        assert!(grow(1, 2, true) && grow(1, 3, true));
        assert_eq!((queue.len(), queue.places()), (4, 1));
        let taken = queue.front(NONE, Some);
        assert_eq!(taken, Some(piece(1, 0, 4)));
    }

    #[test]
    fn what_comes_back_joins_only_what_it_came_before() {
        let mut queue = Queue::default();
        assert!(queue.push_front(Priority::Normal, piece(1, 6, 2), Some));
        assert!(!queue.push_front(Priority::Normal, piece(1, 4, 2), Some));
        assert!(queue.push_front(Priority::Normal, piece(1, 2, 1), Some));
        assert!(queue.push_front(Priority::Normal, piece(2, 1, 1), Some));
        assert!(queue.push_front(Priority::Normal, piece(2, 0, 1), |_| None));
        assert_eq!((queue.len(), queue.places()), (7, 4));
    }

    #[test]
    fn a_level_that_was_passed_over_for_long_has_its_turn() {
        let mut queue = Queue::default();
        for task in 0..PATIENCE + 10 {
            queue.push_back(Priority::High, piece(task, 0, 1));
        }
        queue.push_back(Priority::Low, piece(9999, 0, 3));
        for task in 0..PATIENCE {
            assert_eq!(queue.front(NONE, Some), Some(piece(task, 0, 1)));
            assert!(queue.pop_front(NONE, 1, Some));
        }
        // One of them, and the others wait for as long again.
        assert_eq!(queue.front(NONE, Some), Some(piece(9999, 0, 1)));
        assert!(!queue.pop_front(NONE, 1, Some));
        assert_eq!(queue.front(NONE, Some), Some(piece(PATIENCE, 0, 1)));
    }

    #[test]
    fn the_front_is_what_waits_first_and_follows_each_other() {
        let mut queue = Queue::default();
        for place in [piece(1, 0, 1), piece(2, 0, 9), piece(3, 0, 1)] {
            queue.push_back(Priority::Low, place);
        }
        // The first task is resolved, and so are some of the batch: one, and three behind it.
        let waits = [2, 3, 4, 8];
        let live = |taken: u32| {
            move |place: Piece| {
                let inside = place.first..place.first + place.count;
                let waits = |at: &u32| inside.contains(at) && waits.contains(at) && *at >= taken;
                let first = (place.first..place.first + place.count).find(|at| waits(at));
                match place.task.index {
                    1 => None,
                    2 => first.map(|first| {
                        let count = (first..).take_while(|at| waits(at)).count();
                        piece(2, first, count as u32)
                    }),
                    _ => Some(place),
                }
            }
        };
        queue.forget(Priority::Low, (1, 1), NONE, live(0));
        queue.forget(Priority::Low, (5, 0), NONE, live(0));
        let state = |queue: &Queue| (queue.len(), queue.waiting_places(), queue.tombstones());
        assert_eq!((state(&queue), queue.places()), ((5, 2, 1), 3));
        assert_eq!(queue.front(NONE, live(0)), Some(piece(2, 2, 3)));
        assert_eq!((state(&queue), queue.places()), ((5, 2, 0), 2));
        assert!(!queue.pop_front(NONE, 2, live(4)));
        assert_eq!(queue.front(NONE, live(4)), Some(piece(2, 4, 1)));
        assert!(!queue.pop_front(NONE, 1, live(5)), "one is left behind");
        assert_eq!(queue.front(NONE, live(5)), Some(piece(2, 8, 1)));
        assert!(queue.pop_front(NONE, 1, live(9)));
        assert_eq!(queue.front(NONE, live(9)), Some(piece(3, 0, 1)));
        assert_eq!(state(&queue), (1, 1, 0));
        queue.clear();
        assert_eq!((state(&queue), queue.front(NONE, Some)), ((0, 0, 0), None));
        assert!(!queue.pop_front(NONE, 1, Some));
    }

    #[test]
    fn while_others_wait_the_turn_is_that_of_one_alone() {
        let mut queue = Queue::default();
        queue.push_back(Priority::Normal, piece(1, 0, 3));
        assert_eq!(queue.front(NONE, Some), Some(piece(1, 0, 3)));
        queue.push_back(Priority::Low, piece(2, 0, 3));
        assert_eq!(queue.front(NONE, Some), Some(piece(1, 0, 1)));
        queue.push_back(Priority::High, piece(3, 0, 2));
        assert_eq!(queue.front(NONE, Some), Some(piece(3, 0, 1)));
        assert_eq!((queue.len(), queue.len_of(Priority::High)), (8, 2));
    }
}
