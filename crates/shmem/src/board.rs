//! A few words of memory in which processes publish what they are doing: atomics behind a
//! descriptor, no name, nothing to clean up.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use crate::words::{Words, WordsError};

/// A row of 64-bit words, all 0 at first, shared with every process that has the descriptor.
#[derive(Debug)]
pub struct Board {
    fd: OwnedFd,
    words: Words,
}

/// Why a board could not be created or opened.
pub type BoardError = WordsError;

impl Board {
    /// The most words a board may have: what a few thousand workers need, and no dataset.
    pub const WORDS_MAX: usize = Words::MAX;

    /// A new board, its words 0. Its size is sealed: no holder can shrink it under another.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn create(words: usize) -> Result<Board, BoardError> {
        let (words, fd) = Words::create(c"handoff-board", words)?;
        Ok(Board { fd, words })
    }

    /// The board behind a descriptor that another process created.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn open(fd: OwnedFd, words: usize) -> Result<Board, BoardError> {
        let words = Words::open(&fd, words)?;
        Ok(Board { fd, words })
    }

    /// How many words there are.
    pub fn words(&self) -> usize {
        self.words.as_ref().len()
    }

    /// Word `index`. Every process decides with the others what it means and how it is ordered.
    ///
    /// # Panics
    ///
    /// If there is no such word.
    pub fn word(&self, index: usize) -> &AtomicU64 {
        let words = self.words.as_ref();
        assert!(
            index < words.len(),
            "word {index} of a board of {} words",
            words.len()
        );
        &words[index]
    }

    /// The descriptor to hand to another process (it is not inherited across exec by itself).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
