//! Who takes the results of rank 0's own pool.

use crate::ids::{Group, add_to, nth};
use pool::{MAX_BATCH, Reply, TaskFailure};
use std::sync::{Arc, Mutex, PoisonError};
use task::arrays::raw;

/// Numbers of merges, which are this rank's own calls, and how far they are apart.
pub(super) const MERGES: u64 = 1 << 63;
pub(super) const MERGE: u64 = MAX_BATCH as u64;

/// What this rank's own pool has ended.
#[derive(Default)]
pub(super) struct Ended {
    /// Calls whose results went to their reply.
    pub(super) resolved: Vec<Group>,
    /// Calls of which something is left to be dealt with.
    pub(super) others: Vec<(u64, Left)>,
}

/// What is left of a call.
pub(super) enum Left {
    Failure(TaskFailure),
    /// A result that stays here to be merged.
    Kept(Vec<u8>),
}

impl Ended {
    pub(super) fn calls(&self) -> usize {
        let resolved = self.resolved.iter().map(|group| group.calls());
        let merges = self.others.iter().filter(|(id, _)| *id >= MERGES);
        resolved.sum::<usize>() + self.others.len() - merges.count()
    }
}

/// Takes the results of what this rank's own pool was given as one; tags count from 0 on.
pub(super) struct Own {
    pub(super) group: Group,
    pub(super) reply: Arc<dyn Reply>,
    /// What the reply names the entry's first call by.
    pub(super) tag: u64,
    pub(super) ended: Arc<Mutex<Ended>>,
    /// Whether results stay here.
    pub(super) keep: bool,
}

impl Own {
    fn at(&self, tag: u64) -> u64 {
        nth(self.group.which, tag)
    }
}

impl Reply for Own {
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>) {
        let at = self.at(tag);
        let left = match result {
            Ok(output) if self.keep => Some(match raw::take_incoming(output) {
                Ok((value, parts)) if parts.is_empty() => Left::Kept(value.to_vec()),
                _ => Left::Failure(TaskFailure::NotTaken(
                    "results that are merged by a task have no arrays".to_owned(),
                )),
            }),
            Ok(output) => {
                self.reply.resolve(self.tag + at, Ok(output));
                None
            }
            Err(failure) => Some(Left::Failure(failure)),
        };
        let id = self.group.first + at;
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match left {
            Some(left) => ended.others.push((id, left)),
            None => add_to(&mut ended.resolved, id),
        }
    }

    fn progress(&self, tag: u64, done: u64, total: u64) {
        self.reply.progress(self.tag + self.at(tag), done, total);
    }

    fn note(&self, tag: u64, bytes: &[u8]) {
        self.reply.note(self.tag + self.at(tag), bytes);
    }
}

/// Whose results nobody waits for: merges.
pub(super) struct Nobody;

impl Reply for Nobody {
    fn resolve(&self, _: u64, _result: Result<&[u8], TaskFailure>) {}
}
