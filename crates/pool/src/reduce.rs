//! One merged result over many inputs.

use crate::failure::TaskFailure;
use crate::handle::{Reply, decode};
use crate::input::Input;
use crate::pool::{Pool, SubmitError};
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
        let first = self.next_task_id();
        for (number, input) in (0..).zip(inputs) {
            while self.is_full() && !lock(&merging).is_settled() {
                self.drive(None).map_err(SubmitError::from)?;
            }
            if lock(&merging).failure.is_some() {
                break;
            }
            lock(&merging).open += 1;
            let part = Arc::new(Part {
                merging: Arc::clone(&merging),
                number,
            });
            self.submit_with::<T>(args, input, part)?;
        }
        while !lock(&merging).is_settled() {
            self.drive(None).map_err(SubmitError::from)?;
        }
        let mut merged = lock(&merging);
        if let Some((part, failure)) = merged.failure.take() {
            drop(merged);
            for id in first..self.next_task_id() {
                self.withdraw(id);
            }
            return Err(ReduceError::Part { part, failure });
        }
        let output = merged.output.take().expect("taken by nobody else");
        Ok(T::finish(output))
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
