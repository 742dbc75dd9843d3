//! Calls by name and encoded arguments, in blocks of their own.
//!
//! A call is moved several times right after its parts were written one by one, and to copy those in larger
//! pieces stalls the processor. So it has a block of memory, and only the block's address is moved. Each thread
//! keeps blocks of calls that have ended: the allocator is slow where many are taken before the first is
//! given back.

use crate::args::Args;
use crate::extras::{Extras, NONE};
use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// The most blocks that a thread keeps.
const SPARE: usize = 4096;

type Blocks = Vec<Box<RawCall>>;

thread_local! {
    static BLOCKS: RefCell<Blocks> = const { RefCell::new(Vec::new()) };
}

/// A call of a task by its name, with arguments that are encoded already.
#[derive(Debug, Default)]
pub struct RawCall {
    /// The task's name in the workers.
    pub task: &'static str,
    /// The arguments as the task decodes them, at most 1 MiB.
    pub args: Args,
    /// Given to the reply with the result.
    pub tag: u64,
    /// What few calls have.
    pub more: Option<Box<Extras>>,
}

impl RawCall {
    /// What few calls have; of one that has nothing, the defaults.
    #[inline]
    pub fn extras(&self) -> &Extras {
        self.more.as_deref().unwrap_or(&NONE)
    }

    /// Gives it what few calls have, where that is anything.
    pub fn set_extras(&mut self, extras: Extras) {
        self.more = (!extras.is_none()).then(|| Box::new(extras));
    }
}

/// A [`RawCall`] in a block of memory of its own.
pub struct CallBlock(Option<Box<RawCall>>);

impl CallBlock {
    /// A call of a task, without arguments.
    #[inline]
    pub fn new(task: &'static str) -> CallBlock {
        let mut block = with_spare(Vec::pop).flatten().unwrap_or_default();
        block.task = task;
        block.tag = 0;
        CallBlock(Some(block))
    }
}

/// Uses this thread's spare blocks. There are none while the thread ends.
#[inline]
fn with_spare<R>(with: impl FnOnce(&mut Blocks) -> R) -> Option<R> {
    BLOCKS
        .try_with(|blocks| with(&mut blocks.borrow_mut()))
        .ok()
}

impl Drop for CallBlock {
    #[inline]
    fn drop(&mut self) {
        let Some(mut block) = self.0.take() else {
            return;
        };
        block.more = None;
        block.args.clear();
        with_spare(|spare| {
            if spare.len() < SPARE {
                spare.push(block);
            }
        });
    }
}

impl Deref for CallBlock {
    type Target = RawCall;

    #[inline]
    fn deref(&self) -> &RawCall {
        self.0
            .as_deref()
            .expect("it is taken only where it is dropped")
    }
}

impl DerefMut for CallBlock {
    #[inline]
    fn deref_mut(&mut self) -> &mut RawCall {
        self.0
            .as_deref_mut()
            .expect("it is taken only where it is dropped")
    }
}

impl fmt::Debug for CallBlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_with_nothing_in_it() {
        let mut first = CallBlock::new("first");
        first.args = vec![1; 1000].into();
        first.tag = 7;
        first.more = Some(Box::default());
        let address: *const RawCall = &*first;
        drop(first);
        let second = CallBlock::new("second");
        assert!(std::ptr::eq(address, &*second));
        assert_eq!(
            (second.task, second.tag, &second.args[..]),
            ("second", 0, &[][..])
        );
        assert!(second.more.is_none());
    }
}
