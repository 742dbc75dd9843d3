//! Who holds which range of which shared-memory arena: a pure state machine, without I/O and without a clock.
//!
//! Processes share arrays in *regions* (arenas): sparse files of fixed size, all of which the coordinator
//! creates. There is one for its own `Array`s, one for its own `ArrayMut`s, and one for each worker, in which that
//! worker allocates its results. This crate decides which of their bytes may be used again, and whether a
//! worker may say what it says. It never touches memory: ranges are numbers, in bytes from the start of a region.
//!
//! | module | who uses it | what it is |
//! | --- | --- | --- |
//! | [`Holds`] | the coordinator, once per process | what handles, open calls and workers hold; the check of tables |
//! | [`lent::Lent`] | each worker, for its own arena | what its own code holds, and what its results have lent |
//! | [`alloc::Alloc`] | inside both | address-ordered first fit, coalescing, the high-water mark, what to give back |
//! | [`Table`] | both, as receivers | a decoder takes entries of a table by index, mutable ones once |
//! | `sim` (feature `simulation`) | tests | a simulated process that checks all of the above |
//!
//! # A call
//!
//! ```
//! use holds::{Access, CallId, Config, Effect, Entry, Holds, Placement, RegionId, RegionKind, Start, Worker};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut holds = Holds::new(Config::default());
//! let region = RegionId(0);
//! holds.add_region(region, RegionKind::ArrayMut, 1 << 30)?;
//! let worker = Worker { id: 0, epoch: 0 };
//! holds.add_worker(worker, Start { forked: false, writable: true })?;
//!
//! // `ArrayMut::zeroed`: clears the first `used` bytes, all others are zero.
//! let allocated = holds.allocate(region, 64 * 1024, Placement::Granules)?;
//! assert_eq!(allocated.used, 0);
//!
//! // Handing over: the handle is gone, the call owns the memory.
//! let entry = Entry { region, range: allocated.range, mutable: true };
//! let call = CallId(1);
//! holds.open(call, &[entry])?;
//! for (region, access) in holds.missing(call, worker)? {
//!     holds.attach(worker, region, access)?; // The shell sends the descriptor.
//! }
//! holds.send(call, worker)?;
//!
//! // The result returns it as an `Array`. Then it is dropped.
//! holds.finished(call, worker, &[Entry { mutable: false, ..entry }], &[])?;
//! holds.drop_handle(region, allocated.range)?;
//! let freed = Effect::Freed { region, range: allocated.block, entries: 0 };
//! assert_eq!(holds.poll_effect(), Some(freed));
//! # Ok(())
//! # }
//! ```
//!
//! # Shapes and units
//!
//! Offsets, lengths and sizes are bytes; times are nanoseconds of any monotonic clock. A **block** is an
//! allocation: whole granules of [`GRANULE`] bytes, or whole pages ([`Placement::Pages`]) where readers map
//! privately. It is freed as a whole. A **piece** is a part of a block that somebody holds: *mutable*, with
//! one owner (the coordinator's handle, a call, a worker), or *frozen*, with any number of readers (handles,
//! calls, workers). Pieces do not overlap. An [`Entry`] is a line of the table of arrays in a frame.
//!
//! An `Array` that was once made from a piece never becomes mutable again. A slice is a range within a frozen
//! piece, and needs no event of its own.
//!
//! # Rules
//!
//! 1. A range is free when the coordinator has no handle of it, no open call refers to it, and no worker has
//!    reported it as retained. Split parts share the fate of their block until all of them are free.
//! 2. Mutable memory has one owner. [`Holds::open`] moves it from a handle to the call, [`Holds::finished`]
//!    from the call to new handles, to the worker, or to nobody.
//! 3. After a result, exactly those parts are alive of mutable memory that the call owned which its two lists
//!    name. The same holds for mutable memory that the worker had retained, if the result names a part of it.
//! 4. Memory of a call that was sent and has no result is reused only after [`Holds::died`]. A call that was
//!    cancelled meanwhile counts as open until then. Death means confirmed: by a pidfd, not by a closed socket.
//! 5. A dead worker's arena stays until its last array is dropped ([`Effect::ArenaDone`]); all other pages of
//!    it are given back at once ([`Effect::Punch`]).
//! 6. What is alive at a fork counts as retained by the forked worker until it dies. There is no list: births
//!    and forks are numbered.
//! 7. A report of a worker is accepted as a whole or refused as a whole ([`Violation`]). An entry has to lie in
//!    a region that the worker knows, in range, with at least one byte. A mutable entry has to belong to the
//!    worker and overlap nothing alive and no other entry. An immutable one has to lie in what the worker was
//!    given with this call or has retained, or in its own arena. Alignment and element sizes are
//!    known to the decoder alone: [`Table::take`].
//! 8. A worker's arena may be named by its worker in parts that overlap (slices of an array that it
//!    keeps), as long as all of them are immutable. Such parts become one block.
//! 9. Arrays below [`SMALL_BYTES`] are not entered ([`entered`]): they travel as bytes.
//! 10. Exhaustion is an error with the reason in it ([`UseError::Full`], [`lent::LentError::Full`]), never a wait.
//!
//! # What users of this crate have to do
//!
//! - **Handing over**: encode, drop the arguments, make sure that no holder of an `ArrayMut` is left, then
//!   [`Holds::open`]. This crate counts handles, not what is inside of a handle.
//! - **Order**: a worker's reports are passed on in the order in which they were sent. In the worker, an array is
//!   [lent](lent::Lent::lend) before its local holder is [released](lent::Lent::release).
//! - **Parts**: a worker may join what it has split itself, or parts of one block. Ranges of two blocks that
//!   happen to touch are not one array: such a result is refused. A table does not say where blocks end, so
//!   a runtime joins only parts of one argument.
//! - **Forks**: nothing is allocated between [`Holds::add_worker`] and the fork. The child maps all regions
//!   privately, copies what [`Holds::mutable_handles`] lists (its parent goes on writing there), and never names
//!   an inherited array in a table: such an array travels as bytes.
//! - **Giving back**: what [`Holds::due`] or [`Effect::Punch`] name is punched before the next allocation.
//!   Such ranges count as zero afterwards.
//! - **Reading**: a range is mapped with whole pages, and what a confined or external worker returns is copied
//!   before anybody looks at it.
//!
//! # Costs
//!
//! Every operation takes O(log n) for each range that it names, with n ranges alive. The death of a worker also
//! takes O(log n) for each range that it retained and each call that it had, and one step for each block of
//! its arena. Memory is bounded by live ranges and open calls; entries that a worker reports again and again
//! are counted, not stored. `cargo run --release -p holds --example speed` measures it.
//!
//! # Tests
//!
//! `cargo run --release -p holds --features simulation --example simulate 10000` runs the simulation: workers that
//! keep, return, split, join and freeze arrays, fail, die, fork and lie. After every step it compares the state with a
//! model on arrays of cells, and with who really uses which bytes. With the feature `defects` one of twenty wrong
//! lines of code can be switched on; a test proves that the simulation finds each. No other crate enables it.
#![forbid(unsafe_code)]

pub mod alloc;
mod defect;
mod error;
mod holds;
pub mod lent;
mod range;
#[cfg(feature = "simulation")]
pub mod sim;
mod table;
mod units;
mod usage;

#[cfg(feature = "defects")]
pub use defect::Defect;
pub use error::{Full, List, Reason, UseError, Violation};
pub use holds::{Access, Config, Effect, Holder, Holds, Piece, RegionKind, Start};
pub use range::{CallId, Entry, GRANULE, Placement, Range, RegionId, SMALL_BYTES, Worker, entered};
pub use table::{Table, TableError};
pub use usage::Usage;
