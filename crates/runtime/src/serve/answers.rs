//! Answers to calls, and when to send them.
//!
//! A send per answer costs more than a tiny task. So an answer may wait for the next ones, but
//! only while further calls of tasks that have always been short lie ready: it is late by less
//! than [`HOLD_NS`] and one such task.

use super::Outbox;
use crate::{memory, now_ns};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use task::Failure;
use wire::{FromWorker, MAX_CHUNK, Memory};

/// A task is short if it never took longer, in nanoseconds.
const SHORT_NS: u64 = 50_000;
/// The longest that an answer waits, in nanoseconds.
const HOLD_NS: u64 = 200_000;
/// The most bytes that wait.
const HOLD_BYTES: usize = 32 * 1024;

pub(super) struct Answers {
    outbox: Arc<Outbox>,
    /// When the oldest answer that waits was ready.
    held_since: Option<u64>,
    began_ns: u64,
    /// The longest that each task has taken here, in nanoseconds.
    longest: HashMap<String, u64>,
    output: Vec<u8>,
}

impl Answers {
    pub(super) fn new(outbox: Arc<Outbox>, events: bool) -> Answers {
        outbox.send_events(events);
        Answers {
            outbox,
            held_since: None,
            began_ns: 0,
            longest: HashMap::new(),
            output: vec![],
        }
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// An empty buffer for an output; [`after`](Self::after) takes it back.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// To be called before a call of `task` runs: sends what must not wait for it.
    pub(super) fn before(&mut self, task: &str) -> io::Result<()> {
        self.began_ns = now_ns();
        let short = self
            .longest
            .get(task)
            .is_some_and(|&longest| longest < SHORT_NS);
        let waited = self.held_since.map_or(0, |since| self.began_ns - since);
        if self.held_since.is_some() && (!short || waited > HOLD_NS) {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds the answer to the call that just ran, with what is said of arrays.
    pub(super) fn after(
        &mut self,
        id: u64,
        task: &str,
        ran: Result<Vec<u8>, Failure>,
        said: &[u8],
    ) -> io::Result<()> {
        let computed_ns = now_ns();
        let took = computed_ns - self.began_ns;
        match self.longest.get_mut(task) {
            Some(longest) => *longest = (*longest).max(took),
            None => drop(self.longest.insert(task.to_owned(), took)),
        }
        match ran {
            Ok(output) => {
                self.done(id, computed_ns, &output, said)?;
                self.take_back(output);
            }
            Err(failure) => self.failed(id, &failure, said)?,
        }
        self.held_since.get_or_insert(computed_ns);
        if self.outbox.sends_events() || self.outbox.len() > HOLD_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends the answer to a call at once, where it does not fit in the lane.
    pub(super) fn send(
        &mut self,
        id: u64,
        began_ns: u64,
        computed_ns: u64,
        ran: &Result<Vec<u8>, Failure>,
        said: &[u8],
    ) -> io::Result<()> {
        self.began_ns = began_ns;
        match ran {
            Ok(output) => self.done(id, computed_ns, output, said)?,
            Err(failure) => self.failed(id, failure, said)?,
        }
        self.flush()
    }

    /// Takes back the buffer of an output, unless it is large.
    pub(super) fn take_back(&mut self, mut output: Vec<u8>) {
        output.clear();
        if output.capacity() <= MAX_CHUNK {
            self.output = output;
        }
    }

    pub(super) fn memory(&mut self, memory: Memory) -> io::Result<()> {
        self.outbox.push(&FromWorker::Memory(memory))?;
        self.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.held_since = None;
        self.outbox.flush()
    }

    fn done(&mut self, id: u64, computed_ns: u64, output: &[u8], arrays: &[u8]) -> io::Result<()> {
        let mut rest = output;
        while rest.len() > MAX_CHUNK {
            let (part, more) = rest.split_at(MAX_CHUNK);
            self.outbox.push(&FromWorker::OutputPart(part))?;
            self.outbox.flush()?;
            rest = more;
        }
        self.outbox.push(&FromWorker::Done {
            id,
            output: rest,
            began_ns: self.began_ns,
            computed_ns,
            memory: self.outbox.sends_events().then(memory),
            arrays,
        })
    }

    fn failed(&mut self, id: u64, failure: &Failure, arrays: &[u8]) -> io::Result<()> {
        let message = crate::text::beginning(&failure.message, MAX_CHUNK / 2);
        self.outbox.push(&FromWorker::Failed {
            id,
            kind: failure.kind,
            message,
            location: &failure.location,
            backtrace: &failure.backtrace,
            arrays,
        })
    }
}
