//! Taking tasks in: what is refused, what waits for room, what terms a task may have of its own.

use super::*;
use crate::call::Terms;
use crate::handle::{Reply, Slot};
use crate::input::Input;
use task::Task;
use thiserror::Error;

/// Why a task was not taken.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// The arguments cannot be encoded, or are longer than a frame.
    #[error("arguments of {task} cannot be sent: {why}; hand large data over as input")]
    Args {
        /// The task's name.
        task: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The input refers to a region that is not attached, or to a range outside it.
    #[error("{len} bytes at {offset} of region {region}: {why}")]
    Input {
        /// The region.
        region: RegionId,
        /// Bytes from its start.
        offset: u64,
        /// Bytes.
        len: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// As many tasks are open as the queue bound allows.
    #[error("the queue is full")]
    Full,
    /// The pool cannot go on.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// A task about to be submitted, with terms of its own. Made by [`Pool::call`] and
/// [`Background::call`](crate::Background::call).
#[must_use = "the task is not submitted yet"]
pub struct Submission<'a, P, T: Task> {
    pool: P,
    args: &'a T::Args,
    input: Input,
    terms: Terms,
}

impl<'a, P, T: Task> Submission<'a, P, T> {
    pub(crate) fn new(pool: P, args: &'a T::Args) -> Submission<'a, P, T> {
        Submission {
            pool,
            args,
            input: Input::None,
            terms: Terms::default(),
        }
    }

    /// What the task works on; nothing by default.
    pub fn input(mut self, input: impl Into<Input>) -> Submission<'a, P, T> {
        self.input = input.into();
        self
    }

    /// How long the task may run, in place of
    /// [`Builder::task_timeout`](crate::Builder::task_timeout); `Duration::MAX` for as long as it
    /// likes.
    pub fn timeout(mut self, timeout: Duration) -> Submission<'a, P, T> {
        self.terms.timeout = Some(timeout);
        self
    }

    /// How often the task is run again after a worker died running it, in place of
    /// [`Builder::retries`](crate::Builder::retries); 0 for a task that must not run twice.
    pub fn retries(mut self, retries: u32) -> Submission<'a, P, T> {
        self.terms.retries = Some(retries);
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
        let call = Call::new::<T>(self.args, self.input, self.terms, reply)?;
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
        Ok(Handle { id, slot })
    }

    /// Submits the task if the queue bound allows it now.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn try_submit(self) -> Result<Handle<T::Output>, SubmitError> {
        let slot = Slot::new();
        let (pool, call) = self.into_call(&slot)?;
        let id = pool.enqueue(call)?;
        Ok(Handle { id, slot })
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

    /// Submits a task whose result goes to `reply`, waiting for room.
    pub(crate) fn submit_with<T: Task>(
        &mut self,
        args: &T::Args,
        input: Input,
        reply: Arc<dyn Reply>,
    ) -> Result<TaskId, SubmitError> {
        let call = Call::new::<T>(args, input, Terms::default(), reply)?;
        self.wait_for_room()?;
        self.enqueue(call)
    }

    pub(crate) fn wait_for_room(&mut self) -> Result<(), PoolError> {
        while self.is_full() {
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
        self.check_broken()?;
        if self.is_full() {
            return Err(SubmitError::Full);
        }
        self.check_reach(&call.input)?;
        let id = self.next_task;
        self.take_in(id, call);
        Ok(id)
    }

    /// Takes a task under a number given by the caller; what is wrong with it is its failure.
    pub(crate) fn enqueue_as(&mut self, id: TaskId, call: Call) {
        let checked = match self.check_broken() {
            Ok(()) => self.check_reach(&call.input),
            Err(error) => Err(error.into()),
        };
        match checked {
            Ok(()) => self.take_in(id, call),
            Err(error) => call.resolve(Err(error.into())),
        }
    }

    fn take_in(&mut self, id: TaskId, mut call: Call) {
        self.next_task = id + 1;
        let timeout = &mut call.terms.timeout;
        *timeout = timeout.or(self.limits.task_timeout);
        self.has_timeouts |= timeout.is_some();
        self.jobs.insert(id, call);
        self.scheduler.submit(id);
    }

    /// Refuses slices that are out of reach.
    fn check_reach(&self, input: &Input) -> Result<(), SubmitError> {
        let &Input::Slice {
            region,
            offset,
            len,
        } = input
        else {
            return Ok(());
        };
        let why = match self.regions.get(&region) {
            None => "no such region is attached",
            Some(known) if offset.checked_add(len).is_none_or(|end| end > known.len()) => {
                "outside the region"
            }
            Some(_) => return Ok(()),
        };
        Err(SubmitError::Input {
            region,
            offset,
            len,
            why,
        })
    }
}
