//! What a worker process runs: the loop that serves a [`Registry`](task::Registry) over a socket, and
//! what a child process has to do before that.
//!
//! [`run`] is all that a worker program has to call:
//!
//! ```no_run
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
//! fn main() -> std::process::ExitCode {
//!     runtime::run(&Registry::new().with::<Length>())
//! }
//! ```
//!
//! This crate knows the worker's side of the protocol. It knows nothing of scheduling, of
//! start methods beyond what a child has to do for itself, or of what tasks compute.

mod attempt;
mod bounds;
mod channel;
mod child;
mod clock;
mod endpoint;
mod fork;
mod forkserver;
mod hooks;
mod image;
mod interrupt;
mod limits;
mod logging;
mod memory;
mod panic;
mod reap;
mod regions;
#[cfg(feature = "sandbox")]
mod sandbox;
#[cfg(not(feature = "sandbox"))]
#[path = "sandbox/absent.rs"]
mod sandbox;
mod serve;
mod soft;
mod text;

pub use attempt::attempt;
pub use channel::{Channel, ChannelError, Frame, Incoming, send_all};
pub use child::{close_all_but, isolate, kept_ignored};
pub use clock::{last_tick_ns, now_ns};
pub use endpoint::{Endpoint, EndpointError, run, run_at, run_if_worker};
pub use fork::{ForkError, Forked, fork, fork_from, thread_count};
pub use hooks::{ForkHooks, set_fork_hooks};
pub use image::image_id;
pub use interrupt::CANCEL_SIGNAL;
pub use limits::limit_hint;
pub use logging::Forwarding;
pub use memory::{memory, memory_in_full};
pub use reap::{Reaped, reap};
pub use regions::{Inherited, Reach, Regions};
pub use sandbox::{SandboxError, sandbox_available};
pub use serve::{ServeError, serve};
pub use soft::{cancelled, note, progress, set_cancel_hook};
pub use wire::{PROTOCOL, VERSION};
