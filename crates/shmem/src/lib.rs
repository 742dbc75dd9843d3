//! Memory that processes share or inherit: mapped files, named segments, sealed memfds, boards of
//! shared atomics, private huge-page memory, and what the kernel and the allocator say it costs.
//!
//! All mapping `unsafe` of the project lives in this crate. It knows no records and no messages:
//! a region is bytes, addressed by offset and length, and every offset is checked before it is
//! read.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("shmem needs Linux on a 64-bit processor: it rests on /proc, tmpfs and memfd");

mod address_space;
mod board;
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
mod private;
mod residency;
mod room;
mod segment;
mod smaps;
mod sys;

pub use address_space::AddressSpace;
pub use board::{Board, BoardError};
pub use fill::{FillError, FillWay, Filled};
pub use heap::{CountingAllocator, Heap, add as heap_add, heap, sub as heap_sub};
pub use identity::Identity;
pub use leftovers::{leftovers, leftovers_in, remove_leftovers, remove_leftovers_in};
pub use limit::Limit;
pub use mapping::{AttachError, MapError, Mapping, OutOfBounds};
pub use memfd::{MemfdError, SealedMemfd};
pub use name::{NameError, SegmentName};
pub use private::{PrivateError, PrivateMemory};
pub use residency::{Residency, resident};
pub use room::{CgroupRoom, FileSystem, Room, cgroup_tasks, room};
pub use segment::{CreateError, Segment};
pub use smaps::{Accounts, ProcessMemory, ResidentMemory};
