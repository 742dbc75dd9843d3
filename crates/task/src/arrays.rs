//! Arrays that travel between a coordinator and its workers without copies, and the books about who
//! holds which of their bytes.
//!
//! | module | what it is |
//! | --- | --- |
//! | `view`, `make`, `parts` | [`Array`] and [`ArrayMut`]: typed views of holds |
//! | `hold` | bytes that somebody holds, and whom to notify of their end |
//! | `travel`, `context`, `table` | how arrays are encoded: a value has indices, a table beside it the memory |
//! | [`coordinator`] | the books of a process that has pools, around [`holds::Holds`] |
//! | [`worker`] | the books of a worker, around [`holds::lent::Lent`] |
//! | `ndarray` | views of the crate of that name, with its feature |
//! | `fork` | what a forked child makes of its parent's arrays |
//!
//! A process shares memory once one of the two has been installed; before that, and in a forked
//! child, arrays are private memory. Private arrays, small ones, and all arrays of workers that share no memory
//! (external and confined ones) travel as bytes behind the encoded value.
//!
//! # Trust
//!
//! A worker of the same program that is not confined is trusted not to write memory that it has given away: its
//! safe code cannot, and a wild pointer can, as it could in a thread. It has the whole arena mapped that a
//! part of was handed to it, other workers' included. What it *says* is checked against the books.
//!
//! # Order
//!
//! What one process wrote is there for the other because a frame was sent and received in between, by
//! a system call or by a lane's Release and Acquire. Nothing else orders them.

mod context;
pub mod coordinator;
mod error;
mod fork;
mod hold;
mod make;
#[cfg(feature = "ndarray")]
mod ndarray;
mod parts;
#[doc(hidden)]
pub mod raw;
mod room;
mod table;
#[cfg(test)]
mod tests;
mod travel;
mod view;
pub mod worker;

pub use context::{decode, encode, incoming_bytes, set_outgoing, with_incoming};
pub use error::{ArrayError, StillHeld};
pub use fork::{Fork, Parent, before_fork};
pub use hold::SHARED_BYTES;
pub use parts::JoinError;
pub use table::Table;
pub use view::{Array, ArrayMut};
