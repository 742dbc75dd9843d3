//! Handing out tasks and sending what waits.

use super::*;
use crate::input::Input;
use crate::link::Pumped;
use crate::pool::starts::Token;
use crate::region::Access;
use wire::{Call, CallInput, Source, ToWorker};

impl Pool {
    /// Sends every task that a worker can take now.
    pub(super) fn hand_out(&mut self) {
        let mut touched: Vec<WorkerId> = Vec::new();
        while let Some((worker, task)) = self.scheduler.assign() {
            if let Err(why) = self.send_call(worker, task) {
                self.scheduler.forget(worker, task);
                self.fail(task, why);
                continue;
            }
            if !touched.contains(&worker) {
                touched.push(worker);
            }
            if self.watcher.is_some()
                && let Some(handed) = self.workers.remove(&worker)
            {
                self.tell(&handed, now_ns(), What::HandedOut { task });
                self.workers.insert(worker, handed);
            }
        }
        for worker in touched {
            self.pump(worker);
        }
    }

    fn send_call(&mut self, id: WorkerId, task: TaskId) -> Result<(), TaskFailure> {
        let Some(job) = self.jobs.get(&task) else {
            return Err(TaskFailure::Cancelled);
        };
        let worker = self
            .workers
            .get_mut(&id)
            .expect("tasks go to workers that are alive");
        if self.scheduler.due(id) == Some(task) {
            worker.due_since_ns = now_ns();
        }
        let unsendable = |error: wire::EncodeError| TaskFailure::Input(error.to_string());
        let input = match &job.input {
            Input::None => CallInput::None,
            Input::Inline(bytes) => CallInput::Inline(bytes),
            Input::Stream(_) => CallInput::Stream,
            &Input::Slice {
                region,
                offset,
                len,
            } => {
                let known = self.regions.get(&region).ok_or_else(|| {
                    TaskFailure::Input(format!("region {region} has been detached"))
                })?;
                if worker.knows.insert(region) {
                    introduce(worker, region, known, self.sandbox).map_err(TaskFailure::Input)?;
                }
                CallInput::Slice {
                    region,
                    offset,
                    len,
                }
            }
        };
        let call = Call {
            id: task,
            task: job.task,
            args: &job.args,
            input,
            attempt: self.scheduler.deaths(task) + 1,
        };
        worker
            .link
            .outbox
            .push(&ToWorker::Call(call))
            .map_err(unsendable)?;
        if let Input::Stream(stream) = &job.input {
            worker.link.outbox.push_stream(task, stream);
        }
        Ok(())
    }

    pub(super) fn pump_all(&mut self) {
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.pump(id);
        }
    }

    /// Sends as much as a worker's socket takes, and has epoll tell when it takes more.
    pub(super) fn pump(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if worker.group.is_some() {
            // It runs no task before its process is known, so whatever it starts is guarded.
            return;
        }
        let more = loop {
            match worker.link.pump() {
                Ok(Pumped::Empty) => break false,
                Ok(Pumped::More) => break true,
                Ok(Pumped::SourceFailed { task, why }) => {
                    // The worker will answer that the stream was given up; this is why.
                    if let Some(job) = self.jobs.remove(&task) {
                        self.counters.failed += 1;
                        job.resolve(Err(TaskFailure::Input(why)));
                    }
                }
                // The worker is gone, or about to be: its pidfd will say so.
                Err(_) => break false,
            }
        };
        if more != worker.watches_room {
            worker.watches_room = more;
            let mut flags = EpollFlags::EPOLLIN;
            flags.set(EpollFlags::EPOLLOUT, more);
            let mut event = EpollEvent::new(flags, Token::Socket(id).encode());
            match self.epoll.modify(&worker.link, &mut event) {
                // A worker that is being ended is not listened to any more.
                Ok(()) | Err(nix::errno::Errno::ENOENT) => {}
                Err(error) => self.break_down(PoolError::Wait(Arc::new(error.into()))),
            }
        }
    }

    /// Lets a worker finish what it has and go.
    pub(super) fn dismiss(&mut self, id: WorkerId) {
        let deadline = after(now_ns(), self.limits.grace);
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if worker.phase == Phase::Leaving || worker.dying {
            return;
        }
        self.scheduler.retire(id);
        worker.phase = Phase::Leaving;
        worker.deadline_ns = Some(deadline);
        worker
            .link
            .outbox
            .push(&ToWorker::Shutdown)
            .expect("a short frame");
        self.pump(id);
    }

    /// Ends a worker: SIGTERM now, SIGKILL once the grace period is over.
    pub(super) fn end(&mut self, id: WorkerId, why: Doom) {
        let deadline = after(now_ns(), self.limits.grace);
        self.scheduler.retire(id);
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        worker.doom.get_or_insert(why);
        worker.deadline_ns = Some(deadline);
        worker.signal(libc::SIGTERM);
    }
}

/// Tells a worker of a region; one that is confined cannot open any by name.
fn introduce(
    worker: &mut Worker,
    id: RegionId,
    region: &Region,
    confined: bool,
) -> Result<(), String> {
    let to_send = |fd: io::Result<OwnedFd>| {
        fd.map(Arc::new)
            .map_err(|error| format!("region {id}: {error}"))
    };
    let duplicate = |fd: BorrowedFd<'_>| to_send(fd.try_clone_to_owned());
    let (source, descriptors) = match region {
        Region::Segment(segment) if confined => (
            Source::Descriptor { len: segment.len() },
            vec![to_send(segment.open_reader())?],
        ),
        Region::Segment(segment) => {
            let (name, len) = (segment.name().as_str(), segment.len());
            (Source::Segment { name, len }, Vec::new())
        }
        Region::Memfd(memfd) => (
            Source::Descriptor { len: memfd.len() },
            vec![duplicate(memfd.fd())?],
        ),
        Region::File { file, len, access } => {
            let (source, own) = match access {
                Access::Map => (Source::Descriptor { len: *len }, None),
                // A worker that is confined by then could not open it for itself.
                Access::Read => (Source::File { len: *len }, shmem::reopen_sequential(file)),
            };
            let descriptor = match own {
                Some(own) => Arc::new(own),
                None => duplicate(file.as_fd())?,
            };
            (source, vec![descriptor])
        }
        Region::Inherited(_) => (Source::Inherited, Vec::new()),
    };
    let message = ToWorker::Attach { region: id, source };
    let outbox = &mut worker.link.outbox;
    if descriptors.is_empty() {
        outbox.push(&message)
    } else {
        outbox.push_with(&message, descriptors)
    }
    .map_err(|error| error.to_string())
}
