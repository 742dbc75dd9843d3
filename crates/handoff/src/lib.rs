//! A supervised process pool: functions become tasks that worker processes run.
// So that the code that `#[task]` emits means the same thing in this crate.
extern crate self as handoff;

#[doc(hidden)]
pub mod __private;
mod background;
mod builder;
mod call;
mod counters;
mod encoding;
mod engine;
mod error;
mod event;
mod fork_map;
mod gate;
mod map;
mod pending;
mod pool;
mod program;
mod slot;
pub mod testing;
mod threads;
mod worker;

pub use self::pool::{Handle, Pool, Shutdown};
pub use background::{Background, Submit};
pub use builder::{Builder, MAX_WORKERS, StartMethod};
pub use call::{Call, call};
pub use counters::Counters;
pub use error::{Death, Error, ErrorKind};
pub use event::{Event, What};
pub use fork_map::fork_map;
pub use macros::task;
pub use map::{Map, MapUnordered};
pub use pending::Pending;
pub use program::{init, init_with, serve_at};
pub use runtime::Forwarding;
pub use task::{Input, Reduce, Registry, Task, TaskError};
pub use worker::{Worker, worker};
