//! What can run a pool's tasks: worker processes, threads of this one, or a crate that knows other machines.

use crate::counters::Counters;
use crate::distant::Elsewhere;
use crate::shutdown::Shutdown;
use crate::threads::{Threads, fixed_threads};
use crate::workers::Workers;
use crate::{Error, ErrorKind};
use pool::{Batch, CallBlock, Reply};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

/// What runs the tasks of a [`Pool`](crate::Pool).
pub(crate) enum Engine {
    Processes(Box<pool::Pool>),
    Threads {
        threads: Threads,
        bound: usize,
        /// Tasks whose end has been noticed.
        seen: u64,
    },
    Elsewhere(Box<dyn Elsewhere>),
}

impl Engine {
    /// Takes a call in, driving the pool while it is full.
    #[inline]
    pub(crate) fn submit(&mut self, call: CallBlock, reply: Arc<dyn Reply>) -> Result<u64, Error> {
        match self {
            Engine::Processes(pool) => Ok(pool.submit_raw(call, reply)?),
            Engine::Threads {
                threads,
                bound,
                seen,
            } => {
                while threads.open() >= *bound {
                    threads.wait_for_end(seen, None);
                }
                Ok(threads.submit(call, reply))
            }
            Engine::Elsewhere(pool) => pool.submit(call, reply),
        }
    }

    /// As [`submit`](Self::submit), started by [`start_submitted`](Self::start_submitted).
    #[inline]
    pub(crate) fn submit_later(
        &mut self,
        call: CallBlock,
        reply: Arc<dyn Reply>,
    ) -> Result<u64, Error> {
        match self {
            Engine::Processes(pool) => Ok(pool.submit_raw_later(call, reply)?),
            Engine::Threads { .. } | Engine::Elsewhere(_) => self.submit(call, reply),
        }
    }

    /// How many calls of a task are worth a batch; 1 where there are none.
    pub(crate) fn batch_size(&mut self, task: &'static str) -> usize {
        match self {
            Engine::Processes(pool) => pool.batch_size(task),
            Engine::Threads { .. } => 1,
            Engine::Elsewhere(pool) => pool.batch_size(task),
        }
    }

    /// As [`submit_later`](Self::submit_later), of calls whose [`batch_size`](Self::batch_size) is more than 1.
    /// `None` where they have failed.
    pub(crate) fn submit_batch(&mut self, batch: Batch, reply: Arc<dyn Reply>) -> Option<u64> {
        match self {
            Engine::Processes(pool) => pool.submit_batch_later(batch, reply),
            Engine::Threads { .. } => unreachable!("they take one by one"),
            Engine::Elsewhere(pool) => pool.submit_batch(batch, reply),
        }
    }

    pub(crate) fn start_submitted(&mut self) {
        match self {
            Engine::Processes(pool) => pool.start_submitted(),
            Engine::Threads { .. } => {}
            Engine::Elsewhere(pool) => pool.start(),
        }
    }

    /// Waits until something happens, for at most `timeout`, and deals with it. A pool that cannot go
    /// on fails its tasks first, so that a caller who waits for one learns why.
    pub(crate) fn drive(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        match self {
            Engine::Processes(pool) => Ok(pool.drive(timeout)?),
            Engine::Threads { threads, seen, .. } => {
                threads.wait_for_end(seen, timeout);
                Ok(())
            }
            Engine::Elsewhere(pool) => pool.drive(timeout),
        }
    }

    pub(crate) fn cancel(&mut self, id: u64) -> bool {
        match self {
            Engine::Processes(pool) => pool.cancel_raw(id),
            Engine::Threads { threads, .. } => threads.withdraw(id),
            Engine::Elsewhere(pool) => pool.cancel(id),
        }
    }

    /// Gives up tasks whose results nobody wants: what has not begun is not run.
    pub(crate) fn withdraw(&mut self, ids: impl IntoIterator<Item = u64>) {
        match self {
            Engine::Processes(pool) => pool.withdraw_raw(ids),
            Engine::Threads { threads, .. } => {
                for id in ids {
                    threads.withdraw(id);
                }
            }
            Engine::Elsewhere(pool) => pool.withdraw(&mut ids.into_iter()),
        }
    }

    /// Changes how many workers there are.
    pub(crate) fn resize(&mut self, workers: Workers) -> Result<(), Error> {
        match self {
            Engine::Processes(pool) => Ok(pool.resize(workers.min, workers.max)?),
            Engine::Threads { .. } => Err(fixed_threads()),
            Engine::Elsewhere(_) => Err(elsewhere()),
        }
    }

    /// Takes one call in for each worker.
    pub(crate) fn broadcast(
        &mut self,
        make: impl FnMut() -> (CallBlock, Arc<dyn Reply>),
    ) -> Result<Vec<u64>, Error> {
        match self {
            Engine::Processes(pool) => Ok(pool.broadcast_raw(make)?),
            Engine::Threads { .. } => Err(fixed_threads()),
            Engine::Elsewhere(_) => Err(elsewhere()),
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        match self {
            Engine::Processes(pool) => pool.counters().into(),
            Engine::Threads { threads, .. } => threads.counters(),
            Engine::Elsewhere(pool) => pool.counters(),
        }
    }

    pub(crate) fn shutdown(self, how: Shutdown) -> Result<(), Error> {
        match self {
            Engine::Processes(pool) => Ok(pool.shutdown(how.into())?),
            Engine::Threads { threads, .. } => {
                threads.shutdown(how == Shutdown::Drain);
                Ok(())
            }
            Engine::Elsewhere(pool) => pool.shutdown(how),
        }
    }
}

fn elsewhere() -> Error {
    let text = "a pool over several machines has a fixed number of workers and no broadcast";
    Error::new(ErrorKind::Unsupported, text)
}

impl AsFd for Engine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Engine::Processes(pool) => pool.as_fd(),
            Engine::Threads { threads, .. } => threads.as_fd(),
            Engine::Elsewhere(pool) => pool.as_fd(),
        }
    }
}
