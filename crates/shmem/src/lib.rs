//! Memory that processes share or inherit: mapped files, named segments, sealed memfds, boards of
//! shared atomics, private huge-page memory, and what the kernel and the allocator say it costs.
//!
//! | what | who can have it | made by |
//! | --- | --- | --- |
//! | [`Segment`] | every process that knows its name | a copy of a file, by all processors |
//! | [`SealedMemfd`] | every process that got its descriptor, permanently read-only | bytes, or a file |
//! | [`Mapping`] | this process: a segment, a memfd or a file, read-only | [`Mapping::attach`], [`Mapping::map_fd`], [`Mapping::map_file`] |
//! | [`PrivateMemory`] | this process, and children that it forks | reading a file into huge pages |
//! | [`Arena`] | this process and those it hands a descriptor to, to read or to write | users who allocate in it; they hold [`Span`]s |
//! | [`Words`], [`Board`] | this process and those it hands the memfd to | a word for each, written by one and read by all |
//!
//! ```
//! use shmem::{Mapping, Segment};
//!
//! let segment = Segment::create(5)?;
//! segment.write_all_at(b"hello", 0)?;
//! // Another process does this, with the name and the length that it received:
//! let mapping = Mapping::attach(segment.name(), segment.len())?;
//! assert_eq!(mapping.slice(1, 3)?, b"ell");
//! // The segment's creator removes the name; mappings stay.
//! drop(segment);
//! assert_eq!(mapping.slice(0, 5)?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`room()`] reports how much there is room for, and [`resident`] how much of a file is in the page
//! cache; [`CountingAllocator`], [`ProcessMemory`] and [`ResidentMemory`] report what was taken.
//!
//! All mapping `unsafe` of the project lives in this crate. It knows no records and no messages:
//! a region is bytes, addressed by offset and length, and every offset is checked before it is
//! read.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("shmem needs Linux on a 64-bit processor: it rests on /proc, tmpfs and memfd");

mod address_space;
mod advice;
mod arena;
mod arena_size;
mod behind;
mod board;
mod bounds;
mod cgroup;
mod chunks;
mod fill;
mod heap;
mod identity;
mod leftovers;
mod limit;
mod mapping;
mod memfd;
mod name;
mod place;
mod prefault;
mod private;
mod reopen;
mod residency;
mod room;
mod segment;
mod smaps;
mod span;
mod sys;
mod words;

pub use address_space::AddressSpace;
pub use advice::advise_huge_pages;
pub use arena::{Arena, ArenaError};
pub use arena_size::{arena_limits, default_arena_size, shared_arena_size};
pub use behind::limit_behind;
pub use board::{Board, BoardError};
pub use bounds::OutOfBounds;
pub use fill::{FillError, FillWay, Filled};
pub use heap::{CountingAllocator, Heap, add as heap_add, heap, sub as heap_sub};
pub use identity::Identity;
pub use leftovers::{leftovers, leftovers_in, remove_leftovers, remove_leftovers_in};
pub use limit::{CgroupRoom, FileSystem, Limit};
pub use mapping::{AttachError, MapError, Mapping};
pub use memfd::{MemfdError, SealedMemfd};
pub use name::{NameError, SegmentName};
pub use private::{PrivateError, PrivateMemory};
pub use reopen::reopen_sequential;
pub use residency::{Residency, resident};
pub use room::{Room, cgroup_tasks, room};
pub use segment::{CreateError, Segment};
pub use smaps::{Accounts, ProcessMemory, ResidentMemory};
pub use span::{NoMemory, SPAN_ALIGN, Span};
pub use sys::page_size;
pub use words::{Words, WordsError};
