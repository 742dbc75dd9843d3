//! The calls of a rank: those that wait, those that its pool has, and results that are to be sent.
//!
//! The pool gets only as many calls as its workers need, so that all others can be given back.

use super::arrays::Arrays;
use super::slot::{All, Slot, Slots};
use super::waiting::Waiting;
use crate::feed;
use crate::fold::Fold;
use crate::link::{Link, Message};
use crate::protocol::{Done, Down, Output, Packed, Seen, Trouble, Up, head, take};
use crate::tree;
use handoff::elsewhere;
use handoff::{Error, Pool, Shutdown};
use pool::{Batch, CallBlock, Extras, Input, Priority, TaskFailure};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use task::arrays::Table;
use task::arrays::raw::Part;

/// Results are sent together: at most this number, and about this number of bytes.
const RESULTS: usize = 256;
const RESULT_BYTES: usize = 64 << 10;
/// Numbers of merges, which are this rank's own calls.
const MERGES: u64 = 1 << 63;

pub(crate) struct Work {
    pool: Pool,
    place: String,
    waiting: VecDeque<Waiting>,
    /// The pool's numbers of the calls that it has.
    open: HashMap<u64, u64>,
    given: All,
    arrays: Arrays,
    feed: feed::Feed,
    fold: Option<Fold>,
    merges: u64,
    results: Vec<Done>,
    bytes: Vec<u8>,
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
            waiting: VecDeque::new(),
            open: HashMap::new(),
            given: Arc::default(),
            arrays: Arrays::default(),
            feed: feed::Feed::new(workers),
            fold: None,
            merges: MERGES,
            results: Vec::new(),
            bytes: Vec::new(),
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
    pub(crate) fn take(&mut self, down: Down, body: &[u8], link: &mut Link) {
        match down {
            Down::Calls(calls) => self.take_calls(calls, body),
            Down::Piece(piece) => self.arrays.piece(&piece, body),
            Down::File(pieces) => self.arrays.file(&pieces),
            Down::Forget(memories) => self.arrays.forget(&memories),
            Down::Recall(count) => {
                let keep = self.waiting.len().saturating_sub(count as usize);
                let back = self.waiting.split_off(keep);
                let mut ids = Vec::new();
                for call in back {
                    ids.push(call.id);
                    self.arrays.closed(call.id);
                }
                link.send(0, Message::of(head(&Up::Returned(ids))));
            }
            Down::Withdraw(ids) => self.withdraw(&ids),
            Down::Cancel(id) => {
                if let Some(&number) = self.open.get(&id) {
                    elsewhere::cancel(&mut self.pool, number);
                } else {
                    self.withdraw(&[id]);
                }
            }
            Down::Gather { round } => {
                if let Some(fold) = &mut self.fold {
                    fold.gather(round);
                }
            }
            Down::Start(_) | Down::Names(_) | Down::Fold { .. } | Down::Stop { .. } | Down::End => {
            }
        }
    }

    fn take_calls(&mut self, calls: Vec<Packed>, mut body: &[u8]) {
        for call in calls {
            let Some(args) = take(&mut body, call.args) else {
                break;
            };
            let parts = self.arrays.given(call.id, &call.arrays, &mut body);
            self.waiting.push_back(Waiting {
                id: call.id,
                task: call.task,
                args: args.to_vec(),
                input: call.input,
                parts,
                terms: call.terms,
            });
        }
    }

    fn withdraw(&mut self, ids: &[u64]) {
        self.waiting.retain(|call| !ids.contains(&call.id));
        let open = &self.open;
        let numbers: Vec<u64> = ids.iter().filter_map(|id| open.get(id).copied()).collect();
        elsewhere::withdraw(&mut self.pool, numbers);
        for id in ids {
            if !self.open.contains_key(id) {
                self.arrays.closed(*id);
            }
        }
    }

    /// The pool cannot go on.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        let why = error.to_string();
        for call in self.waiting.drain(..) {
            let failure = TaskFailure::NotTaken(why.clone());
            lock(&self.given).push((call.id, Err(failure)));
        }
        self.broken = Some(why);
    }

    /// Gives calls to the pool and results to rank 0; whether there was anything to do.
    pub(crate) fn advance(&mut self, link: &mut Link, names: &[&'static str]) -> bool {
        let came = self.collect(link);
        let merging = self.merge(names);
        let fed = self.feed(names);
        self.send(link);
        if let Some((round, merged)) = self.fold.as_mut().and_then(Fold::take) {
            self.fold = None;
            let parent = tree::parent(link.comm().rank()).unwrap_or(0);
            send_merged(link, parent as usize, round, merged);
        }
        came || fed || merging
    }

    fn feed(&mut self, names: &[&'static str]) -> bool {
        let mut fed = false;
        while self.open.len() < self.feed.limit()
            && let Some(call) = self.waiting.pop_front()
        {
            fed = true;
            self.submit_alike(call, names);
        }
        if fed {
            elsewhere::start(&mut self.pool);
        }
        fed
    }

    /// Submits a call, together with those behind it that are like it.
    fn submit_alike(&mut self, call: Waiting, names: &[&'static str]) {
        let name = names.get(call.task as usize).copied();
        let Some(task) = name.filter(|_| call.is_plain() && self.broken.is_none()) else {
            return self.submit(call, names);
        };
        let most = elsewhere::batch_size(&mut self.pool, task);
        let like = |next: &Waiting| next.task == call.task && next.is_plain();
        if most <= 1 || !self.waiting.front().is_some_and(like) {
            return self.submit(call, names);
        }
        let mut batch = Batch::new(task);
        batch.push(&call.args);
        let mut ids = vec![call.id];
        while ids.len() < most
            && self.waiting.front().is_some_and(like)
            && let Some(next) = self.waiting.pop_front()
        {
            batch.push(&next.args);
            ids.push(next.id);
        }
        self.feed.begins(self.open.len());
        let slots = Slots {
            ids: ids.clone(),
            given: Arc::clone(&self.given),
        };
        if let Some(number) = elsewhere::submit_batch(&mut self.pool, batch, Arc::new(slots)) {
            self.open.extend(ids.into_iter().zip(number..));
        }
    }

    fn submit(&mut self, call: Waiting, names: &[&'static str]) {
        let id = call.id;
        let refuse = |why: String| (id, Err(TaskFailure::NotTaken(why)));
        let parts = match (call.parts, &self.broken) {
            (Ok(parts), None) => parts,
            (Err(why), _) => return lock(&self.given).push(refuse(why)),
            (_, Some(why)) => return lock(&self.given).push(refuse(why.clone())),
        };
        let Some(&task) = names.get(call.task as usize) else {
            return lock(&self.given).push(refuse("a task without a name".to_owned()));
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
        let slot = Slot {
            id,
            given: Arc::clone(&self.given),
        };
        self.feed.begins(self.open.len());
        match elsewhere::submit(&mut self.pool, raw, Arc::new(slot)) {
            Ok(number) => {
                self.open.insert(id, number);
            }
            Err(error) => lock(&self.given).push(refuse(error.to_string())),
        }
    }

    /// Starts merges of results that stay here.
    fn merge(&mut self, names: &[&'static str]) -> bool {
        let mut merging = false;
        while let Some(fold) = &mut self.fold
            && let Some(args) = fold.next_pair()
        {
            let task = fold.merge;
            self.merges += 1;
            let call = Waiting {
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

    /// Takes what the pool has given.
    fn collect(&mut self, link: &mut Link) -> bool {
        let given = std::mem::take(&mut *lock(&self.given));
        if given.is_empty() {
            return false;
        }
        self.feed.ended(given.len(), self.open.len());
        for (id, given) in given {
            self.open.remove(&id);
            let given = given.map_err(|failure| Trouble::of(failure, &self.place));
            if id > MERGES {
                if let Some(fold) = &mut self.fold {
                    fold.merged(given.map(|(value, _)| value));
                }
                continue;
            }
            let result = given.and_then(|(value, parts)| self.output(id, value, parts, link));
            self.arrays.closed(id);
            self.results.push(Done { id, result });
            self.since.get_or_insert_with(Instant::now);
        }
        true
    }

    fn output(
        &mut self,
        id: u64,
        value: Vec<u8>,
        parts: Vec<Part>,
        link: &mut Link,
    ) -> Result<Output, Trouble> {
        if let Some(fold) = &mut self.fold
            && fold.has(id)
        {
            if !parts.is_empty() {
                let why = "results that are merged by a task have no arrays".to_owned();
                return Err(Trouble::NotTaken(why));
            }
            fold.keep(value);
            return Ok(Output {
                len: 0,
                arrays: Vec::new(),
            });
        }
        self.bytes.extend_from_slice(&value);
        let arrays = self.arrays.back(id, parts, &mut self.bytes, link);
        Ok(Output {
            len: value.len() as u64,
            arrays,
        })
    }

    /// Sends results: many together where they come fast.
    fn send(&mut self, link: &mut Link) {
        let Some(since) = self.since else { return };
        let many = self.results.len() >= RESULTS || self.bytes.len() >= RESULT_BYTES;
        let last = self.open.is_empty() && self.waiting.is_empty();
        if !many && !last && since.elapsed() < self.feed.patience() {
            return;
        }
        self.since = None;
        let counters = self.pool.counters();
        let up = Up::Results {
            done: std::mem::take(&mut self.results),
            ns_each: self.feed.ns_each().unwrap_or(0),
            seen: Seen {
                started: counters.started,
                died: counters.died,
                retried: counters.retried,
                rss: counters.rss,
            },
        };
        let mut message = head(&up);
        message.append(&mut self.bytes);
        link.send(0, Message::of(message));
    }
}

fn priority(level: u8) -> Priority {
    match level {
        0 => Priority::High,
        1 => Priority::Normal,
        _ => Priority::Low,
    }
}

pub(crate) fn send_merged(
    link: &mut Link,
    to: usize,
    round: u64,
    merged: Result<Option<Vec<u8>>, Trouble>,
) {
    let (value, trouble) = match merged {
        Ok(value) => (value, None),
        Err(trouble) => (None, Some(trouble)),
    };
    let len = value.as_ref().map(|value| value.len() as u64);
    let mut message = head(&Up::Merged {
        round,
        value: len,
        trouble,
    });
    message.extend(value.unwrap_or_default());
    link.send(to, Message::of(message));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
