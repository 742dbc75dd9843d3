//! What a program that embeds another runtime, an interpreter say, does around the forks of its
//! forkserver.

use std::os::fd::RawFd;
use std::sync::OnceLock;

/// Functions that the forkserver calls around each fork. They run on the thread that forks.
#[derive(Debug, Clone, Copy)]
pub struct ForkHooks {
    /// Before the fork.
    pub before: fn(),
    /// After it, in the forkserver, also where the fork failed.
    pub in_parent: fn(),
    /// After it, in the worker, before anything else.
    pub in_child: fn(),
    /// In a worker that has served, before it exits without running anything of the parent's.
    pub before_exit: fn(),
    /// Whether workers keep the descriptors that were open when the forkserver began to serve. They
    /// belong to what was loaded before: a log file, a connection.
    pub keep_descriptors: bool,
}

static HOOKS: OnceLock<ForkHooks> = OnceLock::new();

/// Sets the hooks of this process's forkserver, once. `false` where they were set before.
pub fn set_fork_hooks(hooks: ForkHooks) -> bool {
    HOOKS.set(hooks).is_ok()
}

pub(crate) fn before() {
    if let Some(hooks) = HOOKS.get() {
        (hooks.before)();
    }
}

pub(crate) fn in_parent() {
    if let Some(hooks) = HOOKS.get() {
        (hooks.in_parent)();
    }
}

pub(crate) fn in_child() {
    if let Some(hooks) = HOOKS.get() {
        (hooks.in_child)();
    }
}

pub(crate) fn before_exit() {
    if let Some(hooks) = HOOKS.get() {
        (hooks.before_exit)();
    }
}

/// The descriptors above stderr that workers keep: those that the program was given, or all that are
/// open now.
pub(crate) fn kept_descriptors() -> Vec<RawFd> {
    let mut kept = open_descriptors();
    let given = std::env::var(wire::DESCRIPTORS_VARIABLE).unwrap_or_default();
    kept.extend(
        given
            .split(',')
            .filter_map(|number| number.parse::<RawFd>().ok()),
    );
    kept
}

fn open_descriptors() -> Vec<RawFd> {
    if !HOOKS.get().is_some_and(|hooks| hooks.keep_descriptors) {
        return Vec::new();
    }
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let numbers: Vec<RawFd> = numbers.filter(|&number| number > 2).collect();
    // The directory itself was among them.
    let is_open = |&number: &RawFd| {
        // SAFETY: reads the flags of a number; harmless where it is not open.
        unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
    };
    numbers.into_iter().filter(is_open).collect()
}
