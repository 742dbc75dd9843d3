//! What a few tasks have: priorities, deadlines, runs after a failure, progress, one run on every worker.

use super::Shell;
use super::absence::MESSAGE;
use crate::call::Call;
use crate::event::What;
use crate::failure::{PoolError, SubmitError, TaskFailure};
use crate::ids::{TaskId, WorkerId};
use crate::input::Input;
use crate::reserve;
use crate::settings::{MAX_WORKERS, nanoseconds};
use engine::TaskSpec;
use runtime::now_ns;
use std::time::Duration;

impl Shell {
    /// What the engine has to know of a call.
    #[inline]
    pub(super) fn spec(&self, class: u32, call: &Call) -> TaskSpec {
        let limits = &self.settings.limits;
        let extras = call.extras();
        let timeout = extras.timeout.or(limits.task_timeout);
        let deadline = extras.deadline.map(nanoseconds);
        let mut spec = TaskSpec {
            class,
            retries: extras.retries(limits.retries),
            limit_ns: timeout.map(nanoseconds),
            exclusive: matches!(extras.input, Input::Stream(_)),
            priority: extras.priority,
            deadline_ns: deadline.map(|after_ns| self.now().saturating_add(after_ns)),
            ..TaskSpec::new()
        };
        if let Some(again) = &extras.again
            && (again.after)(&TaskFailure::TimedOut(timeout.unwrap_or(Duration::MAX)))
        {
            spec.time_outs = again.times;
            spec.pause_ns = nanoseconds(again.pause);
        }
        spec
    }

    /// Whether a task that failed is run again.
    pub(super) fn runs_again(
        &mut self,
        task: engine::TaskId,
        (worker, entry): (engine::WorkerId, u64),
        failure: &TaskFailure,
    ) -> bool {
        let Some(job) = self.jobs.get(task) else {
            return false;
        };
        if job.call.extras().again.is_none() {
            return false;
        }
        let runs = self.engine.runs_again(task);
        let mut pause = None;
        self.hooks
            .guard(|_| pause = job.call.extras().again_after(failure, runs));
        let Some(pause) = pause else {
            return false;
        };
        self.engine.run_again(worker, entry, nanoseconds(pause))
    }

    /// A task says how far it is.
    pub(super) fn on_progress(&mut self, id: WorkerId, task: TaskId, done: u64, total: u64) {
        let key = self.jobs.key(task);
        if let Some(job) = key.and_then(|key| self.jobs.get(key)) {
            self.hooks.guard(|_| job.call.progress(done, total));
        }
        self.tell(id, now_ns(), What::Progress { task, done, total });
        self.wrote(id, MESSAGE);
    }

    /// A task says something.
    pub(super) fn on_note(
        &mut self,
        id: WorkerId,
        task: TaskId,
        bytes: &[u8],
    ) -> Result<(), String> {
        if bytes.len() > wire::MAX_NOTE {
            return Err(format!("a note of {} bytes", bytes.len()));
        }
        let key = self.jobs.key(task);
        if let Some(job) = key.and_then(|key| self.jobs.get(key)) {
            self.hooks.guard(|_| job.call.note(bytes));
        }
        self.tell(id, now_ns(), What::Note { task, bytes });
        self.wrote(id, bytes.len() + MESSAGE);
        Ok(())
    }

    /// Submits one call for each worker that takes tasks, numbered from `first` on; the calls' numbers.
    pub(crate) fn broadcast(
        &mut self,
        first: Option<TaskId>,
        mut make: impl FnMut() -> Result<Call, SubmitError>,
    ) -> Result<Vec<TaskId>, SubmitError> {
        self.check()?;
        let mut next = first.unwrap_or_else(|| self.jobs.next());
        let mut numbers = Vec::new();
        for worker in self.engine.staff_ids() {
            let call = make()?;
            if let Err(error) = self.check_reach(call.input()) {
                call.resolve(Err(error.clone().into()));
                return Err(error);
            }
            let class = self.jobs.class(call.task());
            let spec = self.spec(class, &call);
            let number = next;
            match self.engine.submit_to(worker, spec) {
                Ok(key) => self.jobs.insert(key, number, class, call),
                Err(engine::SubmitError::NoWorker) => {
                    call.resolve(Err(TaskFailure::WorkerGone));
                    continue;
                }
                Err(engine::SubmitError::Full) => return Err(SubmitError::Full),
                Err(engine::SubmitError::Closed) => call.resolve(Err(TaskFailure::ShutDown)),
            }
            numbers.push(number);
            next += 1;
        }
        self.settle();
        self.arm();
        Ok(numbers)
    }

    /// Changes how many workers take tasks.
    pub(crate) fn resize(&mut self, min: usize, max: usize) -> Result<(), PoolError> {
        assert!(
            (1..=MAX_WORKERS).contains(&max) && min <= max,
            "{min} to {max} workers: at most {MAX_WORKERS}"
        );
        self.check()?;
        let added = max.saturating_sub(self.settings.limits.workers);
        if added > 0 {
            let needs = self.settings.needs();
            reserve::check(added, &self.starter.method, needs).map_err(PoolError::Short)?;
        }
        let limits = &mut self.settings.limits;
        (limits.min, limits.workers) = (min, max);
        let now = self.now();
        self.engine.resize(now, min as u32, max as u32);
        self.settle();
        self.arm();
        self.check()
    }
}
