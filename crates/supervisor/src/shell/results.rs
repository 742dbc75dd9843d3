//! Results that come over a worker's socket: outputs and their parts, failures, and what follows from
//! them for the task.

use super::Shell;
use super::worker::{Current, Worker};
use crate::event::What;
use crate::failure::{Failed, TaskFailure};
use crate::ids::{TaskId, WorkerId};
use engine::{Event, TaskAt};
use runtime::now_ns;
use std::borrow::Cow;
use task::arrays::{Table, with_incoming};
use wire::{FailureKind, Memory};

impl Shell {
    /// A worker without a lane has an output.
    pub(super) fn on_done(
        &mut self,
        id: WorkerId,
        task: TaskId,
        (output, arrays): (&[u8], &[u8]),
        ran_ns: u64,
    ) -> Result<(), String> {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Ok(());
        };
        let current = check_due(worker, task)?;
        let table = Shell::take_arrays(worker, current.entry, arrays)?;
        let parts = std::mem::take(&mut worker.output);
        let whole = joined(&parts, output);
        self.deliver_current(id, current, Ok((&whole, table)));
        self.answered(id, current, ran_ns);
        Ok(())
    }

    pub(super) fn on_failed(
        &mut self,
        id: WorkerId,
        task: TaskId,
        failed: Box<Failed>,
        arrays: &[u8],
    ) -> Result<(), String> {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Ok(());
        };
        if worker.lane.is_some() {
            return self.body_came(id, task, Err(failed), arrays);
        }
        let current = check_due(worker, task)?;
        drop(Shell::take_arrays(worker, current.entry, arrays)?);
        worker.output.clear();
        self.deliver_current(id, current, Err(TaskFailure::Failed(failed)));
        self.answered(id, current, 0);
        Ok(())
    }

    pub(super) fn on_part(&mut self, id: WorkerId, part: &[u8]) -> Result<(), String> {
        self.make_way(id)?;
        let bound = self.settings.limits.output;
        let due = self.due(id);
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Ok(());
        };
        let Some((key, entry)) = due else {
            return Err("a part of an output, when none was due".to_owned());
        };
        let length = worker.output.len() + part.len();
        if length <= bound {
            worker.output.extend_from_slice(part);
            if !part.is_empty() {
                self.progress(id, length);
            }
            return Ok(());
        }
        worker.muted = true;
        worker.output = Vec::new();
        worker
            .reason
            .get_or_insert(format!("its output was longer than {bound} bytes"));
        self.reactor.forget(&worker.connection);
        let now = self.now();
        let worker = key;
        self.handle(now, Event::OutputTooLong { worker, entry });
        Ok(())
    }

    /// Resolves the task of the call that a worker has over its socket.
    fn deliver_current(
        &mut self,
        id: WorkerId,
        current: Current,
        result: Result<(&[u8], Table), TaskFailure>,
    ) {
        if let Some(key) = self.crew.workers.get(&id).and_then(|worker| worker.key) {
            self.resolve(key, current.entry, result);
        }
    }

    /// Resolves a task with its output, which refers to no arrays.
    #[inline]
    pub(super) fn deliver_plain(&mut self, task: TaskAt, output: &[u8]) {
        let bound = self.settings.limits.output;
        if output.len() > bound {
            if let Some(job) = self.jobs.take_one(task) {
                self.fail_job(job, TaskFailure::OutputTooLong(bound));
            }
            return;
        }
        if let Some(waiting) = self.jobs.take_waiting(task) {
            self.counters.done += 1;
            self.hooks
                .guard(|_| waiting.reply.resolve(waiting.tag, Ok(output)));
            self.jobs.give_back(waiting);
        }
    }

    /// Resolves the task with its result, unless its caller has given it up.
    pub(super) fn resolve(
        &mut self,
        worker: engine::WorkerId,
        entry: u64,
        result: Result<(&[u8], Table), TaskFailure>,
    ) {
        let Some(task) = self.engine.task_at(worker, entry) else {
            return;
        };
        if let Err(failure) = &result
            && self.runs_again(task.task, (worker, entry), failure)
        {
            return;
        }
        let checked = result.and_then(|(output, table)| {
            self.check_output(output, &table)?;
            Ok((output, table))
        });
        match checked {
            Ok((output, table)) => {
                let Some(waiting) = self.jobs.take_waiting(task) else {
                    return;
                };
                self.counters.done += 1;
                let resolve = || waiting.reply.resolve(waiting.tag, Ok(output));
                self.hooks.guard(|_| with_incoming(table, resolve).0);
                self.jobs.give_back(waiting);
            }
            Err(failure) => {
                let Some(job) = self.jobs.take_one(task) else {
                    return;
                };
                if let TaskFailure::Failed(failed) = &failure
                    && failed.kind == FailureKind::BadInput
                {
                    self.introduce_again(worker, job.call.input());
                }
                self.fail_job(job, failure);
            }
        }
    }

    /// A worker has answered the call that it had.
    fn answered(&mut self, id: WorkerId, current: Current, ran_ns: u64) {
        let task = current.number;
        self.tell(id, now_ns(), What::Sent { task });
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        worker.current = None;
        worker.seen = 0;
        worker.last_answered = Some(task);
        let rss = worker.memory.map_or(0, |memory: Memory| memory.rss);
        let Some(worker) = worker.key else { return };
        let entries = current.entry..current.entry + 1;
        let now = self.now();
        let event = Event::Finished {
            worker,
            entries,
            ran_ns,
            rss,
        };
        self.handle(now, event);
    }
}

/// A failure as its caller gets it: message, location and backtrace.
pub(super) fn failed(worker: &str, kind: FailureKind, texts: [&str; 3]) -> Box<Failed> {
    let [message, location, backtrace] = texts.map(str::to_owned);
    Box::new(Failed {
        worker: worker.to_owned(),
        kind,
        message,
        location,
        backtrace,
    })
}

/// The call that is due, where this answers it.
pub(super) fn check_due(worker: &mut Worker, id: TaskId) -> Result<Current, String> {
    worker.answered_twice = worker.last_answered == Some(id);
    match worker.current {
        Some(current) if current.number == id => Ok(current),
        Some(current) => Err(format!(
            "an answer to task {id}, when {} was due",
            current.number
        )),
        None => Err(format!("an answer to task {id}, when none was due")),
    }
}

/// A whole output: the parts that came before, and the rest.
fn joined<'a>(parts: &'a [u8], rest: &'a [u8]) -> Cow<'a, [u8]> {
    match parts {
        [] => Cow::Borrowed(rest),
        parts => Cow::Owned([parts, rest].concat()),
    }
}
