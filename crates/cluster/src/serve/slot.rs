//! Where a rank's own pool puts the results of its calls.

use crate::ids::{Group, nth};
use crate::plain::Plain;
use pool::{Reply, TaskFailure};
use std::sync::{Arc, Mutex, PoisonError};
use task::arrays::raw::{self, Part};

/// What a task gave: its encoded value and its arrays, or why there is nothing.
pub(super) type Given = Result<(Vec<u8>, Vec<Part>), TaskFailure>;

/// What calls gave.
#[derive(Default)]
pub(super) struct Results {
    /// Those that are values without arrays, but for those of [merges](super::work).
    pub(super) plain: Plain,
    pub(super) others: Vec<(u64, Given)>,
}

/// What all calls gave, by their numbers.
pub(super) type All = Arc<Mutex<Results>>;

/// Where the pool puts the results of what was submitted as one; tags count from 0 on.
pub(super) struct Slots {
    pub(super) group: Group,
    /// Whether this rank itself wants the value.
    pub(super) own: bool,
    pub(super) given: All,
}

impl Reply for Slots {
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>) {
        let id = self.group.first + nth(self.group.which, tag);
        let result =
            result.and_then(|output| raw::take_incoming(output).map_err(TaskFailure::Undecodable));
        let mut all = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok((value, parts)) if parts.is_empty() && !self.own => all.plain.push(id, value),
            result => {
                let result = result.map(|(value, parts)| (value.to_vec(), parts));
                all.others.push((id, result));
            }
        }
    }
}
