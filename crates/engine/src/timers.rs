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
    /// `tasks` is how many are unresolved; each has two times at most.
    pub(crate) fn insert(
        &mut self,
        at_ns: u64,
        task: TaskId,
        due: Due,
        tasks: usize,
        counts: impl Fn(TaskId, Due) -> bool,
    ) {
        self.heap.push(Reverse((at_ns, task, due)));
        if self.heap.len() > FEW && self.heap.len() > 4 * tasks {
            self.heap
                .retain(|&Reverse((_, task, due))| counts(task, due));
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
    pub(crate) fn next(&mut self, counts: impl Fn(TaskId, Due) -> bool) -> Option<u64> {
        while let Some(&Reverse((at_ns, task, due))) = self.heap.peek() {
            if counts(task, due) {
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
