//! One task over many inputs, with all the results.

use crate::failure::TaskFailure;
use crate::handle::{Handle, Reply, decode};
use crate::input::Input;
use crate::pool::{Pool, SubmitError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use task::Task;

/// Tasks that a map submits ahead for each worker, where no queue bound says otherwise. Deep
/// enough for windows of tiny tasks; a bound on what an endless iterator makes us hold.
const AHEAD_PER_WORKER: usize = 1024;

impl Pool {
    /// Runs a task on every pair of arguments and input; gives the results in the order of the
    /// calls. Calls are taken from the iterator only some way ahead, so it may be endless.
    pub fn map<T: Task>(
        &mut self,
        calls: impl IntoIterator<Item = (T::Args, Input)>,
    ) -> impl Iterator<Item = Result<T::Output, TaskFailure>>
    where
        T::Output: Send,
    {
        let ahead = self.map_ahead();
        let mut calls = calls.into_iter().fuse();
        let mut open: VecDeque<Result<Handle<T::Output>, TaskFailure>> = VecDeque::new();
        std::iter::from_fn(move || {
            while open.len() < ahead
                && let Some((args, input)) = calls.next()
            {
                open.push_back(self.submit::<T>(&args, input).map_err(TaskFailure::from));
            }
            Some(open.pop_front()?.and_then(|handle| self.wait(handle)))
        })
    }

    /// As [`map`](Self::map), but gives each result as soon as it is there, with the number of
    /// its call, from 0.
    pub fn map_unordered<T: Task>(
        &mut self,
        calls: impl IntoIterator<Item = (T::Args, Input)>,
    ) -> impl Iterator<Item = (u64, Result<T::Output, TaskFailure>)>
    where
        T::Output: Send,
    {
        let ahead = self.map_ahead();
        let mut calls = (0..).zip(calls).fuse();
        let ready: Arc<Mutex<Ready<T::Output>>> = Arc::default();
        let mut open = 0;
        std::iter::from_fn(move || {
            loop {
                while open < ahead
                    && let Some((number, (args, input))) = calls.next()
                {
                    open += 1;
                    let reply = Arc::new(Numbered {
                        number,
                        ready: Arc::clone(&ready),
                    });
                    if let Err(error) = self.submit_with::<T>(&args, input, reply) {
                        lock(&ready).push_back((number, Err(error.into())));
                    }
                }
                if let Some(result) = lock(&ready).pop_front() {
                    open -= 1;
                    return Some(result);
                }
                if open == 0 {
                    return None;
                }
                // A pool that breaks down fails every open task, so there is a result then too.
                let _ = self.drive(None);
            }
        })
    }

    fn map_ahead(&self) -> usize {
        self.queue_bound()
            .min(self.worker_count() * AHEAD_PER_WORKER)
    }
}

type Ready<T> = VecDeque<(u64, Result<T, TaskFailure>)>;

/// Puts one result among those that are ready.
struct Numbered<T> {
    number: u64,
    ready: Arc<Mutex<Ready<T>>>,
}

impl<T: serde::de::DeserializeOwned + Send> Reply for Numbered<T> {
    fn resolve(&self, result: Result<&[u8], TaskFailure>) {
        lock(&self.ready).push_back((self.number, result.and_then(decode)));
    }
}

fn lock<T>(ready: &Mutex<Ready<T>>) -> MutexGuard<'_, Ready<T>> {
    ready.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<SubmitError> for TaskFailure {
    fn from(error: SubmitError) -> TaskFailure {
        match error {
            SubmitError::Pool(error) => TaskFailure::Pool(error),
            error => TaskFailure::NotTaken(error.to_string()),
        }
    }
}
