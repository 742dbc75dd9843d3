//! The calls of a rank: those that wait, those that its pool has, and results that are to be sent.
//!
//! The pool gets only as many calls as its workers need, so that all others can be given back.

mod results;

use super::arrays::Arrays;
use super::slot::{All, Slots};
use super::waiting::{Call, Open, Queue, Waiting};
use crate::feed;
use crate::fold::Fold;
use crate::ids::Group;
use crate::link::{Link, Message};
use crate::plain::Plain;
use crate::protocol::{Done, Down, Packed, PackedCall, Up, head, take};
use handoff::elsewhere;
use handoff::{Error, Pool, Shutdown};
use pool::{Batch, CallBlock, Extras, Input, MAX_BATCH, Priority, TaskFailure};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use task::arrays::Table;

/// Numbers of merges, which are this rank's own calls, and how far they are apart.
const MERGES: u64 = 1 << 63;
const MERGE: u64 = MAX_BATCH as u64;

pub(crate) struct Work {
    pool: Pool,
    place: String,
    waiting: Queue,
    open: Open,
    given: All,
    arrays: Arrays,
    feed: feed::Feed,
    fold: Option<Fold>,
    merges: u64,
    /// What is to be sent.
    results: Vec<Done>,
    bytes: Vec<u8>,
    plain: Plain,
    /// Since when results wait to be sent.
    since: Option<Instant>,
    broken: Option<String>,
}

impl Work {
    pub(crate) fn new(pool: Pool, place: String) -> Work {
        let workers = pool.workers();
        Work {
            pool,
            place,
            waiting: Queue::default(),
            open: Open::default(),
            given: Arc::default(),
            arrays: Arrays::default(),
            feed: feed::Feed::new(workers),
            fold: None,
            merges: MERGES,
            results: Vec::new(),
            bytes: Vec::new(),
            plain: Plain::default(),
            since: None,
            broken: None,
        }
    }

    pub(crate) fn fold(&mut self) -> Option<&mut Fold> {
        self.fold.as_mut()
    }

    pub(crate) fn fold_by(&mut self, fold: Fold) {
        self.fold = Some(fold);
    }

    /// Waits for workers.
    pub(crate) fn drive(&mut self, wait: Duration) -> Result<(), Error> {
        match self.broken {
            None => self.pool.drive(Some(wait)),
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn shutdown(self, how: Shutdown) {
        let Work {
            pool,
            waiting,
            arrays,
            ..
        } = self;
        drop((waiting, arrays));
        // What could not be finished has been reported call by call.
        let _ = pool.shutdown(how);
    }

    /// Takes in what rank 0 says.
    pub(crate) fn take(
        &mut self,
        down: Down,
        body: &[u8],
        names: &[&'static str],
        link: &mut Link,
    ) {
        match down {
            Down::Calls(calls) => self.take_calls(calls, body, names),
            Down::Piece(piece) => self.arrays.piece(&piece, body),
            Down::File(pieces) => self.arrays.file(&pieces),
            Down::Forget(memories) => self.arrays.forget(&memories),
            Down::Recall(count) => {
                let ids = self.waiting.take_back(count);
                ids.iter().for_each(|id| self.arrays.closed(*id));
                link.send(0, Message::of(head(&Up::Returned(ids))));
            }
            Down::Withdraw(groups) => self.withdraw(&groups),
            Down::Cancel(id) => {
                if let Some(number) = self.open.number_of(id) {
                    elsewhere::cancel(&mut self.pool, number);
                } else {
                    self.withdraw(&[Group::of(id)]);
                }
            }
            Down::Gather { round } => {
                if let Some(fold) = &mut self.fold {
                    fold.gather(round);
                }
            }
            Down::Start(_)
            | Down::Names(_)
            | Down::Fold { .. }
            | Down::Stop { .. }
            | Down::End { .. } => {}
        }
    }

    fn take_calls(&mut self, calls: Vec<Packed>, mut body: &[u8], names: &[&'static str]) {
        for packed in calls {
            let waiting = match packed {
                Packed::One(call) => self.taken(call, &mut body),
                Packed::Batch { calls, task } => match names.get(task as usize) {
                    Some(task) => taken_batch(calls, task, &mut body),
                    None => return,
                },
            };
            let Some(waiting) = waiting else { return };
            self.waiting.0.push_back(waiting);
        }
    }

    fn taken(&mut self, call: PackedCall, body: &mut &[u8]) -> Option<Waiting> {
        let args = take(body, call.args)?;
        let parts = self.arrays.given(call.id, &call.arrays, body);
        Some(Waiting::One(Call {
            id: call.id,
            task: call.task,
            args: args.to_vec(),
            input: call.input,
            parts,
            terms: call.terms,
        }))
    }

    fn withdraw(&mut self, groups: &[Group]) {
        self.waiting.leave_out(groups);
        let numbers = self.open.numbers_of(groups);
        elsewhere::withdraw(&mut self.pool, numbers);
        for id in groups.iter().flat_map(|group| group.ids()) {
            if self.open.number_of(id).is_none() {
                self.arrays.closed(id);
            }
        }
    }

    /// The pool cannot go on.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        let why = error.to_string();
        for waiting in std::mem::take(&mut self.waiting).0 {
            for id in waiting.group().ids() {
                self.refuse(id, why.clone());
            }
        }
        self.broken = Some(why);
    }

    fn refuse(&self, id: u64, why: String) {
        let refused = Err(TaskFailure::NotTaken(why));
        lock(&self.given).others.push((id, refused));
    }

    /// Gives calls to the pool and results to rank 0; whether there was anything to do.
    pub(crate) fn advance(&mut self, link: &mut Link, names: &[&'static str]) -> bool {
        let came = self.collect(link);
        let merging = self.merge(names);
        let fed = self.feed(names);
        self.send(link);
        self.send_merged(link);
        came || fed || merging
    }

    fn feed(&mut self, names: &[&'static str]) -> bool {
        let mut fed = false;
        while self.open.len() < self.feed.limit()
            && let Some(waiting) = self.waiting.0.pop_front()
        {
            fed = true;
            match waiting {
                Waiting::One(call) => self.submit(call, names),
                Waiting::Batch(group, batch) => self.submit_batch(group, batch),
            }
        }
        if fed {
            elsewhere::start(&mut self.pool);
        }
        fed
    }

    fn submit_batch(&mut self, group: Group, batch: Batch) {
        if let Some(why) = &self.broken {
            group.ids().for_each(|id| self.refuse(id, why.clone()));
            return;
        }
        self.feed.begins(self.open.len());
        let slots = self.slots(group);
        if let Some(number) = elsewhere::submit_batch(&mut self.pool, batch, slots) {
            self.open.insert(group, number);
        }
    }

    fn slots(&self, group: Group) -> Arc<Slots> {
        let given = Arc::clone(&self.given);
        let own = group.first >= MERGES;
        Arc::new(Slots { group, own, given })
    }

    fn submit(&mut self, call: Call, names: &[&'static str]) {
        let id = call.id;
        let parts = match (call.parts, &self.broken) {
            (Ok(parts), None) => parts,
            (Err(why), _) => return self.refuse(id, why),
            (_, Some(why)) => return self.refuse(id, why.clone()),
        };
        let Some(&task) = names.get(call.task as usize) else {
            return self.refuse(id, "a task without a name".to_owned());
        };
        let (mut raw, mut extras) = (CallBlock::new(task), Extras::default());
        match call.input {
            true => extras.input = Input::Inline(call.args),
            false => raw.args = call.args.into(),
        }
        extras.arrays = Table::of_parts(parts);
        if let Some(terms) = call.terms {
            (extras.timeout, extras.deadline) = (terms.timeout, terms.deadline);
            (extras.retries, extras.priority) = (terms.retries, priority(terms.priority));
        }
        raw.set_extras(extras);
        self.feed.begins(self.open.len());
        let slots = self.slots(Group::of(id));
        match elsewhere::submit(&mut self.pool, raw, slots) {
            Ok(number) => self.open.insert(Group::of(id), number),
            Err(error) => self.refuse(id, error.to_string()),
        }
    }

    /// Starts merges of results that stay here.
    fn merge(&mut self, names: &[&'static str]) -> bool {
        let mut merging = false;
        while let Some(fold) = &mut self.fold
            && let Some(args) = fold.next_pair()
        {
            let task = fold.merge;
            self.merges += MERGE;
            let call = Call {
                id: self.merges,
                task,
                input: args.len() > 256 << 10,
                args,
                parts: Ok(Vec::new()),
                terms: None,
            };
            self.submit(call, names);
            merging = true;
        }
        if merging {
            elsewhere::start(&mut self.pool);
        }
        merging
    }
}

/// A batch that has come; its arguments are taken from `body`.
fn taken_batch(group: Group, task: &'static str, body: &mut &[u8]) -> Option<Waiting> {
    let mut batch = Batch::new(task);
    for _ in 0..group.calls() {
        let (len, rest) = body.split_first_chunk::<2>()?;
        let (args, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        batch.push(args);
        *body = rest;
    }
    Some(Waiting::Batch(group, batch))
}

fn priority(level: u8) -> Priority {
    match level {
        0 => Priority::High,
        1 => Priority::Normal,
        _ => Priority::Low,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
