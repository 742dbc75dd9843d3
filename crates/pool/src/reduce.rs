//! One merged result over many inputs.

use crate::pool::Pool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use supervisor::call::Call;
use supervisor::extras::Extras;
use supervisor::failure::{SubmitError, TaskFailure};
use supervisor::ids::TaskId;
use supervisor::input::Input;
use supervisor::reply::{Reply, decode};
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
        let merging = Arc::new(Parts(Mutex::new(Merging::<T> {
            output: Some(T::empty()),
            open: 0,
            failure: None,
        })));
        let mut open = Submitted {
            pool: self,
            first: None,
            end: 0,
        };
        for (number, input) in (0..).zip(inputs) {
            while open.pool.shell().is_full() && !merging.lock().is_settled() {
                open.pool.drive(None).map_err(SubmitError::from)?;
            }
            if merging.lock().failure.is_some() {
                break;
            }
            merging.lock().open += 1;
            let extras = Extras::of_input(input);
            let call = Call::new::<T>(args, extras, merging.clone(), number)?;
            let id = open.pool.enqueue(call)?;
            open.first.get_or_insert(id);
            open.end = id + 1;
        }
        while !merging.lock().is_settled() {
            open.pool.drive(None).map_err(SubmitError::from)?;
        }
        let mut merged = merging.lock();
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
struct Submitted<'p> {
    pool: &'p mut Pool,
    first: Option<TaskId>,
    end: TaskId,
}

impl Drop for Submitted<'_> {
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

/// Merges the outputs of parts.
struct Parts<T: Reduce>(Mutex<Merging<T>>);

impl<T: Reduce> Parts<T> {
    fn lock(&self) -> MutexGuard<'_, Merging<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Reduce> Reply for Parts<T>
where
    T::Output: Send,
{
    fn resolve(&self, part: u64, result: Result<&[u8], TaskFailure>) {
        let mut merging = self.lock();
        merging.open -= 1;
        match result.and_then(decode) {
            Ok(output) => {
                if let Some(merged) = &mut merging.output {
                    T::merge(merged, output);
                }
            }
            Err(failure) => {
                merging.failure.get_or_insert((part, failure));
            }
        }
    }
}
