//! What few calls have: an input, arrays, terms of their own.

use crate::failure::TaskFailure;
use crate::input::{Input, Stream};
use engine::Priority;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use task::arrays::Table;
use task::arrays::coordinator::Opened;

/// Inline inputs above this are streamed, so that they need not fit into a frame.
pub const MAX_INLINE: usize = 256 * 1024;

/// What few calls have. `Extras::default()` is a call without input that is run on the pool's terms.
#[derive(Debug, Default)]
pub struct Extras {
    /// What the task works on.
    pub input: Input,
    /// The arrays that the arguments refer to.
    pub arrays: Table,
    /// In place of the pool's limit of a task's time.
    pub timeout: Option<Duration>,
    /// In place of the pool's number of retries.
    pub retries: Option<u32>,
    /// Which of the waiting tasks are taken first.
    pub priority: Priority,
    /// Until when the task has to have its result, from when it is submitted on, the queue included.
    pub deadline: Option<Duration>,
    /// Whether it is run again after it failed.
    pub again: Option<Again>,
    /// The arrays, once they are in the books.
    pub(crate) opened: Option<Opened>,
    /// Why it could not be sent.
    pub(crate) unsendable: Option<String>,
}

/// What a call without any has.
pub(crate) static NONE: Extras = Extras {
    input: Input::None,
    arrays: Table::new(),
    timeout: None,
    retries: None,
    priority: Priority::Normal,
    deadline: None,
    again: None,
    opened: None,
    unsendable: None,
};

/// Runs a task again after it failed or took too long.
#[derive(Clone)]
pub struct Again {
    /// How often, in addition to the first time.
    pub times: u32,
    /// The pause before it is run again; doubled each time.
    pub pause: Duration,
    /// After which failures: [`Failed`](TaskFailure::Failed) or [`TimedOut`](TaskFailure::TimedOut).
    pub after: Arc<dyn Fn(&TaskFailure) -> bool + Send + Sync>,
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

impl Extras {
    /// Those of a call that has an input, and nothing else.
    pub fn of_input(input: Input) -> Extras {
        Extras {
            input,
            ..Extras::default()
        }
    }

    /// Whether a call with these is one without any, so far.
    pub(crate) fn is_none(&self) -> bool {
        let limits = self.timeout.is_some() || self.deadline.is_some();
        let again = self.retries.is_some() || self.again.is_some();
        let arrays = self.opened.is_some() || !self.arrays.is_empty();
        let other = limits || again || arrays || self.priority != Priority::Normal;
        !other && matches!(self.input, Input::None)
    }

    pub(crate) fn stream_long_input(&mut self) {
        match &mut self.input {
            Input::Inline(bytes) if bytes.len() > MAX_INLINE => {
                let bytes = Arc::new(std::mem::take(bytes));
                self.input = Input::Stream(Stream::Memory(bytes));
            }
            _ => {}
        }
    }

    /// Whether the task is to be run again after this failure, and after which pause. It has been already, `runs`
    /// times.
    pub(crate) fn again_after(&self, failure: &TaskFailure, runs: u32) -> Option<Duration> {
        // The memory that it owned is gone with the first run.
        let again = self.again.as_ref().filter(|_| !self.owns_memory())?;
        let wanted = runs < again.times && (again.after)(failure);
        wanted.then(|| again.pause_after(runs + 1))
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
