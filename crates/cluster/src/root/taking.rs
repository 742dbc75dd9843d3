//! Taking calls in: one by one, or in batches, which stay together until they have their results.

use super::Root;
use super::held::{Content, Held};
use crate::ids::first_of;
use crate::schedule::Ask;
use handoff::{Error, ErrorKind, elsewhere};
use pool::{Batch, CallBlock, Input, Priority, Reply, TaskFailure};
use std::sync::Arc;
use std::time::Instant;

impl Root {
    pub(crate) fn submit(&mut self, call: CallBlock, reply: Arc<dyn Reply>) -> Result<u64, Error> {
        while self.schedule.open() >= self.bound {
            self.drive(None)?;
        }
        let extras = call.extras();
        if matches!(extras.input, Input::Slice { .. } | Input::Stream(_)) {
            let text = "a call with an input of its own is for a pool of one machine";
            return Err(elsewhere::error(ErrorKind::Unsupported, text));
        }
        let task = self.task_number(call.task);
        let extras = call.extras();
        let deadline = extras.deadline;
        let expires = deadline.and_then(|deadline| Instant::now().checked_add(deadline));
        let input = match &extras.input {
            Input::Inline(bytes) => bytes.len(),
            _ => 0,
        };
        let bytes = call.args.len() + input;
        let priority = extras.priority as u8;
        let (tag, content) = (call.tag, Content::Call(call));
        let held = Held::new(content, (reply, tag), task, expires);
        let id = first_of(self.hold(held, 1, bytes, priority));
        if let Some(expires) = expires {
            self.expiring.insert((expires, id));
        }
        // Where workers are free it begins now; where not, with the others.
        if self.schedule.queued() == 1 && self.schedule.open() <= self.workers() {
            self.dispatch();
            self.link.borrow_mut().pump();
        }
        Ok(id)
    }

    /// How many calls of a task are worth a batch. All ranks have pools that are alike.
    pub(crate) fn batch_size(&mut self, task: &'static str) -> usize {
        elsewhere::batch_size(&mut self.pool, task)
    }

    /// Takes calls in that travel as one; `None` where they have failed.
    pub(crate) fn submit_batch(&mut self, mut batch: Batch, reply: Arc<dyn Reply>) -> Option<u64> {
        while self.schedule.open() > 0 && self.schedule.open() + batch.len() > self.bound {
            if let Err(error) = self.drive(None) {
                for at in 0..batch.len() as u64 {
                    let failure = TaskFailure::NotTaken(error.to_string());
                    reply.resolve(batch.tag + at, Err(failure));
                }
                return None;
            }
        }
        let task = self.task_number(batch.task());
        let (calls, bytes) = (batch.len(), batch.bytes());
        let tag = std::mem::take(&mut batch.tag);
        let held = Held::new(Content::Batch(batch), (reply, tag), task, None);
        let entry = self.hold(held, calls, bytes, Priority::Normal as u8);
        Some(first_of(entry))
    }

    /// Gives it to the schedule; its number there.
    fn hold(&mut self, held: Held, calls: usize, bytes: usize, priority: u8) -> u64 {
        let task = held.task;
        self.held.add(held, calls);
        self.schedule.submit(Ask {
            calls: calls as u32,
            task,
            bytes: bytes as u64,
            priority,
        })
    }

    /// Takes in what has come, and starts what can be started.
    pub(crate) fn start(&mut self) {
        if self.own_open > 0 {
            elsewhere::start(&mut self.pool);
        }
        self.step();
    }
}
