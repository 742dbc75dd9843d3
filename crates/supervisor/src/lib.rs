//! The shell around the engine: it starts worker processes, feeds them, takes their results and ends them,
//! as the [engine] decides. It decides nothing itself.
//!
//! [`pool`](../pool) is what callers see of it: who drives it, and how calls are written and waited for. What
//! crosses between the two are [calls](call), their [replies](reply) and what [settings] say.

pub mod args;
pub mod batch;
pub mod block;
pub mod call;
mod connection;
pub mod counters;
pub mod event;
pub mod extras;
pub mod failure;
pub mod gate;
pub mod heartbeat;
pub mod ids;
pub mod input;
mod lines;
mod opening;
mod process;
pub mod region;
pub mod reply;
pub mod reserve;
pub mod settings;
pub mod shell;
pub mod start;

pub use process::Ending;
pub use reserve::ShortError;
