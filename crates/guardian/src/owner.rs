//! The owner's side: joining the guardian of this process, and telling it what to guard.

use crate::birth::{self, Child};
use crate::table::{self, Group, PATH_LEN, Table};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags};
use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use thiserror::Error;

/// Why something cannot be guarded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardianError {
    /// The guardian could not be started.
    #[error(
        "cannot start the guardian, which cleans up after a kill: {0}; are there too many \
         processes (ulimit -u) or descriptors (ulimit -n)?"
    )]
    Start(#[from] io::Error),
    /// Too much is guarded already.
    #[error("more than {most} {what} at once cannot be guarded; drop some first")]
    Full {
        /// What there is too much of.
        what: &'static str,
        /// How many there can be.
        most: usize,
    },
    /// The path does not fit.
    #[error("{path} is too long to be guarded: {PATH_LEN} bytes at most; use a shorter one")]
    Path {
        /// The path.
        path: PathBuf,
    },
}

/// This process's guardian. It runs for as long as any of these exists or anything is guarded;
/// when the last is dropped, it ends and is reaped.
///
/// A forked child's copies do nothing: what the parent guards is the parent's.
#[derive(Debug, Clone)]
pub struct Guardian(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    owner_pid: u32,
    table: NonNull<Table>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: Child,
    groups: Indices,
    paths: Indices,
}

/// Which entries of the table are free.
#[derive(Debug, Default)]
struct Indices {
    free: Vec<usize>,
    used: usize,
}

// SAFETY: the table consists of atomics, and stays mapped until the last handle is dropped.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// The guardian of this process, while there is one.
static CURRENT: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

impl Guardian {
    /// The guardian of this process: the one that runs, or else a new one. Any thread may ask.
    ///
    /// Starting it is a fork and costs as one does; it keeps none of this process's memory.
    ///
    /// # Errors
    /// [`GuardianError::Start`].
    pub fn join() -> Result<Guardian, GuardianError> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = current.upgrade()
            && shared.is_ours()
        {
            return Ok(Guardian(shared));
        }
        let shared = Arc::new(Shared::start()?);
        *current = Arc::downgrade(&shared);
        Ok(Guardian(shared))
    }

    /// Guards a path that is to come into being: when this process dies, it is unlinked.
    ///
    /// # Errors
    /// [`GuardianError`].
    pub fn path(&self, path: &Path) -> Result<GuardedPath, GuardianError> {
        let path = std::path::absolute(path)?;
        let bytes = path.as_os_str().as_bytes();
        if bytes.len() > PATH_LEN || bytes.contains(&0) {
            return Err(GuardianError::Path { path });
        }
        let index = self.watched()?.paths.take("paths", table::PATHS)?;
        self.0.table().set_path(index, bytes);
        Ok(GuardedPath {
            guardian: self.clone(),
            index,
        })
    }

    /// Takes a place for a process group that is to be started, so that nothing can go wrong once
    /// it is there.
    ///
    /// # Errors
    /// [`GuardianError`].
    pub fn group(&self) -> Result<GuardedGroup, GuardianError> {
        let index = self
            .watched()?
            .groups
            .take("process groups", table::GROUPS)?;
        Ok(GuardedGroup {
            guardian: self.clone(),
            index,
        })
    }

    /// Sends a signal to every group that is guarded.
    pub fn signal_groups(&self, signal: i32) {
        if !self.0.is_ours() {
            return;
        }
        // Holding the lock, nobody takes an entry back, so that a number could become another's.
        let _state = self.0.state();
        for group in self.0.table().groups() {
            crate::sys::kill(-i64::from(group.pid), signal);
        }
    }

    /// The guardian's process.
    pub fn pid(&self) -> u32 {
        self.0.state().child.pid
    }

    /// The state, with a guardian that runs: one that was killed is replaced, and its successor
    /// finds everything in the table.
    fn watched(&self) -> Result<MutexGuard<'_, State>, GuardianError> {
        if !self.0.is_ours() {
            let why = "it is the parent's; a forked child has to join one of its own";
            return Err(io::Error::other(why).into());
        }
        let mut state = self.0.state();
        if !state.child.is_alive() {
            state.child = start(self.0.table)?;
        }
        Ok(state)
    }
}

impl Shared {
    fn start() -> io::Result<Shared> {
        let length = NonZeroUsize::new(size_of::<Table>()).expect("the table is not empty");
        // Never used, its pages take no memory; so nothing needs to be reserved for them.
        let flags = MapFlags::MAP_SHARED | MapFlags::MAP_ANONYMOUS | MapFlags::MAP_NORESERVE;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: new memory, at an address of the kernel's choice.
        let table = unsafe { nix::sys::mman::mmap_anonymous(None, length, access, flags) }?;
        let table = table.cast::<Table>();
        let child = start(table).inspect_err(|_| unmap(table))?;
        Ok(Shared {
            owner_pid: std::process::id(),
            table,
            state: Mutex::new(State {
                child,
                groups: Indices::default(),
                paths: Indices::default(),
            }),
        })
    }

    fn is_ours(&self) -> bool {
        self.owner_pid == std::process::id()
    }

    /// Only in the process that made it: a forked child has no such mapping.
    fn table(&self) -> &Table {
        debug_assert!(self.is_ours());
        // SAFETY: mapped until this is dropped, zeroed at first, which is a valid table.
        unsafe { self.table.as_ref() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.is_ours() {
            self.state().child.end();
            unmap(self.table);
        }
    }
}

/// Starts a guardian over a table, which no other child inherits.
fn start(table: NonNull<Table>) -> io::Result<Child> {
    advise(table, MmapAdvise::MADV_DOFORK)?;
    // SAFETY: mapped by our caller, and zeroed at first, which is a valid table.
    let started = birth::start(unsafe { table.as_ref() });
    advise(table, MmapAdvise::MADV_DONTFORK)?;
    started
}

fn advise(table: NonNull<Table>, advice: MmapAdvise) -> io::Result<()> {
    let memory = table.cast::<c_void>();
    // SAFETY: the whole mapping of the table; what is advised concerns children alone.
    Ok(unsafe { nix::sys::mman::madvise(memory, size_of::<Table>(), advice) }?)
}

fn unmap(table: NonNull<Table>) {
    // SAFETY: the whole mapping of the table, which nobody uses any more.
    let _ = unsafe { nix::sys::mman::munmap(table.cast::<c_void>(), size_of::<Table>()) };
}

impl Indices {
    fn take(&mut self, what: &'static str, most: usize) -> Result<usize, GuardianError> {
        if let Some(index) = self.free.pop() {
            return Ok(index);
        }
        if self.used == most {
            return Err(GuardianError::Full { what, most });
        }
        self.used += 1;
        Ok(self.used - 1)
    }
}

/// A path that is unlinked when this process dies. Dropping it takes that back; unlink it before.
#[derive(Debug)]
pub struct GuardedPath {
    guardian: Guardian,
    index: usize,
}

impl Drop for GuardedPath {
    fn drop(&mut self) {
        let shared = &self.guardian.0;
        if shared.is_ours() {
            shared.table().clear_path(self.index);
            shared.state().paths.free.push(self.index);
        }
    }
}

/// A process group that is killed when this process dies. Dropping it takes that back.
#[derive(Debug)]
pub struct GuardedGroup {
    guardian: Guardian,
    index: usize,
}

impl GuardedGroup {
    /// The group's leader runs: guards it from here on, whether it has made its group yet or not.
    ///
    /// The leader must not have been reaped, and this has to be dropped before it is: its number
    /// may be another's afterwards.
    pub fn set(&self, leader: u32) {
        let shared = &self.guardian.0;
        if shared.is_ours() {
            let group = Group {
                pid: leader,
                at_ns: boot_ns(),
            };
            shared.table().set_group(self.index, group);
        }
    }
}

impl Drop for GuardedGroup {
    fn drop(&mut self) {
        let shared = &self.guardian.0;
        if shared.is_ours() {
            let mut state = shared.state();
            shared.table().clear_group(self.index);
            state.groups.free.push(self.index);
        }
    }
}

/// Now, on the clock of the kernel's start times of processes.
pub(crate) fn boot_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
    // The clock cannot fail; a guard of every process that has the number is the careful answer.
    now.map_or(u64::MAX, |now| {
        now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
    })
}
