//! The books of the process that has pools: its own arenas, and who holds what of them and of its
//! workers' arenas.
//!
//! One `Holds` decides for the whole process, since an array may go to any of its pools. Here it is
//! joined with mappings, and what it wants done is done or laid out for the workers' next calls.

mod calls;
mod members;
mod state;

use super::error::ArrayError;
use super::hold::{Fresh, Hold, Keeper, Kind, Place, Side, allocate_by, allocate_privately};
use holds::Placement;
use shmem::{Arena, Span};
use state::State;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use calls::{Opened, open, recall, receive};
pub use members::{Attachment, Member};
pub use state::Violated;

/// The books of this process.
static COORDINATOR: Coordinator = Coordinator {
    state: Mutex::new(None),
    epoch: AtomicU32::new(0),
    news: AtomicBool::new(false),
    arena_bytes: AtomicU64::new(0),
};

pub(super) struct Coordinator {
    state: Mutex<Option<State>>,
    /// Counts the forks that have left books behind.
    epoch: AtomicU32,
    /// There may be something that a worker has to receive with its next call.
    news: AtomicBool,
    /// Bytes of each of the process's own arenas; 0: as many as the machine has memory.
    arena_bytes: AtomicU64,
}

/// From now on this process shares memory with workers: large arrays are allocated in arenas. They are
/// created when the first array is.
pub fn install() {
    allocate_by(&COORDINATOR);
}

/// Bytes that arrays of this process hold in all of its arenas and its workers': by handles, open calls
/// and workers that keep them.
pub fn held_bytes() -> u64 {
    COORDINATOR.with(|state| state.held_bytes()).unwrap_or(0)
}

/// Gives memory back that has been free for a while, and says when there will be more to give back,
/// as nanoseconds from now.
pub fn give_back() -> Option<u64> {
    COORDINATOR.with(|state| state.give_back())?
}

impl Coordinator {
    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on the books, if there are any.
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        let mut state = self.lock();
        let result = f(state.as_mut()?);
        if let Some(state) = state.as_mut() {
            self.execute(state);
        }
        Some(result)
    }

    fn execute(&self, state: &mut State) {
        state.execute();
        self.news.store(state.has_news(), Ordering::Release);
    }

    /// Without the books: news that a worker receives one call later than possible is in time.
    fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    /// As [`with`](Self::with), opening the books where there are none.
    fn open<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut guard = self.lock();
        let state = guard.get_or_insert_with(State::new);
        let result = f(state);
        self.execute(state);
        result
    }

    /// A hold of a range that the books say is held once more.
    fn hold(&'static self, arena: &Arc<Arena>, place: Place) -> Result<Hold, ArrayError> {
        // SAFETY: the books have just given this range to this one holder; its only writer, if it is
        // mutable, and without a writer if it is frozen. Workers are trusted not to write what they
        // have given away (see the documentation of the crate).
        let span = unsafe { Span::of_arena(arena, place.range.offset, place.range.len) };
        let span = span.map_err(|error| ArrayError::Books(error.to_string()))?;
        Ok(Hold::shared(span, self, place))
    }
}

impl Keeper for Coordinator {
    fn side(&self) -> Side {
        Side::Coordinator
    }

    fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    fn allocate(&'static self, bytes: usize, kind: Kind) -> Result<Fresh, ArrayError> {
        let allocate = |state: &mut State| {
            let region = state.own_region(kind, self.arena_bytes.load(Ordering::Relaxed))?;
            let allocated = state.allocate(region, bytes as u64, Placement::Granules)?;
            let arena = state.arena(region.0).cloned();
            let arena = arena.ok_or_else(|| ArrayError::Books(format!("no arena {}", region.0)))?;
            Ok::<_, ArrayError>((region, allocated, arena))
        };
        let (region, allocated, arena) = self.open(allocate)?;
        let place = Place {
            region: region.0,
            range: allocated.range,
            id: 0,
            block: 0,
            epoch: self.epoch(),
        };
        Ok(Fresh {
            hold: self.hold(&arena, place)?,
            used: allocated.used as usize,
        })
    }

    fn split(&self, place: Place, at: u64) -> (Place, Place) {
        let region = holds::RegionId(place.region);
        let split = self.with(|state| state.holds.split(region, place.range, at));
        debug_assert!(matches!(split, Some(Ok(_))), "{split:?}");
        super::hold::cut(place, at)
    }

    fn join(&self, first: &Place, next: &Place) -> Option<Place> {
        let region = holds::RegionId(first.region);
        let parts = [first.range, next.range];
        let joined = self.with(|state| state.holds.join(region, &parts))?;
        let range = joined.ok()?;
        Some(Place {
            range,
            ..first.clone()
        })
    }

    fn freeze(&self, place: &Place) {
        let region = holds::RegionId(place.region);
        let frozen = self.with(|state| state.holds.freeze(region, place.range));
        debug_assert!(matches!(frozen, Some(Ok(()))), "{frozen:?}");
    }

    fn release(&self, place: &Place) {
        let region = holds::RegionId(place.region);
        let released = self.with(|state| state.holds.drop_handle(region, place.range));
        debug_assert!(matches!(released, Some(Ok(()))), "{released:?}");
    }
}

/// The books, locked for a fork.
pub(super) struct Locked(MutexGuard<'static, Option<State>>);

/// Keeps every other thread out of the books until the fork has happened.
pub(super) fn lock() -> Locked {
    Locked(COORDINATOR.lock())
}

impl Locked {
    /// Ranges that this process may write, with their arenas.
    pub(super) fn writable(&self) -> Vec<(Arc<Arena>, holds::Range)> {
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
        COORDINATOR.epoch.fetch_add(1, Ordering::AcqRel);
        match self.0.take() {
            Some(state) => state.make_private(),
            None => Ok(()),
        }
    }
}
