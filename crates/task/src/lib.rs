//! What a task author sees: tasks, their registry, and their inputs.
//!
//! A [`Task`] is a named computation with typed arguments and a typed output. A [`Registry`]
//! holds those that a program can run; the same registry serves workers that were forked,
//! spawned, or forked by a forkserver. The crate `runtime` serves a registry in a worker process.
//!
//! ```
//! use task::{Input, Registry, Task, TaskError};
//!
//! struct Length;
//! impl Task for Length {
//!     const NAME: &'static str = "length";
//!     type Args = ();
//!     type Output = u64;
//!     fn run((): (), input: Input<'_>) -> Result<u64, TaskError> {
//!         Ok(input.bytes()?.len() as u64)
//!     }
//! }
//!
//! assert_eq!(Registry::new().with::<Length>().names(), ["length"]);
//! ```
//!
//! This crate knows no processes, no sockets and no scheduling.

pub mod arrays;
mod input;
mod registry;
mod task;

pub use arrays::{Array, ArrayError, ArrayMut, JoinError};
pub use bytemuck::Pod;
pub use input::{Chunks, Input, InputError};
pub use registry::{Failure, Registry, Runner, Why, fingerprint, shape};
pub use task::{Reduce, Task, TaskError};
