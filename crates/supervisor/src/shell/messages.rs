//! What workers say.

use super::Shell;
use super::results::{check_due, failed};
use super::worker::Worker;
use crate::event::What;
use crate::failure::PoolError;
use crate::ids::WorkerId;
use engine::Event;
use runtime::{Incoming, now_ns};
use wire::{FromWorker, Hello, SetupStep};

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
        let bytes = stderr.turn();
        self.wrote(id, bytes);
        for line in lines {
            self.tell(id, now_ns(), What::Stderr(&line));
        }
    }

    pub(super) fn read_stdout(&mut self, id: WorkerId) {
        let mut lines = Vec::new();
        let worker = self.crew.workers.get_mut(&id);
        let Some(stdout) = worker.and_then(|worker| worker.stdout.as_mut()) else {
            return;
        };
        if !stdout.read(|line| lines.push(line.to_owned())) {
            self.reactor.forget(&*stdout);
        }
        let bytes = stdout.turn();
        self.wrote(id, bytes);
        for line in lines {
            self.tell(id, now_ns(), What::Stdout(&line));
        }
    }

    /// Reads what is there and handles every message that is whole.
    pub(super) fn read_worker(&mut self, id: WorkerId) {
        for _ in 0..READS {
            if self.read_once(id) != Incoming::Bytes {
                return;
            }
        }
    }

    /// Reads once. After a violation there is nothing more.
    pub(super) fn read_once(&mut self, id: WorkerId) -> Incoming {
        let Some(worker) = self.crew.workers.get_mut(&id).filter(|it| !it.muted) else {
            return Incoming::Nothing;
        };
        let Some(mut channel) = worker.connection.take_channel() else {
            return Incoming::Nothing;
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
            Ok(incoming) => {
                match incoming {
                    Incoming::Bytes | Incoming::Last if partial >= LONG_FRAME => {
                        self.progress(id, partial);
                    }
                    Incoming::End => self.closed(id),
                    Incoming::Bytes | Incoming::Last | Incoming::Nothing => {}
                }
                incoming
            }
            Err(violation) => {
                self.violated(id, violation);
                Incoming::Nothing
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
            self.handle(now, Event::Closed { worker });
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
                self.handle(now, Event::Violation { worker });
            }
            None => self.crew.gone.push(id),
        }
    }

    /// A part of a result has arrived: the function of its task has returned.
    pub(super) fn progress(&mut self, id: WorkerId, bytes: usize) {
        let now = self.now();
        let Some((worker, entry)) = self.due(id) else {
            return;
        };
        let Some(known) = self.crew.workers.get_mut(&id) else {
            return;
        };
        if known.seen == 0 || bytes < known.seen || bytes >= known.seen + LONG_FRAME {
            known.seen = bytes.max(1);
            self.handle(now, Event::Done { worker, entry });
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
                worker.memory = memory.or(worker.memory);
                self.tell(id, computed_ns, What::Computed { task, memory });
                let ran_ns = computed_ns.saturating_sub(began_ns);
                return self.on_done(id, task, (output, arrays), ran_ns);
            }
            FromWorker::Failed {
                id: task,
                kind,
                message,
                location,
                backtrace,
                arrays,
            } => {
                let failed = failed(&worker.name, kind, [message, location, backtrace]);
                return self.on_failed(id, task, failed, arrays);
            }
            FromWorker::Memory(memory) => {
                worker.memory = Some(memory);
                self.tell(id, now_ns(), What::Memory(memory));
            }
            FromWorker::Log(record) => self.tell(id, record.at_ns, What::Log(&record)),
            FromWorker::Progress { call, done, total } => self.on_progress(id, call, done, total),
            FromWorker::Note { call, note } => return self.on_note(id, call, note),
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
        self.handle(now, Event::Refused { worker: key });
        Ok(())
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
