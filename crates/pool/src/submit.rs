//! Taking tasks in: what is refused, what waits for room, what terms a task may have of its own.

use crate::handle::{Handle, Slot};
use crate::pool::Pool;
use std::sync::Arc;
use std::time::Duration;
use supervisor::call::Call;
use supervisor::extras::Extras;
use supervisor::failure::{PoolError, SubmitError};
use supervisor::ids::TaskId;
use supervisor::input::Input;
use task::Task;

/// A task about to be submitted, with terms of its own. Made by [`Pool::call`] and
/// [`Background::call`](crate::Background::call).
#[must_use = "the task is not submitted yet"]
pub struct Submission<'a, P, T: Task> {
    pool: P,
    args: &'a T::Args,
    extras: Extras,
}

impl<'a, P, T: Task> Submission<'a, P, T> {
    pub(crate) fn new(pool: P, args: &'a T::Args) -> Submission<'a, P, T> {
        Submission {
            pool,
            args,
            extras: Extras::default(),
        }
    }

    /// What the task works on; nothing by default.
    pub fn input(mut self, input: impl Into<Input>) -> Submission<'a, P, T> {
        self.extras.input = input.into();
        self
    }

    /// How long the task may run, in place of
    /// [`Builder::task_timeout`](crate::Builder::task_timeout); `Duration::MAX` for as long as it
    /// likes.
    pub fn timeout(mut self, timeout: Duration) -> Submission<'a, P, T> {
        self.extras.timeout = Some(timeout);
        self
    }

    /// How often the task is run again after a worker died running it, in place of
    /// [`Builder::retries`](crate::Builder::retries); 0 for a task that must not run twice.
    pub fn retries(mut self, retries: u32) -> Submission<'a, P, T> {
        self.extras.retries = Some(retries);
        self
    }
}

impl<P, T: Task> Submission<'_, P, T>
where
    T::Output: Send,
{
    /// The pool, and a call whose result goes to `slot`.
    pub(crate) fn into_call(self, slot: &Arc<Slot<T::Output>>) -> Result<(P, Call), SubmitError> {
        let reply = Arc::clone(slot) as _;
        let call = Call::new::<T>(self.args, self.extras, reply, 0)?;
        Ok((self.pool, call))
    }
}

impl<T: Task> Submission<'_, &mut Pool, T>
where
    T::Output: Send,
{
    /// Submits the task. Where the queue bound is reached, drives the pool until there is room.
    ///
    /// # Errors
    /// [`SubmitError`], but never `Full`.
    pub fn submit(self) -> Result<Handle<T::Output>, SubmitError> {
        let slot = Slot::new();
        let (pool, call) = self.into_call(&slot)?;
        pool.wait_for_room()?;
        let id = pool.enqueue(call)?;
        let pool = pool.number();
        Ok(Handle { pool, id, slot })
    }

    /// Submits the task if the queue bound allows it now.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn try_submit(self) -> Result<Handle<T::Output>, SubmitError> {
        let slot = Slot::new();
        let (pool, call) = self.into_call(&slot)?;
        let id = pool.enqueue(call)?;
        let pool = pool.number();
        Ok(Handle { pool, id, slot })
    }
}

impl Pool {
    /// Submits a task. Where the queue bound is reached, drives the pool until there is room.
    ///
    /// # Errors
    /// [`SubmitError`], but never `Full`.
    pub fn submit<T: Task>(
        &mut self,
        args: &T::Args,
        input: impl Into<Input>,
    ) -> Result<Handle<T::Output>, SubmitError>
    where
        T::Output: Send,
    {
        self.call::<T>(args).input(input).submit()
    }

    /// Starts the submission of a task that has terms of its own:
    /// `pool.call::<T>(&args).input(bytes).timeout(limit).retries(0).submit()?`
    pub fn call<'a, T: Task>(&'a mut self, args: &'a T::Args) -> Submission<'a, &'a mut Pool, T> {
        Submission::new(self, args)
    }

    pub(crate) fn wait_for_room(&mut self) -> Result<(), PoolError> {
        while self.shell().is_full() {
            self.drive(None)?;
        }
        Ok(())
    }

    /// Submits a task if the queue bound allows it now.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn try_submit<T: Task>(
        &mut self,
        args: &T::Args,
        input: impl Into<Input>,
    ) -> Result<Handle<T::Output>, SubmitError>
    where
        T::Output: Send,
    {
        self.call::<T>(args).input(input).try_submit()
    }

    pub(crate) fn enqueue(&mut self, call: Call) -> Result<TaskId, SubmitError> {
        let id = self.shell().submit(None, call);
        self.shell().report_panic();
        id
    }
}
