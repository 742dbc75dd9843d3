//! The sandbox of a worker: from [`confine`] on the process has its socket, what comes over it, and
//! its own memory and threads, whatever its tasks do.
//!
//! Two locks, since either alone has a hole. Landlock takes away the file system, the network and
//! signals to others; it knows nothing of `ptrace`'s kin, of executing what is open already, or of
//! calls that a kernel learnt later. Seccomp lets through the calls on a list ([`calls`]); it sees
//! numbers, not paths. What is open stays open: the worker's own accounts in /proc among it.

mod calls;

use crate::{fork, memory};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::io;
use thiserror::Error;

/// Why a process could not be confined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The kernel has no landlock, or it is switched off.
    #[error(
        "this kernel offers no landlock ({0}); it needs Linux 5.13 or later with landlock among its \
         security modules (lsm=landlock,... on the kernel's command line); else do without the sandbox"
    )]
    NoLandlock(RulesetError),
    /// Landlock is there and refused.
    #[error("landlock refuses: {0}")]
    Landlock(RulesetError),
    /// The kernel cannot filter system calls.
    #[error(
        "this kernel does not filter system calls ({0}); it has to be built with \
         CONFIG_SECCOMP_FILTER; else do without the sandbox"
    )]
    NoSeccomp(io::Error),
    /// The filter of system calls could not be made or installed.
    #[error("the filter of system calls cannot be installed: {0}")]
    Seccomp(#[from] seccompiler::Error),
    /// Only the thread that asks is confined by landlock.
    #[error(
        "the worker has {threads} threads already, and only one would be confined: its initializer \
         must not start any (its tasks may)"
    )]
    Threads {
        /// How many threads there are, this one included.
        threads: usize,
    },
    /// What has to be open beforehand cannot be opened.
    #[error("cannot prepare the sandbox: {0}")]
    Prepare(#[from] io::Error),
}

/// Whether this kernel can confine workers; to be asked before any is started.
///
/// # Errors
/// [`SandboxError::NoLandlock`], [`SandboxError::NoSeccomp`].
pub fn sandbox_available() -> Result<(), SandboxError> {
    drop(ruleset()?);
    calls::available().map_err(SandboxError::NoSeccomp)
}

/// Confines this process for the rest of its life.
///
/// # Errors
/// [`SandboxError`]; the process may then be confined in part, and should end.
pub(crate) fn confine() -> Result<(), SandboxError> {
    let threads = fork::thread_count().map_err(|error| of_proc("/proc/self/task", &error))?;
    if threads > 1 {
        return Err(SandboxError::Threads { threads });
    }
    memory::hold_accounts().map_err(|error| of_proc("/proc/self/smaps", &error))?;
    // stdout is the coordinator's own, its result's way to others; stderr is the worker's pipe.
    nix::unistd::dup2_stdout(io::stderr()).map_err(io::Error::from)?;
    let status = ruleset()?.restrict_self().map_err(SandboxError::Landlock)?;
    debug_assert_ne!(status.ruleset, RulesetStatus::NotEnforced);
    calls::confine()?;
    Ok(())
}

/// The error with the file that it is about.
fn of_proc(file: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{file} cannot be read: {error}"))
}

/// Denies all that this kernel's landlock knows to deny; without landlock it is an error.
fn ruleset() -> Result<RulesetCreated, SandboxError> {
    let begin = || -> Result<RulesetCreated, RulesetError> {
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V1))?
            // What later kernels have learnt; the filter of system calls denies it as well.
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V4))?
            .scope(Scope::from_all(ABI::V6))?;
        Ok(ruleset.create()?.no_new_privs(true))
    };
    begin().map_err(SandboxError::NoLandlock)
}
