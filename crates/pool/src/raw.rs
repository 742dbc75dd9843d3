//! Calls by name and encoded arguments: for layers that type them otherwise than by [`task::Task`].

use crate::background::{Background, Broadcasting};
use crate::builder::Builder;
use crate::pool::Pool;
use std::sync::Arc;
use supervisor::batch::Batch;
use supervisor::block::CallBlock;
use supervisor::failure::{SubmitError, TaskFailure};
use supervisor::ids::TaskId;
use supervisor::reply::Reply;

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
        call: CallBlock,
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
        mut make: impl FnMut() -> (CallBlock, Arc<dyn Reply>),
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
    #[inline]
    pub fn submit_raw_later(
        &mut self,
        call: CallBlock,
        reply: Arc<dyn Reply>,
    ) -> Result<TaskId, SubmitError> {
        let shared = self.shell().shares_arrays();
        let call = call.into_call(reply, shared)?;
        self.wait_for_room()?;
        self.shell().take_in(None, call)
    }

    /// How many calls of a task of this name are worth a [`Batch`]; 1 where each has to be submitted for itself.
    pub fn batch_size(&mut self, task: &'static str) -> usize {
        self.shell().batch_size(task)
    }

    /// Submits calls together, no more than the queue bound, whose results go to `reply`; they are started as by
    /// [`submit_raw_later`](Self::submit_raw_later). Returns the number of the first; those of the others follow.
    /// `None` where they are not taken: then all have failed.
    pub fn submit_batch_later(&mut self, batch: Batch, reply: Arc<dyn Reply>) -> Option<TaskId> {
        while !self.shell().has_room(batch.len()) {
            if let Err(error) = self.drive(None) {
                self.shell()
                    .refuse_batch(&batch, &*reply, &TaskFailure::Pool(error));
                return None;
            }
        }
        self.shell().take_batch_in(batch, reply)
    }

    /// Starts what was [submitted for later](Self::submit_raw_later). The pool is to be driven soon: before
    /// that, workers that sleep are not woken for little work.
    pub fn start_submitted(&mut self) {
        self.shell().start_queued_lazily();
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
    pub fn submit_raw(
        &self,
        call: CallBlock,
        reply: Arc<dyn Reply>,
    ) -> Result<TaskId, SubmitError> {
        Ok(self.enqueue_call(call.into_call(reply, self.shares_arrays)?))
    }

    /// As [`Pool::broadcast_raw`], on the pool's thread.
    pub fn broadcast_raw(
        &self,
        mut make: impl FnMut() -> (CallBlock, Arc<dyn Reply>) + Send + 'static,
    ) -> Broadcasting {
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
