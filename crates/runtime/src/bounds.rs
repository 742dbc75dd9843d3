//! What a worker may take of the machine: limits that it sets for itself before any task runs.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use std::io;
use wire::Bounds;

/// Sets them.
///
/// # Errors
/// What could not be set, and why.
pub(crate) fn apply(bounds: &Bounds) -> Result<(), String> {
    let limits = [
        (Resource::RLIMIT_DATA, "memory", bounds.memory),
        (Resource::RLIMIT_CPU, "processor time", bounds.cpu_s),
        (Resource::RLIMIT_NOFILE, "open files", bounds.files),
    ];
    for (resource, name, limit) in limits {
        if let Some(limit) = limit {
            lower(resource, limit).map_err(|why| format!("its limit of {name}: {why}"))?;
        }
    }
    if bounds.nice != 0 {
        // SAFETY: takes a number and touches no memory.
        unsafe {
            *libc::__errno_location() = 0;
            if libc::nice(bounds.nice.into()) == -1 && *libc::__errno_location() != 0 {
                return Err(format!("its nice value: {}", io::Error::last_os_error()));
            }
        }
    }
    if !bounds.cpus.is_empty() {
        pin(&bounds.cpus).map_err(|why| format!("its processors {:?}: {why}", bounds.cpus))?;
    }
    Ok(())
}

/// Both limits, so that a task cannot raise its own; the hard one stays where it is lower already.
fn lower(resource: Resource, limit: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    let limit = limit.min(hard);
    // Of processor time the hard limit sends SIGKILL: SIGXCPU, which says why, comes a second before.
    let above = u64::from(resource == Resource::RLIMIT_CPU);
    setrlimit(resource, limit, limit.saturating_add(above).min(hard))
}

fn pin(cpus: &[u32]) -> nix::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu as usize)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)
}
