//! What callers of the pool see: a pool that they drive, or one on a thread of its own. Both are the
//! same shell.

mod background;
mod bell;
mod builder;
mod elastic;
mod handle;
mod machine;
mod map;
mod pool;
mod raw;
mod reduce;
mod seen;
mod server;
mod shared;
mod submit;

pub use background::{Background, Pending};
pub use builder::Builder;
pub use handle::Handle;
pub use pool::{Pool, Shutdown};
pub use reduce::ReduceError;
pub use shared::Shared;
pub use submit::Submission;
