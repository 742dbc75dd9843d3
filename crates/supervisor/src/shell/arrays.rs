//! Arrays of calls and results: what is sent before a call and beside it, and what is taken in with a
//! result. Who holds what is in the books of `task::arrays::coordinator`.

use super::Shell;
use super::inputs::Unsent;
use super::worker::{Beside, Worker};
use crate::connection::Connection;
use crate::failure::TaskFailure;
use crate::ids::WorkerId;
use crate::start::{StartError, StartMethod};
use engine::Assignment;
use std::io;
use std::sync::Arc;
use task::arrays::coordinator::{Attachment, Member, Opened, recall, receive};
use task::arrays::{ArrayError, Table};
use wire::{CallArrays, EncodeError, ResultArrays, ToWorker};

/// A worker that had no call for this long is sent what would go beside one, so that it gives memory back.
const NEWS_NS: u64 = 1_000_000_000;

fn unsent(error: ArrayError) -> Unsent {
    Unsent {
        transient: matches!(error, ArrayError::Descriptor(_)),
        why: error.to_string(),
    }
}

impl Shell {
    /// Gives a worker that is about to be started its place in the books, and its arena. Where it will be
    /// forked, nothing is allocated in between.
    pub(super) fn give_arena(&self, worker: &mut Worker) -> Result<(), StartError> {
        let Some(bytes) = self.settings.arena_bytes else {
            return Ok(());
        };
        let failed = |error: ArrayError| StartError::Resources(io::Error::other(error));
        let forked = matches!(self.starter.method, StartMethod::Fork);
        let member = Member::new(forked, bytes).map_err(failed)?;
        worker.member = Some(member);
        Ok(())
    }

    /// Whether this pool's workers share memory.
    pub fn shares_arrays(&self) -> bool {
        self.settings.arena_bytes.is_some()
    }

    /// Gives memory of arrays back to the system that has been free for a while, and has idle workers do the
    /// same.
    pub(super) fn give_back(&mut self, now: u64) {
        if !self.shares_arrays() {
            return;
        }
        let due_ns = task::arrays::coordinator::give_back();
        let given = due_ns.map(|due_ns| now.saturating_add(due_ns));
        self.reactor.news_ns = match self.reactor.news_ns {
            _ if !Member::is_news() => None,
            Some(at_ns) if at_ns <= now => {
                self.send_news();
                None
            }
            Some(at_ns) => Some(at_ns),
            None => Some(now.saturating_add(NEWS_NS)),
        };
        self.reactor.give_back_ns = given.into_iter().chain(self.reactor.news_ns).min();
    }

    /// Sends workers what has happened to arrays: usually that goes beside their next call.
    fn send_news(&mut self) {
        let mut told = Vec::new();
        for (&id, worker) in &mut self.crew.workers {
            let member = worker.member.as_ref().filter(|_| worker.ready);
            if let Some(news) = member.and_then(Member::news) {
                let message = ToWorker::ArrayNews(&news.to_bytes());
                if worker.connection.outbox.push(&message).is_err() {
                    // Too much for one message, and no more important than a call.
                    member.inspect(|member| member.say_again(news));
                }
                told.push(id);
            }
        }
        for id in told {
            self.pump(id);
        }
    }

    /// Sends a worker its arena, behind its set-up.
    pub(super) fn send_arena(worker: &mut Worker) -> Result<(), StartError> {
        let Some(member) = &worker.member else {
            return Ok(());
        };
        let failed = |error: ArrayError| StartError::Resources(io::Error::other(error));
        if let Some(arena) = member.own_arena().map_err(failed)? {
            let sent = send_arena(&mut worker.connection, arena);
            sent.map_err(|error| StartError::Resources(io::Error::other(error)))?;
        }
        Ok(())
    }

    /// Sends what has to be there before a call, then the call by `send` with the table beside it.
    pub(super) fn with_arrays(
        &mut self,
        id: WorkerId,
        assignment: Assignment,
        send: impl FnOnce(&mut Shell, &[u8]) -> Result<(), Unsent>,
    ) -> Result<(), Unsent> {
        let job = self.jobs.get(assignment.task);
        let opened = job.and_then(|job| job.call.extras().opened.as_ref());
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Err(Unsent::lasting("the worker is gone"));
        };
        let entry = assignment.entry;
        let beside = beside_call(worker, opened, entry)?;
        let sent = send(self, &beside);
        if let (Err(_), Some(worker)) = (&sent, self.crew.workers.get_mut(&id)) {
            take_back(worker, entry);
        }
        sent
    }

    /// Takes in what a worker says of arrays beside the result of `entry`; gives the table of its output.
    pub(super) fn take_arrays(
        worker: &mut Worker,
        entry: u64,
        said: &[u8],
    ) -> Result<Table, String> {
        let book = worker.besides.remove(&entry).and_then(|beside| beside.book);
        if book.is_none() && said.is_empty() {
            return Ok(Table::default());
        }
        let said = ResultArrays::from_bytes(said).map_err(|error| error.to_string())?;
        match &worker.member {
            Some(member) => member
                .finished(book, &said)
                .map_err(|error| error.to_string()),
            // It shares no memory with us.
            None => Ok(receive(&said.entries)),
        }
    }

    /// Whether an output with these arrays is longer than the bound allows.
    pub(super) fn check_output(&self, output: &[u8], table: &Table) -> Result<(), TaskFailure> {
        let bound = self.settings.limits.output;
        let bytes = (output.len() as u64).saturating_add(table.shared_bytes());
        match bytes > bound as u64 {
            true => Err(TaskFailure::OutputTooLong(bound)),
            false => Ok(()),
        }
    }
}

/// Sends what has to be there before the call of `entry`, and gives the table beside it.
fn beside_call(
    worker: &mut Worker,
    opened: Option<&Opened>,
    entry: u64,
) -> Result<Vec<u8>, Unsent> {
    let entries = opened.map_or(&[][..], Opened::entries);
    let Some(member) = &worker.member else {
        let beside = CallArrays {
            entries: entries.to_vec(),
            ..CallArrays::default()
        };
        return Ok(beside.to_bytes());
    };
    let mut book = None;
    if let Some(opened) = opened {
        for arena in opened.missing(member).map_err(unsent)? {
            send_arena(&mut worker.connection, arena).map_err(Unsent::lasting)?;
        }
        book = opened.send(member).map_err(unsent)?;
    }
    let mut beside = member.beside_call(entries);
    if beside.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = beside.to_bytes();
    beside.entries.clear();
    let news = beside;
    worker.besides.insert(entry, Beside { book, news });
    Ok(bytes)
}

/// The call of `entry` was not sent, or was taken back from its worker before that began it.
pub(super) fn take_back(worker: &mut Worker, entry: u64) {
    let Some(Beside { book, news }) = worker.besides.remove(&entry) else {
        return;
    };
    if let Some(book) = book {
        recall(book);
    }
    if let Some(member) = worker.member.as_ref().filter(|_| !news.is_empty()) {
        member.say_again(news);
    }
}

fn send_arena(connection: &mut Connection, arena: Attachment) -> Result<(), EncodeError> {
    let Attachment {
        region,
        size,
        fd,
        own,
    } = arena;
    let message = ToWorker::Arena { region, size, own };
    connection.attached = connection.attached.wrapping_add(1);
    connection.outbox.push_with(&message, vec![Arc::new(fd)])
}
