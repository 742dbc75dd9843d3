//! Everything that crosses between a coordinator and a worker: messages, their versions and bounded frames over
//! a socket, and calls and results in a [`lane`] of shared words.
//!
//! This crate has no unsafe code and does no I/O of its own: it encodes into buffers and decodes
//! from them ([`encode`], [`FrameBuffer`]), or works over any `Read` and `Write`
//! ([`write_frame`], [`read_frame`]). Descriptors that travel beside a frame (SCM_RIGHTS) are the
//! business of the socket's owner; the messages only say that one is expected.
//!
//! ```text
//! coordinator                                  worker
//!      ├── Hello, ToWorker::Setup ───────────────▶│     version and protocol first, both ways
//!      │◀─────────────────────────────── Hello ───┤
//!      ├── ToWorker::Attach, Call, Chunk… ───────▶│
//!      │◀── FromWorker::Received, Done | Failed ──┤
//! ```
//!
//! ```
//! use wire::{Hello, encode, read_frame};
//!
//! // A frame is a length and a body; the body is one message.
//! let mut sent = Vec::new();
//! encode(&Hello::ours(), &mut sent)?;
//! let mut body = Vec::new();
//! assert!(read_frame(&mut &sent[..], &mut body)?);
//! let hello = Hello::accept(&body)?;
//! assert_eq!(hello.protocol, wire::PROTOCOL);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `PROTOCOL.md` beside this crate describes the same bytes for writers of other languages.
#![forbid(unsafe_code)]

mod arrays;
mod chunk;
mod entry;
mod frame;
mod hello;
pub mod lane;
mod message;
mod server;

pub use arrays::{ArrayEntry, ArrayRange, CallArrays, FreedRange, ResultArrays};
pub use chunk::{MAX_CHUNK, chunk_prefix};
pub use entry::{LANE_DONE, LANE_FAILED, LaneEntry, LaneFailure, NO_TASK, PlainCall};
pub use frame::{
    DecodeError, EncodeError, FrameBuffer, FrameError, MAX_BODY, decode, encode, read_frame,
    to_bytes, to_slice, write_frame,
};
pub use hello::{DESCRIPTORS_VARIABLE, Hello, HelloError, PROTOCOL, VERSION, WORKER_VARIABLE};
pub use message::{
    Bounds, Call, CallInput, FailureKind, FromWorker, KnownTask, LogRecord, MAX_NOTE, Memory,
    RegionId, Setup, SetupStep, Source, ToWorker,
};
pub use server::{FromServer, ToServer};
