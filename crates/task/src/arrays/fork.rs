//! Forks: the child's arrays become its own.
//!
//! A fork copies handles without counting them, and shared memory not at all. So the first thing in the child
//! is that everything it could write becomes private, and that it leaves the books: its arrays are
//! private memory from then on. A private page shows what others write to it until the child has written
//! there itself; so where the parent goes on while the child lives, the child first takes copies of what the
//! parent may write, and the parent waits for that.

use super::{coordinator, worker};
use nix::errno::Errno;
use std::io;
use std::os::fd::OwnedFd;

/// What the parent does while the child lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// It goes on, and may write its arrays.
    GoesOn,
    /// It waits for the child's end.
    Waits,
}

/// A fork that is about to happen. Nothing can be allocated in shared memory meanwhile.
#[must_use = "the fork has to be completed on both sides"]
pub struct Fork {
    coordinator: coordinator::Locked,
    worker: worker::Locked,
    /// Copies have been taken when the second is closed.
    gate: Option<(OwnedFd, OwnedFd)>,
}

/// To be called right before a fork, whose two sides then call [`Fork::in_child`] and [`Fork::in_parent`].
///
/// # Errors
/// Descriptors have run out.
pub fn before_fork(parent: Parent) -> io::Result<Fork> {
    let (coordinator, worker) = (coordinator::lock(), worker::lock());
    let copies = parent == Parent::GoesOn
        && !(coordinator.writable().is_empty() && worker.writable().is_empty());
    let gate = match copies {
        true => Some(nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?),
        false => None,
    };
    Ok(Fork {
        coordinator,
        worker,
        gate,
    })
}

impl Fork {
    /// In the child, before anything else.
    ///
    /// # Errors
    /// Memory could not be made private: the child must end.
    pub fn in_child(self) -> io::Result<()> {
        let mut ranges = Vec::new();
        if self.gate.is_some() {
            ranges = self.coordinator.writable();
            ranges.extend(self.worker.writable());
        }
        self.coordinator.leave()?;
        self.worker.leave()?;
        for (arena, range) in ranges {
            arena.copy_pages(range.offset, range.len);
        }
        Ok(())
    }

    /// In the parent. Returns when the child has its copies, or has ended.
    pub fn in_parent(self) {
        if let Some((copied, copying)) = self.gate {
            drop(copying);
            let mut byte = [0];
            while nix::unistd::read(&copied, &mut byte) == Err(Errno::EINTR) {}
        }
    }
}
