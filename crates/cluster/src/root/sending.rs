//! Calls on their way: to this rank's own pool, and in packs to others.

use super::Root;
use super::held::{Content, Held};
use super::own::{Left, MERGE, MERGES, Nobody, Own};
use crate::ids::{Group, each, first_bits, first_of};
use crate::link::Message;
use crate::protocol::{Down, Packed, PackedCall, Terms, head};
use crate::schedule::Action;
use handoff::{Error, elsewhere};
use pool::{Batch, CallBlock, Input, TaskFailure};
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use task::arrays::Table;
use task::arrays::raw;

impl Root {
    /// The number of a task, which other ranks know by then.
    pub(super) fn task_number(&mut self, name: &'static str) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name, number);
        for rank in self.others() {
            self.send(rank, &Down::Names(vec![name.to_owned()]));
        }
        number
    }

    /// Sends calls to where there is room; whether there were any.
    pub(super) fn dispatch(&mut self) -> bool {
        let mut any = false;
        let mut own = false;
        let now_ns = self.now_ns();
        while let Some(action) = self.schedule.poll(now_ns) {
            any = true;
            match action {
                Action::Pack { rank: 0, entries } => {
                    own = true;
                    entries.into_iter().for_each(|entry| self.run_here(entry));
                }
                Action::Pack { rank, entries } => self.send_calls(rank, &entries),
                Action::Recall { rank, calls } => self.send(rank, &Down::Recall(calls)),
            }
        }
        if own {
            elsewhere::start(&mut self.pool);
        }
        any
    }

    /// Has this rank's own pool run what was submitted as one.
    fn run_here(&mut self, entry: u64) {
        let first = first_of(entry);
        let keep = self.fold.as_ref().is_some_and(|fold| fold.has(first));
        let ended = Arc::clone(&self.ended);
        let Some(held) = self.held(entry) else { return };
        let which = held.left;
        let group = Group { first, which };
        let own = Arc::new(Own {
            group,
            reply: Arc::clone(&held.reply),
            tag: held.tag,
            ended,
            keep,
        });
        let content = std::mem::replace(&mut held.content, Content::Gone);
        let (parts, expires) = (std::mem::take(&mut held.parts), held.expires);
        self.feed.begins(self.own_open);
        self.own_open += group.calls();
        let number = match content {
            Content::Batch(batch) => {
                let batch = some_of(batch, which);
                elsewhere::submit_batch(&mut self.pool, batch, own)
            }
            Content::Call(call) => match self.submit_here(call, parts, expires, own) {
                Ok(number) => Some(number),
                Err(error) => {
                    self.refuse_own(first, TaskFailure::NotTaken(error.to_string()));
                    None
                }
            },
            Content::Gone => None,
        };
        if let (Some(number), Some(held)) = (number, self.held(entry)) {
            held.own = Some((number, which));
        }
    }

    fn submit_here(
        &mut self,
        mut call: CallBlock,
        parts: Vec<raw::Part>,
        expires: Option<Instant>,
        own: Arc<Own>,
    ) -> Result<u64, Error> {
        if !parts.is_empty() {
            let more = call.more.get_or_insert_default();
            more.arrays = Table::of_parts(parts);
        }
        if let (Some(more), Some(expires)) = (&mut call.more, expires) {
            more.deadline = Some(expires.saturating_duration_since(Instant::now()));
        }
        call.tag = 0;
        elsewhere::submit(&mut self.pool, call, own)
    }

    /// The pool did not take the call; it may have been resolved meanwhile, since its reply was dropped.
    fn refuse_own(&mut self, id: u64, failure: TaskFailure) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.others.retain(|(other, _)| *other != id);
        ended.others.push((id, Left::Failure(failure)));
    }

    /// Starts merges of results that stay here.
    pub(super) fn merge_own(&mut self) {
        let mut any = false;
        while let Some(fold) = &mut self.fold
            && let Some(args) = fold.next_pair()
        {
            let merge = fold.merge;
            let Some((&task, _)) = self.names.iter().find(|(_, number)| **number == merge) else {
                break;
            };
            self.merges += MERGE;
            let id = MERGES + self.merges;
            let mut call = CallBlock::new(task);
            match args.len() > 256 << 10 {
                true => call.more.get_or_insert_default().input = Input::Inline(args),
                false => call.args = args.into(),
            }
            let own = Own {
                group: Group::of(id),
                reply: Arc::new(Nobody),
                tag: 0,
                ended: Arc::clone(&self.ended),
                keep: true,
            };
            if let Err(error) = elsewhere::submit(&mut self.pool, call, Arc::new(own)) {
                self.refuse_own(id, TaskFailure::NotTaken(error.to_string()));
            }
            any = true;
        }
        if any {
            elsewhere::start(&mut self.pool);
        }
        let taken = self.fold.as_mut().and_then(crate::fold::Fold::take);
        if let Some((_, merged)) = taken {
            self.fold = None;
            self.merged = Some(merged.map_err(crate::protocol::Trouble::into_failure));
        }
    }

    /// One message for all of them, after the memory that they need.
    fn send_calls(&mut self, rank: usize, entries: &[u64]) {
        let mut packed = Vec::with_capacity(entries.len());
        let mut body = Vec::new();
        for &entry in entries {
            let first = first_of(entry);
            packed.extend(match self.held(entry) {
                Some(Held {
                    content: Content::Batch(batch),
                    left,
                    task,
                    ..
                }) => {
                    let which = *left;
                    for at in each(which) {
                        let args = batch.args(at as usize);
                        body.extend_from_slice(&(args.len() as u16).to_le_bytes());
                        body.extend_from_slice(args);
                    }
                    let (calls, task) = (Group { first, which }, *task);
                    Some(Packed::Batch { calls, task })
                }
                _ => self.packed(rank, entry, &mut body).map(Packed::One),
            });
        }
        let mut message = head(&Down::Calls(packed));
        message.append(&mut body);
        self.link.borrow_mut().send(rank, Message::of(message));
    }

    /// A call that goes to another rank, after the memory that it needs; its bytes are added to `body`.
    fn packed(&mut self, rank: usize, entry: u64, body: &mut Vec<u8>) -> Option<PackedCall> {
        let held = self.held(entry)?;
        let Content::Call(call) = &mut held.content else {
            return None;
        };
        if let Some(more) = call.more.as_mut().filter(|more| !more.arrays.is_empty()) {
            held.parts = std::mem::take(&mut more.arrays).into_parts();
        }
        let (args, input) = match &call.extras().input {
            Input::Inline(bytes) => (&bytes[..], true),
            _ => (&call.args[..], false),
        };
        body.extend_from_slice(args);
        let args = args.len() as u64;
        let terms = terms(call, held.expires);
        let (task, parts) = (held.task, std::mem::take(&mut held.parts));
        let (arrays, uses) = self.give_arrays(rank, &parts, body);
        if let Some(held) = self.held(entry) {
            (held.parts, held.uses) = (parts, uses);
        }
        let id = first_of(entry);
        Some(PackedCall {
            id,
            task,
            args,
            input,
            arrays,
            terms,
        })
    }
}

/// Those calls of a batch, whose others have ended.
fn some_of(batch: Batch, which: u64) -> Batch {
    if which == first_bits(batch.len()) {
        return batch;
    }
    let mut some = Batch::new(batch.task());
    each(which).for_each(|at| some.push(batch.args(at as usize)));
    some
}

fn terms(call: &CallBlock, expires: Option<Instant>) -> Option<Terms> {
    let extras = call.extras();
    let terms = Terms {
        timeout: extras.timeout,
        retries: extras.retries,
        deadline: expires.map(|expires| expires.saturating_duration_since(Instant::now())),
        priority: extras.priority as u8,
    };
    let usual = Terms {
        priority: 1,
        ..Terms::default()
    };
    (terms != usual).then_some(terms)
}
