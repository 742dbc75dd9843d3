//! The payload of a batch.

use super::job::Job;
use crate::batch::Batch;
use crate::block::CallBlock;
use crate::call::Call;
use crate::ids::TaskId;
use crate::reply::Reply;
use std::sync::Arc;

/// The most tasks that are added one by one: their tables are below the size from which the allocator tidies
/// up all that was freed.
const MOST: usize = 32;

/// A batch.
pub(super) struct Many {
    pub key: engine::TaskId,
    /// Of the first; those of the others follow.
    pub number: TaskId,
    pub task: u32,
    pub batch: Batch,
    /// A bit for each task: whether it has no result and is in the batch.
    left: u64,
    replies: Replies,
}

/// Who waits for the tasks of a batch.
enum Replies {
    /// One for all of them; none while a result is given to it.
    Shared(Option<Arc<dyn Reply>>),
    /// One for each, with its tag.
    Each(Vec<(Option<Arc<dyn Reply>>, u64)>),
}

impl Many {
    pub(super) fn new(
        key: engine::TaskId,
        number: TaskId,
        task: u32,
        batch: Batch,
        reply: Arc<dyn Reply>,
    ) -> Many {
        Many {
            key,
            number,
            task,
            left: u64::MAX >> (u64::BITS as usize - batch.len()),
            batch,
            replies: Replies::Shared(Some(reply)),
        }
    }

    /// Without tasks, which are [added](Self::add).
    pub(super) fn growing(
        key: engine::TaskId,
        number: TaskId,
        task: u32,
        name: &'static str,
    ) -> Many {
        Many {
            key,
            number,
            task,
            left: 0,
            batch: Batch::small(name),
            replies: Replies::Each(Vec::new()),
        }
    }

    /// One more task.
    #[inline]
    pub(super) fn add(&mut self, mut call: Call) {
        if let Replies::Each(replies) = &mut self.replies {
            self.left |= 1 << self.batch.len();
            self.batch.push(call.args());
            let (reply, tag) = call.take_reply().unzip();
            replies.push((reply, tag.unwrap_or_default()));
        }
    }

    /// Whether a task of this number may be added.
    #[inline]
    pub(super) fn takes(&self, number: TaskId) -> bool {
        let grows = matches!(self.replies, Replies::Each(_)) && self.batch.len() < MOST;
        grows && number == self.number + self.batch.len() as u64
    }

    /// How many tasks have no result and are in the batch.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.left.count_ones() as usize
    }

    pub(super) fn has(&self, at: u32) -> bool {
        self.left & 1 << at != 0
    }

    fn shared_tag(&self, at: u32) -> u64 {
        self.batch.tag + u64::from(at)
    }

    /// Takes one of the tasks out.
    pub(super) fn take(&mut self, key: engine::TaskId, at: u32) -> Option<Job> {
        if !self.has(at) {
            return None;
        }
        self.left &= !(1 << at);
        let mut raw = CallBlock::new(self.batch.task());
        raw.args.extend_from_slice(self.batch.args(at as usize));
        let shared_tag = self.shared_tag(at);
        let (reply, tag) = match &mut self.replies {
            Replies::Shared(reply) => (reply.clone()?, shared_tag),
            Replies::Each(replies) => {
                let (reply, tag) = &mut replies[at as usize];
                (reply.take()?, *tag)
            }
        };
        raw.tag = tag;
        Some(Job {
            key,
            number: self.number + u64::from(at),
            task: self.task,
            call: Call::plain(raw, reply),
        })
    }

    /// Takes all that is left.
    pub(super) fn take_all(mut self) -> Vec<Job> {
        let key = self.key;
        (0..u64::BITS).filter_map(|at| self.take(key, at)).collect()
    }

    /// Who waits for a task that has no result, and its tag.
    pub(super) fn reply(&self, at: u32) -> Option<(&dyn Reply, u64)> {
        if !self.has(at) {
            return None;
        }
        match &self.replies {
            Replies::Shared(reply) => Some((reply.as_deref()?, self.shared_tag(at))),
            Replies::Each(replies) => {
                let (reply, tag) = &replies[at as usize];
                Some((reply.as_deref()?, *tag))
            }
        }
    }

    /// As [`reply`](Self::reply), of a task that has its output. To be [given back](Self::give_back) while tasks are
    /// left.
    #[inline]
    pub(super) fn take_waiting(&mut self, at: u32) -> Option<(Arc<dyn Reply>, u64)> {
        if !self.has(at) {
            return None;
        }
        self.left &= !(1 << at);
        let shared_tag = self.shared_tag(at);
        match &mut self.replies {
            Replies::Shared(reply) => Some((reply.take()?, shared_tag)),
            Replies::Each(replies) => {
                let (reply, tag) = &mut replies[at as usize];
                Some((reply.take()?, *tag))
            }
        }
    }

    #[inline]
    pub(super) fn give_back(&mut self, given: Arc<dyn Reply>) {
        if let Replies::Shared(reply) = &mut self.replies {
            *reply = Some(given);
        }
    }
}
