//! Blocks that are used again: memory that was written once is several times as fast to write as
//! memory that the kernel has to clear first.

use crate::memory::{Block, HEADER, MINE, RELEASED, SENT, physical};
use pyo3::prelude::*;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lengths of blocks are multiples of this.
const STEP: usize = 1 << 20;
/// Blocks that may be in use at once: each holds a descriptor.
const MOST: usize = 256;
/// The part of physical memory that all processes of a pool keep for later.
const KEPT: usize = 8;
/// How long a call waits for a block of others rather than taking new memory, bytes in a nanosecond: new memory
/// costs from one to three times as long, and a caller whose calls wait for it goes on all the same.
const PATIENCE: u64 = 2;

/// Blocks of this process: those that wait to be used, and those that others have.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    free: Vec<Arc<Block>>,
    /// Sent to the coordinator, which says in their header when it is done with them.
    sent: Vec<Arc<Block>>,
    in_use: usize,
    /// Bytes of those in use.
    used: usize,
    keep: usize,
}

/// The blocks of one process.
#[derive(Debug)]
struct Table {
    pid: u32,
    blocks: Mutex<Blocks>,
    /// A block has become free.
    freed: Condvar,
}

/// The table of this process, or that of the one that it was forked from.
static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

impl Table {
    /// The table of this process. A forked child begins with an empty one: that of its parent may be locked by a
    /// thread that the child does not have, and the mappings of the parent's blocks are not the child's to unmap.
    fn of_this_process() -> &'static Table {
        let pid = std::process::id();
        let mut found = TABLE.load(Ordering::Acquire);
        loop {
            // SAFETY: what was stored here is never freed.
            match unsafe { found.as_ref() } {
                Some(table) if table.pid == pid => return table,
                _ => {}
            }
            let made = Box::into_raw(Box::new(Table::new(pid)));
            match TABLE.compare_exchange(found, made, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => found = made,
                Err(other) => {
                    // SAFETY: made above, and seen by nobody else.
                    drop(unsafe { Box::from_raw(made) });
                    found = other;
                }
            }
        }
    }

    fn new(pid: u32) -> Table {
        let keep = physical() / KEPT;
        Table {
            pid,
            blocks: Mutex::new(Blocks {
                keep,
                ..Blocks::default()
            }),
            freed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a block of `len` bytes is in use no longer.
    fn no_longer(&self, blocks: &mut Blocks, len: usize) {
        blocks.in_use = blocks.in_use.saturating_sub(1);
        blocks.used = blocks.used.saturating_sub(len);
        self.freed.notify_all();
    }
}

/// Says how many processes divide what is kept for later.
#[pyfunction]
pub(crate) fn divide_blocks(processes: usize) {
    Table::of_this_process().lock().keep = physical() / KEPT / processes.max(1);
}

/// A block in use. Dropping it makes it free, unless it was sent.
#[derive(Debug)]
pub(crate) struct Lease {
    block: Option<Arc<Block>>,
    of: &'static Table,
}

impl Lease {
    /// A block of at least `len` bytes.
    pub(crate) fn new(len: usize) -> io::Result<Lease> {
        let len = len.max(1).next_multiple_of(STEP);
        let of = Table::of_this_process();
        let mut blocks = of.lock();
        blocks.reclaim();
        if let Some(block) = blocks.take(len) {
            blocks.in_use += 1;
            blocks.used += block.map().len();
            let block = Some(block);
            return Ok(Lease { block, of });
        }
        if blocks.in_use + blocks.sent.len() >= MOST {
            return Err(io::Error::other("too many blocks are in use"));
        }
        blocks.in_use += 1;
        blocks.used += len;
        drop(blocks);
        let made = Block::new(len);
        if made.is_err() {
            of.no_longer(&mut of.lock(), len);
        }
        let block = Some(Arc::new(made?));
        Ok(Lease { block, of })
    }

    /// A block of at least `len` bytes. Where blocks in use have as much as may be kept, waits a while for one
    /// of them: memory that is used again is several times as fast, and what is in flight stays bounded as
    /// long as tasks end.
    pub(crate) fn patient(len: usize) -> io::Result<Lease> {
        let size = len.max(1).next_multiple_of(STEP);
        let until = Instant::now() + Duration::from_nanos(size as u64 / PATIENCE);
        let of = Table::of_this_process();
        let mut blocks = of.lock();
        while blocks.is_short_of(size) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = of.freed.wait_timeout(blocks, left);
            blocks = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(blocks);
        Lease::new(len)
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        self.block
            .as_ref()
            .expect("a lease has its block until it ends")
    }

    /// Leaves the block to the coordinator.
    pub(crate) fn send(mut self) {
        let block = self
            .block
            .take()
            .expect("a lease has its block until it ends");
        block.state().store(SENT, Ordering::Release);
        let mut blocks = self.of.lock();
        self.of.no_longer(&mut blocks, block.map().len());
        blocks.sent.push(block);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(block) = self.block.take() else {
            return;
        };
        if self.of.pid != std::process::id() {
            // A forked child's copy. It does not have the mapping.
            return std::mem::forget(block);
        }
        let mut blocks = self.of.lock();
        self.of.no_longer(&mut blocks, block.map().len());
        blocks.free.push(block);
        blocks.trim();
    }
}

impl Blocks {
    /// Takes back what the coordinator is done with.
    fn reclaim(&mut self) {
        let is_back = |block: &mut Arc<Block>| block.state().load(Ordering::Acquire) == RELEASED;
        self.free.extend(self.sent.extract_if(.., is_back));
        self.trim();
    }

    /// Whether a block of `len` bytes would be more than may be kept, and one that is in use may become free.
    fn is_short_of(&self, len: usize) -> bool {
        let fits = |block: &Arc<Block>| fits(block, len);
        self.used > 0 && self.used + len > self.keep && !self.free.iter().any(fits)
    }

    /// The smallest free block that is long enough, and not much too long.
    fn take(&mut self, len: usize) -> Option<Arc<Block>> {
        let fits = |block: &Arc<Block>| fits(block, len);
        let sizes = self.free.iter().enumerate().filter(|(_, it)| fits(it));
        let (best, _) = sizes.min_by_key(|(_, block)| block.map().len())?;
        let block = self.free.swap_remove(best);
        block.state().store(MINE, Ordering::Release);
        Some(block)
    }

    /// Gives memory back that is more than may be kept, the oldest first.
    fn trim(&mut self) {
        let mut held: usize = self.free.iter().map(|block| block.map().len()).sum();
        while held > self.keep && !self.free.is_empty() {
            held -= self.free.remove(0).map().len();
        }
    }
}

/// Whether a block is long enough, and not much too long.
fn fits(block: &Arc<Block>, len: usize) -> bool {
    (len..=len * 2).contains(&block.map().len())
}

/// Gives all free memory back.
#[pyfunction]
pub(crate) fn clear_blocks() {
    let mut blocks = Table::of_this_process().lock();
    blocks.reclaim();
    blocks.free.clear();
}

/// Bytes of data that a worker's block of `len` bytes has room for.
pub(crate) fn with_header(len: usize) -> usize {
    len + HEADER
}
