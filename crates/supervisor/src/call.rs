//! A task on its way through the pool: what is to be run, and who waits for it.

use crate::batch::MAX_BATCH_ARGS;
use crate::block::CallBlock;
use crate::extras::Extras;
use crate::failure::{SubmitError, TaskFailure};
use crate::gate::Place;
use crate::input::Input;
use crate::reply::Reply;
use std::sync::Arc;
use task::Task;
use task::arrays;

/// The most bytes of arguments: they travel in one frame with the call.
const MAX_ARGS: usize = wire::MAX_CHUNK;

/// A task on its way through the pool. Its reply is resolved exactly once, at the latest when it
/// is dropped.
pub struct Call {
    raw: CallBlock,
    reply: Option<Arc<dyn Reply>>,
    /// The task's place in a queue that is bounded.
    pub place: Option<Place>,
}

impl Call {
    /// A call of a task, with its arguments encoded and their arrays copied.
    ///
    /// # Errors
    /// [`SubmitError::Args`].
    pub fn new<T: Task>(
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
        raw.set_extras(extras);
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

    /// A call that has nothing but arguments, which are not too long.
    #[inline]
    pub(crate) fn plain(raw: CallBlock, reply: Arc<dyn Reply>) -> Call {
        Call {
            raw,
            reply: Some(reply),
            place: None,
        }
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
        self.raw.extras()
    }

    /// Whether it has nothing but arguments.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.raw.more.is_none()
    }

    /// Whether it may be one of a batch.
    #[inline]
    pub(crate) fn fits_batch(&self) -> bool {
        self.is_plain() && self.place.is_none() && self.args().len() <= MAX_BATCH_ARGS
    }

    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.raw.more.get_or_insert_default()
    }

    pub(crate) fn input(&self) -> &Input {
        &self.extras().input
    }

    /// Who waits for it, and the tag to name it by.
    pub(crate) fn reply(&self) -> Option<(&dyn Reply, u64)> {
        Some((self.reply.as_deref()?, self.raw.tag))
    }

    /// Who waits for it, and the tag to name it by. The caller has to resolve it.
    #[inline]
    pub(crate) fn take_reply(&mut self) -> Option<(Arc<dyn Reply>, u64)> {
        Some((self.reply.take()?, self.raw.tag))
    }

    /// Gives the task's encoded output, or why there is none, to the waiting caller.
    #[inline]
    pub fn resolve(mut self, result: Result<&[u8], TaskFailure>) {
        self.give(result);
    }

    /// The task's place in the queue is free before its caller has the result.
    #[inline]
    fn give(&mut self, result: Result<&[u8], TaskFailure>) {
        self.place = None;
        if let Some(reply) = self.reply.take() {
            reply.resolve(self.raw.tag, result);
        }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.reply.is_some() {
            self.give(Err(TaskFailure::ShutDown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Gate;
    use std::sync::Mutex;

    /// Notes whether there is a place where it has its result.
    struct Notes(Arc<Gate>, Mutex<Vec<bool>>);

    impl Reply for Notes {
        fn resolve(&self, _: u64, _: Result<&[u8], TaskFailure>) {
            let free = self.0.try_enter().is_some();
            self.1.lock().unwrap().push(free);
        }
    }

    #[test]
    fn the_place_of_a_task_is_free_once_it_has_its_result() {
        let gate = Gate::new(1);
        let notes = Arc::new(Notes(Arc::clone(&gate), Mutex::default()));
        let call = || {
            let reply = Arc::clone(&notes) as _;
            let mut call = Call::plain(CallBlock::new("task"), reply);
            call.place = Some(gate.enter());
            call
        };
        call().resolve(Ok(&[]));
        call().resolve(Err(TaskFailure::Cancelled));
        drop(call());
        assert_eq!(*notes.1.lock().unwrap(), [true; 3]);
    }
}
