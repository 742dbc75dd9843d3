//! Which of the waiting tasks are taken first.

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
