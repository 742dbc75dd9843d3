//! Many calls, with all their results.
//!
//! Both iterators keep a bounded number of calls ahead of the results that were taken, and a bounded
//! number of bytes. Results land in [`Arrivals`]; what remains when an iterator is dropped is
//! withdrawn.

use crate::pool::Pool;
use crate::slot::decoded;
use crate::{Call, Error};
use pool::{RawCall, Reply, TaskFailure};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::iter::Fuse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use task::arrays::incoming_bytes;

/// Calls ahead for each worker: enough for workers to have tiny tasks in reserve.
const AHEAD_PER_WORKER: usize = 1024;
/// Calls ahead for each worker, whatever their size: one to run, one in reserve.
const AHEAD_AT_LEAST: usize = 2;
/// Bytes of arguments and results that are held beyond that.
const BYTES_AHEAD: usize = 64 << 20;
/// In place of the pool's number of a call that is being submitted.
const NOT_SUBMITTED: u64 = u64::MAX;

/// The results of [`Pool::map`], in the order of the calls.
#[must_use = "results come as the iterator is advanced"]
pub struct Map<'p, R, I>(Mapping<'p, R, I>);

/// The results of [`Pool::map_unordered`], each with the index of its call.
#[must_use = "results come as the iterator is advanced"]
pub struct MapUnordered<'p, R, I>(Mapping<'p, R, I>);

struct Mapping<'p, R, I> {
    pool: &'p mut Pool,
    calls: Fuse<I>,
    arrivals: Arc<Mutex<Arrivals<R>>>,
    submitted: usize,
    /// The pool did not go on: the error was the last result.
    ended: bool,
}

/// The index of a call, its result, and how many bytes that has.
type Entry<R> = (usize, Option<Result<R, Error>>, usize);

/// Results as they come.
struct Arrivals<R> {
    /// Ordered: one entry for each call that was submitted and not taken. Unordered: one for each
    /// result.
    results: VecDeque<Entry<R>>,
    ordered: bool,
    /// The index of the first entry of `open`.
    base: usize,
    /// The pool's numbers of calls without a result, from the first such call on.
    open: VecDeque<Option<u64>>,
    /// How many those are.
    open_count: usize,
    /// Bytes of open calls' arguments and of results that were not taken.
    bytes: usize,
}

impl<R> Arrivals<R> {
    fn new(ordered: bool) -> Arrivals<R> {
        Arrivals {
            results: VecDeque::new(),
            ordered,
            base: 0,
            open: VecDeque::new(),
            open_count: 0,
            bytes: 0,
        }
    }

    fn begin(&mut self, index: usize, args: usize) {
        if self.ordered {
            self.results.push_back((index, None, 0));
        }
        self.open.push_back(Some(NOT_SUBMITTED));
        self.open_count += 1;
        self.bytes += args;
    }

    fn submitted(&mut self, index: usize, id: u64) {
        let entry = index
            .checked_sub(self.base)
            .and_then(|n| self.open.get_mut(n));
        if let Some(Some(open)) = entry {
            *open = id;
        }
    }

    fn end(&mut self, index: usize, result: Result<R, Error>, args: usize, bytes: usize) {
        self.open[index - self.base] = None;
        self.open_count -= 1;
        while self.open.front() == Some(&None) {
            self.open.pop_front();
            self.base += 1;
        }
        self.bytes = self.bytes - args + bytes;
        if self.ordered {
            let first = self.results.front().map_or(index, |(first, ..)| *first);
            self.results[index - first] = (index, Some(result), bytes);
        } else {
            self.results.push_back((index, Some(result), bytes));
        }
    }

    /// The newest call was not taken. It may have its result already, since its reply was dropped.
    fn refused(&mut self, index: usize, error: Error, args: usize) {
        let is_open = index >= self.base && self.open[index - self.base].is_some();
        if is_open {
            self.end(index, Err(error), args, 0);
        } else if let Some((_, result, _)) = self.results.back_mut() {
            *result = Some(Err(error));
        }
    }

    fn take(&mut self) -> Option<(usize, Result<R, Error>)> {
        let (_, Some(_), _) = self.results.front()? else {
            return None;
        };
        let (index, result, bytes) = self.results.pop_front()?;
        self.bytes -= bytes;
        Some((index, result?))
    }

    /// Whether calls are to be taken now: where there is room for many, or nothing can be taken meanwhile.
    fn wants_many(&self, workers: usize, bound: usize) -> bool {
        let ready = matches!(self.results.front(), Some((_, Some(_), _)));
        let held = self.open_count.max(self.results.len());
        !ready || held <= bound.min(workers * AHEAD_PER_WORKER) / 4 * 3
    }

    fn has_room(&self, workers: usize, bound: usize) -> bool {
        let held = self.open_count.max(self.results.len());
        let at_least = self.open_count < workers * AHEAD_AT_LEAST && held < 4 * workers;
        held < bound.min(workers * AHEAD_PER_WORKER) && (at_least || self.bytes < BYTES_AHEAD)
    }
}

/// Puts one result among the others.
struct Arrival<R> {
    task: &'static str,
    index: usize,
    args: usize,
    arrivals: Arc<Mutex<Arrivals<R>>>,
}

impl<R: DeserializeOwned + Send> Reply for Arrival<R> {
    fn resolve(&self, result: Result<&[u8], TaskFailure>) {
        let bytes = result.as_ref().map_or(0, |output| output.len()) + incoming_bytes() as usize;
        let result = decoded(self.task, result);
        lock(&self.arrivals).end(self.index, result, self.args, bytes);
    }
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
            arrivals: Arc::new(Mutex::new(Arrivals::new(ordered))),
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
            if failed.is_none() {
                self.submit_ahead();
            }
            let mut arrivals = lock(&self.arrivals);
            if let Some(result) = arrivals.take() {
                return Some(result);
            }
            if arrivals.open_count == 0 {
                return None;
            }
            if let Some(error) = failed.take() {
                self.ended = true;
                return Some((arrivals.base, Err(error)));
            }
            drop(arrivals);
            // A pool that has failed has given every open task a result; one that was interrupted has not.
            failed = self.pool.engine.drive(None).err();
        }
    }

    fn submit_ahead(&mut self) {
        let (workers, bound) = (self.pool.workers(), self.pool.queue_bound());
        if !lock(&self.arrivals).wants_many(workers, bound) {
            return;
        }
        let before = self.submitted;
        while lock(&self.arrivals).has_room(workers, bound)
            && let Some(call) = self.calls.next()
        {
            let index = self.submitted;
            self.submitted += 1;
            self.submit(index, call);
        }
        if self.submitted > before {
            self.pool.engine.start_submitted();
        }
    }

    fn submit(&mut self, index: usize, call: Call<R>) {
        let task = call.task();
        let checked = self.pool.check(&call).and_then(|()| call.into_raw());
        let args = checked.as_ref().map_or(0, bytes_of);
        lock(&self.arrivals).begin(index, args);
        let arrivals = Arc::clone(&self.arrivals);
        let reply = Arrival {
            task,
            index,
            args,
            arrivals,
        };
        match checked.and_then(|call| self.pool.engine.submit_later(call, Arc::new(reply))) {
            Ok(id) => lock(&self.arrivals).submitted(index, id),
            Err(error) => lock(&self.arrivals).refused(index, error, args),
        }
    }
}

impl<R, I> Drop for Mapping<'_, R, I> {
    fn drop(&mut self) {
        let open: Vec<u64> = lock(&self.arrivals)
            .open
            .iter()
            .flatten()
            .copied()
            .collect();
        // Newest first, so that none of them begins meanwhile.
        self.pool.engine.withdraw(open.into_iter().rev());
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
    let input = match &call.input {
        pool::Input::Inline(bytes) => bytes.len(),
        _ => 0,
    };
    call.args.len() + input + call.arrays.bytes() as usize
}

fn lock<R>(arrivals: &Mutex<Arrivals<R>>) -> MutexGuard<'_, Arrivals<R>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
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
