//! Executing what the engine asks for.

use super::job::Job;
use super::{Grave, Shell};
use crate::event::What;
use crate::failure::{Certificate, PoolError, TaskFailure};
use crate::ids::WorkerId;
use crate::process::Ending;
use engine::{Effect, Event, KillReason, Outcome, PoolFailure};
use runtime::now_ns;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::ToWorker;

impl Shell {
    /// Executes effects until there is none. Executing one may report events, and so lead to more.
    pub(super) fn run_effects(&mut self) {
        while let Some(effect) = self.engine.pop_effect() {
            self.execute(effect);
        }
        self.crew.graves.clear();
    }

    /// Reports what has happened to a worker.
    pub(super) fn handle(&mut self, now: u64, event: Event) {
        self.engine.handle(now, event);
        self.part();
    }

    /// Tasks have left their batches.
    pub(super) fn part(&mut self) {
        while let Some(parted) = self.engine.pop_parted() {
            self.jobs.part(parted);
        }
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Start(key) => self.start_worker(key),
            Effect::Offer(key) => self.feed(key),
            Effect::Ask { worker, entry } => self.ask_to_end(worker, entry),
            Effect::Leave(key) => self.ask_to_leave(key),
            Effect::Terminate(key, reason) => self.end(key, reason, libc::SIGTERM),
            Effect::Kill(key, reason) | Effect::Disconnect(key, reason) => {
                self.end(key, reason, libc::SIGKILL);
            }
            Effect::Recall { worker, below } => self.recall(worker, below),
            Effect::Retried { task, worker, .. } => self.retried(task, worker),
            Effect::Resolve { task, outcome } => {
                for job in self.jobs.take(task) {
                    let why = self.why(&job, outcome);
                    self.fail_job(job, why);
                }
            }
            Effect::Fail(failure) => self.fail(failure),
        }
    }

    /// The worker of an engine's id, if it is in the crew.
    pub(super) fn find(&self, key: engine::WorkerId) -> Option<WorkerId> {
        let id = *self.crew.names.get(key.index())?;
        let worker = self.crew.workers.get(&id)?;
        (worker.key == Some(key)).then_some(id)
    }

    /// Lets the task that a worker runs see that it should end.
    fn ask_to_end(&mut self, key: engine::WorkerId, entry: u64) {
        let Some(worker) = self.find(key).and_then(|id| self.crew.workers.get(&id)) else {
            return;
        };
        let current = worker.current.filter(|current| current.entry == entry);
        let run = match (&worker.lane, current) {
            (Some(_), _) => entry,
            (None, Some(current)) => current.number,
            (None, None) => return,
        };
        if let Some(slot) = worker.slot {
            let word = self.crew.board.word(slot as usize + 1);
            word.store(run.wrapping_add(1), Ordering::Release);
        }
        // For hosts that can raise an error in the task. Without a handler it is discarded.
        if let Some(process) = &worker.process {
            process.interrupt();
        }
    }

    fn ask_to_leave(&mut self, key: engine::WorkerId) {
        let Some(id) = self.find(key) else { return };
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            worker.leaving = true;
            let _ = worker.connection.outbox.push(&ToWorker::Shutdown);
        }
        self.pump(id);
    }

    /// Ends a worker, gently or by force.
    fn end(&mut self, key: engine::WorkerId, reason: KillReason, signal: i32) {
        let Some(id) = self.find(key) else { return };
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        if worker.reason.is_none() {
            worker.reason = self.settings.reason(reason);
        }
        let unforked = worker.process.is_none() && worker.external.is_none();
        if reason == KillReason::NotReady {
            worker.explained = true;
            let (name, pid) = (&worker.name, worker.pid());
            let why = format!("{name} (pid {pid}) was not ready in time");
            self.health.why = Some(PoolError::NotReady(why));
        }
        if unforked {
            // The forkserver has not answered, and nobody else can end what it may start.
            return self.server_gone("it did not answer in time");
        }
        worker.signal(signal);
        if worker.ended && signal == libc::SIGKILL {
            // It has ended, and the forkserver does not report how.
            self.finish(id, Ending::Unknown);
        }
    }

    fn retried(&mut self, task: engine::TaskId, worker: engine::WorkerId) {
        self.counters.retried += 1;
        let Some(task) = self.jobs.get(task).map(|job| job.number) else {
            return;
        };
        let grave = self.crew.graves.iter().find(|it| it.key == Some(worker));
        let Some(grave) = grave else { return };
        let what = What::Retried { task };
        let (id, name, pid) = (grave.id, grave.name.clone(), grave.pid);
        self.hooks.guard(|hooks| {
            if let Some(watcher) = &mut hooks.watcher {
                watcher(&crate::event::Event {
                    worker: id,
                    name: &name,
                    pid,
                    at_ns: now_ns(),
                    what,
                });
            }
        });
    }

    /// Why a task has no output.
    fn why(&self, job: &Job, outcome: Outcome) -> TaskFailure {
        let limits = &self.settings.limits;
        match outcome {
            Outcome::Cancelled | Outcome::Withdrawn => TaskFailure::Cancelled,
            Outcome::Expired => TaskFailure::Expired,
            Outcome::WorkerGone => TaskFailure::WorkerGone,
            Outcome::TimedOut { .. } => {
                let timeout = job.call.extras().timeout.or(limits.task_timeout);
                TaskFailure::TimedOut(timeout.unwrap_or(Duration::MAX))
            }
            Outcome::Died { worker, deaths } => {
                TaskFailure::Died(Box::new(self.certificate(job, worker, deaths)))
            }
            Outcome::ResultLost { worker } => {
                TaskFailure::Died(Box::new(self.certificate(job, worker, 1)))
            }
            Outcome::InputChanged { worker } => {
                TaskFailure::InputChanged(Box::new(self.certificate(job, worker, 1)))
            }
            Outcome::SendFailed => {
                TaskFailure::Input(job.call.extras().unsendable.clone().unwrap_or_default())
            }
            Outcome::OutputTooLong => TaskFailure::OutputTooLong(limits.output),
            Outcome::ShutDown => TaskFailure::ShutDown,
            Outcome::PoolFailed => {
                let broken = self.health.broken.clone();
                broken.map_or(TaskFailure::ShutDown, TaskFailure::Pool)
            }
        }
    }

    fn certificate(&self, job: &Job, worker: engine::WorkerId, deaths: u32) -> Certificate {
        let is = |grave: &&Grave| grave.key == Some(worker);
        let mut certificate = match self.crew.graves.iter().find(is) {
            Some(grave) => grave.certificate.clone(),
            None => Certificate::unknown(),
        };
        certificate.task = Some(job.number);
        certificate.deaths = deaths;
        certificate
    }

    /// Resolves a task with its failure.
    pub(super) fn fail_job(&mut self, job: Job, why: TaskFailure) {
        self.counters.failed += 1;
        self.hooks.guard(|_| job.call.resolve(Err(why)));
    }

    fn fail(&mut self, failure: PoolFailure) {
        let last = self.health.why.take();
        let error = match (failure, last) {
            (PoolFailure::NoWorker(_), _) if self.listening.is_some() => {
                PoolError::NotReady(self.nobody_came())
            }
            (_, Some(error)) => error,
            (_, None) => PoolError::NotReady("no worker could be started".to_owned()),
        };
        self.health.broken.get_or_insert(error);
    }

    /// The pool has failed: nothing is left of it.
    pub(super) fn clear_away(&mut self) {
        for worker in self.crew.workers.values() {
            worker.signal(libc::SIGKILL);
        }
        self.crew.workers.clear();
        self.starter.server = None;
        // A peer that waits to be accepted sees the end of its connection.
        self.listening = None;
        let error = self.health.broken.clone();
        for job in self.jobs.drain() {
            let error = error.clone();
            self.fail_job(job, error.map_or(TaskFailure::ShutDown, TaskFailure::Pool));
        }
    }

    /// A worker could not be started.
    pub(super) fn start_failed(
        &mut self,
        key: engine::WorkerId,
        error: crate::start::StartError,
        permanent: bool,
    ) {
        self.health.why = Some(PoolError::Start(Arc::new(error)));
        let worker = key;
        let now = self.now();
        self.handle(now, Event::StartFailed { worker, permanent });
    }
}
