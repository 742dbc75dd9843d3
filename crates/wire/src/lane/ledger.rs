//! The coordinator's private accounts of the calls in a lane: which are open, which it recalled, and
//! which space may be reused. It never reads shared memory, so that nothing in it can be forged.

use std::ops::Range;

/// What is known of a call in the ring.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Cursor after the call's bytes.
    end: u64,
    recalled: bool,
}

/// Calls by their indices. `oldest..tail` are in the ring. A call leaves it when it is the oldest and was
/// finished or recalled; so a call recalled behind one that runs keeps its slot until that one ends.
#[derive(Debug)]
pub(crate) struct Ledger {
    slots: Box<[Slot]>,
    bytes_words: u64,
    oldest: u64,
    tail: u64,
    /// Recalled calls in `oldest..tail`.
    recalled: u64,
    /// Bytes of calls (in words) are in use from here …
    bytes_from: u64,
    /// … to here.
    bytes_to: u64,
}

impl Ledger {
    /// Accounts of a ring of `slots` calls and `bytes_words` words of bytes.
    pub(crate) fn new(slots: u64, bytes_words: u64) -> Ledger {
        Ledger {
            slots: vec![Slot::default(); slots as usize].into(),
            bytes_words,
            oldest: 0,
            tail: 0,
            recalled: 0,
            bytes_from: 0,
            bytes_to: 0,
        }
    }

    /// The oldest call without a result that was not recalled, where there is one: below `tail`.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Index of the next call.
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// Slots that are free.
    pub(crate) fn room(&self) -> u64 {
        self.slots.len() as u64 - (self.tail - self.oldest)
    }

    /// Words of bytes that are free.
    pub(crate) fn bytes_room(&self) -> u64 {
        self.bytes_words - (self.bytes_to - self.bytes_from)
    }

    /// Takes a slot and `words` words, which the caller knows to be free. Returns the call's index and the cursor of its
    /// bytes.
    pub(crate) fn push(&mut self, words: u64) -> (u64, u64) {
        let (index, start) = (self.tail, self.bytes_to);
        self.tail += 1;
        self.bytes_to += words;
        *self.slot(index) = Slot {
            end: self.bytes_to,
            recalled: false,
        };
        (index, start)
    }

    /// The oldest call has a result.
    pub(crate) fn finish(&mut self) {
        self.retire();
        self.skip_recalled();
    }

    /// Calls that the coordinator has claimed itself.
    pub(crate) fn recall(&mut self, calls: Range<u64>) {
        self.recalled += calls.end - calls.start;
        for index in calls {
            self.slot(index).recalled = true;
        }
        self.skip_recalled();
    }

    /// Calls below `head` that the worker claimed and that have no result.
    pub(crate) fn claimed(&self, head: u64) -> u64 {
        // Recalled calls are all below the head.
        head.saturating_sub(self.oldest)
            .saturating_sub(self.recalled)
    }

    /// Calls that have no result and were not recalled.
    pub(crate) fn open(&self) -> impl Iterator<Item = u64> {
        (self.oldest..self.tail).filter(|&index| !self.slots[self.position(index)].recalled)
    }

    fn skip_recalled(&mut self) {
        while self.oldest < self.tail && self.slot(self.oldest).recalled {
            self.recalled -= 1;
            self.retire();
        }
    }

    fn retire(&mut self) {
        self.bytes_from = self.slot(self.oldest).end;
        self.oldest += 1;
    }

    fn position(&self, index: u64) -> usize {
        (index & (self.slots.len() as u64 - 1)) as usize
    }

    fn slot(&mut self, index: u64) -> &mut Slot {
        let position = self.position(index);
        &mut self.slots[position]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn space_returns_when_the_oldest_call_ends() {
        let mut ledger = Ledger::new(4, 8);
        for _ in 0..4 {
            ledger.push(2);
        }
        assert_eq!((ledger.room(), ledger.bytes_room()), (0, 0));
        ledger.recall(1..3);
        assert_eq!((ledger.room(), ledger.bytes_room()), (0, 0), "call 0 runs");
        assert_eq!(ledger.open().collect::<Vec<_>>(), [0, 3]);
        ledger.finish();
        assert_eq!((ledger.room(), ledger.bytes_room()), (3, 6));
        assert_eq!(
            (ledger.oldest(), ledger.claimed(3), ledger.claimed(4)),
            (3, 0, 1)
        );
        assert_eq!(ledger.push(3), (4, 8));
        ledger.recall(3..5);
        assert_eq!((ledger.room(), ledger.bytes_room()), (4, 8));
        assert_eq!(ledger.open().count(), 0);
    }
}
