//! The books of a worker: its own arena, the arenas of others that it was sent, and what it has to report
//! of the arrays that it was given.
//!
//! What was given is a *record*: an argument, or a part of one, with the coordinator's view of it. After
//! each call the records that live on are reported as retained, once; when such a record ends, that
//! is reported with the next result. What the worker allocates itself needs no report, since it does
//! not use it again while anybody holds it (`Lent`).

mod records;
mod report;
mod state;

use super::error::ArrayError;
use super::hold::{Fresh, Hold, Keeper, Kind, Place, Side, allocate_by, allocate_privately, cut};
use super::table::{Entry, Item, Table};
use holds::Range;
use shmem::{Arena, Span};
use state::State;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::{ArrayEntry, CallArrays};

pub use report::{has_reports, report};

static WORKER: Worker = Worker {
    state: Mutex::new(None),
    epoch: AtomicU32::new(0),
    reports: AtomicBool::new(false),
};

struct Worker {
    state: Mutex<Option<State>>,
    /// Counts the forks that have left books behind.
    epoch: AtomicU32,
    /// Something was given or released since the last report.
    reports: AtomicBool,
}

/// From now on large arrays are allocated in this arena, and results are handed over in it. Where it
/// cannot be mapped, arrays travel as bytes.
pub fn install(region: u32, size: u64, fd: OwnedFd) {
    let Ok(arena) = Arena::open(fd, size) else {
        return;
    };
    *WORKER.lock() = Some(State::new(region, Arc::new(arena)));
    allocate_by(&WORKER);
}

/// Allocates here again: for tests that are both.
#[cfg(test)]
pub(super) fn allocate_here() {
    allocate_by(&WORKER);
}

/// Bytes of the own arena that this worker, or anybody that it gave them to, holds.
#[cfg(test)]
pub(super) fn held_bytes() -> u64 {
    let held = |state: &mut State| state.lent.alloc().size() - state.lent.alloc().free_bytes();
    WORKER.with(held).unwrap_or(0)
}

/// Makes an arena of others known. What cannot be mapped fails the calls that refer to it.
pub fn attach(region: u32, size: u64, fd: OwnedFd) {
    let arena = Arena::open(fd, size).map(Arc::new);
    let arena = arena.map_err(|error| error.to_string());
    let mut state = WORKER.lock();
    let before = state.as_mut().and_then(|state| state.attach(region, arena));
    drop(state);
    drop(before);
}

/// The arrays of a call, from the table beside it.
///
/// # Errors
/// Why the table cannot be what the coordinator meant.
pub fn incoming(beside: &CallArrays) -> Result<Table, String> {
    if beside.is_empty() {
        return Ok(Table::default());
    }
    WORKER.reports.store(true, Ordering::Release);
    let mut guard = WORKER.lock();
    let Some(state) = guard.as_mut() else {
        drop(guard);
        return as_bytes(&beside.entries);
    };
    state.take_in(beside)?;
    let places = state.enter(&beside.entries, WORKER.epoch())?;
    drop(guard);
    let mut places = places.into_iter();
    let mut table = Table::default();
    for entry in &beside.entries {
        table.entries.push(match *entry {
            ArrayEntry::Bytes { len, mutable } => Entry::Bytes { len, mutable },
            ArrayEntry::Shared(range) => {
                let (arena, place) = places.next().ok_or("a shared array without a place")?;
                if range.mutable {
                    // Others have written it, and this task is about to. Readers' faults bring 16 pages each.
                    arena.prefault(range.offset, range.len);
                }
                Entry::Held(Item {
                    hold: Arc::new(WORKER.hold(&arena, place)?),
                    start: 0,
                    len: range.len as usize,
                    mutable: range.mutable,
                })
            }
        });
    }
    Ok(table)
}

/// Without books there is no shared memory to refer to.
fn as_bytes(entries: &[ArrayEntry]) -> Result<Table, String> {
    let entry = |entry: &ArrayEntry| match *entry {
        ArrayEntry::Bytes { len, mutable } => Ok(Entry::Bytes { len, mutable }),
        ArrayEntry::Shared(_) => Err("this worker shares no memory".to_owned()),
    };
    Ok(Table {
        entries: entries.iter().map(entry).collect::<Result<_, _>>()?,
    })
}

/// Gives memory of the own arena back that has been free for a while, and says when there will be more to
/// give back, as nanoseconds from now.
pub fn give_back() -> Option<u64> {
    WORKER.with(State::give_back)?
}

impl Worker {
    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        self.lock().as_mut().map(f)
    }

    fn hold(&'static self, arena: &Arc<Arena>, place: Place) -> Result<Hold, String> {
        // SAFETY: either the books of this worker have just allocated the range, or the coordinator has
        // given it to this worker with a call: to it alone, or for reading.
        let span = unsafe { Span::of_arena(arena, place.range.offset, place.range.len) };
        let span = span.map_err(|error| error.to_string())?;
        Ok(Hold::shared(span, self, place))
    }
}

impl Keeper for Worker {
    fn side(&self) -> Side {
        Side::Worker
    }

    fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    fn allocate(&'static self, bytes: usize, _: Kind) -> Result<Fresh, ArrayError> {
        let allocated = self.with(|state| state.allocate(bytes as u64, self.epoch()));
        let Some(allocated) = allocated else {
            return super::hold::private(bytes);
        };
        let (arena, place, used) = allocated?;
        let hold = self.hold(&arena, place).map_err(ArrayError::Books)?;
        Ok(Fresh { hold, used })
    }

    fn split(&self, place: Place, at: u64) -> (Place, Place) {
        let (low, high) = cut(place, at);
        self.with(|state| state.split(low.clone(), high.clone()))
            .unwrap_or((low, high))
    }

    fn join(&self, first: &Place, next: &Place) -> Option<Place> {
        if first.block != next.block || first.range.end() != next.range.offset {
            return None;
        }
        let range = Range::between(first.range.offset, next.range.end());
        self.with(|state| state.join(first, next, range))?
    }

    fn freeze(&self, place: &Place) {
        self.with(|state| state.freeze(place));
    }

    fn release(&self, place: &Place) {
        self.with(|state| state.release(place));
        // Who reports looks at this first, so it follows what is to be reported.
        self.reports.store(true, Ordering::Release);
    }
}

/// The books, locked for a fork.
pub(super) struct Locked(MutexGuard<'static, Option<State>>);

/// Keeps every other thread out of the books until the fork has happened.
pub(super) fn lock() -> Locked {
    Locked(WORKER.lock())
}

impl Locked {
    /// Ranges that this process may write, with their arenas.
    pub(super) fn writable(&self) -> Vec<(Arc<Arena>, Range)> {
        match &*self.0 {
            Some(state) => state.writable(),
            None => Vec::new(),
        }
    }

    /// In the child: from now on every array of the parent's is private memory.
    ///
    /// # Errors
    /// A mapping could not be made private: the child must not go on.
    pub(super) fn leave(mut self) -> std::io::Result<()> {
        allocate_privately();
        WORKER.epoch.fetch_add(1, Ordering::AcqRel);
        match self.0.take() {
            Some(state) => state.make_private(),
            None => Ok(()),
        }
    }
}
