//! A row of 64-bit atomics that processes share: a mapping of a memfd whose size is sealed. The
//! descriptor is separate from the mapping, because nobody needs it once it was handed over.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use memmap2::{Advice, MmapOptions, MmapRaw};
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::resource::{Resource, getrlimit};
use thiserror::Error;

use crate::memfd::create_memfd;
use crate::sys;

/// A row of 64-bit words that are shared with every process that maps the same memfd.
#[derive(Debug)]
pub struct Words {
    raw: MmapRaw,
    count: usize,
}

/// Why shared words could not be created or mapped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WordsError {
    /// There is at least one word.
    #[error("{words} shared words cannot be: 1 to {max}", max = Words::MAX)]
    Count {
        /// Words asked for.
        words: usize,
    },
    /// The descriptor stands for something else, or for fewer words.
    #[error("the descriptor does not stand for {words} shared words: {why}")]
    NotWords {
        /// Words asked for.
        words: usize,
        /// What it is instead.
        why: String,
    },
    /// `ulimit -f` is below the size.
    #[error(
        "{words} shared words are longer than files may be here ({limit} bytes): raise ulimit -f"
    )]
    FileSize {
        /// Words asked for.
        words: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// A system call failed.
    #[error("cannot {what} {words} shared words: {source}{}", crate::limit_behind(.source))]
    System {
        /// Words asked for.
        words: usize,
        /// What was tried.
        what: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl Words {
    /// The most words there may be: what a few thousand workers need, and no dataset.
    pub const MAX: usize = 1 << 20;

    /// New words, all 0, and the descriptor to hand to another process (it is not inherited across exec by
    /// itself). Their size is sealed: no holder can shrink them under another.
    ///
    /// # Errors
    /// [`WordsError`].
    pub fn create(
        name: &'static std::ffi::CStr,
        words: usize,
    ) -> Result<(Words, OwnedFd), WordsError> {
        let len = len_of(words)?;
        let failed = |what| {
            move |source| WordsError::System {
                words,
                what,
                source,
            }
        };
        // The kernel does not only refuse what is above the limit: it sends SIGXFSZ.
        if let Ok((limit, _)) = getrlimit(Resource::RLIMIT_FSIZE)
            && limit < len
        {
            return Err(WordsError::FileSize { words, limit });
        }
        let fd = create_memfd(name).map_err(failed("create"))?;
        // The few pages are taken here, so that no later store can fail for want of memory.
        fallocate(&fd, FallocateFlags::empty(), 0, len as i64)
            .map_err(|errno| failed("reserve")(errno.into()))?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).map_err(|errno| failed("seal")(errno.into()))?;
        Ok((map(&fd, words)?, fd))
    }

    /// The words behind a descriptor that another process created. It is of no more use afterwards.
    ///
    /// # Errors
    /// [`WordsError`].
    pub fn open(fd: &impl AsFd, words: usize) -> Result<Words, WordsError> {
        let len = len_of(words)?;
        let refuse = |why: String| WordsError::NotWords { words, why };
        let found = sys::size_of(fd.as_fd()).map_err(|source| WordsError::System {
            words,
            what: "size",
            source,
        })?;
        if found < len {
            return Err(refuse(format!("it holds {found} bytes")));
        }
        let seals = fcntl(fd.as_fd(), FcntlArg::F_GET_SEALS)
            .map(SealFlag::from_bits_truncate)
            .map_err(|_| refuse("it is not a memfd".to_owned()))?;
        if !seals.contains(SealFlag::F_SEAL_SHRINK) {
            return Err(refuse("its size is not sealed".to_owned()));
        }
        map(fd, words)
    }

    /// From now on, a child that is forked does not inherit the mapping: a process that shares it gets the
    /// descriptor.
    ///
    /// # Errors
    /// [`WordsError::System`].
    pub fn keep_from_children(&self) -> Result<(), WordsError> {
        let words = self.count;
        let advised = self.raw.advise(Advice::DontFork);
        advised.map_err(|source| WordsError::System {
            words,
            what: "keep from children",
            source,
        })
    }
}

/// Every process decides with the others what each word means and how it is ordered.
impl AsRef<[AtomicU64]> for Words {
    fn as_ref(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, writable, `count * 8` bytes long and as long-lived as
        // `self`; its size is sealed; all processes go through atomics, which have the layout of u64.
        unsafe { std::slice::from_raw_parts(self.raw.as_ptr().cast::<AtomicU64>(), self.count) }
    }
}

fn len_of(words: usize) -> Result<u64, WordsError> {
    if (1..=Words::MAX).contains(&words) {
        Ok(words as u64 * 8)
    } else {
        Err(WordsError::Count { words })
    }
}

fn map(fd: &impl AsFd, words: usize) -> Result<Words, WordsError> {
    use std::os::fd::AsRawFd;
    let failed = |source| WordsError::System {
        words,
        what: "map",
        source,
    };
    let raw = MmapOptions::new()
        .len(words * 8)
        .map_raw(fd.as_fd().as_raw_fd())
        .map_err(failed)?;
    raw.advise(Advice::DontDump).map_err(failed)?;
    Ok(Words { raw, count: words })
}
