//! A task given to a background pool.

use crate::shared::Shared;
use crate::slot::Single;
use crate::{Error, ErrorKind};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A task given to a [`Background`](crate::Background) pool: await it, or wait for it.
///
/// Dropping it leaves the task to run and discards its result, unless it
/// [cancels on drop](Self::cancel_on_drop).
#[must_use = "the result is awaited, or taken with wait"]
pub struct Pending<R> {
    id: u64,
    slot: Arc<Single<R>>,
    pool: Weak<Shared>,
    on_drop: OnDrop,
}

/// What happens to a task without a result whose handle is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    Nothing,
    Withdraw,
    Cancel,
}

impl<R> Pending<R> {
    pub(crate) fn new(id: u64, slot: Arc<Single<R>>, pool: Weak<Shared>) -> Pending<R> {
        Pending {
            id,
            slot,
            pool,
            on_drop: OnDrop::Nothing,
        }
    }

    /// The task's number in its pool, as watchers see it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether there is a result.
    pub fn is_done(&self) -> bool {
        self.slot.is_done()
    }

    /// How far the task last said that it is ([`progress`](crate::progress)): units that are done, and
    /// all of them. `None` before it has said so, and once it has a result.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.slot.progress()
    }

    /// The oldest of the bytes that the task has sent ([`note`](crate::note)) and that were not taken. Of
    /// what nobody takes, the last 1 MiB is kept.
    pub fn try_note(&mut self) -> Option<Vec<u8>> {
        self.slot.note()
    }

    /// As [`try_note`](Self::try_note), but blocks this thread until there is one; `None` where the task has
    /// its result and there is nothing more.
    pub fn wait_note(&mut self) -> Option<Vec<u8>> {
        self.slot.wait_note()
    }

    /// As [`wait_note`](Self::wait_note), for async code.
    pub async fn next_note(&mut self) -> Option<Vec<u8>> {
        std::future::poll_fn(|context| self.slot.poll_note(context.waker())).await
    }

    /// The result, once, if there is one.
    pub fn try_take(&mut self) -> Option<Result<R, Error>> {
        self.slot.take()
    }

    /// Blocks this thread until there is a result.
    ///
    /// # Errors
    /// Why the task gave no result.
    pub fn wait(self) -> Result<R, Error> {
        self.check_may_wait()?;
        match self.slot.wait(None) {
            Poll::Ready(Some(result)) => result,
            Poll::Ready(None) | Poll::Pending => Err(taken()),
        }
    }

    /// As [`wait`](Self::wait), for at most `timeout`; gives the task back if there is no result by
    /// then.
    ///
    /// # Errors
    /// The task itself, still pending.
    pub fn wait_for(self, timeout: Duration) -> Result<Result<R, Error>, Pending<R>> {
        if let Err(error) = self.check_may_wait() {
            return Ok(Err(error));
        }
        match self.slot.wait(Some(timeout)) {
            Poll::Ready(result) => Ok(result.unwrap_or_else(|| Err(taken()))),
            Poll::Pending => Err(self),
        }
    }

    /// Whether this thread may wait for the result, where there is none yet.
    fn check_may_wait(&self) -> Result<(), Error> {
        match self.pool.upgrade() {
            Some(pool) if !self.is_done() => pool.check_may_wait(),
            _ => Ok(()),
        }
    }

    /// Gives the task up: it fails with [`ErrorKind::Cancelled`] unless it has a result. One that
    /// runs is asked to end ([`cancelled`](crate::cancelled)); where it does not within the
    /// [grace](crate::Builder::cancel_grace), it is ended with its worker, which is replaced (on threads it
    /// runs on).
    pub fn cancel(&self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.cancel(self.id);
        }
    }

    /// From now on, dropping this before it has a result cancels the task.
    pub fn cancel_on_drop(mut self) -> Pending<R> {
        self.on_drop = OnDrop::Cancel;
        self
    }

    /// From now on, dropping this before it has a result gives the task up where it has not begun.
    pub(crate) fn withdraw_on_drop(mut self) -> Pending<R> {
        self.on_drop = OnDrop::Withdraw;
        self
    }
}

fn taken() -> Error {
    Error::new(ErrorKind::Misuse, "the result has been taken already")
}

impl<R> Future for Pending<R> {
    type Output = Result<R, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.slot.poll(context.waker()));
        Poll::Ready(result.unwrap_or_else(|| Err(taken())))
    }
}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::Nothing || self.is_done() {
            return;
        }
        if let Some(pool) = self.pool.upgrade() {
            match self.on_drop {
                OnDrop::Nothing => {}
                OnDrop::Withdraw => pool.withdraw(self.id),
                OnDrop::Cancel => pool.cancel(self.id),
            }
        }
    }
}

impl<R> fmt::Debug for Pending<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Pending");
        text.field("id", &self.id).field("done", &self.is_done());
        text.finish()
    }
}
