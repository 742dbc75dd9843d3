//! What runs the calls of a pool that is not of this machine alone; implemented by another crate.

use crate::shutdown::Shutdown;
use crate::{Counters, Error};
use pool::{Again, CallBlock, Input, Priority, TaskFailure};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;
use task::arrays::Table;

/// Runs calls that are encoded already. As the methods of [`Pool`](crate::Pool), driven by its caller.
pub trait Elsewhere {
    /// Takes a call in; it is started at the latest when the pool is driven.
    fn submit(&mut self, call: RawCall, reply: Arc<dyn Reply>) -> Result<u64, Error>;
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

/// A call of a task by its name, with arguments that are encoded already.
pub struct RawCall {
    /// The task's name in the workers.
    pub task: &'static str,
    /// The arguments as the task decodes them.
    pub args: Vec<u8>,
    /// The arrays that the arguments refer to.
    pub arrays: Table,
    /// What the task works on.
    pub input: Input,
    /// In place of the pool's limit.
    pub timeout: Option<Duration>,
    /// In place of the pool's number.
    pub retries: Option<u32>,
    /// What few calls have.
    pub more: Option<Box<Wishes>>,
}

/// What few calls have.
#[derive(Default)]
pub struct Wishes {
    /// Which of the waiting tasks are taken first.
    pub priority: Priority,
    /// Until when it has to have its result.
    pub deadline: Option<Duration>,
    /// Whether it is run again after it failed.
    pub again: Option<Again>,
}

impl From<CallBlock> for RawCall {
    fn from(mut call: CallBlock) -> RawCall {
        let args = std::mem::take(&mut call.args).into_vec();
        let more = call.more.take().map(|more| *more).unwrap_or_default();
        let unusual =
            more.priority != Priority::Normal || more.deadline.is_some() || more.again.is_some();
        RawCall {
            task: call.task,
            args,
            arrays: more.arrays,
            input: more.input,
            timeout: more.timeout,
            retries: more.retries,
            more: unusual.then(|| {
                Box::new(Wishes {
                    priority: more.priority,
                    deadline: more.deadline,
                    again: more.again,
                })
            }),
        }
    }
}

impl From<RawCall> for CallBlock {
    fn from(call: RawCall) -> CallBlock {
        let mut block = CallBlock::new(call.task);
        block.args = call.args.into();
        let usual = call.arrays.is_empty()
            && matches!(call.input, Input::None)
            && call.timeout.is_none()
            && call.retries.is_none()
            && call.more.is_none();
        if !usual {
            let more = block.more.get_or_insert_default();
            (more.arrays, more.input) = (call.arrays, call.input);
            (more.timeout, more.retries) = (call.timeout, call.retries);
            if let Some(wishes) = call.more {
                more.priority = wishes.priority;
                (more.deadline, more.again) = (wishes.deadline, wishes.again);
            }
        }
        block
    }
}

/// Takes the result of one call.
pub trait Reply: Send + Sync {
    /// Takes the encoded output, or why there is none. Must not call the pool.
    fn resolve(&self, result: Result<&[u8], TaskFailure>);

    /// Takes what the task says of how far it is. Must not call the pool.
    fn progress(&self, done: u64, total: u64) {
        let _ = (done, total);
    }
}

/// The reply of one call among those of a pool's.
pub(crate) struct Tagged {
    tag: u64,
    reply: Arc<dyn pool::Reply>,
}

impl Tagged {
    pub(crate) fn of(tag: u64, reply: Arc<dyn pool::Reply>) -> Arc<dyn Reply> {
        Arc::new(Tagged { tag, reply })
    }
}

impl Reply for Tagged {
    fn resolve(&self, result: Result<&[u8], TaskFailure>) {
        self.reply.resolve(self.tag, result);
    }

    fn progress(&self, done: u64, total: u64) {
        self.reply.progress(self.tag, done, total);
    }
}

/// The reply of a pool's only call of that tag.
pub(crate) struct Untagged(pub(crate) Arc<dyn Reply>);

impl pool::Reply for Untagged {
    fn resolve(&self, _tag: u64, result: Result<&[u8], TaskFailure>) {
        self.0.resolve(result);
    }

    fn progress(&self, _tag: u64, done: u64, total: u64) {
        self.0.progress(done, total);
    }
}
