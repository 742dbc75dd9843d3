//! Writes a dataset of the original study's records, the same bytes for the same seed on any machine.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! let dir = tempfile::tempdir()?;
//! let plan = datagen::Plan { records: 1_000, seed: 42, out: dir.path().join("small.npy"), force: false };
//! let written = datagen::write(&plan, &mut |_bytes| ControlFlow::Continue(()))?;
//! assert_eq!(written.bytes, 192 + 1_000 * 24);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cli;
pub mod exit;
mod pieces;
mod pipeline;
mod records;
mod target;
mod write;

pub use records::{BLOCK_RECORDS, EPOCH_NS, RECORD_LEN, RECORDS_MAX, STEP_NS, fill_block};
pub use write::{Plan, WriteError, Written, write};
