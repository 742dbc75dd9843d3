//! A few words of memory that processes share to tell each other where they are: atomics behind a
//! descriptor, no name, nothing to clean up.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use memmap2::{Advice, MmapOptions, MmapRaw};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use thiserror::Error;

use crate::memfd::create_memfd;
use crate::sys;

/// A row of 64-bit words, all 0 at first, shared with every process that has the descriptor.
#[derive(Debug)]
pub struct Board {
    fd: OwnedFd,
    raw: MmapRaw,
    words: usize,
}

/// Why a board could not be created or opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BoardError {
    /// A board has at least one word.
    #[error("a board of {words} words cannot be: it needs 1 to {max}", max = Board::WORDS_MAX)]
    Words {
        /// Words asked for.
        words: usize,
    },
    /// The descriptor stands for something else, or for a smaller board.
    #[error("the descriptor is not a board of {words} words: {why}")]
    NotABoard {
        /// Words asked for.
        words: usize,
        /// What it is instead.
        why: String,
    },
    /// A system call failed.
    #[error("cannot {what} a board of {words} words: {source}")]
    System {
        /// Words asked for.
        words: usize,
        /// What was tried.
        what: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl Board {
    /// The most words a board may have: what a few thousand workers need, and no dataset.
    pub const WORDS_MAX: usize = 1 << 20;

    /// A new board, its words 0. Its size is sealed: no holder can shrink it under another.
    pub fn create(words: usize) -> Result<Board, BoardError> {
        let len = len_of(words)?;
        let failed = |what| {
            move |source| BoardError::System {
                words,
                what,
                source,
            }
        };
        let fd = create_memfd(c"handoff-board").map_err(failed("create"))?;
        // The one page or few are taken here, so that no later store can fail for want of memory.
        nix::fcntl::fallocate(&fd, nix::fcntl::FallocateFlags::empty(), 0, len as i64)
            .map_err(|errno| failed("reserve")(errno.into()))?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).map_err(|errno| failed("seal")(errno.into()))?;
        map(fd, words)
    }

    /// The board behind a descriptor that another process created.
    pub fn open(fd: OwnedFd, words: usize) -> Result<Board, BoardError> {
        let len = len_of(words)?;
        let refuse = |why: String| BoardError::NotABoard { words, why };
        let found = sys::size_of(fd.as_fd()).map_err(|source| BoardError::System {
            words,
            what: "size",
            source,
        })?;
        if found < len {
            return Err(refuse(format!("it holds {found} bytes")));
        }
        let seals = fcntl(&fd, FcntlArg::F_GET_SEALS)
            .map(SealFlag::from_bits_truncate)
            .map_err(|_| refuse("it is not a memfd".to_owned()))?;
        if !seals.contains(SealFlag::F_SEAL_SHRINK) {
            return Err(refuse("its size is not sealed".to_owned()));
        }
        map(fd, words)
    }

    /// How many words there are.
    pub fn words(&self) -> usize {
        self.words
    }

    /// Word `index`. Every process decides with the others what it means and how it is ordered.
    ///
    /// # Panics
    ///
    /// If there is no such word.
    pub fn word(&self, index: usize) -> &AtomicU64 {
        assert!(
            index < self.words,
            "word {index} of a board of {} words",
            self.words
        );
        // SAFETY: the mapping is page-aligned, writable, `words * 8` bytes long and as long-lived
        // as `self`; its size is sealed; all processes go through atomics.
        unsafe { AtomicU64::from_ptr(self.raw.as_mut_ptr().cast::<u64>().add(index)) }
    }

    /// The descriptor to hand to another process (it is not inherited across exec by itself).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn len_of(words: usize) -> Result<u64, BoardError> {
    if (1..=Board::WORDS_MAX).contains(&words) {
        Ok(words as u64 * 8)
    } else {
        Err(BoardError::Words { words })
    }
}

fn map(fd: OwnedFd, words: usize) -> Result<Board, BoardError> {
    let failed = |source| BoardError::System {
        words,
        what: "map",
        source,
    };
    let raw = MmapOptions::new()
        .len(words * 8)
        .map_raw(&fd)
        .map_err(failed)?;
    raw.advise(Advice::DontDump).map_err(failed)?;
    Ok(Board { fd, raw, words })
}
