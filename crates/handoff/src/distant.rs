//! What runs the calls of a pool that is not of this machine alone; implemented by another crate.

use crate::shutdown::Shutdown;
use crate::{Counters, Error};
use pool::{Batch, CallBlock, Reply};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// Runs calls that are encoded already. As the methods of [`Pool`](crate::Pool), driven by its caller.
pub trait Elsewhere {
    /// Takes a call in; it is started at the latest when the pool is driven.
    fn submit(&mut self, call: CallBlock, reply: Arc<dyn Reply>) -> Result<u64, Error>;
    /// How many calls of a task are worth a batch; 1 where each has to be submitted for itself.
    fn batch_size(&mut self, task: &'static str) -> usize;
    /// Takes a batch in, of a task whose [`batch_size`](Self::batch_size) is more than 1; the number of its first
    /// call. Those of the others follow. `None` where it is not taken: then all its calls have failed.
    fn submit_batch(&mut self, batch: Batch, reply: Arc<dyn Reply>) -> Option<u64>;
    /// Starts what was taken in, where there is enough of it.
    fn start(&mut self);
    /// Waits until something happens, for at most `timeout`, and handles it.
    fn drive(&mut self, timeout: Option<Duration>) -> Result<(), Error>;
    /// Fails a call, wherever it is; `false` where it has its result.
    fn cancel(&mut self, id: u64) -> bool;
    /// Gives up calls whose results nobody wants.
    fn withdraw(&mut self, ids: &mut dyn Iterator<Item = u64>);
    /// What the pool has done and is doing.
    fn counters(&self) -> Counters;
    /// Ends the pool.
    fn shutdown(self: Box<Self>, how: Shutdown) -> Result<(), Error>;
    /// Readable where workers of this machine have something to say.
    fn as_fd(&self) -> BorrowedFd<'_>;
}
