//! Slots of handles of one task that follow each other, in one block of memory: the allocator is slow where very
//! many are taken before the first is given back.

use super::{Single, Slot, decoded};
use crate::Error;
use pool::{Reply, TaskFailure};
use serde::de::DeserializeOwned;
use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;
use std::task::Poll;

/// The most slots of a block, and the most bytes: one handle that is kept keeps all of it.
const MAX_SLOTS: usize = 32;
const MAX_BYTES: usize = 4096;
/// Handles of one task in a row before the first that is in a block.
const ALONE: usize = 2;

/// Slots of a block of such results; none where they are large.
const fn slots<R>() -> usize {
    let fit = MAX_BYTES / size_of::<Slot<R>>();
    if fit < MAX_SLOTS { fit } else { MAX_SLOTS }
}

struct Block<R> {
    /// For messages.
    task: &'static str,
    slots: Box<[Slot<R>]>,
}

/// Refers to a slot, which is abandoned with the last handle of its task.
pub(crate) enum SlotRef<R> {
    Alone(Arc<Single<R>>),
    Among(InBlock<R>),
}

pub(crate) struct InBlock<R> {
    block: Arc<Block<R>>,
    at: u32,
    /// The result was taken, and nothing else is there.
    settled: bool,
}

/// The block from which the next slots are taken.
#[derive(Default)]
pub(crate) struct Blocks {
    /// The task whose slot was taken last.
    task: &'static str,
    /// How many were taken for it without others between them.
    in_a_row: usize,
    /// An `Arc<Block<R>>` of this task's results, and how many of its slots were taken.
    current: Option<(Box<dyn Any>, usize)>,
}

impl Blocks {
    /// A slot for a result of this task, and what fills it: the reply with the tag.
    #[inline]
    pub(crate) fn take<R>(&mut self, task: &'static str) -> (SlotRef<R>, Arc<dyn Reply>, u64)
    where
        R: DeserializeOwned + Send + 'static,
    {
        if !std::ptr::eq(task, self.task) {
            (self.task, self.in_a_row, self.current) = (task, 0, None);
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row <= ALONE || slots::<R>() < 2 {
            let slot = Single::new(task, None);
            return (SlotRef::Alone(Arc::clone(&slot)), slot, 0);
        }
        let (block, at) = self.place::<R>().unwrap_or_else(|| {
            let slots = (0..slots::<R>()).map(|_| Slot::open(None)).collect();
            let block = Arc::new(Block { task, slots });
            self.current = Some((Box::new(Arc::clone(&block)), 1));
            (block, 0)
        });
        let reply = Arc::clone(&block) as _;
        let among = InBlock {
            block,
            at: at as u32,
            settled: false,
        };
        (SlotRef::Among(among), reply, at as u64)
    }

    /// The next slot of the current block, if there is one.
    fn place<R: 'static>(&mut self) -> Option<(Arc<Block<R>>, usize)> {
        let (block, taken) = self.current.as_mut()?;
        let block = block.downcast_ref::<Arc<Block<R>>>()?;
        if *taken == block.slots.len() {
            return None;
        }
        *taken += 1;
        Some((Arc::clone(block), *taken - 1))
    }
}

impl<R> Deref for SlotRef<R> {
    type Target = Slot<R>;

    #[inline]
    fn deref(&self) -> &Slot<R> {
        match self {
            SlotRef::Alone(slot) => slot,
            SlotRef::Among(among) => among.slot(),
        }
    }
}

impl<R> SlotRef<R> {
    /// The result, if there is one: the last thing that is done with the handle. `Ready(None)` where it was
    /// taken before.
    #[inline]
    pub(crate) fn settle(&mut self) -> Poll<Option<Result<R, Error>>> {
        self.take_all().map(|taken| {
            let (result, nothing_left) = taken?;
            if let SlotRef::Among(among) = self {
                among.settled = nothing_left;
            }
            Some(result)
        })
    }
}

impl<R> InBlock<R> {
    #[inline]
    fn slot(&self) -> &Slot<R> {
        &self.block.slots[self.at as usize]
    }
}

impl<R> Drop for InBlock<R> {
    #[inline]
    fn drop(&mut self) {
        if !self.settled {
            self.slot().abandon();
        }
    }
}

impl<R: DeserializeOwned + Send> Reply for Block<R> {
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>) {
        self.slots[tag as usize].put(decoded(self.task, result));
    }

    fn progress(&self, tag: u64, done: u64, total: u64) {
        self.slots[tag as usize].set_progress(done, total);
    }

    fn note(&self, tag: u64, bytes: &[u8]) {
        self.slots[tag as usize].add_note(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(reply: &Arc<dyn Reply>, tag: u64, value: u8) {
        reply.resolve(tag, Ok(&[value]));
    }

    #[test]
    fn results_go_to_the_slots_that_they_are_for() {
        let mut blocks = Blocks::default();
        let mut taken = Vec::new();
        for n in 0..100 {
            let task = if n == 70 { "other" } else { "task" };
            taken.push(blocks.take::<u8>(task));
        }
        let block_of = |n: usize| match &taken[n].0 {
            SlotRef::Alone(_) => None,
            SlotRef::Among(among) => Some(Arc::as_ptr(&among.block)),
        };
        assert_eq!((block_of(0), block_of(1)), (None, None), "the first two");
        assert!((3..34).all(|n| block_of(n) == block_of(2)) && block_of(2).is_some());
        assert_ne!(block_of(34), block_of(33));
        // Another task, and the first two again.
        assert_eq!([70, 71, 72].map(block_of), [None; 3]);
        assert_ne!(block_of(73), block_of(69));
        for (n, (_, reply, tag)) in taken.iter().enumerate().rev() {
            resolve(reply, *tag, n as u8);
        }
        for (n, (slot, ..)) in taken.iter().enumerate() {
            assert_eq!(slot.take().unwrap().unwrap(), n as u8);
            assert!(slot.take().is_none());
        }
    }

    #[test]
    fn a_result_that_nobody_wants_is_dropped_while_others_of_its_block_are_kept() {
        let mut blocks = Blocks::default();
        let mut take = || blocks.take::<String>("task");
        let (_alone, _too) = (take(), take());
        let ((before, reply, first), (after, _, second), kept) = (take(), take(), take());
        let text = [&[5][..], b"large"].concat();
        reply.resolve(first, Ok(&text));
        drop(before);
        drop(after);
        reply.resolve(second, Ok(&text));
        let SlotRef::Among(InBlock { block, .. }) = &kept.0 else {
            panic!("it has memory of its own");
        };
        for at in [first, second] {
            let inside = block.slots[at as usize].lock();
            assert!(matches!(inside.state, super::super::State::Taken));
        }
        assert!(!kept.0.is_done());
    }

    #[test]
    fn one_look_tells_what_there_is() {
        let mut blocks = Blocks::default();
        for alone in [true, true, false] {
            let (mut slot, reply, tag) = blocks.take::<u8>("task");
            assert_eq!(matches!(slot, SlotRef::Alone(_)), alone);
            assert!(slot.settle().is_pending());
            resolve(&reply, tag, 7);
            assert!(matches!(slot.settle(), Poll::Ready(Some(Ok(7)))));
            assert!(matches!(slot.settle(), Poll::Ready(None)));
        }
    }

    #[test]
    fn large_results_have_memory_of_their_own() {
        assert_eq!((slots::<u64>(), slots::<[u64; 64]>()), (32, 7));
        let mut blocks = Blocks::default();
        for _ in 0..10 {
            let (slot, ..) = blocks.take::<([[u64; 32]; 32], [u64; 32])>("task");
            assert!(matches!(slot, SlotRef::Alone(_)));
        }
    }
}
