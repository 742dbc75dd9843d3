//! What workers and the forkserver say, and what time says of them.

use super::starts::Token;
use super::*;
use crate::failure::Failed;
use crate::start::ServerSaid;
use runtime::Incoming;
use wire::{FromWorker, Hello, SetupStep};

impl Pool {
    /// Something is to be read.
    pub(super) fn listen(&mut self, data: u64) {
        match Token::decode(data) {
            Token::Server => self.listen_to_server(),
            Token::Interrupt => self.interrupted = true,
            Token::Pause => self.pause(),
            Token::Door => self.let_in(),
            Token::Bell => drop(self.bell.as_ref().map(|bell| bell.read())),
            Token::Socket(id) => {
                if self.is_unforked(id) {
                    // It speaks already, and who it is is still on the way from the forkserver.
                    return self.listen_to_server();
                }
                self.pump(id);
                self.with_worker(id, |pool, worker| {
                    pool.listen_to_worker(worker);
                });
            }
            Token::Stderr(id) => self.with_worker(id, Pool::listen_to_stderr),
            Token::Process(id) => self.died(id),
        }
    }

    /// Whether a forkserver has not answered for this worker yet.
    fn is_unforked(&self, id: WorkerId) -> bool {
        self.starter.server.is_some()
            && self.workers.get(&id).is_some_and(|it| it.process.is_none())
    }

    /// Takes a worker out while `work` deals with it, so that it may use the pool as well.
    fn with_worker(&mut self, id: WorkerId, work: impl FnOnce(&mut Pool, &mut Worker)) {
        let Some(mut worker) = self.workers.remove(&id) else {
            return;
        };
        work(self, &mut worker);
        if self.broken.is_none() {
            self.workers.insert(id, worker);
        }
        for id in std::mem::take(&mut self.to_pump) {
            self.pump(id);
        }
    }

    pub(super) fn listen_to_stderr(&mut self, worker: &mut Worker) {
        let mut lines = Vec::new();
        let Some(stderr) = &mut worker.stderr else {
            return;
        };
        if !stderr.read(|line| lines.push(line.to_owned())) {
            // Its end is told by the pidfd; a closed pipe would be readable for ever.
            let _ = self.epoll.delete(&*stderr);
        }
        for line in lines {
            self.tell(worker, now_ns(), What::Stderr(&line));
        }
    }

    /// Reads once and deals with every message that is whole. `true` while more may come.
    pub(super) fn listen_to_worker(&mut self, worker: &mut Worker) -> bool {
        if matches!(worker.doom, Some(Doom::Nonsense(_))) {
            return false;
        }
        let mut channel = worker.link.take_channel();
        let heard = channel
            .receive_now()
            .map_err(|error| error.to_string())
            .and_then(|incoming| {
                while let Some(frame) = channel.next_frame().map_err(|error| error.to_string())? {
                    self.hear(worker, frame.body)?;
                }
                Ok(incoming)
            });
        worker.link.put_back(channel);
        match heard {
            Ok(Incoming::Bytes) => true,
            Ok(Incoming::Nothing) => false,
            Ok(Incoming::End) => {
                // It has said all it had to say; its pidfd tells how it ended.
                let _ = self.epoll.delete(&worker.link);
                if worker.phase == Phase::Serving && !worker.dying {
                    worker.deadline_ns = Some(after(now_ns(), self.limits.grace));
                }
                worker.dying = true;
                self.scheduler.retire(worker.id);
                self.gone
                    .extend(worker.guest.is_some().then_some(worker.id));
                false
            }
            Err(nonsense) => {
                worker.doom.get_or_insert(Doom::Nonsense(nonsense));
                let _ = self.epoll.delete(&worker.link);
                self.scheduler.retire(worker.id);
                worker.signal(libc::SIGKILL);
                self.gone
                    .extend(worker.guest.is_some().then_some(worker.id));
                false
            }
        }
    }

    /// Deals with one message; the error is what makes it nonsense.
    fn hear(&mut self, worker: &mut Worker, body: &[u8]) -> Result<(), String> {
        if !worker.greeted {
            Hello::accept(body).map_err(|error| error.to_string())?;
            worker.greeted = true;
            self.greeted(worker);
            return Ok(());
        }
        match wire::decode(body).map_err(|error| error.to_string())? {
            FromWorker::Ready { tasks, build } if worker.phase == Phase::Starting => {
                self.check_build(worker, &tasks, build)?;
                self.ready(worker);
            }
            FromWorker::Refused { reason, .. }
                if worker.phase == Phase::Starting && worker.guest.is_some() =>
            {
                return Err(format!("it refused its set-up: {reason}"));
            }
            FromWorker::Refused { step, reason } if worker.phase == Phase::Starting => {
                let (worker, reason) = (worker.name.clone(), reason.to_owned());
                self.refused = Some(match step {
                    SetupStep::Initializer => PoolError::Initializer { worker, reason },
                    SetupStep::Sandbox => PoolError::Sandbox { worker, reason },
                });
            }
            FromWorker::Received { id, at_ns, memory } => {
                self.check_due(worker, id)?;
                worker.memory = Some(memory);
                self.tell(worker, at_ns, What::Received { task: id, memory });
            }
            FromWorker::OutputPart(part) => {
                if self.scheduler.due(worker.id).is_none() {
                    return Err("a part of an output, when none was due".to_owned());
                }
                let length = worker.output.len() + part.len();
                if length > self.limits.output {
                    let bound = self.limits.output;
                    return Err(format!("an output of over {bound} bytes"));
                }
                worker.output.extend_from_slice(part);
            }
            FromWorker::Done {
                id,
                output,
                began_ns,
                computed_ns,
                memory,
            } => {
                self.check_due(worker, id)?;
                self.tell(worker, computed_ns, What::Computed { task: id, memory });
                worker.memory = memory.or(worker.memory);
                let parts = std::mem::take(&mut worker.output);
                if let Some(job) = self.jobs.remove(&id) {
                    self.counters.done += 1;
                    if parts.is_empty() {
                        job.resolve(Ok(output));
                    } else {
                        job.resolve(Ok(&[&parts[..], output].concat()));
                    }
                }
                self.answered(worker, id, computed_ns.saturating_sub(began_ns));
            }
            FromWorker::Failed {
                id,
                kind,
                message,
                location,
                backtrace,
            } => {
                self.check_due(worker, id)?;
                worker.output.clear();
                let failed = Failed {
                    worker: worker.name.clone(),
                    kind,
                    message: message.to_owned(),
                    location: location.to_owned(),
                    backtrace: backtrace.to_owned(),
                };
                self.fail(id, TaskFailure::Failed(Box::new(failed)));
                self.answered(worker, id, 0);
            }
            FromWorker::Memory(memory) => {
                worker.memory = Some(memory);
                self.tell(worker, now_ns(), What::Memory(memory));
            }
            FromWorker::Log(record) => self.tell(worker, record.at_ns, What::Log(&record)),
            other @ (FromWorker::Ready { .. } | FromWorker::Refused { .. }) => {
                return Err(format!("{other:?} long after its start"));
            }
        }
        Ok(())
    }

    fn check_due(&self, worker: &mut Worker, id: TaskId) -> Result<(), String> {
        worker.answered_twice = worker.last_answered == Some(id);
        match self.scheduler.due(worker.id) {
            Some(due) if due == id => Ok(()),
            Some(due) => Err(format!("an answer to task {id}, when {due} was due")),
            None => Err(format!("an answer to task {id}, when none was due")),
        }
    }

    /// A worker has answered the task that was due.
    fn answered(&mut self, worker: &mut Worker, id: TaskId, took_ns: u64) {
        let at_ns = now_ns();
        self.tell(worker, at_ns, What::Sent { task: id });
        self.scheduler.answered(worker.id, took_ns);
        worker.answered += 1;
        worker.last_answered = Some(id);
        worker.due_since_ns = at_ns;
        let limits = &self.limits;
        let worn = limits
            .recycle_tasks
            .is_some_and(|tasks| worker.answered >= tasks)
            || limits
                .recycle_bytes
                .zip(worker.memory)
                .is_some_and(|(bytes, memory)| memory.rss > bytes);
        if worn {
            self.scheduler.retire(worker.id);
        }
        if worker.phase == Phase::Serving && self.scheduler.may_leave(worker.id) {
            worker.phase = Phase::Leaving;
            worker.deadline_ns = Some(after(at_ns, limits.grace));
            worker
                .link
                .outbox
                .push(&wire::ToWorker::Shutdown)
                .expect("a short frame");
            self.to_pump.push(worker.id);
        }
    }

    fn listen_to_server(&mut self) {
        let Some(server) = &mut self.starter.server else {
            return;
        };
        for said in server.listen() {
            match said {
                ServerSaid::Forked { request, process } => {
                    self.forked(request as WorkerId, process)
                }
                ServerSaid::Failed { request, reason } => {
                    let _ = request;
                    let error = crate::start::StartError::Server(reason);
                    self.break_down(PoolError::Start(Arc::new(error)));
                }
                ServerSaid::Ended {
                    pid,
                    ending,
                    rss_peak,
                } => {
                    let whose = self.workers.values_mut().find(|worker| worker.pid() == pid);
                    if let Some(worker) = whose {
                        let id = worker.id;
                        let process = worker.process.as_mut().expect("it has a pid");
                        process.ended(ending, Some(rss_peak));
                        self.died(id);
                    }
                }
                ServerSaid::Gone { why } => self.server_gone(&why),
            }
        }
    }

    /// The forkserver is gone, and its workers die with it.
    fn server_gone(&mut self, why: &str) {
        self.starter.server = None;
        if !self.ever_ready {
            let error = crate::start::StartError::Server(why.to_owned());
            return self.break_down(PoolError::Start(Arc::new(error)));
        }
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            // The death of one may have been the end of the pool.
            let Some(worker) = self.workers.get_mut(&id) else {
                return;
            };
            match &mut worker.process {
                Some(process) => process.ended(crate::Ending::Signal(libc::SIGKILL), None),
                None => worker.doom = Some(Doom::Nonsense(why.to_owned())),
            }
            self.died(id);
        }
    }

    /// Deals with what is late.
    pub(super) fn enforce_deadlines(&mut self) {
        let now = now_ns();
        self.give_up_on_guests(now);
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            let Some(worker) = self.workers.get_mut(&id) else {
                // It went with its forkserver.
                continue;
            };
            if worker.deadline_ns.is_some_and(|deadline| deadline <= now) {
                if worker.process.is_none() && worker.guest.is_none() {
                    self.server_gone("it did not answer in time");
                    continue;
                }
                worker.doom.get_or_insert(match worker.phase {
                    Phase::Starting => Doom::Late("ready"),
                    Phase::Serving | Phase::Leaving => Doom::Late("gone"),
                });
                worker.deadline_ns = None;
                worker.signal(libc::SIGKILL);
            } else if let Some((task, timeout)) = self.overdue(id, now) {
                self.fail(task, TaskFailure::TimedOut(timeout));
                self.end(id, Doom::TimedOut);
            }
        }
    }

    /// Calls the caller's own function where it is due.
    pub(super) fn beat(&mut self) {
        let now_ns = now_ns();
        if self
            .heartbeat
            .as_ref()
            .is_none_or(|beat| beat.due_ns() > now_ns)
        {
            return;
        }
        let counters = self.tally();
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.beat(now_ns, &counters);
        }
    }

    /// The task that a worker has been running for longer than it may.
    fn overdue(&self, id: WorkerId, now: u64) -> Option<(TaskId, Duration)> {
        let (due_at, task, timeout) = self.due_by(id)?;
        (due_at <= now).then_some((task, timeout))
    }

    /// By when a worker has to have answered the task that is due.
    fn due_by(&self, id: WorkerId) -> Option<(u64, TaskId, Duration)> {
        let task = self.scheduler.due(id)?;
        let timeout = self.jobs.get(&task)?.terms.timeout?;
        let worker = self.workers.get(&id)?;
        worker.doom.is_none().then_some(())?;
        Some((after(worker.due_since_ns, timeout), task, timeout))
    }

    pub(super) fn next_deadline_ns(&self) -> Option<u64> {
        let starts_and_ends = self
            .workers
            .values()
            .filter_map(|worker| worker.deadline_ns);
        let limited = self.has_timeouts.then_some(());
        let tasks = limited.into_iter().flat_map(|()| {
            self.workers
                .keys()
                .filter_map(|&id| Some(self.due_by(id)?.0))
        });
        let guests = self.lobby.iter().filter_map(|lobby| lobby.deadline_ns);
        let heartbeat = self.heartbeat.as_ref().map(Heartbeat::due_ns);
        let waits = starts_and_ends.chain(tasks).chain(guests);
        waits.chain(heartbeat).min()
    }
}
