//! What workers say.

use super::Shell;
use super::worker::{Current, Worker};
use crate::event::What;
use crate::failure::{Failed, PoolError, TaskFailure};
use crate::ids::{TaskId, WorkerId};
use engine::Event;
use runtime::{Incoming, now_ns};
use std::borrow::Cow;
use task::arrays::{Table, with_incoming};
use wire::{FailureKind, FromWorker, Hello, Memory, SetupStep};

/// Reads from one socket in a row.
const READS: usize = 16;
/// This number of bytes of an incomplete frame can only be a result: other frames are shorter, or fit
/// into the socket as a whole.
const LONG_FRAME: usize = 64 * 1024;

impl Shell {
    pub(super) fn read_stderr(&mut self, id: WorkerId) {
        let mut lines = Vec::new();
        let worker = self.crew.workers.get_mut(&id);
        let Some(stderr) = worker.and_then(|worker| worker.stderr.as_mut()) else {
            return;
        };
        if !stderr.read(|line| lines.push(line.to_owned())) {
            // Its end is reported by the pidfd; a closed pipe would stay readable.
            self.reactor.forget(&*stderr);
        }
        for line in lines {
            self.tell(id, now_ns(), What::Stderr(&line));
        }
    }

    /// Reads what is there and handles every message that is whole.
    pub(super) fn read_worker(&mut self, id: WorkerId) {
        for _ in 0..READS {
            if !self.read_once(id) {
                return;
            }
        }
    }

    /// Reads once. `true` while more may come.
    pub(super) fn read_once(&mut self, id: WorkerId) -> bool {
        let Some(worker) = self.crew.workers.get_mut(&id).filter(|it| !it.muted) else {
            return false;
        };
        let Some(mut channel) = worker.connection.take_channel() else {
            return false;
        };
        let read = channel
            .receive_now()
            .map_err(|error| error.to_string())
            .and_then(|incoming| {
                while let Some(frame) = channel.next_frame().map_err(|error| error.to_string())? {
                    self.on_message(id, frame.body)?;
                }
                Ok(incoming)
            });
        let partial = channel.pending();
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            worker.connection.put_back(channel);
        }
        match read {
            Ok(Incoming::Bytes) => {
                if partial >= LONG_FRAME {
                    self.progress(id, partial);
                }
                true
            }
            Ok(Incoming::Nothing) => false,
            Ok(Incoming::End) => {
                self.closed(id);
                false
            }
            Err(violation) => {
                self.violated(id, violation);
                false
            }
        }
    }

    /// A worker's connection has ended; its pidfd reports how the worker did.
    fn closed(&mut self, id: WorkerId) {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        worker.muted = true;
        self.reactor.forget(&worker.connection);
        if worker.external.is_some() {
            self.crew.gone.push(id);
        } else if let Some(worker) = worker.key {
            let now = self.now();
            self.engine.handle(now, Event::Closed { worker });
        }
    }

    /// A worker broke the protocol.
    pub(super) fn violated(&mut self, id: WorkerId, what: String) {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        let reason = format!("it violated the protocol ({what})");
        worker.reason.get_or_insert(reason);
        worker.muted = true;
        if !worker.ready && !worker.explained {
            worker.explained = true;
            let (name, pid) = (&worker.name, worker.pid());
            let why = format!("{name} (pid {pid}) violated the protocol ({what})");
            self.health.why = Some(PoolError::NotReady(why));
        }
        self.reactor.forget(&worker.connection);
        match worker.key {
            Some(worker) => {
                let now = self.now();
                self.engine.handle(now, Event::Violation { worker });
            }
            None => self.crew.gone.push(id),
        }
    }

    /// A part of a result has arrived: the function of its task has returned.
    fn progress(&mut self, id: WorkerId, bytes: usize) {
        let now = self.now();
        let Some((worker, entry)) = self.due(id) else {
            return;
        };
        let Some(known) = self.crew.workers.get_mut(&id) else {
            return;
        };
        if known.seen == 0 || bytes < known.seen || bytes >= known.seen + LONG_FRAME {
            known.seen = bytes.max(1);
            self.engine.handle(now, Event::Done { worker, entry });
        }
    }

    /// The entry whose result is due from a worker.
    pub(super) fn due(&mut self, id: WorkerId) -> Option<(engine::WorkerId, u64)> {
        let worker = self.crew.workers.get_mut(&id)?;
        let (key, current) = (worker.key?, worker.current);
        let entry = match worker.lane {
            Some(_) => self.due_in_lane(id)?,
            None => current?.entry,
        };
        Some((key, entry))
    }

    /// Handles one message; the error is what makes it a violation of the protocol.
    fn on_message(&mut self, id: WorkerId, body: &[u8]) -> Result<(), String> {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Ok(());
        };
        if !worker.greeted {
            return self.on_greeting(id, body);
        }
        match wire::decode(body).map_err(|error| error.to_string())? {
            FromWorker::Ready { tasks, build, lane } if !worker.ready => {
                worker.use_lane(lane)?;
                self.check_build(id, &tasks, build)?;
                self.became_ready(id, &tasks);
            }
            FromWorker::Refused { step, reason } if !worker.ready => {
                return self.refused(id, step, reason);
            }
            FromWorker::Received {
                id: task,
                at_ns,
                memory,
            } => {
                check_due(worker, task)?;
                worker.memory = Some(memory);
                self.tell(id, at_ns, What::Received { task, memory });
            }
            FromWorker::OutputPart(part) => return self.on_part(id, part),
            FromWorker::Wake => return self.woken_by(id),
            FromWorker::Done {
                id: task,
                output,
                arrays,
                ..
            } if worker.lane.is_some() => {
                return self.body_came(id, task, Ok(output), arrays);
            }
            FromWorker::Done {
                id: task,
                output,
                began_ns,
                computed_ns,
                memory,
                arrays,
            } => {
                let current = check_due(worker, task)?;
                let table = Shell::take_arrays(worker, current.entry, arrays)?;
                worker.memory = memory.or(worker.memory);
                let parts = std::mem::take(&mut worker.output);
                self.tell(id, computed_ns, What::Computed { task, memory });
                let whole = joined(&parts, output);
                self.deliver_current(id, current, Ok((&whole, table)));
                self.answered(id, current, computed_ns.saturating_sub(began_ns));
            }
            FromWorker::Failed {
                id: task,
                kind,
                message,
                location,
                backtrace,
                arrays,
            } => {
                let failed = Box::new(Failed {
                    worker: worker.name.clone(),
                    kind,
                    message: message.to_owned(),
                    location: location.to_owned(),
                    backtrace: backtrace.to_owned(),
                });
                return self.on_failed(id, task, failed, arrays);
            }
            FromWorker::Memory(memory) => {
                worker.memory = Some(memory);
                self.tell(id, now_ns(), What::Memory(memory));
            }
            FromWorker::Log(record) => self.tell(id, record.at_ns, What::Log(&record)),
            FromWorker::Progress { call, done, total } => self.on_progress(id, call, done, total),
            FromWorker::Note { call, note } => {
                if note.len() > wire::MAX_NOTE {
                    return Err(format!("a note of {} bytes", note.len()));
                }
                let (task, bytes) = (call, note);
                self.tell(id, now_ns(), What::Note { task, bytes });
            }
            other @ (FromWorker::Ready { .. } | FromWorker::Refused { .. }) => {
                return Err(format!("{other:?} long after its start"));
            }
        }
        Ok(())
    }

    /// The first message of a worker.
    fn on_greeting(&mut self, id: WorkerId, body: &[u8]) -> Result<(), String> {
        Hello::accept(body).map_err(|error| error.to_string())?;
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            worker.greeted = true;
        }
        self.greeted(id);
        Ok(())
    }

    fn on_failed(
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

    fn refused(&mut self, id: WorkerId, step: SetupStep, reason: &str) -> Result<(), String> {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Ok(());
        };
        worker.explained = true;
        let Some(key) = worker.key else {
            return Err(format!("it refused its set-up: {reason}"));
        };
        let (worker, reason) = (worker.name.clone(), reason.to_owned());
        self.health.why = Some(match step {
            SetupStep::Initializer => PoolError::Initializer { worker, reason },
            SetupStep::Sandbox => PoolError::Sandbox { worker, reason },
            SetupStep::Bounds => PoolError::Bounds { worker, reason },
        });
        let now = self.now();
        self.engine.handle(now, Event::Refused { worker: key });
        Ok(())
    }

    fn on_part(&mut self, id: WorkerId, part: &[u8]) -> Result<(), String> {
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
        self.engine
            .handle(now, Event::OutputTooLong { worker, entry });
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

    /// Resolves the task with its result, unless its caller has given it up.
    pub(super) fn resolve(
        &mut self,
        worker: engine::WorkerId,
        entry: u64,
        result: Result<(&[u8], Table), TaskFailure>,
    ) {
        let task = self.engine.task_at(worker, entry);
        if let (Some(task), Err(failure)) = (task, &result)
            && self.runs_again(task, (worker, entry), failure)
        {
            return;
        }
        let Some(job) = task.and_then(|task| self.jobs.take(task)) else {
            return;
        };
        let checked = result.and_then(|(output, table)| {
            self.check_output(output, &table)?;
            Ok((output, table))
        });
        match checked {
            Ok((output, table)) => {
                self.counters.done += 1;
                let resolve = || job.call.resolve(Ok(output));
                self.hooks.guard(|_| with_incoming(table, resolve).0);
            }
            Err(failure) => {
                if let TaskFailure::Failed(failed) = &failure
                    && failed.kind == FailureKind::BadInput
                {
                    self.introduce_again(worker, &job.call.input);
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
        self.engine.handle(now, event);
    }
}

impl Worker {
    /// The worker uses the lane that it was offered, or does not.
    fn use_lane(&mut self, lane: bool) -> Result<(), String> {
        if lane && self.lane.is_none() {
            return Err("it uses a lane that it was not offered".to_owned());
        }
        self.lane = self.lane.take().filter(|_| lane);
        Ok(())
    }
}

fn check_due(worker: &mut Worker, id: TaskId) -> Result<Current, String> {
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
