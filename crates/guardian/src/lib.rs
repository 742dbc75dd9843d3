//! Removes what a process leaves behind that dies without a chance to clean up: of SIGKILL, of a
//! crash, or by `exit` in the middle.
//!
//! A [`Guardian`] is a small process that waits for its owner's death. It then kills the process
//! groups that its owner has registered, unlinks the paths, and exits. Both are registered in a table
//! that owner and guardian map, so that registering costs a few stores and no message, and one check
//! whether the guardian is still alive. It knows numbers of groups and names of files; what they are
//! for is known to the owner alone.
//!
//! ```
//! use guardian::Guardian;
//!
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("scratch");
//! let guardian = Guardian::join()?;
//! // Registered before the file exists: there is no instant at which it would be left behind.
//! let guarded = guardian.path(&path)?;
//! std::fs::write(&path, "…")?;
//! std::fs::remove_file(&path)?;
//! drop(guarded);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Out of its reach: a process that left its group (by `setsid` or `setpgid`), and the death of
//! everything at once (a power cut, a container that is killed).

mod birth;
mod owner;
mod slim;
mod sys;
mod table;
mod vigil;

pub use owner::{GuardedGroup, GuardedPath, Guardian, GuardianError};
pub use vigil::NAME;
