//! One task over many inputs, with all the results.

use crate::handle::{Handle, Slot};
use crate::pool::Pool;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use supervisor::call::Call;
use supervisor::extras::Extras;
use supervisor::failure::TaskFailure;
use supervisor::ids::TaskId;
use supervisor::input::{Input, Stream};
use supervisor::reply::{Reply, decode};
use task::Task;

/// Tasks that a map submits ahead for each worker, where no queue bound says otherwise: a bound on
/// what an endless iterator makes us hold.
const AHEAD_PER_WORKER: usize = 1024;

impl Pool {
    /// Runs a task on every pair of arguments and input; gives the results in the order of the
    /// calls. Calls are taken from the iterator only some way ahead, by number and by bytes
    /// ([`Builder::read_ahead`](crate::Builder::read_ahead)), so it may be endless. Where the iterator
    /// is dropped, what has not begun is withdrawn. After an error of the pool itself it ends.
    pub fn map<T: Task>(
        &mut self,
        calls: impl IntoIterator<Item = (T::Args, Input)>,
    ) -> impl Iterator<Item = Result<T::Output, TaskFailure>>
    where
        T::Output: Send,
    {
        let mut calls = calls.into_iter().fuse();
        let mut ahead = Ahead::new(self);
        let mut open: VecDeque<Result<Handle<T::Output>, TaskFailure>> = VecDeque::new();
        let mut sizes: VecDeque<usize> = VecDeque::new();
        std::iter::from_fn(move || {
            while ahead.has_room(open.len())
                && let Some((args, input)) = calls.next()
            {
                let (slot, bytes) = (Slot::new(), size(&input));
                let reply = Arc::clone(&slot) as _;
                let submitted = ahead.submit::<T>(&args, input, (reply, 0));
                sizes.push_back(ahead.count(bytes));
                let pool = ahead.pool.number();
                open.push_back(submitted.map(|id| Handle { pool, id, slot }));
            }
            let next = open.pop_front()?;
            ahead.bytes -= sizes.pop_front().unwrap_or(0);
            let result = match next {
                Ok(handle) => {
                    let id = handle.id;
                    let result = ahead.pool.wait(handle);
                    ahead.open.remove(&id);
                    result
                }
                Err(failure) => Err(failure),
            };
            if let Err(TaskFailure::Pool(_)) = result {
                ahead.ended = true;
            }
            Some(result)
        })
    }

    /// As [`map`](Self::map), but returns each result when it arrives, with the number of
    /// its call, from 0.
    pub fn map_unordered<T: Task>(
        &mut self,
        calls: impl IntoIterator<Item = (T::Args, Input)>,
    ) -> impl Iterator<Item = (u64, Result<T::Output, TaskFailure>)>
    where
        T::Output: Send,
    {
        let mut calls = (0..).zip(calls).fuse();
        let arrived = Arc::new(Arrived::<T::Output>(Mutex::default()));
        let mut ahead = Ahead::new(self);
        // By the number of its call: the task, and how many bytes it holds.
        let mut open: HashMap<u64, (Option<TaskId>, usize)> = HashMap::new();
        std::iter::from_fn(move || {
            loop {
                while ahead.has_room(open.len())
                    && let Some((number, (args, input))) = calls.next()
                {
                    let bytes = size(&input);
                    let id = match ahead.submit::<T>(&args, input, (arrived.clone(), number)) {
                        Ok(id) => Some(id),
                        Err(failure) => {
                            let mut ready = arrived.lock();
                            // A call that was taken apart has told its reply already.
                            if !ready.iter().any(|(told, _)| *told == number) {
                                ready.push_back((number, Err(failure)));
                            }
                            None
                        }
                    };
                    open.insert(number, (id, ahead.count(bytes)));
                }
                if let Some(result) = arrived.lock().pop_front() {
                    if let Some((id, bytes)) = open.remove(&result.0) {
                        ahead.bytes -= bytes;
                        id.map(|id| ahead.open.remove(&id));
                    }
                    return Some(result);
                }
                if open.is_empty() {
                    return None;
                }
                if let Err(error) = ahead.pool.drive(None) {
                    ahead.ended = true;
                    // A pool that cannot go on has failed its tasks; one that was interrupted has not.
                    let number = open.keys().min().copied()?;
                    if arrived.lock().is_empty() {
                        arrived
                            .lock()
                            .push_back((number, Err(TaskFailure::Pool(error))));
                    }
                }
            }
        })
    }
}

/// What a map has submitted ahead of its results; withdrawn where it is dropped.
struct Ahead<'p> {
    pool: &'p mut Pool,
    most: usize,
    most_bytes: usize,
    bytes: usize,
    open: HashMap<TaskId, ()>,
    /// The pool cannot go on, or was interrupted: no more calls are taken.
    ended: bool,
}

impl<'p> Ahead<'p> {
    fn new(pool: &'p mut Pool) -> Ahead<'p> {
        let limits = &pool.shell().settings().limits;
        let (most, most_bytes) = (
            limits.queue.min(limits.workers * AHEAD_PER_WORKER),
            limits.read_ahead,
        );
        Ahead {
            pool,
            most,
            most_bytes,
            bytes: 0,
            open: HashMap::new(),
            ended: false,
        }
    }

    /// Whether one more call may be taken while `open` are without results. A single one always may.
    fn has_room(&self, open: usize) -> bool {
        let room = open < self.most && (open == 0 || self.bytes < self.most_bytes);
        room && !self.ended
    }

    fn count(&mut self, bytes: usize) -> usize {
        self.bytes += bytes;
        bytes
    }

    fn submit<T: Task>(
        &mut self,
        args: &T::Args,
        input: Input,
        (reply, tag): (Arc<dyn Reply>, u64),
    ) -> Result<TaskId, TaskFailure> {
        let extras = Extras::of_input(input);
        let call = Call::new::<T>(args, extras, reply, tag)?;
        self.pool.wait_for_room().map_err(TaskFailure::Pool)?;
        let id = self.pool.enqueue(call)?;
        self.open.insert(id, ());
        Ok(id)
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        let open: Vec<TaskId> = self.open.drain().map(|(id, ())| id).collect();
        self.pool.shell().withdraw(open);
    }
}

/// The bytes of an input that this process holds for it.
fn size(input: &Input) -> usize {
    match input {
        Input::Inline(bytes) => bytes.len(),
        Input::Stream(Stream::Memory(bytes)) => (**bytes).as_ref().len(),
        Input::None | Input::Slice { .. } | Input::Stream(_) => 0,
    }
}

/// Results with the numbers of their calls, in the order in which they came.
struct Arrived<T>(Mutex<VecDeque<(u64, Result<T, TaskFailure>)>>);

impl<T> Arrived<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, Result<T, TaskFailure>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: serde::de::DeserializeOwned + Send> Reply for Arrived<T> {
    fn resolve(&self, number: u64, result: Result<&[u8], TaskFailure>) {
        self.lock().push_back((number, result.and_then(decode)));
    }
}
