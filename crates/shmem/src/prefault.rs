//! Which blocks of an arena this process has entered into its page table by system calls, so that it does
//! so once for each, instead of a page fault for each page of 4 KiB.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use crate::residency::resident;

/// Bytes of a block. What a range has of other blocks is left to page faults.
const BLOCK: u64 = 256 << 10;

/// Blocks that were entered. Where their memory was given back to the system and written again since, page
/// faults bring it again.
#[derive(Debug, Default)]
pub(crate) struct Prefaulted(Mutex<Entered>);

#[derive(Debug, Default)]
struct Entered {
    /// One bit for each block.
    bits: Vec<u64>,
    /// The kernel has refused, as before Linux 5.14.
    refused: bool,
}

impl Prefaulted {
    /// Has `enter` enter those whole blocks in `range` that the file has in memory, and that were not entered
    /// before. Holes stay holes. Where the kernel does not say what is in memory, as before Linux 6.5,
    /// nothing is entered.
    pub(crate) fn add(
        &self,
        file: BorrowedFd<'_>,
        range: Range<u64>,
        mut enter: impl FnMut(Range<u64>) -> io::Result<()>,
    ) {
        let mut entered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let blocks = range.start.div_ceil(BLOCK)..range.end / BLOCK;
        let mut at = blocks.start;
        while at < blocks.end && !entered.refused {
            let known = |&block: &u64| entered.has(block);
            let start = (at..blocks.end).find(|block| !known(block));
            let Some(start) = start else { return };
            let end = (start..blocks.end).find(known).unwrap_or(blocks.end);
            entered.add(file, start..end, &mut enter);
            at = end;
        }
    }
}

impl Entered {
    /// Enters blocks: all at once where all are in memory.
    fn add(
        &mut self,
        file: BorrowedFd<'_>,
        blocks: Range<u64>,
        enter: &mut impl FnMut(Range<u64>) -> io::Result<()>,
    ) {
        let bytes = blocks.start * BLOCK..blocks.end * BLOCK;
        let found = resident(&file, bytes.start, bytes.end - bytes.start);
        if found.cached_pages == found.total_pages {
            match enter(bytes) {
                Ok(()) => self.insert(blocks),
                Err(_) => self.refused = true,
            }
        } else if found.cached_pages > 0 && blocks.end - blocks.start > 1 {
            for block in blocks {
                if !self.refused {
                    self.add(file, block..block + 1, enter);
                }
            }
        }
    }

    fn has(&self, block: u64) -> bool {
        let word = self.bits.get((block / 64) as usize);
        word.is_some_and(|word| word & (1 << (block % 64)) != 0)
    }

    fn insert(&mut self, blocks: Range<u64>) {
        let words = blocks.end.div_ceil(64) as usize;
        if self.bits.len() < words {
            self.bits.resize(words, 0);
        }
        for block in blocks {
            self.bits[(block / 64) as usize] |= 1 << (block % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memfd::create_memfd;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;

    /// A file of 64 blocks, of which these are in memory, from one to before another.
    fn file(written: &[(u64, u64)]) -> File {
        let file = File::from(create_memfd(c"test").unwrap());
        file.set_len(64 * BLOCK).unwrap();
        for (from, to) in written {
            let bytes = vec![1; ((to - from) * BLOCK) as usize];
            file.write_all_at(&bytes, from * BLOCK).unwrap();
        }
        file
    }

    /// The blocks that are entered, from one to before another.
    fn added(known: &Prefaulted, file: &File, range: Range<u64>) -> Vec<(u64, u64)> {
        let mut entered = Vec::new();
        known.add(file.as_fd(), range, |part| {
            entered.push((part.start / BLOCK, part.end / BLOCK));
            assert!(part.start.is_multiple_of(BLOCK) && part.end.is_multiple_of(BLOCK));
            Ok(())
        });
        entered
    }

    #[test]
    fn what_is_in_memory_is_entered_once() {
        let file = file(&[(2, 20)]);
        let known = Prefaulted::default();
        assert_eq!(added(&known, &file, 4 * BLOCK..10 * BLOCK), [(4, 10)]);
        assert_eq!(added(&known, &file, 4 * BLOCK..10 * BLOCK), []);
        let around = [(2, 4), (10, 20)];
        assert_eq!(added(&known, &file, 2 * BLOCK..20 * BLOCK), around);
        assert_eq!(added(&known, &file, 2 * BLOCK..20 * BLOCK), []);
    }

    #[test]
    fn blocks_in_part_are_left_out() {
        let file = file(&[(0, 64)]);
        let known = Prefaulted::default();
        assert_eq!(added(&known, &file, 1..2 * BLOCK - 1), []);
        assert_eq!(added(&known, &file, 1..3 * BLOCK - 1), [(1, 2)]);
    }

    #[test]
    fn holes_stay_holes_and_are_looked_at_again() {
        let file = file(&[]);
        let known = Prefaulted::default();
        assert_eq!(added(&known, &file, 0..8 * BLOCK), []);
        file.write_all_at(&[1], 3 * BLOCK).unwrap();
        assert_eq!(added(&known, &file, 0..8 * BLOCK), []);
        let block = vec![1; BLOCK as usize];
        file.write_all_at(&block, 3 * BLOCK).unwrap();
        file.write_all_at(&block, 5 * BLOCK).unwrap();
        assert_eq!(added(&known, &file, 0..8 * BLOCK), [(3, 4), (5, 6)]);
    }

    #[test]
    fn a_refusal_is_the_last() {
        let file = file(&[(0, 64)]);
        let known = Prefaulted::default();
        known.add(file.as_fd(), 0..BLOCK, |_| {
            Err(io::Error::from_raw_os_error(libc::EINVAL))
        });
        assert_eq!(added(&known, &file, 0..8 * BLOCK), []);
    }
}
