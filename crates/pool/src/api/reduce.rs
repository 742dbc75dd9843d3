//! One merged result over many inputs.

use crate::api::pool::Pool;
use crate::call::{Call, Terms};
use crate::failure::{SubmitError, TaskFailure};
use crate::ids::TaskId;
use crate::input::Input;
use crate::reply::{Reply, decode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use task::Reduce;
use thiserror::Error;

/// Why a reduction gave no result.
#[derive(Debug, Error)]
pub enum ReduceError {
    /// A part was not taken.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A part gave no output. The parts that were queued behind it are not run.
    #[error("part {part}: {failure}")]
    Part {
        /// Which of the inputs, from 0.
        part: u64,
        /// Why.
        failure: TaskFailure,
    },
}

impl Pool {
    /// Runs a task on every input and merges the outputs as they come. Inputs are taken from the
    /// iterator as the queue bound allows. Parts have consecutive task numbers.
    ///
    /// # Errors
    /// [`ReduceError`], with the first part that failed; the others are not waited for.
    pub fn reduce<T: Reduce>(
        &mut self,
        args: &T::Args,
        inputs: impl IntoIterator<Item = Input>,
    ) -> Result<T::Final, ReduceError>
    where
        T::Output: Send,
    {
        let merging = Arc::new(Mutex::new(Merging::<T> {
            output: Some(T::empty()),
            open: 0,
            failure: None,
        }));
        let mut open = Parts {
            pool: self,
            first: None,
            end: 0,
        };
        for (number, input) in (0..).zip(inputs) {
            while open.pool.shell().is_full() && !lock(&merging).is_settled() {
                open.pool.drive(None).map_err(SubmitError::from)?;
            }
            if lock(&merging).failure.is_some() {
                break;
            }
            lock(&merging).open += 1;
            let part = Arc::new(Part {
                merging: Arc::clone(&merging),
                number,
            });
            let call = Call::new::<T>(args, input, Terms::default(), part)?;
            let id = open.pool.enqueue(call)?;
            open.first.get_or_insert(id);
            open.end = id + 1;
        }
        while !lock(&merging).is_settled() {
            open.pool.drive(None).map_err(SubmitError::from)?;
        }
        let mut merged = lock(&merging);
        if let Some((part, failure)) = merged.failure.take() {
            drop(merged);
            return Err(ReduceError::Part { part, failure });
        }
        let output = merged.output.take().expect("taken by nobody else");
        Ok(T::finish(output))
    }
}

/// The parts that were submitted; those without a result are withdrawn where nobody wants them any
/// more.
struct Parts<'p> {
    pool: &'p mut Pool,
    first: Option<TaskId>,
    end: TaskId,
}

impl Drop for Parts<'_> {
    fn drop(&mut self) {
        if let Some(first) = self.first {
            self.pool.shell().withdraw(first..self.end);
        }
    }
}

/// The outputs so far.
struct Merging<T: Reduce> {
    output: Option<T::Output>,
    open: u64,
    failure: Option<(u64, TaskFailure)>,
}

impl<T: Reduce> Merging<T> {
    fn is_settled(&self) -> bool {
        self.open == 0 || self.failure.is_some()
    }
}

/// Merges the output of one part.
struct Part<T: Reduce> {
    merging: Arc<Mutex<Merging<T>>>,
    number: u64,
}

impl<T: Reduce> Reply for Part<T>
where
    T::Output: Send,
{
    fn resolve(&self, result: Result<&[u8], TaskFailure>) {
        let mut merging = lock(&self.merging);
        merging.open -= 1;
        match result.and_then(decode) {
            Ok(part) => {
                if let Some(merged) = &mut merging.output {
                    T::merge(merged, part);
                }
            }
            Err(failure) => {
                merging.failure.get_or_insert((self.number, failure));
            }
        }
    }
}

fn lock<T: Reduce>(merging: &Mutex<Merging<T>>) -> MutexGuard<'_, Merging<T>> {
    merging.lock().unwrap_or_else(PoisonError::into_inner)
}
