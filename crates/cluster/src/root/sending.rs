//! Calls on their way: to this rank's own pool, and in packs to others.

use super::{Held, Left, Root};
use crate::link::Message;
use crate::protocol::{Down, Packed, Terms, head};
use crate::schedule::Action;
use handoff::elsewhere;
use pool::{Batch, CallBlock, Input, MAX_BATCH_ARGS, Reply, TaskFailure};
use std::iter::Peekable;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use std::vec::IntoIter;
use task::arrays::Table;
use task::arrays::raw;

/// Numbers of merges, which are this rank's own calls.
pub(super) const MERGES: u64 = 1 << 63;

/// Takes the result of a call of this rank's own pool.
struct Own {
    id: u64,
    reply: Arc<dyn Reply>,
    ended: super::Ended,
    /// Whether its result stays here.
    keep: bool,
}

impl Reply for Own {
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>) {
        let left = match result {
            Ok(output) if self.keep => Some(match raw::take_incoming(output) {
                Ok((value, parts)) if parts.is_empty() => Left::Kept(value.to_vec()),
                _ => Left::Failure(TaskFailure::NotTaken(
                    "results that are merged by a task have no arrays".to_owned(),
                )),
            }),
            Ok(output) => {
                self.reply.resolve(tag, Ok(output));
                None
            }
            Err(failure) => Some(Left::Failure(failure)),
        };
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push((self.id, left));
    }

    fn progress(&self, tag: u64, done: u64, total: u64) {
        self.reply.progress(tag, done, total);
    }

    fn note(&self, tag: u64, bytes: &[u8]) {
        self.reply.note(tag, bytes);
    }
}

/// Takes the results of a batch of calls of this rank's own pool.
struct Owns {
    /// The number of each, who waits for it, and how that names it.
    calls: Vec<(u64, Arc<dyn Reply>, u64)>,
    ended: super::Ended,
}

impl Reply for Owns {
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>) {
        let (id, reply, tag) = &self.calls[tag as usize];
        let left = match result {
            Ok(output) => {
                reply.resolve(*tag, Ok(output));
                None
            }
            Err(failure) => Some(Left::Failure(failure)),
        };
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push((*id, left));
    }

    fn progress(&self, tag: u64, done: u64, total: u64) {
        let (_, reply, tag) = &self.calls[tag as usize];
        reply.progress(*tag, done, total);
    }

    fn note(&self, tag: u64, bytes: &[u8]) {
        let (_, reply, tag) = &self.calls[tag as usize];
        reply.note(*tag, bytes);
    }
}

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
                Action::Pack { rank: 0, calls } => {
                    own = true;
                    let mut calls = calls.into_iter().peekable();
                    while let Some(id) = calls.next() {
                        self.run_alike(id, &mut calls);
                    }
                }
                Action::Pack { rank, calls } => self.send_calls(rank, &calls),
                Action::Recall { rank, calls } => self.send(rank, &Down::Recall(calls)),
            }
        }
        if own {
            elsewhere::start(&mut self.pool);
        }
        any
    }

    /// Has this rank's own pool run a call, together with those behind it that are like it.
    fn run_alike(&mut self, id: u64, others: &mut Peekable<IntoIter<u64>>) {
        let plain = |root: &mut Root, id| {
            if root.fold.as_ref().is_some_and(|fold| fold.has(id)) {
                return None;
            }
            root.held(id)?.plain()
        };
        let task = plain(self, id);
        let most = task.map_or(1, |task| elsewhere::batch_size(&mut self.pool, task));
        let mut like = |next: &u64| plain(self, *next) == task;
        if most <= 1 || !others.peek().is_some_and(&mut like) {
            return self.run_here(id);
        }
        let mut ids = vec![id];
        while ids.len() < most
            && let Some(next) = others.next_if(&mut like)
        {
            ids.push(next);
        }
        let mut batch = Batch::new(task.unwrap_or_default());
        let mut calls = Vec::with_capacity(ids.len());
        for &id in &ids {
            let Some(held) = self.held(id) else { continue };
            let Some(call) = held.call.take() else {
                continue;
            };
            batch.push(&call.args);
            calls.push((id, Arc::clone(&held.reply), call.tag));
        }
        let ended = Arc::clone(&self.ended);
        let ids: Vec<u64> = calls.iter().map(|(id, ..)| *id).collect();
        self.feed.begins(self.own_open);
        self.own_open += calls.len();
        let all = Arc::new(Owns { calls, ended });
        if let Some(first) = elsewhere::submit_batch(&mut self.pool, batch, all) {
            for (id, number) in ids.into_iter().zip(first..) {
                if let Some(held) = self.held(id) {
                    held.number = Some(number);
                }
            }
        }
    }

    fn run_here(&mut self, id: u64) {
        let keep = self.fold.as_ref().is_some_and(|fold| fold.has(id));
        let ended = Arc::clone(&self.ended);
        let Some(held) = self.held(id) else { return };
        let Some(mut call) = held.call.take() else {
            return;
        };
        if !held.parts.is_empty() {
            let more = call.more.get_or_insert_default();
            more.arrays = Table::of_parts(std::mem::take(&mut held.parts));
        }
        if let (Some(more), Some(expires)) = (&mut call.more, held.expires) {
            more.deadline = Some(expires.saturating_duration_since(Instant::now()));
        }
        let own = Own {
            id,
            reply: Arc::clone(&held.reply),
            ended,
            keep,
        };
        self.feed.begins(self.own_open);
        self.own_open += 1;
        match elsewhere::submit(&mut self.pool, call, Arc::new(own)) {
            Ok(number) => {
                if let Some(held) = self.held(id) {
                    held.number = Some(number);
                }
            }
            Err(error) => self.refuse_own(id, TaskFailure::NotTaken(error.to_string())),
        }
    }

    /// The pool did not take the call; it may have been resolved meanwhile, since its reply was dropped.
    fn refuse_own(&mut self, id: u64, failure: TaskFailure) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|(other, _)| *other != id);
        ended.push((id, Some(Left::Failure(failure))));
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
            self.merges += 1;
            let id = MERGES + self.merges;
            let mut call = CallBlock::new(task);
            match args.len() > 256 << 10 {
                true => call.more.get_or_insert_default().input = Input::Inline(args),
                false => call.args = args.into(),
            }
            let own = Own {
                id,
                reply: Arc::new(Nobody),
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
    fn send_calls(&mut self, rank: usize, ids: &[u64]) {
        let mut packed = Vec::with_capacity(ids.len());
        let mut body = Vec::new();
        for &id in ids {
            let Some(mut held) = self.held(id).and_then(Held::take_for_sending) else {
                continue;
            };
            let Some(call) = &held.call else { continue };
            let (args, input) = match &call.extras().input {
                Input::Inline(bytes) => (&bytes[..], true),
                _ => (&call.args[..], false),
            };
            body.extend_from_slice(args);
            let args = args.len() as u64;
            let terms = terms(call, held.expires);
            let task = held.task;
            let arrays = self.give_arrays(rank, &mut held, &mut body);
            if let Some(place) = self.held(id) {
                (place.call, place.parts, place.uses) = (held.call, held.parts, held.uses);
            }
            packed.push(Packed {
                id,
                task,
                args,
                input,
                arrays,
                terms,
            });
        }
        let mut message = head(&Down::Calls(packed));
        message.append(&mut body);
        self.link.borrow_mut().send(rank, Message::of(message));
    }
}

/// What is being sent of a call.
pub(super) struct Sent {
    pub(super) call: Option<CallBlock>,
    pub(super) parts: Vec<raw::Part>,
    pub(super) uses: Vec<u64>,
    task: u32,
    expires: Option<Instant>,
}

impl Held {
    /// Its task, where it has nothing but short arguments.
    fn plain(&self) -> Option<&'static str> {
        let call = self.call.as_ref()?;
        let plain = call.more.is_none() && self.parts.is_empty();
        (plain && call.args.len() <= MAX_BATCH_ARGS).then_some(call.task)
    }

    fn take_for_sending(&mut self) -> Option<Sent> {
        let mut call = self.call.take()?;
        let mut parts = std::mem::take(&mut self.parts);
        if let Some(more) = call.more.as_mut().filter(|more| !more.arrays.is_empty()) {
            parts = std::mem::take(&mut more.arrays).into_parts();
        }
        Some(Sent {
            call: Some(call),
            parts,
            uses: Vec::new(),
            task: self.task,
            expires: self.expires,
        })
    }
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

/// Whose results nobody waits for: merges.
struct Nobody;

impl Reply for Nobody {
    fn resolve(&self, _: u64, _result: Result<&[u8], TaskFailure>) {}
}
