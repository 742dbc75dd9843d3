//! Worker processes for any program: started by fork, spawn or forkserver, fed, supervised.
//!
//! ```no_run
//! use pool::{Pool, Program, StartMethod};
//! # use task::{Input, Task, TaskError};
//! # struct Length;
//! # impl Task for Length {
//! #     const NAME: &'static str = "length";
//! #     type Args = ();
//! #     type Output = u64;
//! #     fn run((): (), input: Input<'_>) -> Result<u64, TaskError> {
//! #         Ok(input.bytes()?.len() as u64)
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let worker = Program::new("target/release/my-worker");
//! let mut pool = Pool::builder(StartMethod::Spawn(worker)).workers(4).start()?;
//! let handle = pool.submit::<Length>(&(), vec![1, 2, 3])?;
//! assert_eq!(pool.wait(handle)?, 3);
//! # Ok(())
//! # }
//! ```
//!
//! The pool knows bytes and tasks; it knows nothing of records or of files' formats.

mod background;
mod builder;
mod call;
mod counters;
mod event;
mod failure;
mod gate;
mod handle;
mod input;
mod link;
mod map;
mod pool;
mod process;
mod reduce;
mod region;
mod schedule;
mod shared;
mod start;
mod stderr;
mod worker;

pub use background::{Background, Pending};
pub use builder::{Builder, MAX_WORKERS, Watcher};
pub use bytemuck::Pod;
pub use counters::Counters;
pub use event::{Event, What};
pub use failure::{Certificate, Failed, PoolError, TaskFailure};
pub use handle::Handle;
pub use input::{Input, Make, Maker, SharedBytes, Stream};
pub use pool::{Pool, Shutdown, Submission, SubmitError};
pub use process::Ending;
pub use reduce::ReduceError;
pub use region::{Access, Region, RegionError};
pub use schedule::{TaskId, WorkerId};
pub use shared::Shared;
pub use start::{Program, StartError, StartMethod};
pub use task::{Forwarding, PROTOCOL, VERSION};
pub use wire::{FailureKind, LogRecord, Memory, RegionId};
