//! A task on its way through the pool: what is to be run, and who waits for it.

use crate::failure::{SubmitError, TaskFailure};
use crate::gate::Place;
use crate::input::{Input, Stream};
use crate::reply::Reply;
use std::sync::Arc;
use std::time::Duration;
use task::Task;

/// The most bytes of arguments: they travel in one frame with the call.
const MAX_ARGS: usize = wire::MAX_CHUNK;
/// Inline inputs above this are streamed, so that they need not fit into a frame.
const MAX_INLINE: usize = 256 * 1024;

/// A task on its way through the pool. Its reply is resolved exactly once, at the latest when it
/// is dropped.
pub(crate) struct Call {
    pub task: &'static str,
    pub args: Vec<u8>,
    pub input: Input,
    pub terms: Terms,
    reply: Option<Arc<dyn Reply>>,
    /// The task's place in a queue that is bounded.
    pub place: Option<Place>,
}

/// What holds for one task in place of what holds for the pool.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    pub timeout: Option<Duration>,
    pub retries: Option<u32>,
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
        let args = postcard::to_stdvec(args).map_err(|error| refused(error.to_string()))?;
        Call::encoded(task, args, input, terms, reply)
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
            place: None,
        })
    }

    /// Gives the task's encoded output, or why there is none, to whoever waits.
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
