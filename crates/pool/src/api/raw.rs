//! Calls by name and encoded arguments: for layers that type them otherwise than by [`task::Task`].

use crate::api::background::Background;
use crate::api::builder::Builder;
use crate::api::pool::Pool;
use crate::call::{Call, MAX_INLINE, Terms, Wishes};
use crate::failure::SubmitError;
use crate::ids::TaskId;
use crate::input::Input;
use crate::reply::Reply;
use std::sync::Arc;
use std::time::Duration;
use task::arrays::Table;
use task::arrays::coordinator::{Opened, open};

/// A call of a task by its name, with arguments that are encoded already.
#[derive(Debug)]
pub struct RawCall {
    /// The task's name in the workers.
    pub task: &'static str,
    /// The arguments as the task decodes them, at most 1 MiB.
    pub args: Vec<u8>,
    /// The arrays that the arguments refer to.
    pub arrays: Table,
    /// What the task works on.
    pub input: Input,
    /// In place of [`Builder::task_timeout`].
    pub timeout: Option<Duration>,
    /// In place of [`Builder::retries`].
    pub retries: Option<u32>,
    /// What few calls have.
    pub more: Option<Box<Wishes>>,
}

impl RawCall {
    /// Enters its arrays in the books: as memory that workers share, or else as bytes.
    fn into_call(mut self, reply: Arc<dyn Reply>, shared: bool) -> Result<Call, SubmitError> {
        let opened = self.open(shared)?;
        let terms = Terms {
            timeout: self.timeout,
            retries: self.retries,
            more: self.more,
        };
        let mut call = Call::encoded(self.task, self.args, self.input, terms, reply)?;
        call.opened = opened;
        Ok(call)
    }

    fn open(&mut self, shared: bool) -> Result<Option<Opened>, SubmitError> {
        if self.arrays.is_empty() {
            return Ok(None);
        }
        let table = std::mem::take(&mut self.arrays);
        // Long arguments are the input, and the bytes of arrays follow them there.
        let bytes = match &mut self.input {
            Input::Inline(bytes) if self.args.is_empty() => bytes,
            _ => &mut self.args,
        };
        let opened = open(table, shared, bytes).map_err(|error| SubmitError::Args {
            task: self.task,
            why: error.to_string(),
        })?;
        if self.args.len() > MAX_INLINE && matches!(self.input, Input::None) {
            self.input = Input::Inline(std::mem::take(&mut self.args));
        }
        Ok(Some(opened))
    }
}

impl Builder {
    /// As [`initializer`](Self::initializer), by name and with encoded arguments.
    #[must_use]
    pub fn initializer_raw(mut self, task: &'static str, args: Vec<u8>) -> Builder {
        self.initializer = Some((task, args));
        self
    }
}

impl Pool {
    /// Submits a call whose result goes to `reply`. Where the queue bound is reached, drives the pool
    /// until there is room. A call that is not taken does not reach `reply` as a result; `reply` may
    /// be given [`ShutDown`](crate::TaskFailure::ShutDown) then.
    ///
    /// # Errors
    /// [`SubmitError`], but never `Full`.
    pub fn submit_raw(
        &mut self,
        call: RawCall,
        reply: Arc<dyn Reply>,
    ) -> Result<TaskId, SubmitError> {
        let shared = self.shell().shares_arrays();
        let call = call.into_call(reply, shared)?;
        self.wait_for_room()?;
        self.enqueue(call)
    }

    /// Submits one call for each worker that takes tasks now; each runs on its worker or, where that ends
    /// before, fails as [`WorkerGone`](crate::TaskFailure::WorkerGone).
    ///
    /// # Errors
    /// [`SubmitError`]; calls that were submitted before go on.
    pub fn broadcast_raw(
        &mut self,
        mut make: impl FnMut() -> (RawCall, Arc<dyn Reply>),
    ) -> Result<Vec<TaskId>, SubmitError> {
        let shared = self.shell().shares_arrays();
        let submitted = self.shell().broadcast(None, || {
            let (call, reply) = make();
            call.into_call(reply, shared)
        });
        self.shell().report_panic();
        submitted
    }

    /// As [`submit_raw`](Self::submit_raw), but the call is started by
    /// [`start_submitted`](Self::start_submitted), at the latest when the pool is driven: for many calls in a row.
    ///
    /// # Errors
    /// [`SubmitError`], but never `Full`.
    pub fn submit_raw_later(
        &mut self,
        call: RawCall,
        reply: Arc<dyn Reply>,
    ) -> Result<TaskId, SubmitError> {
        let shared = self.shell().shares_arrays();
        let call = call.into_call(reply, shared)?;
        self.wait_for_room()?;
        self.shell().take_in(None, call)
    }

    /// Starts what was [submitted for later](Self::submit_raw_later).
    pub fn start_submitted(&mut self) {
        self.shell().start_queued();
        self.shell().report_panic();
    }

    /// As [`cancel`](Self::cancel), by number.
    pub fn cancel_raw(&mut self, id: TaskId) -> bool {
        let cancelled = self.shell().cancel(id);
        self.shell().report_panic();
        cancelled
    }

    /// Gives up tasks whose results nobody wants: what has not begun is never run, and what has runs to
    /// its end.
    pub fn withdraw_raw(&mut self, ids: impl IntoIterator<Item = TaskId>) {
        self.shell().withdraw(ids);
        self.shell().report_panic();
    }
}

impl Background {
    /// Submits a call whose result goes to `reply`, whatever the queue bound.
    ///
    /// # Errors
    /// [`SubmitError::Args`]; everything else is the task's own failure.
    pub fn submit_raw(&self, call: RawCall, reply: Arc<dyn Reply>) -> Result<TaskId, SubmitError> {
        Ok(self.enqueue_call(call.into_call(reply, self.shares_arrays)?))
    }

    /// As [`Pool::broadcast_raw`]; waits until the pool has taken the calls.
    ///
    /// # Errors
    /// [`SubmitError`]; calls that were submitted before go on.
    pub fn broadcast_raw(
        &self,
        mut make: impl FnMut() -> (RawCall, Arc<dyn Reply>) + Send + 'static,
    ) -> Result<Vec<TaskId>, SubmitError> {
        let shared = self.shares_arrays;
        self.broadcast_calls(Box::new(move || {
            let (call, reply) = make();
            call.into_call(reply, shared)
        }))
    }

    /// As [`cancel`](Self::cancel), by number.
    pub fn cancel_raw(&self, id: TaskId) {
        self.cancel_id(id);
    }

    /// Gives up a task whose result nobody wants: where it has not begun it is never run, and where it has
    /// it runs to its end.
    pub fn withdraw_raw(&self, id: TaskId) {
        self.withdraw_id(id);
    }
}
