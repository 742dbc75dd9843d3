//! Numbers by which other ranks know this process's memory, and what was sent to them.

use std::collections::HashMap;
use task::arrays::raw::{Memory, WeakMemory};

/// How often memory that is gone is looked for: once in this number of turns.
const LOOK: u32 = 64;

/// What other ranks may have of this process's memory.
#[derive(Default)]
pub(super) struct Shared {
    /// The number of memory, by its identity here.
    ids: HashMap<usize, (u64, WeakMemory)>,
    next: u64,
    looks: u32,
    /// Bytes of arrays that were sent, by rank.
    sent: HashMap<usize, u64>,
}

impl Shared {
    /// The number of memory.
    pub(super) fn id(&mut self, memory: &Memory) -> u64 {
        if let Some((id, _)) = self.ids.get(&memory.id()) {
            return *id;
        }
        let id = self.new_id();
        self.ids.insert(memory.id(), (id, memory.downgrade()));
        id
    }

    /// A number for memory that is sent once.
    pub(super) fn new_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Bytes of arrays that were sent to a rank.
    pub(super) fn sent_bytes(&self, rank: usize) -> u64 {
        self.sent.get(&rank).copied().unwrap_or(0)
    }

    pub(super) fn add_sent(&mut self, rank: usize, bytes: u64) {
        *self.sent.entry(rank).or_default() += bytes;
    }

    /// Now and then: the numbers of memory that is gone here and not used elsewhere, once.
    pub(super) fn take_gone(&mut self, is_used: impl Fn(u64) -> bool) -> Vec<u64> {
        self.looks += 1;
        let mut gone = Vec::new();
        if self.ids.is_empty() || !self.looks.is_multiple_of(LOOK) {
            return gone;
        }
        self.ids.retain(|_, (id, memory)| {
            let is_gone = memory.is_gone() && !is_used(*id);
            if is_gone {
                gone.push(*id);
            }
            !is_gone
        });
        gone
    }
}
