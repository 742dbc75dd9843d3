//! A task on its way through the pool: what is to be run, and who waits for it.

use crate::block::CallBlock;
use crate::failure::{SubmitError, TaskFailure};
use crate::gate::Place;
use crate::input::{Input, Stream};
use crate::reply::Reply;
use engine::Priority;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use task::Task;
use task::arrays::coordinator::Opened;
use task::arrays::{self, Table};

/// The most bytes of arguments: they travel in one frame with the call.
const MAX_ARGS: usize = wire::MAX_CHUNK;
/// Inline inputs above this are streamed, so that they need not fit into a frame.
pub(crate) const MAX_INLINE: usize = 256 * 1024;

/// A task on its way through the pool. Its reply is resolved exactly once, at the latest when it
/// is dropped.
pub(crate) struct Call {
    raw: CallBlock,
    reply: Option<Arc<dyn Reply>>,
    /// The task's place in a queue that is bounded.
    pub place: Option<Place>,
}

/// What few calls have. `Extras::default()` is a call without input that is run on the pool's terms.
#[derive(Debug, Default)]
pub struct Extras {
    /// What the task works on.
    pub input: Input,
    /// The arrays that the arguments refer to.
    pub arrays: Table,
    /// In place of [`Builder::task_timeout`](crate::Builder::task_timeout).
    pub timeout: Option<Duration>,
    /// In place of [`Builder::retries`](crate::Builder::retries).
    pub retries: Option<u32>,
    /// Which of the waiting tasks are taken first.
    pub priority: Priority,
    /// Until when the task has to have its result, from when it is submitted on, the queue included.
    pub deadline: Option<Duration>,
    /// Whether it is run again after it failed.
    pub again: Option<Again>,
    /// How often it failed and was run again.
    pub(crate) failures: u32,
    /// The arrays, once they are in the books.
    pub(crate) opened: Option<Opened>,
    /// Why it could not be sent.
    pub(crate) unsendable: Option<String>,
}

/// What a call without any has.
static NONE: Extras = Extras {
    input: Input::None,
    arrays: Table::new(),
    timeout: None,
    retries: None,
    priority: Priority::Normal,
    deadline: None,
    again: None,
    failures: 0,
    opened: None,
    unsendable: None,
};

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
        mut extras: Extras,
        reply: Arc<dyn Reply>,
        tag: u64,
    ) -> Result<Call, SubmitError> {
        let task = T::NAME;
        let refused = |why| SubmitError::Args { task, why };
        let (args, table) = arrays::encode(|| postcard::to_stdvec(args));
        let mut args = args.map_err(|error| refused(error.to_string()))?;
        // The caller keeps them, so they are copied.
        if table.hands_over() {
            return Err(refused(
                "an ArrayMut cannot be handed over by reference".to_owned(),
            ));
        }
        if !table.is_empty() {
            let opened = arrays::coordinator::open(table, false, &mut args);
            extras.opened = Some(opened.map_err(|error| refused(error.to_string()))?);
        }
        let mut raw = CallBlock::new(task);
        raw.args = args.into();
        raw.tag = tag;
        raw.more = (!extras.is_none()).then(|| Box::new(extras));
        Call::encoded(raw, reply)
    }

    /// A call whose arrays are in the books.
    #[inline]
    pub(crate) fn encoded(mut raw: CallBlock, reply: Arc<dyn Reply>) -> Result<Call, SubmitError> {
        if raw.args.len() > MAX_ARGS {
            let why = format!("{} bytes are more than {MAX_ARGS}", raw.args.len());
            let task = raw.task;
            return Err(SubmitError::Args { task, why });
        }
        if let Some(more) = &mut raw.more {
            more.stream_long_input();
        }
        Ok(Call {
            raw,
            reply: Some(reply),
            place: None,
        })
    }

    #[inline]
    pub(crate) fn task(&self) -> &'static str {
        self.raw.task
    }

    #[inline]
    pub(crate) fn args(&self) -> &[u8] {
        &self.raw.args
    }

    pub(crate) fn extras(&self) -> &Extras {
        self.raw.more.as_deref().unwrap_or(&NONE)
    }

    /// Whether it has nothing but arguments.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.raw.more.is_none()
    }

    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.raw.more.get_or_insert_default()
    }

    pub(crate) fn input(&self) -> &Input {
        &self.extras().input
    }

    /// Passes on how far the task is.
    pub(crate) fn progress(&self, done: u64, total: u64) {
        if let Some(reply) = &self.reply {
            reply.progress(self.raw.tag, done, total);
        }
    }

    /// Passes on what the task says.
    pub(crate) fn note(&self, bytes: &[u8]) {
        if let Some(reply) = &self.reply {
            reply.note(self.raw.tag, bytes);
        }
    }

    /// Who waits for it, and the tag to name it by. Whoever takes it has to resolve it.
    #[inline]
    pub(crate) fn take_reply(&mut self) -> Option<(Arc<dyn Reply>, u64)> {
        Some((self.reply.take()?, self.raw.tag))
    }

    /// Gives the task's encoded output, or why there is none, to the waiting caller.
    #[inline]
    pub(crate) fn resolve(mut self, result: Result<&[u8], TaskFailure>) {
        if let Some(reply) = self.reply.take() {
            reply.resolve(self.raw.tag, result);
        }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            reply.resolve(self.raw.tag, Err(TaskFailure::ShutDown));
        }
    }
}

impl Extras {
    fn is_none(&self) -> bool {
        let plain = self.timeout.is_none() && self.retries.is_none() && self.opened.is_none();
        plain && matches!(self.input, Input::None)
    }

    fn stream_long_input(&mut self) {
        match &mut self.input {
            Input::Inline(bytes) if bytes.len() > MAX_INLINE => {
                let bytes = Arc::new(std::mem::take(bytes));
                self.input = Input::Stream(Stream::Memory(bytes));
            }
            _ => {}
        }
    }

    /// Whether the task is to be run again after this failure, and after which pause.
    pub(crate) fn again_after(&self, failure: &TaskFailure) -> Option<Duration> {
        // The memory that it owned is gone with the first run.
        let again = self.again.as_ref().filter(|_| !self.owns_memory())?;
        let wanted = self.failures < again.times && (again.after)(failure);
        wanted.then(|| again.pause_after(self.failures + 1))
    }

    /// How often it may be begun again. One that owns memory is not, unless its own terms say so: the
    /// memory is lost with it.
    pub(crate) fn retries(&self, retries: u32) -> u32 {
        let owns_memory = self.owns_memory();
        self.retries
            .unwrap_or(if owns_memory { 0 } else { retries })
    }

    fn owns_memory(&self) -> bool {
        self.opened.as_ref().is_some_and(Opened::owns_memory)
    }
}
