//! Many calls, with all their results.
//!
//! Both iterators keep a bounded number of calls ahead of the results that were taken, and a bounded
//! number of bytes. Results come in [`Arrived`], which other threads may fill, and are sorted into the
//! iterator's own tables in batches. What remains when an iterator is dropped is withdrawn.

mod arrivals;

use crate::engine::Engine;
use crate::pool::Pool;
use crate::{Call, Error};
use arrivals::{Arrival, Arrived, Open, Results};
use pool::{Batch, MAX_BATCH_ARGS, RawCall};
use serde::de::DeserializeOwned;
use std::iter::Fuse;
use std::sync::{Arc, Mutex};

/// Calls ahead: enough for a few workers to have tiny tasks in reserve, and few workers do as many of those as
/// can be submitted.
const AHEAD: usize = 4096;
/// Calls ahead for each worker, where that is more.
const AHEAD_PER_WORKER: usize = 4;
/// The same for workers elsewhere: enough that other workers go on while a result is on its way.
const AHEAD_ELSEWHERE: usize = 16 * 1024;
/// Calls ahead for each worker, whatever their size: one to run, one in reserve.
const AHEAD_AT_LEAST: usize = 2;
/// Bytes of arguments and results that are held beyond that.
const BYTES_AHEAD: usize = 64 << 20;
/// Tasks whose calls are collected at the same time.
const TASKS: usize = 4;
/// Calls that are submitted before they are started.
const TOGETHER: usize = 256;

/// The results of [`Pool::map`], in the order of the calls.
#[must_use = "results come as the iterator is advanced"]
pub struct Map<'p, R, I>(Mapping<'p, R, I>);

/// The results of [`Pool::map_unordered`], each with the index of its call.
#[must_use = "results come as the iterator is advanced"]
pub struct MapUnordered<'p, R, I>(Mapping<'p, R, I>);

struct Mapping<'p, R, I> {
    pool: &'p mut Pool,
    calls: Fuse<I>,
    arrived: Arc<Arrived<R>>,
    /// What was taken out of `arrived` last: its memory is used again.
    came: Vec<Arrival<R>>,
    open: Open,
    /// Calls that are not submitted yet, by task, and how many of each are to be.
    batches: Vec<(Batch, usize)>,
    results: Results<R>,
    /// Bytes of open calls' arguments and of results that were not taken.
    bytes: usize,
    submitted: usize,
    /// The pool did not go on: the error was the last result.
    ended: bool,
}

impl<'p, R, I> Mapping<'p, R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    fn new(pool: &'p mut Pool, calls: I, ordered: bool) -> Mapping<'p, R, I> {
        Mapping {
            pool,
            calls: calls.fuse(),
            arrived: Arc::new(Arrived(Mutex::default())),
            came: Vec::new(),
            open: Open::default(),
            batches: Vec::new(),
            results: Results::new(ordered),
            bytes: 0,
            submitted: 0,
            ended: false,
        }
    }

    fn next(&mut self) -> Option<(usize, Result<R, Error>)> {
        let mut failed = None;
        loop {
            if self.ended {
                return None;
            }
            let ready = self.results.is_ready();
            if failed.is_none() && self.wants_more(ready) {
                self.settle();
                self.submit_ahead();
            } else if !ready {
                self.settle();
            }
            if let Some((index, result, bytes)) = self.results.take() {
                self.bytes -= bytes;
                return Some((index, result));
            }
            if self.open.len() == 0 {
                return None;
            }
            if let Some(error) = failed.take() {
                self.ended = true;
                return Some((self.first_open(), Err(error)));
            }
            // A pool that has failed has given every open task a result; one that was interrupted has not.
            failed = self.pool.engine.drive(None).err();
        }
    }

    /// Sorts in what has come.
    fn settle(&mut self) {
        let mut came = std::mem::take(&mut self.came);
        std::mem::swap(&mut *self.arrived.lock(), &mut came);
        for Arrival { tag, result, bytes } in came.drain(..) {
            let ended = self.open.remove(tag);
            let result = result.map_err(|why| why.into_error(ended.task));
            self.bytes = self.bytes - ended.bytes + bytes;
            self.results.put(ended.index, result, bytes);
        }
        self.came = came;
    }

    fn held(&self) -> usize {
        self.open.len().max(self.results.len())
    }

    fn bound(&self) -> usize {
        let workers = self.pool.workers();
        let ahead = match self.pool.engine {
            Engine::Elsewhere(_) => workers * AHEAD_ELSEWHERE,
            _ => AHEAD.max(workers * AHEAD_PER_WORKER),
        };
        self.pool.queue_bound().min(ahead)
    }

    /// Whether calls are to be taken now: where there is room for many, or nothing can be taken meanwhile.
    fn wants_more(&self, ready: bool) -> bool {
        !ready || self.held() <= self.bound() / 4 * 3
    }

    fn has_room(&self, bound: usize) -> bool {
        let (held, open, workers) = (self.held(), self.open.len(), self.pool.workers());
        let at_least = open < workers * AHEAD_AT_LEAST && held < 4 * workers;
        held < bound && (at_least || self.bytes < BYTES_AHEAD)
    }

    fn submit_ahead(&mut self) {
        let (bound, mut waiting) = (self.bound(), 0);
        while self.has_room(bound)
            && let Some(call) = self.calls.next()
        {
            self.submit(call);
            waiting += 1;
            if waiting == TOGETHER {
                waiting = 0;
                self.submit_batches();
                self.pool.engine.start_submitted();
            }
        }
        if waiting > 0 || !self.batches.is_empty() {
            self.submit_batches();
            self.pool.engine.start_submitted();
        }
    }

    /// Adds a call to the batch of its task; `false` where it has to be submitted for itself.
    fn add(&mut self, call: &RawCall) -> bool {
        if call.more.is_some() || call.args.len() > MAX_BATCH_ARGS {
            return false;
        }
        // Nearly always the same few names, at the same places in memory.
        let fits = |(batch, _): &(Batch, usize)| std::ptr::eq(batch.task(), call.task);
        let at = match self.batches.iter().position(fits) {
            Some(at) => {
                self.open.add(self.batches[at].0.tag, self.submitted);
                at
            }
            None => {
                let most = self.pool.engine.batch_size(call.task).min(self.bound());
                if most <= 1 {
                    return false;
                }
                if self.batches.len() == TASKS {
                    self.submit_batches();
                }
                let mut batch = Batch::new(call.task);
                batch.tag = self.open.insert(call.task, self.submitted);
                self.batches.push((batch, most));
                self.batches.len() - 1
            }
        };
        let (batch, most) = &mut self.batches[at];
        batch.push(&call.args);
        if batch.len() == *most {
            let (batch, _) = self.batches.remove(at);
            self.submit_batch(batch);
        }
        true
    }

    fn submit_batches(&mut self) {
        let mut batches = std::mem::take(&mut self.batches);
        for (batch, _) in batches.drain(..) {
            self.submit_batch(batch);
        }
        self.batches = batches;
    }

    fn submit_batch(&mut self, batch: Batch) {
        let tag = batch.tag;
        self.bytes += batch.bytes();
        let reply = Arc::clone(&self.arrived);
        self.open.at(tag).bytes = batch.bytes();
        self.open.at(tag).id = self.pool.engine.submit_batch(batch, reply);
    }

    fn submit(&mut self, call: Call<R>) {
        let task = call.task();
        let raw = self.pool.check(&call).and_then(|()| call.into_raw());
        self.results.begin();
        if raw.as_ref().is_ok_and(|raw| self.add(raw)) {
            self.submitted += 1;
            return;
        }
        let bytes = raw.as_ref().map_or(0, |raw| bytes_of(raw));
        let tag = self.open.insert(task, self.submitted);
        self.open.at(tag).bytes = bytes;
        self.submitted += 1;
        self.bytes += bytes;
        let submitted = raw.and_then(|mut raw| {
            raw.tag = tag;
            let reply = Arc::clone(&self.arrived);
            self.pool.engine.submit_later(raw, reply)
        });
        match submitted {
            Ok(id) => self.open.at(tag).id = Some(id),
            Err(error) => self.arrived.refuse(tag, error),
        }
    }

    /// The index of the first call without a result.
    fn first_open(&self) -> usize {
        self.open.first().unwrap_or(self.submitted)
    }
}

impl<R, I> Drop for Mapping<'_, R, I> {
    fn drop(&mut self) {
        let mut open = self.open.ids();
        // Newest first, so that none of them begins meanwhile.
        open.sort_unstable_by(|one, other| other.cmp(one));
        self.pool.engine.withdraw(open);
    }
}

impl<R, I> Iterator for Map<'_, R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    type Item = Result<R, Error>;

    fn next(&mut self) -> Option<Result<R, Error>> {
        self.0.next().map(|(_, result)| result)
    }
}

impl<'p, R, I> Map<'p, R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    pub(crate) fn new(pool: &'p mut Pool, calls: I) -> Map<'p, R, I> {
        Map(Mapping::new(pool, calls, true))
    }
}

impl<R, I> Iterator for MapUnordered<'_, R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    type Item = (usize, Result<R, Error>);

    fn next(&mut self) -> Option<(usize, Result<R, Error>)> {
        self.0.next()
    }
}

impl<'p, R, I> MapUnordered<'p, R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    pub(crate) fn new(pool: &'p mut Pool, calls: I) -> MapUnordered<'p, R, I> {
        MapUnordered(Mapping::new(pool, calls, false))
    }
}

fn bytes_of(call: &RawCall) -> usize {
    let more = call.more.as_ref().map_or(0, |more| {
        let input = match &more.input {
            pool::Input::Inline(bytes) => bytes.len(),
            _ => 0,
        };
        input + more.arrays.bytes() as usize
    });
    call.args.len() + more
}

impl Pool {
    /// Runs every call; gives the results in the order of the calls.
    ///
    /// Calls are taken from the iterator only some way ahead of the results, so it may be endless,
    /// and results that were not taken are bounded in number and bytes. Dropping the iterator gives up
    /// what has not begun.
    pub fn map<R, I>(&mut self, calls: I) -> Map<'_, R, I::IntoIter>
    where
        R: DeserializeOwned + Send + 'static,
        I: IntoIterator<Item = Call<R>>,
    {
        Map::new(self, calls.into_iter())
    }

    /// As [`map`](Self::map), but gives each result as soon as there is one, with the index of its
    /// call.
    ///
    /// ```
    /// # use handoff::{Pool, StartMethod, task};
    /// #[task]
    /// fn length(text: String) -> usize {
    ///     text.len()
    /// }
    ///
    /// # let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
    /// let texts = ["a", "bb", "ccc"];
    /// for (n, result) in pool.map_unordered(texts.map(|text| length(text.into()))) {
    ///     assert_eq!(result?, texts[n].len());
    /// }
    /// # Ok::<(), handoff::Error>(())
    /// ```
    pub fn map_unordered<R, I>(&mut self, calls: I) -> MapUnordered<'_, R, I::IntoIter>
    where
        R: DeserializeOwned + Send + 'static,
        I: IntoIterator<Item = Call<R>>,
    {
        MapUnordered::new(self, calls.into_iter())
    }

    /// Runs every call and merges the results as they come, in any order, starting from `identity`.
    ///
    /// # Errors
    /// The first failure; what has not begun by then is given up.
    ///
    /// ```
    /// # use handoff::{Pool, StartMethod, task};
    /// #[task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// # let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
    /// assert_eq!(pool.reduce((1..=3).map(square), 0, |sum, part| sum + part)?, 14);
    /// # Ok::<(), handoff::Error>(())
    /// ```
    pub fn reduce<R, I>(
        &mut self,
        calls: I,
        identity: R,
        mut merge: impl FnMut(R, R) -> R,
    ) -> Result<R, Error>
    where
        R: DeserializeOwned + Send + 'static,
        I: IntoIterator<Item = Call<R>>,
    {
        let mut results = self.map_unordered(calls);
        results.try_fold(identity, |merged, (_, part)| Ok(merge(merged, part?)))
    }
}
