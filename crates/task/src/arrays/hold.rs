//! Holds: who has which bytes, and whom to notify when they are not held any more.
//!
//! An array is a view of a [`Hold`]. Where its memory is private, that is all. Where it lies in a region
//! that processes share, a [`Keeper`] keeps the books: the coordinator's or the worker's.

use super::error::ArrayError;
use holds::Range;
use shmem::Span;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Arrays of fewer bytes are private memory, and travel as bytes: the books and the faults of shared memory
/// cost more than copying them. From 8 to 32 KiB both cost about the same, above bytes cost more in every row of
/// `cargo run --release -p handoff --example array_threshold`.
pub const SHARED_BYTES: usize = 32 << 10;

/// For which use memory is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `Array`: others will only read it.
    Array,
    /// An `ArrayMut`: others may be handed parts of it.
    ArrayMut,
}

/// Which process's books a hold is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Coordinator,
    Worker,
}

/// Where in a shared region a hold lies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub region: u32,
    pub range: Range,
    /// The keeper's own number for it; 0 where that has none.
    pub id: u64,
    /// Parts of one block, or of one argument, can be joined.
    pub block: u64,
    /// Which books it is in: a forked child has none, or others.
    pub epoch: u32,
}

/// Keeps the books of regions that processes share.
pub(crate) trait Keeper: Sync {
    fn side(&self) -> Side;
    /// Counts the forks that have left the books behind.
    fn epoch(&self) -> u32;
    fn allocate(&'static self, bytes: usize, kind: Kind) -> Result<Fresh, ArrayError>;
    fn split(&self, place: Place, at: u64) -> (Place, Place);
    /// Joins `next` to `first`, or leaves both unchanged.
    fn join(&self, first: &Place, next: &Place) -> Option<Place>;
    fn freeze(&self, place: &Place);
    fn release(&self, place: &Place);
}

/// Whether a place means anything to other processes: not in a fork of the process that it was made in.
fn is_live(keeper: &dyn Keeper, place: &Place) -> bool {
    keeper.epoch() == place.epoch
}

/// Newly allocated memory.
pub(crate) struct Fresh {
    pub hold: Hold,
    /// How many bytes from the start may have been used before; all others are zero.
    pub used: usize,
}

/// Bytes that somebody holds.
pub(crate) struct Hold {
    /// `None` only while it is being taken apart.
    span: Option<Span>,
    shared: Option<(&'static dyn Keeper, Place)>,
    /// Whether it came as bytes: where it was a part of something, it no longer lies beside the others.
    copied: bool,
    /// Whose bytes these are, of a mapped file.
    file: Option<Box<FileOrigin>>,
}

/// A file whose bytes are mapped: which, in what state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOrigin {
    /// Its absolute path.
    pub path: std::path::PathBuf,
    /// Its bytes.
    pub size: u64,
    /// When it was last written, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Its number on its device.
    pub inode: u64,
}

impl Hold {
    pub(crate) fn private(span: Span) -> Hold {
        Hold {
            span: Some(span),
            shared: None,
            copied: false,
            file: None,
        }
    }

    /// All of a mapped file.
    pub(crate) fn of_file(span: Span, file: FileOrigin) -> Hold {
        let mut hold = Hold::private(span);
        hold.file = Some(Box::new(file));
        hold
    }

    /// Which file it is, if it is one.
    pub(crate) fn file(&self) -> Option<&FileOrigin> {
        self.file.as_deref()
    }

    pub(crate) fn shared(span: Span, keeper: &'static dyn Keeper, place: Place) -> Hold {
        Hold {
            span: Some(span),
            shared: Some((keeper, place)),
            copied: false,
            file: None,
        }
    }

    pub(crate) fn is_copied(&self) -> bool {
        self.copied
    }

    /// It came as bytes, or is made of what did.
    pub(crate) fn set_copied(&mut self) {
        self.copied = true;
    }

    pub(crate) fn span(&self) -> &Span {
        self.span.as_ref().expect("a hold that lives has its span")
    }

    /// Where it lies, if other processes of `side`'s peers can be pointed to it.
    pub(crate) fn place(&self, side: Side) -> Option<&Place> {
        let (keeper, place) = self.shared.as_ref()?;
        (keeper.side() == side && is_live(*keeper, place)).then_some(place)
    }

    /// Writes all of it: for memory that nobody has seen yet.
    pub(crate) fn fill_from(&mut self, bytes: &[u8]) {
        if let Some(span) = &mut self.span {
            span.as_mut_slice().copy_from_slice(bytes);
        }
    }

    /// The books have given the memory to somebody else.
    pub(crate) fn forget(mut self, side: Side) {
        if self.place(side).is_some() {
            self.shared = None;
        }
    }

    pub(crate) fn freeze(&self) {
        if let Some((keeper, place)) = &self.shared
            && is_live(*keeper, place)
        {
            keeper.freeze(place);
        }
    }

    /// The first `at` bytes and the rest, neither of which is empty.
    pub(crate) fn split_at(mut self, at: usize) -> (Hold, Hold) {
        let span = self.span.take().expect("a hold that lives has its span");
        let (low, high) = span.split_at(at);
        let copied = self.copied;
        let (mut low, mut high) = match self.shared.take() {
            None => (Hold::private(low), Hold::private(high)),
            Some((keeper, place)) => {
                let parts = if is_live(keeper, &place) {
                    keeper.split(place, at as u64)
                } else {
                    cut(place, at as u64)
                };
                (
                    Hold::shared(low, keeper, parts.0),
                    Hold::shared(high, keeper, parts.1),
                )
            }
        };
        (low.copied, high.copied) = (copied, copied);
        (low, high)
    }

    /// Adds what follows; gives it back where it does not.
    pub(crate) fn join(&mut self, mut next: Hold) -> Result<(), Hold> {
        let joined = match (&self.shared, &next.shared) {
            (None, None) => None,
            (Some((ours, first)), Some((theirs, second)))
                if ours.side() == theirs.side()
                    && first.epoch == second.epoch
                    && first.region == second.region
                    && first.range.end() == second.range.offset =>
            {
                let joined = match is_live(*ours, first) {
                    true => ours.join(first, second),
                    false => Some(Place {
                        range: Range::between(first.range.offset, second.range.end()),
                        ..first.clone()
                    }),
                };
                match joined {
                    Some(place) => Some((*ours, place)),
                    None => return Err(next),
                }
            }
            _ => return Err(next),
        };
        let span = next.span.take().expect("a hold that lives has its span");
        match self
            .span
            .as_mut()
            .expect("a hold that lives has its span")
            .join(span)
        {
            Ok(()) => {
                next.shared = None;
                self.shared = joined;
                Ok(())
            }
            Err(span) => {
                debug_assert!(joined.is_none(), "the books joined what is not adjacent");
                next.span = Some(span);
                Err(next)
            }
        }
    }
}

/// A place in two, without books.
pub(crate) fn cut(place: Place, at: u64) -> (Place, Place) {
    let Range { offset, len } = place.range;
    let high = Place {
        range: Range::new(offset + at, len - at),
        ..place.clone()
    };
    let low = Place {
        range: Range::new(offset, at),
        ..place
    };
    (low, high)
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some((keeper, place)) = self.shared.take()
            && is_live(keeper, &place)
        {
            keeper.release(&place);
        }
    }
}

/// The keepers of this process, the coordinator's and the worker's.
static KEEPERS: [OnceLock<&'static dyn Keeper>; 2] = [OnceLock::new(), OnceLock::new()];
/// Which of them allocates, counted from 1; 0 where none does. Without a lock, since a fork may happen at
/// any time.
static ALLOCATES: AtomicUsize = AtomicUsize::new(0);

/// From now on, large arrays are allocated by `keeper`.
pub(crate) fn allocate_by(keeper: &'static dyn Keeper) {
    let side = keeper.side() as usize;
    let _ = KEEPERS[side].set(keeper);
    ALLOCATES.store(side + 1, Ordering::Release);
}

/// From now on, all arrays are private memory.
pub(crate) fn allocate_privately() {
    ALLOCATES.store(0, Ordering::Release);
}

fn keeper() -> Option<&'static dyn Keeper> {
    let side = ALLOCATES.load(Ordering::Acquire).checked_sub(1)?;
    KEEPERS[side].get().copied()
}

/// New memory of `bytes` bytes: shared where it is large and this process shares memory.
pub(crate) fn allocate(bytes: usize, kind: Kind) -> Result<Fresh, ArrayError> {
    match keeper() {
        Some(keeper) if bytes >= SHARED_BYTES => keeper.allocate(bytes, kind),
        _ => private(bytes),
    }
}

/// New private memory.
pub(crate) fn private(bytes: usize) -> Result<Fresh, ArrayError> {
    let hold = Hold::private(Span::zeroed(bytes)?);
    Ok(Fresh { hold, used: 0 })
}
