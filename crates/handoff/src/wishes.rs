//! What few calls have: a priority, a deadline, runs after a failure.

use crate::Error;
use std::fmt;
use std::time::Duration;

/// Which of the waiting tasks are taken first. Of tasks that wait, those of higher priority go first; after
/// some of them one of lower priority is taken, so that none waits indefinitely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// As most tasks.
    #[default]
    Normal,
    /// After all others.
    Low,
}

impl From<Priority> for pool::Priority {
    fn from(priority: Priority) -> pool::Priority {
        match priority {
            Priority::High => pool::Priority::High,
            Priority::Normal => pool::Priority::Normal,
            Priority::Low => pool::Priority::Low,
        }
    }
}

/// What a call has beside its limit and its retries.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) priority: Priority,
    pub(crate) deadline: Option<Duration>,
    pub(crate) again: Option<Again>,
}

pub(crate) struct Again {
    pub(crate) times: u32,
    pub(crate) pause: Duration,
    pub(crate) after: Box<dyn Fn(&Error) -> bool + Send + Sync>,
}

impl Wishes {
    pub(crate) fn into_pool(self) -> pool::Wishes {
        pool::Wishes {
            priority: self.priority.into(),
            deadline: self.deadline,
            again: self.again.map(|again| pool::Again {
                times: again.times,
                pause: again.pause,
                after: Box::new(move |failure| (again.after)(&failure.clone().into())),
            }),
        }
    }
}

impl fmt::Debug for Wishes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Wishes")
            .field("priority", &self.priority)
            .field("deadline", &self.deadline)
            .field("again", &self.again.as_ref().map(|again| again.times))
            .finish()
    }
}
