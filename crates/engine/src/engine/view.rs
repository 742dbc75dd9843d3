//! What the shell can ask the engine, without changing anything.

use super::*;
use crate::Priority;
use crate::config::WORTH_WAKING_NS;
use crate::worker::Worker;

/// Starts that failed since one succeeded: with the pauses between them, about a second.
const AGAIN_AND_AGAIN: u32 = 8;

impl Engine {
    /// The unresolved task of a worker's entry: whom its result is for. `None` where the result is
    /// not wanted any more.
    #[must_use]
    #[inline]
    pub fn task_at(&self, worker: WorkerId, entry: u64) -> Option<TaskAt> {
        self.tasks_at(worker, entry).map(|(task, _)| task)
    }

    /// As [`task_at`](Self::task_at), and how many entries from this one on are those of the tasks that follow it in
    /// its batch.
    #[must_use]
    #[inline]
    pub fn tasks_at(&self, worker: WorkerId, entry: u64) -> Option<(TaskAt, u32)> {
        let kept = self.workers.get(worker)?.entry(entry)?;
        let piece = kept.piece()?;
        let skip = (entry - kept.number) as u32;
        let task = TaskAt {
            task: piece.task,
            at: piece.first + skip,
        };
        Some((task, piece.count - skip))
    }

    /// Whether a result of this entry may come: it was sent, and neither finished nor recalled.
    #[must_use]
    pub fn is_open(&self, worker: WorkerId, entry: u64) -> bool {
        self.workers
            .get(worker)
            .is_some_and(|worker| worker.entry(entry).is_some())
    }

    /// Whether the worker is ready and takes tasks.
    #[must_use]
    pub fn is_serving(&self, worker: WorkerId) -> bool {
        let serving = |worker: &Worker| {
            matches!(worker.state, State::Serving { .. } | State::Checking { .. })
        };
        self.workers.get(worker).is_some_and(serving)
    }

    /// Whether the worker is ready, takes tasks and goes on doing so.
    #[must_use]
    pub fn takes_tasks(&self, worker: WorkerId) -> bool {
        let takes = |worker: &Worker| {
            matches!(
                worker.state,
                State::Serving { retiring: false }
                    | State::Checking {
                        retiring: false,
                        ..
                    }
            )
        };
        self.workers.get(worker).is_some_and(takes)
    }

    /// Whether the worker has so much ahead that it is to be woken at once rather than before the shell waits.
    #[must_use]
    pub fn is_worth_waking(&self, worker: WorkerId) -> bool {
        let worth = |worker: &Worker| worker.unclaimed_ns >= WORTH_WAKING_NS;
        self.workers.get(worker).is_some_and(worth)
    }

    /// Whether all workers are busy, and `tasks` of this class are so little that nothing has to be looked at
    /// for them but room in lanes.
    #[must_use]
    pub fn is_small(&self, class: u32, tasks: u32) -> bool {
        let busy = self.idle.is_empty() && self.offers == 0 && self.effects.is_empty();
        let expected_ns = self.classes.expected_ns(class).unwrap_or(WORTH_WAKING_NS);
        busy && expected_ns.saturating_mul(tasks.into()) < WORTH_WAKING_NS
    }

    /// How many tasks of this class are worth a batch: as many as are worth a worker's while, where their time
    /// is known.
    #[must_use]
    pub fn batch_size(&self, class: u32) -> usize {
        let expected_ns = self.classes.expected_ns(class);
        expected_ns.map_or(1, |ns| (WORTH_WAKING_NS / ns).max(1) as usize)
    }

    /// Workers that exist and take tasks.
    #[must_use]
    pub fn staff_ids(&self) -> Vec<WorkerId> {
        let mut ids = self.workers.ids();
        ids.retain(|&id| self.takes_tasks(id));
        ids
    }

    /// Whether the task, or one of the batch, has no result yet.
    #[must_use]
    pub fn is_unresolved(&self, task: TaskId) -> bool {
        self.tasks.get(task).is_some()
    }

    /// How often the task was to run again after it failed or ran for too long.
    #[must_use]
    pub fn runs_again(&self, task: TaskId) -> u32 {
        self.tasks.get(task).map_or(0, |task| task.again)
    }

    /// Whether the task, which is none of a batch, waits for a worker.
    #[must_use]
    pub fn is_queued(&self, task: TaskId) -> bool {
        self.tasks
            .get(task)
            .is_some_and(|task| task.place == Place::Queued)
    }

    /// How often workers have died while they ran an unresolved task.
    #[must_use]
    pub fn deaths(&self, task: TaskId) -> u32 {
        self.tasks.get(task).map_or(0, |task| task.deaths)
    }

    /// Whether as many tasks are unresolved as the bound allows.
    #[must_use]
    #[inline]
    pub fn is_full(&self) -> bool {
        self.has_no_room(1)
    }

    /// Whether this number of further unresolved tasks is more than the bound allows.
    #[must_use]
    pub fn has_no_room(&self, tasks: u32) -> bool {
        let more = usize::from(defect!(self, BoundOffByOne));
        self.tasks.len() + tasks as usize > self.config.bound.saturating_add(more)
    }

    /// Tasks without a result.
    #[must_use]
    pub fn unresolved(&self) -> usize {
        self.tasks.len()
    }

    /// Tasks that no worker holds.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Unresolved tasks that workers have begun, as far as they have reported it. Looks at every worker.
    #[must_use]
    pub fn running(&self) -> usize {
        self.workers.running()
    }

    /// Tasks of one priority that any worker may take.
    #[must_use]
    pub fn queued_at(&self, priority: Priority) -> usize {
        self.queue.len_of(priority)
    }

    /// Workers that exist, ready or not.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Workers that take tasks and have not been asked to end.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.starts.serving as usize
    }

    /// Whether starts have failed again and again, and none is under way: waiting for more workers is hardly
    /// worth the time where there are some.
    #[must_use]
    pub fn starts_keep_failing(&self) -> bool {
        self.starts.failures >= AGAIN_AND_AGAIN && self.starts.starting == 0
    }

    /// Workers that are ready to take the place of one that ends.
    #[must_use]
    pub fn standby(&self) -> usize {
        self.starts.standby as usize
    }

    /// Whether the pool has ended: nothing is left to be reported.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closing | Stage::Failed) && self.workers.len() == 0
    }

    /// Whether the pool has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.stage == Stage::Failed
    }

    /// Sizes of the tables, for tests.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        Footprint {
            task_slots: self.tasks.slots(),
            queue_places: self.queue.places(),
            queue_tombstones: self.queue.tombstones(),
            queue_moved: self.queue.moved(),
            deadlines: self.deadlines.len(),
            timers: self.timers.len(),
            worker_slots: self.workers.slots(),
            effects: self.effects.len(),
        }
    }
}
