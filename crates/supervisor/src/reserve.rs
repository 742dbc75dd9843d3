//! What the workers take of limited resources, compared with the limits before any is started: a
//! pool either has what it needs or says at once what is missing.

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::getuid;
use shmem::CgroupRoom;
use std::fmt;
use std::fs;
use thiserror::Error;

use crate::start::StartMethod;

/// Descriptors that a worker takes here: its socket, its stderr, its process, and one on its way to
/// it.
const DESCRIPTORS_EACH: u64 = 4;
/// What a worker with an arena takes besides: the arena, also on its way to it.
const DESCRIPTORS_OF_ARENA: u64 = 2;
/// What a worker whose stdout has a pipe takes besides, also on its way to it.
const DESCRIPTORS_OF_STDOUT: u64 = 2;
/// Descriptors that come beside the workers': the pool's own, a forkserver's, what a start takes for
/// a moment, and a few for the pool's user.
const DESCRIPTORS_BESIDE: u64 = 16;
/// Processes that come beside the workers: a forkserver, and a helper of the coordinator's.
const PROCESSES_BESIDE: u64 = 2;

/// What a command asks for is a multiple of this: by the time that it has been typed, a little more
/// may be needed.
const STEP: u64 = 16;

/// Why this number of workers cannot be started.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ShortError {
    /// `RLIMIT_NOFILE`.
    #[error(
        "{workers} workers need {needed} open files ({open} of them are open already), and this \
         process may have {soft} (RLIMIT_NOFILE): `ulimit -n {needed}` would do{beyond}, or fewer \
         workers",
        beyond = Beyond(*.hard, *.needed)
    )]
    Descriptors {
        /// How many workers.
        workers: u64,
        /// Open files that they need, with those that are open.
        needed: u64,
        /// Files that are open.
        open: u64,
        /// The limit that holds.
        soft: u64,
        /// Up to where anyone may raise it.
        hard: u64,
    },
    /// `RLIMIT_NPROC`, which counts a user's processes and threads.
    #[error(
        "{workers} workers need {needed} processes ({running} of this user run already, threads \
         included), and the user may have {soft} (RLIMIT_NPROC): `ulimit -u {needed}` would \
         do{beyond}, or fewer workers",
        beyond = Beyond(*.hard, *.needed)
    )]
    Processes {
        /// How many workers.
        workers: u64,
        /// Processes that they need, with those that run.
        needed: u64,
        /// Processes and threads that run.
        running: u64,
        /// The limit that holds.
        soft: u64,
        /// Up to where anyone may raise it.
        hard: u64,
    },
    /// A control group's `pids.max`.
    #[error(
        "{workers} workers need {wanted} processes, and the control group's limit of {} leaves {}: \
         `echo {needed} > {}` would do (for a container --pids-limit), or fewer workers",
        .group.limit, .group.available, .group.file.display()
    )]
    Tasks {
        /// How many workers.
        workers: u64,
        /// Processes that they need.
        wanted: u64,
        /// The limit that would do.
        needed: u64,
        /// The group.
        group: CgroupRoom,
    },
}

/// Says where a limit can be raised by root alone.
struct Beyond(u64, u64);

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Beyond(hard, needed) = self;
        match needed > hard {
            true => write!(f, ", once root has raised the hard limit of {hard}"),
            false => Ok(()),
        }
    }
}

/// What workers may have beside their sockets.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// Memory that they share with the coordinator.
    pub arenas: bool,
    /// Pipes for their stdout.
    pub stdout: bool,
}

/// Holds what `workers` workers take against the limits of this process, user and control group.
pub fn check(workers: usize, method: &StartMethod, needs: Needs) -> Result<(), ShortError> {
    let workers = workers as u64;
    descriptors(workers, needs)?;
    let helpers = match method {
        StartMethod::Fork | StartMethod::Spawn(_) => PROCESSES_BESIDE - 1,
        StartMethod::ForkServer(_) => PROCESSES_BESIDE,
        // Their processes are started by someone else.
        StartMethod::Listen(_) => return Ok(()),
    };
    processes(workers, workers + helpers)?;
    tasks(workers, workers + helpers)
}

fn descriptors(workers: u64, needs: Needs) -> Result<(), ShortError> {
    // What cannot be read is not checked: the kernel will say.
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    let each = DESCRIPTORS_EACH
        + u64::from(needs.arenas) * DESCRIPTORS_OF_ARENA
        + u64::from(needs.stdout) * DESCRIPTORS_OF_STDOUT;
    let wanted = workers * each + DESCRIPTORS_BESIDE;
    let open = fs::read_dir("/proc/self/fd").map_or(0, |fds| fds.count() as u64);
    if open + wanted > soft {
        let needed = (open + wanted + 1).next_multiple_of(STEP);
        return Err(ShortError::Descriptors {
            workers,
            needed,
            open,
            soft,
            hard,
        });
    }
    Ok(())
}

fn processes(workers: u64, wanted: u64) -> Result<(), ShortError> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NPROC) else {
        return Ok(());
    };
    // To count a user's takes a look at every process; to count all is one short reading.
    let all = fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| parse_running(&text));
    if all.is_some_and(|all| all + wanted <= soft) || is_exempt() {
        return Ok(());
    }
    let running = running(getuid().as_raw());
    if running + wanted > soft {
        let needed = (running + wanted + 1).next_multiple_of(STEP);
        return Err(ShortError::Processes {
            workers,
            needed,
            running,
            soft,
            hard,
        });
    }
    Ok(())
}

fn tasks(workers: u64, wanted: u64) -> Result<(), ShortError> {
    match shmem::cgroup_tasks() {
        Some(group) if group.available < wanted => Err(ShortError::Tasks {
            workers,
            wanted,
            needed: (group.limit - group.available + wanted + 1).next_multiple_of(STEP),
            group,
        }),
        _ => Ok(()),
    }
}

/// All processes and threads of the machine: `0.20 0.18 0.12 1/80 11206`, the number after the
/// slash.
fn parse_running(loadavg: &str) -> Option<u64> {
    loadavg.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}

/// Whether the kernel does not hold this process to `RLIMIT_NPROC`: root, `CAP_SYS_ADMIN` (21) and
/// `CAP_SYS_RESOURCE` (24).
fn is_exempt() -> bool {
    let effective = || {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|it| it.strip_prefix("CapEff:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    getuid().is_root() || effective().is_some_and(|mask| mask & (1 << 21 | 1 << 24) != 0)
}

/// Processes and threads of a user.
fn running(uid: u32) -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else {
        return 0;
    };
    processes
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let _pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            threads_if_of(uid, &fs::read_to_string(entry.path().join("status")).ok()?)
        })
        .sum()
}

/// The threads of a process, from its `status`, if its real user is `uid`.
fn threads_if_of(uid: u32, status: &str) -> Option<u64> {
    let field = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    (field("Uid:")? == u64::from(uid)).then(|| field("Threads:"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read() {
        assert_eq!(parse_running("0.20 0.18 0.12 1/80 11206\n"), Some(80));
        assert_eq!(parse_running("unparsable"), None);
        let status = "Name:\tUid: 7\nUid:\t1000\t0\t0\t0\nThreads:\t12\n";
        assert_eq!(threads_if_of(1000, status), Some(12));
        assert_eq!(threads_if_of(0, status), None);
        assert!(running(getuid().as_raw()) >= 1);
    }

    #[test]
    fn a_hard_limit_in_the_way_is_named() {
        let short = |hard| ShortError::Descriptors {
            workers: 9,
            needed: 60,
            open: 8,
            soft: 20,
            hard,
        };
        assert!(
            short(100)
                .to_string()
                .contains("`ulimit -n 60` would do, or")
        );
        let text = short(30).to_string();
        assert!(
            text.contains("root has raised the hard limit of 30"),
            "{text}"
        );
    }
}
