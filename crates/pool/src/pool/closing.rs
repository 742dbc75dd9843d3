//! The end of a pool: shut down, dropped, or broken down. Every open task has its result then.

use super::*;

/// How a pool is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// All tasks that have been submitted are answered first.
    Drain,
    /// Queued tasks fail; running ones are ended, first with SIGTERM, then with SIGKILL.
    Now,
}

impl Pool {
    /// Shuts the pool down and waits until every worker has ended, by force once the grace
    /// period is over. Every open task has its result afterwards.
    ///
    /// # Errors
    /// [`PoolError`] where the pool could not go on while it drained.
    pub fn shutdown(mut self, how: Shutdown) -> Result<(), PoolError> {
        let mut drained = Ok(());
        if how == Shutdown::Drain {
            while !self.jobs.is_empty() && drained.is_ok() {
                drained = self.drive(None);
            }
        }
        self.close(how);
        drained
    }

    fn close(&mut self, how: Shutdown) {
        self.closing = true;
        if let Some(interrupt) = self.interrupt.take() {
            let _ = self.epoll.delete(interrupt);
            self.interrupted = false;
        }
        self.fail_all(|| TaskFailure::ShutDown);
        self.close_door();
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            match how {
                Shutdown::Drain => self.dismiss(id),
                Shutdown::Now => self.end(id, Doom::Late("gone")),
            }
        }
        while !self.workers.is_empty() && self.broken.is_none() {
            if self.drive(None).is_err() {
                break;
            }
        }
    }

    /// The pool cannot go on: every open task fails, every worker is killed.
    pub(super) fn break_down(&mut self, error: PoolError) {
        if self.broken.is_some() {
            return;
        }
        self.closing = true;
        self.fail_all(|| TaskFailure::Pool(error.clone()));
        self.workers.clear();
        self.starter.server = None;
        // Whoever waits at the door is told by its end.
        self.lobby = None;
        self.broken = Some(error);
    }

    fn fail_all(&mut self, why: impl Fn() -> TaskFailure) {
        for id in self.scheduler.drain() {
            self.fail(id, why());
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.fail_all(|| TaskFailure::ShutDown);
        // All are killed before the first is waited for.
        for worker in self.workers.values() {
            worker.signal(libc::SIGKILL);
        }
    }
}
