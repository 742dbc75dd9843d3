//! A task on its way through the pool: what is to be run, and who waits for it.

use crate::failure::{SubmitError, TaskFailure};
use crate::gate::Place;
use crate::input::{Input, Stream};
use crate::reply::Reply;
use engine::Priority;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use task::Task;
use task::arrays::{self, coordinator::Opened};

/// The most bytes of arguments: they travel in one frame with the call.
const MAX_ARGS: usize = wire::MAX_CHUNK;
/// Inline inputs above this are streamed, so that they need not fit into a frame.
pub(crate) const MAX_INLINE: usize = 256 * 1024;

/// A task on its way through the pool. Its reply is resolved exactly once, at the latest when it
/// is dropped.
pub(crate) struct Call {
    pub task: &'static str,
    pub args: Vec<u8>,
    pub input: Input,
    pub terms: Terms,
    reply: Option<Arc<dyn Reply>>,
    /// The arrays of the arguments, where there are some.
    pub opened: Option<Opened>,
    /// The task's place in a queue that is bounded.
    pub place: Option<Place>,
    /// How often it failed and was run again.
    pub failures: u32,
}

/// What holds for one task in place of what holds for the pool.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub timeout: Option<Duration>,
    pub retries: Option<u32>,
    /// What few tasks have.
    pub more: Option<Box<Wishes>>,
}

/// What a caller may want of one task beside a limit and retries.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Which of the waiting tasks are taken first.
    pub priority: Priority,
    /// Until when the task has to have its result, from when it is submitted on, the queue included.
    pub deadline: Option<Duration>,
    /// Whether it is run again after it failed.
    pub again: Option<Again>,
}

/// Runs a task again after it failed or took too long.
pub struct Again {
    /// How often, in addition to the first time.
    pub times: u32,
    /// The pause before it is run again; doubled each time.
    pub pause: Duration,
    /// After which failures: [`Failed`](TaskFailure::Failed) or [`TimedOut`](TaskFailure::TimedOut).
    pub after: Box<dyn Fn(&TaskFailure) -> bool + Send + Sync>,
}

impl fmt::Debug for Again {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Again");
        text.field("times", &self.times).field("pause", &self.pause);
        text.finish_non_exhaustive()
    }
}

impl Again {
    /// The pause before the run after `runs` runs.
    pub(crate) fn pause_after(&self, runs: u32) -> Duration {
        self.pause
            .saturating_mul(1 << runs.saturating_sub(1).min(20))
    }
}

impl Call {
    pub(crate) fn new<T: Task>(
        args: &T::Args,
        input: Input,
        terms: Terms,
        reply: Arc<dyn Reply>,
    ) -> Result<Call, SubmitError> {
        let task = T::NAME;
        let refused = |why| SubmitError::Args { task, why };
        let (args, table) = arrays::encode(|| postcard::to_stdvec(args));
        let mut args = args.map_err(|error| refused(error.to_string()))?;
        // The caller keeps them, so they are copied.
        let opened = match table.is_empty() {
            true => None,
            false if table.hands_over() => {
                return Err(refused(
                    "an ArrayMut cannot be handed over by reference".to_owned(),
                ));
            }
            false => {
                let opened = arrays::coordinator::open(table, false, &mut args);
                Some(opened.map_err(|error| refused(error.to_string()))?)
            }
        };
        let mut call = Call::encoded(task, args, input, terms, reply)?;
        call.opened = opened;
        Ok(call)
    }

    /// A call whose arguments are encoded already.
    pub(crate) fn encoded(
        task: &'static str,
        args: Vec<u8>,
        input: Input,
        terms: Terms,
        reply: Arc<dyn Reply>,
    ) -> Result<Call, SubmitError> {
        let refused = |why| SubmitError::Args { task, why };
        if args.len() > MAX_ARGS {
            return Err(refused(format!(
                "{} bytes are more than {MAX_ARGS}",
                args.len()
            )));
        }
        let input = match input {
            Input::Inline(bytes) if bytes.len() > MAX_INLINE => {
                Input::Stream(Stream::Memory(Arc::new(bytes)))
            }
            input => input,
        };
        Ok(Call {
            task,
            args,
            input,
            terms,
            reply: Some(reply),
            opened: None,
            place: None,
            failures: 0,
        })
    }

    /// Passes on how far the task is.
    pub(crate) fn progress(&self, done: u64, total: u64) {
        if let Some(reply) = &self.reply {
            reply.progress(done, total);
        }
    }

    /// Whether the task is to be run again after this failure, and after which pause.
    pub(crate) fn again_after(&self, failure: &TaskFailure) -> Option<Duration> {
        let again = self.terms.more.as_ref()?.again.as_ref()?;
        // The memory that it owned is gone with the first run.
        let again = Some(again).filter(|_| !self.owns_memory())?;
        let wanted = self.failures < again.times && (again.after)(failure);
        wanted.then(|| again.pause_after(self.failures + 1))
    }

    /// How often it may be begun again. One that owns memory is not, unless its own terms say so: the
    /// memory is lost with it.
    pub(crate) fn retries(&self, retries: u32) -> u32 {
        let owns_memory = self.owns_memory();
        self.terms
            .retries
            .unwrap_or(if owns_memory { 0 } else { retries })
    }

    fn owns_memory(&self) -> bool {
        self.opened.as_ref().is_some_and(Opened::owns_memory)
    }

    /// Gives the task's encoded output, or why there is none, to the waiting caller.
    pub(crate) fn resolve(mut self, result: Result<&[u8], TaskFailure>) {
        if let Some(reply) = self.reply.take() {
            reply.resolve(result);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            reply.resolve(Err(TaskFailure::ShutDown));
        }
    }
}
