//! The pool as its caller drives it: submit, wait, shut down. Nothing happens outside these calls.

use crate::handle::Handle;
use runtime::now_ns;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use supervisor::counters::Counters;
use supervisor::failure::{PoolError, TaskFailure};
use supervisor::ids::{self, TaskId, WorkerId};
use supervisor::region::Region;
use supervisor::shell::Shell;
use wire::{Memory, RegionId};

/// How a pool is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// All tasks that have been submitted are answered first.
    Drain,
    /// Queued tasks fail; running ones are ended, first with SIGTERM, then with SIGKILL.
    Now,
}

/// Worker processes, and the tasks that they run.
///
/// The pool is driven by its caller: it advances inside its own calls and nowhere else, so it
/// is not `Send`, and deadlines hold while one of its calls is under way. A program with an
/// event loop of its own watches [`as_fd`](AsFd::as_fd) and calls [`drive`](Self::drive) when it
/// is readable: that descriptor alone is enough, deadlines included.
///
/// Dropping a pool kills its workers; [`shutdown`](Self::shutdown) lets them finish. A function of the
/// caller's, such as a watcher, that panics is caught; the panic goes on in the caller at the end of
/// the call during which it happened, and the pool stays usable.
pub struct Pool {
    shell: Shell,
    /// Identifies the pool, so that handles of other pools are refused.
    number: u32,
    /// Keeps the pool where it was made: its workers die with that thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Pool {
    pub(crate) fn over(shell: Shell) -> Pool {
        Pool {
            shell,
            number: ids::new_pool(),
            _not_send: std::marker::PhantomData,
        }
    }

    /// What executes the pool's decisions.
    pub(crate) fn shell(&mut self) -> &mut Shell {
        &mut self.shell
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Drives the pool until the task has its result.
    ///
    /// # Errors
    /// [`TaskFailure`]: why the task gave no output.
    ///
    /// # Panics
    /// Where the handle is another pool's, or its result was taken already.
    pub fn wait<T>(&mut self, mut handle: Handle<T>) -> Result<T, TaskFailure> {
        self.check_handle(&handle);
        loop {
            if let Some(result) = handle.try_take() {
                return result;
            }
            self.drive(None).map_err(TaskFailure::Pool)?;
        }
    }

    /// As [`wait`](Self::wait), for at most `timeout`; gives the handle back if there is no result
    /// by then. The task goes on.
    ///
    /// # Errors
    /// The handle itself.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub fn wait_for<T>(
        &mut self,
        mut handle: Handle<T>,
        timeout: Duration,
    ) -> Result<Result<T, TaskFailure>, Handle<T>> {
        self.check_handle(&handle);
        let timeout_ns = supervisor::settings::nanoseconds(timeout);
        let (deadline, paused_ns) = (now_ns().saturating_add(timeout_ns), self.shell.paused_ns());
        loop {
            if let Some(result) = handle.try_take() {
                return Ok(result);
            }
            let deadline = deadline.saturating_add(self.shell.paused_ns() - paused_ns);
            let left = deadline.saturating_sub(now_ns());
            if left == 0 {
                return Err(handle);
            }
            if let Err(error) = self.drive(Some(Duration::from_nanos(left))) {
                return Ok(Err(TaskFailure::Pool(error)));
            }
        }
    }

    fn check_handle<T>(&self, handle: &Handle<T>) {
        assert_eq!(
            handle.pool, self.number,
            "the handle of task {} belongs to another pool",
            handle.id
        );
        assert!(
            !handle.slot.is_taken(),
            "the result of task {} was taken already",
            handle.id
        );
    }

    /// Gives a task up: a queued one is never run; a running one is ended with its worker, which
    /// is replaced. `false` where the task has a result already.
    ///
    /// # Panics
    /// Where the handle is another pool's.
    pub fn cancel<T>(&mut self, handle: &Handle<T>) -> bool {
        assert_eq!(
            handle.pool, self.number,
            "the handle of task {} belongs to another pool",
            handle.id
        );
        let cancelled = self.shell.cancel(handle.id);
        self.shell.report_panic();
        cancelled
    }

    /// Changes how many workers take tasks: at least `min`, and up to `max` while tasks wait. Those that are
    /// too many leave once they hold no task.
    ///
    /// # Errors
    /// [`PoolError::Short`] where there are not enough descriptors or processes.
    ///
    /// # Panics
    /// Where `max` is not 1 to [`MAX_WORKERS`](crate::MAX_WORKERS), or below `min`.
    pub fn resize(&mut self, min: usize, max: usize) -> Result<(), PoolError> {
        let resized = self.shell.resize(min, max);
        self.shell.report_panic();
        resized
    }

    /// Attaches a region that tasks can then refer to. Workers receive it when they first
    /// need it.
    ///
    /// # Panics
    /// For [`Region::Inherited`], which has to be attached before the pool starts
    /// ([`Builder::attach`](crate::Builder::attach)).
    pub fn attach(&mut self, region: Region) -> RegionId {
        assert!(
            !matches!(region, Region::Inherited(_)),
            "memory is inherited when a worker starts: attach it with the builder"
        );
        let id = ids::new_region();
        self.shell.attach(id, region);
        id
    }

    /// Detaches a region; workers release it. Tasks that still refer to it fail.
    pub fn detach(&mut self, region: RegionId) {
        self.shell.detach(region);
    }

    /// Advances the pool: starts tasks, then waits up to `timeout` (or without bound, where
    /// workers are alive to end the wait) for something to happen, and deals with it.
    ///
    /// # Errors
    /// [`PoolError`] once the pool cannot go on; every open task has failed with it.
    pub fn drive(&mut self, timeout: Option<Duration>) -> Result<(), PoolError> {
        let driven = self.shell.drive(timeout);
        self.shell.report_panic();
        driven
    }

    /// When [`drive`](Self::drive) has to be called next even if nothing becomes readable. Who waits for
    /// [`as_fd`](AsFd::as_fd) need not ask: the descriptor becomes readable then.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.shell.next_deadline()
    }

    /// How many workers are ready for tasks.
    pub fn ready(&self) -> usize {
        self.shell.serving()
    }

    /// The number that the next task submitted will have.
    pub fn next_task_id(&self) -> TaskId {
        self.shell.next_number()
    }

    /// Stops if that has been asked for ([`Builder::paused_by`](crate::Builder::paused_by)). The pool does
    /// so itself in every call that drives it; this is for a caller that is busy with something else for
    /// long. It starts no process, so helper threads may be at work.
    pub fn pause_if_asked(&mut self) {
        self.shell.pause_if_asked();
        self.shell.report_panic();
    }

    /// What the pool has done and is doing. Reads the kernel's figures of every worker, which
    /// takes some tens of microseconds each.
    pub fn counters(&self) -> Counters {
        self.shell.counters()
    }

    /// Asks all workers for their memory and waits until each has told or died, though no longer
    /// than the grace period: who is busy or does not tell is left out. For `pss` and `private` they
    /// read smaps, so no clock should be running. By worker.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn memory(&mut self) -> Result<BTreeMap<WorkerId, Memory>, PoolError> {
        let memory = self.shell.memory();
        self.shell.report_panic();
        memory
    }

    /// Shuts the pool down and waits until every worker has ended, by force once the grace
    /// period is over. Every open task has its result afterwards.
    ///
    /// # Errors
    /// [`PoolError`] where the pool could not go on while it drained.
    pub fn shutdown(mut self, how: Shutdown) -> Result<(), PoolError> {
        if how == Shutdown::Now {
            self.shell.ignore_interrupts();
        }
        let ended = self.shell.shutdown(match how {
            Shutdown::Drain => engine::Shutdown::Drain,
            Shutdown::Now => engine::Shutdown::Now,
        });
        self.shell.report_panic();
        ended
    }
}

impl AsFd for Pool {
    /// Readable when [`drive`](Pool::drive) has something to do, a deadline included.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shell.as_fd()
    }
}
