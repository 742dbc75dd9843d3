//! Times at which something is due for a task: its deadline, or the end of a pause. What is outdated is
//! dropped when it comes to the top, or when it outnumbers the tasks.

use crate::TaskId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is due for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// Its pause is over: it goes back to the queue.
    Resumes,
    /// It has to have its result.
    Expires,
}

/// Outdated times that are never worth the work of removing them.
const FEW: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(u64, TaskId, Due)>>,
}

impl Timers {
    /// `tasks` is how many are unresolved; each has two times at most, which count until it is resolved.
    pub(crate) fn insert(
        &mut self,
        at_ns: u64,
        task: TaskId,
        due: Due,
        tasks: usize,
        counts: impl Fn(TaskId) -> bool,
    ) {
        self.heap.push(Reverse((at_ns, task, due)));
        if self.heap.len() > FEW && self.heap.len() > 4 * tasks {
            self.heap.retain(|&Reverse((_, task, _))| counts(task));
        }
    }

    /// What is due next, if that has come.
    pub(crate) fn pop(&mut self, now: u64) -> Option<(TaskId, Due)> {
        let &Reverse((at_ns, ..)) = self.heap.peek()?;
        if at_ns > now {
            return None;
        }
        let Reverse((_, task, due)) = self.heap.pop()?;
        Some((task, due))
    }

    /// When something is due next.
    pub(crate) fn next(&mut self, counts: impl Fn(TaskId) -> bool) -> Option<u64> {
        while let Some(&Reverse((at_ns, task, _))) = self.heap.peek() {
            if counts(task) {
                return Some(at_ns);
            }
            self.heap.pop();
        }
        None
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(index: u32) -> TaskId {
        let generation = 0;
        TaskId { index, generation }
    }

    /// How many are left of this number of outdated times, while that number of tasks is unresolved.
    fn left(times: u32, tasks: usize) -> usize {
        let mut timers = Timers::default();
        for at in 0..times {
            timers.insert(at.into(), task(at), Due::Expires, tasks, |_| false);
        }
        timers.len()
    }

    #[test]
    fn what_is_outdated_is_removed_once_it_is_much_and_outnumbers_the_tasks() {
        // More than few, and more than four for each task.
        for (times, tasks, kept) in [
            (64, 0, 64),
            (65, 0, 0),
            (66, 0, 1),
            (65, 16, 0),
            (65, 17, 65),
            (68, 17, 68),
            (69, 17, 0),
            (400, 100, 400),
            (401, 100, 0),
        ] {
            assert_eq!(left(times, tasks), kept, "{times} for {tasks} tasks");
        }
    }

    #[test]
    fn what_is_due_comes_in_its_order_and_not_before() {
        let mut timers = Timers::default();
        for (at_ns, index) in [(30, 0), (10, 1), (20, 2)] {
            timers.insert(at_ns, task(index), Due::Resumes, 3, |_| true);
        }
        assert_eq!(timers.pop(9), None);
        assert_eq!(timers.pop(10), Some((task(1), Due::Resumes)));
        assert_eq!(timers.next(|_| true), Some(20));
        assert_eq!(timers.next(|it| it == task(0)), Some(30));
        assert_eq!(timers.len(), 1, "what does not count is gone");
        assert_eq!(timers.pop(31), Some((task(0), Due::Resumes)));
        assert_eq!((timers.pop(99), timers.next(|_| true)), (None, None));
        timers.insert(1, task(0), Due::Expires, 1, |_| true);
        timers.clear();
        assert_eq!(timers.len(), 0);
    }
}
