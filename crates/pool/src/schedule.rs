//! Which task goes to which worker: a function of state and event, without a process in sight.
//!
//! Every worker has a window: the tasks it has been sent and has not answered, in order. The
//! window is one task deep for long tasks, so that the next batch goes to the next idle worker,
//! and grows for short ones until the worker has [`AHEAD_NS`] of work before it, so that it never
//! waits for the coordinator's turn.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Names a task of one pool; rises by one with every submission.
pub type TaskId = u64;
/// Names a worker of one pool; rises by one with every start, from 1.
pub type WorkerId = u32;

/// How much work a worker is to have before it, in nanoseconds.
const AHEAD_NS: u64 = 2_000_000;
/// The deepest window.
const MAX_DEPTH: usize = 512;
/// Above this duration of a task, in nanoseconds, waiting for the coordinator costs nothing to
/// speak of, and a task sent ahead might have found an idle worker.
const LONG_NS: u64 = 5_000_000;

/// Who runs what, and who is next.
#[derive(Debug)]
pub(crate) struct Scheduler {
    queue: VecDeque<TaskId>,
    /// Deaths of a worker while it ran the task; tasks that killed nobody have no entry.
    deaths: HashMap<TaskId, u32>,
    /// Tasks one of which may have cost a worker. Each is run with no other beside it, so that it
    /// is known the next time.
    suspects: HashSet<TaskId>,
    workers: BTreeMap<WorkerId, Window>,
}

#[derive(Debug, Default)]
struct Window {
    tasks: VecDeque<TaskId>,
    /// Moving mean of the duration of its tasks in nanoseconds; none before the first answer.
    mean_ns: Option<u64>,
    /// No more tasks: it is to leave once its window is empty.
    leaving: bool,
    /// Tasks that it may still be sent; no bound where there is none.
    budget: Option<u64>,
    /// Its one task is a suspect.
    alone: bool,
}

/// What becomes of the tasks of a worker that died.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bereaved {
    /// The task it was running, if that has now cost more workers than retries allow.
    pub(crate) poisoned: Option<TaskId>,
    /// The task it was running, if it is to be run again.
    pub(crate) retried: Option<TaskId>,
}

impl Scheduler {
    pub(crate) fn new() -> Scheduler {
        Scheduler {
            queue: VecDeque::new(),
            deaths: HashMap::new(),
            suspects: HashSet::new(),
            workers: BTreeMap::new(),
        }
    }

    /// A task was submitted.
    pub(crate) fn submit(&mut self, task: TaskId) {
        self.queue.push_back(task);
    }

    /// Takes a task out of the queue; `false` if it is not waiting there.
    pub(crate) fn withdraw(&mut self, task: TaskId) -> bool {
        let place = self.queue.iter().position(|&queued| queued == task);
        if let Some(place) = place {
            self.queue.remove(place);
            self.clear(task);
        }
        place.is_some()
    }

    /// A worker is ready for tasks.
    pub(crate) fn join(&mut self, worker: WorkerId) {
        let before = self.workers.insert(worker, Window::default());
        debug_assert!(before.is_none(), "worker {worker} joined twice");
    }

    /// A worker is to be sent no more than `tasks` in all.
    pub(crate) fn allow(&mut self, worker: WorkerId, tasks: u64) {
        if let Some(window) = self.workers.get_mut(&worker) {
            window.budget = Some(tasks);
        }
    }

    /// A worker is to get no more tasks.
    pub(crate) fn retire(&mut self, worker: WorkerId) {
        if let Some(window) = self.workers.get_mut(&worker) {
            window.leaving = true;
        }
    }

    /// The next task to be sent, and to whom: to the worker with the least before it.
    pub(crate) fn assign(&mut self) -> Option<(WorkerId, TaskId)> {
        let alone = self.suspects.contains(self.queue.front()?);
        let (&worker, window) = self
            .workers
            .iter_mut()
            .filter(|(_, window)| window.takes(alone))
            .min_by_key(|(_, window)| window.tasks.len())?;
        let task = self.queue.pop_front()?;
        window.tasks.push_back(task);
        window.alone = alone;
        if let Some(budget) = &mut window.budget {
            *budget -= 1;
        }
        Some((worker, task))
    }

    /// The task whose answer is due next from a worker.
    pub(crate) fn due(&self, worker: WorkerId) -> Option<TaskId> {
        self.workers.get(&worker)?.tasks.front().copied()
    }

    /// A worker has answered the task that was due, which took it `took_ns`.
    pub(crate) fn answered(&mut self, worker: WorkerId, took_ns: u64) {
        let window = self
            .workers
            .get_mut(&worker)
            .expect("only workers that joined answer");
        let task = window
            .tasks
            .pop_front()
            .expect("only due tasks are answered");
        window.alone = false;
        window.mean_ns = Some(match window.mean_ns {
            None => took_ns,
            Some(mean) => mean - mean / 8 + took_ns / 8,
        });
        self.clear(task);
    }

    /// A worker has died, and nobody saw of which of its tasks. Gives the one that it must have
    /// been: its only task, where that is `certain` or happens for the second time. Otherwise all
    /// its tasks become suspects.
    pub(crate) fn suspect(&mut self, worker: WorkerId, certain: bool) -> Option<TaskId> {
        let tasks = &self.workers.get(&worker)?.tasks;
        match tasks.front() {
            Some(only) if tasks.len() == 1 && (certain || self.suspects.contains(only)) => {
                Some(*only)
            }
            _ => {
                self.suspects.extend(tasks);
                None
            }
        }
    }

    /// A worker has died while it ran `running`. The task counts the death against its `retries`
    /// and goes back to the front; those behind it had not begun, and go back uncounted.
    pub(crate) fn died(
        &mut self,
        worker: WorkerId,
        running: Option<TaskId>,
        retries: u32,
    ) -> Bereaved {
        let mut bereaved = Bereaved::default();
        let Some(window) = self.workers.remove(&worker) else {
            return bereaved;
        };
        for &task in window.tasks.iter().rev() {
            if Some(task) == running {
                let deaths = self.deaths.entry(task).or_insert(0);
                *deaths += 1;
                if *deaths > retries {
                    self.deaths.remove(&task);
                    self.suspects.remove(&task);
                    bereaved.poisoned = Some(task);
                    continue;
                }
                bereaved.retried = Some(task);
            }
            self.queue.push_front(task);
        }
        bereaved
    }

    /// Takes a task that its worker will not answer out of that worker's window.
    pub(crate) fn forget(&mut self, worker: WorkerId, task: TaskId) {
        if let Some(window) = self.workers.get_mut(&worker) {
            window.tasks.retain(|&held| held != task);
            window.alone &= !window.tasks.is_empty();
        }
        self.clear(task);
    }

    /// A task is done with.
    fn clear(&mut self, task: TaskId) {
        // Most of the time nobody has died, and tasks are many.
        if !self.deaths.is_empty() {
            self.deaths.remove(&task);
        }
        if !self.suspects.is_empty() {
            self.suspects.remove(&task);
        }
    }

    /// How often a worker died while it ran the task.
    pub(crate) fn deaths(&self, task: TaskId) -> u32 {
        self.deaths.get(&task).copied().unwrap_or(0)
    }

    /// Tasks that wait in the queue.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Tasks that have been sent to workers.
    pub(crate) fn sent(&self) -> usize {
        self.workers.values().map(|window| window.tasks.len()).sum()
    }

    /// The tasks sent to a worker and not answered, in order.
    pub(crate) fn window(&self, worker: WorkerId) -> impl Iterator<Item = TaskId> {
        self.workers
            .get(&worker)
            .into_iter()
            .flat_map(|window| window.tasks.iter().copied())
    }

    /// Whether a worker that is to leave may do so now.
    pub(crate) fn may_leave(&self, worker: WorkerId) -> bool {
        self.workers
            .get(&worker)
            .is_some_and(|window| window.leaving && window.tasks.is_empty())
    }

    /// Empties the queue and all windows, giving every task that was in them, oldest first.
    pub(crate) fn drain(&mut self) -> Vec<TaskId> {
        let mut tasks: Vec<TaskId> = self.queue.drain(..).collect();
        for window in self.workers.values_mut() {
            tasks.extend(window.tasks.drain(..));
            window.alone = false;
        }
        self.deaths.clear();
        self.suspects.clear();
        tasks.sort_unstable();
        tasks
    }
}

impl Window {
    /// Whether it has room for one more task, which is to be `alone` or not.
    fn takes(&self, alone: bool) -> bool {
        let room = if alone { 1 } else { self.depth() };
        !self.leaving && !self.alone && self.budget != Some(0) && self.tasks.len() < room
    }

    fn depth(&self) -> usize {
        match self.mean_ns {
            None => 1,
            Some(mean) if mean > LONG_NS => 1,
            Some(mean) => (AHEAD_NS / mean.max(1)).clamp(2, MAX_DEPTH as u64) as usize,
        }
    }
}

#[cfg(test)]
mod tests;
