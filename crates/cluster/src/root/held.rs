//! What rank 0 holds of calls that have no result: one account for what was submitted as one.

use crate::ids::{Group, bit_of, entry_of, first_bits, first_with};
use pool::{Batch, CallBlock, Reply};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use task::arrays::raw::Part;

/// What was submitted as one and has a call without a result.
pub(super) struct Held {
    pub(super) content: Content,
    pub(super) reply: Arc<dyn Reply>,
    /// What the reply names the first call by; those of the others follow.
    pub(super) tag: u64,
    pub(super) task: u32,
    /// A bit for each call without a result.
    pub(super) left: u64,
    /// Its arrays, while another rank has it.
    pub(super) parts: Vec<Part>,
    /// Regions there that it refers to.
    pub(super) uses: Vec<u64>,
    pub(super) expires: Option<Instant>,
    /// How often it failed and was run again, and how often its rank was lost.
    pub(super) failures: u32,
    pub(super) losses: u32,
    /// This rank's own pool has these calls: the number of the first there, and which they are.
    pub(super) own: Option<(u64, u64)>,
}

pub(super) enum Content {
    /// Without its arrays once they are on their way.
    Call(CallBlock),
    Batch(Batch),
    /// This rank's own pool has it.
    Gone,
}

/// A call that has ended.
pub(super) struct Closed {
    pub(super) reply: Arc<dyn Reply>,
    pub(super) tag: u64,
    pub(super) task: u32,
    pub(super) parts: Vec<Part>,
    pub(super) expires: Option<Instant>,
}

impl Held {
    pub(super) fn new(
        content: Content,
        (reply, tag): (Arc<dyn Reply>, u64),
        task: u32,
        expires: Option<Instant>,
    ) -> Held {
        Held {
            content,
            reply,
            tag,
            task,
            left: 1,
            parts: Vec::new(),
            uses: Vec::new(),
            expires,
            failures: 0,
            losses: 0,
            own: None,
        }
    }
}

/// All of them, by the schedule's numbers of entries, from `first` on.
#[derive(Default)]
pub(super) struct Table {
    entries: VecDeque<Option<Held>>,
    first: u64,
}

impl Table {
    /// Adds an entry with this number of calls, which has the next number.
    pub(super) fn add(&mut self, mut held: Held, calls: usize) {
        held.left = first_bits(calls);
        self.entries.push_back(Some(held));
    }

    pub(super) fn get(&mut self, entry: u64) -> Option<&mut Held> {
        let index = entry.checked_sub(self.first)?;
        self.entries.get_mut(index as usize)?.as_mut()
    }

    /// The entry of a call that has no result.
    pub(super) fn with(&mut self, id: u64) -> Option<&mut Held> {
        let held = self.get(entry_of(id))?;
        (held.left & bit_of(id) != 0).then_some(held)
    }

    /// Takes calls of an entry out: they have their results, or nobody wants them.
    pub(super) fn take_out(&mut self, group: Group) {
        let entry = entry_of(group.first);
        let Some(held) = self.get(entry) else { return };
        held.left &= !group.which;
        if held.left == 0 {
            self.entries[(entry - self.first) as usize] = None;
            while let Some(None) = self.entries.front() {
                self.entries.pop_front();
                self.first += 1;
            }
        }
    }

    /// Takes a call out.
    pub(super) fn close(&mut self, id: u64) -> Option<Closed> {
        let held = self.with(id)?;
        let closed = Closed {
            reply: Arc::clone(&held.reply),
            tag: held.tag + id - first_with(id),
            task: held.task,
            parts: std::mem::take(&mut held.parts),
            expires: held.expires,
        };
        self.take_out(Group::of(id));
        Some(closed)
    }
}
