//! Where a rank's own pool puts the results of its calls.

use pool::{Reply, TaskFailure};
use std::sync::{Arc, Mutex, PoisonError};
use task::arrays::raw::{self, Part};

/// What a task gave: its encoded value and its arrays, or why there is nothing.
pub(super) type Given = Result<(Vec<u8>, Vec<Part>), TaskFailure>;
/// What all calls gave, by their numbers.
pub(super) type All = Arc<Mutex<Vec<(u64, Given)>>>;

/// Where the pool puts the result of a call.
pub(super) struct Slot {
    pub(super) id: u64,
    pub(super) given: All,
}

/// The same for the calls of a batch, whose tags count from 0 on.
pub(super) struct Slots {
    pub(super) ids: Vec<u64>,
    pub(super) given: All,
}

impl Reply for Slot {
    fn resolve(&self, _: u64, result: Result<&[u8], TaskFailure>) {
        give(&self.given, self.id, result);
    }
}

impl Reply for Slots {
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>) {
        give(&self.given, self.ids[tag as usize], result);
    }
}

fn give(given: &All, id: u64, result: Result<&[u8], TaskFailure>) {
    let result = result.and_then(|output| match raw::take_incoming(output) {
        Ok((value, parts)) => Ok((value.to_vec(), parts)),
        Err(why) => Err(TaskFailure::Undecodable(why)),
    });
    let mut all = given.lock().unwrap_or_else(PoisonError::into_inner);
    all.push((id, result));
}
