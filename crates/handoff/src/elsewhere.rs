//! Pools whose tasks run elsewhere than on this machine: what a crate that distributes calls needs of this
//! one, and nobody else.
//!
//! Such a crate implements [`Elsewhere`] and gives it a [`Pool`], whose calls, handles, iterators and errors
//! are then those of every other pool. Not a part of the public interface.

pub use crate::distant::Elsewhere;
use crate::engine::Engine;
use crate::{Call, Error, ErrorKind, Pool};
use pool::{Batch, CallBlock, Reply};
use std::sync::Arc;

/// A pool that runs its calls by `engine`, on that many workers.
pub fn pool(engine: Box<dyn Elsewhere>, workers: usize, queue_bound: usize) -> Pool {
    Pool::over(Engine::Elsewhere(engine), workers, queue_bound)
}

/// A call as it travels.
pub fn raw<R>(call: Call<R>) -> Result<CallBlock, Error> {
    call.into_raw()
}

/// Reads all that a call refers to: its task's name, its arguments, the bytes of its arrays.
pub fn read<R>(call: &Call<R>, each: &mut dyn FnMut(&[u8])) {
    call.read(each);
}

/// Has a pool of this machine take a call in, which [`start`] starts.
pub fn submit(pool: &mut Pool, call: CallBlock, reply: Arc<dyn Reply>) -> Result<u64, Error> {
    pool.engine.submit_later(call, reply)
}

/// How many calls of a task a pool of this machine takes in one batch; 1 for none.
pub fn batch_size(pool: &mut Pool, task: &'static str) -> usize {
    pool.engine.batch_size(task)
}

/// Has a pool of this machine take a batch in, where [`batch_size`] is more than 1; the number of its first call.
/// `None` where it was not taken: then all its calls have failed.
pub fn submit_batch(pool: &mut Pool, batch: Batch, reply: Arc<dyn Reply>) -> Option<u64> {
    pool.engine.submit_batch(batch, reply)
}

/// Starts what was [submitted](submit).
pub fn start(pool: &mut Pool) {
    pool.engine.start_submitted();
}

/// Fails a call of a pool of this machine.
pub fn cancel(pool: &mut Pool, id: u64) -> bool {
    pool.engine.cancel(id)
}

/// Gives up calls of a pool of this machine.
pub fn withdraw(pool: &mut Pool, ids: impl IntoIterator<Item = u64>) {
    pool.engine.withdraw(ids);
}

/// An error of that kind.
pub fn error(kind: ErrorKind, text: impl Into<String>) -> Error {
    Error::new(kind, text)
}

/// Refuses a process that was started as a worker and has not served.
///
/// # Errors
/// [`ErrorKind::Misuse`].
pub fn check_initialized() -> Result<(), Error> {
    crate::program::check_not_unserved_worker()?;
    crate::program::check_initialized()
}

/// Distinguishes programs whose tasks differ in name, arguments or result.
pub fn fingerprint() -> u64 {
    let tasks = crate::program::tasks();
    tasks.fingerprints().fold(0, |sum, (name, fingerprint)| {
        task::fingerprint(sum ^ fingerprint, &[(name, 0)])
    })
}
