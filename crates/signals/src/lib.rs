//! Which signals a program may catch: those that were not ignored when it started.
//!
//! `nohup`, a shell's `trap '' HUP` and many service managers start a program with a signal ignored, so
//! that it goes on when that signal comes. A program that installs its handler anyway ends. What is
//! caught, and what is done then, is left to each program.
//!
//! ```
//! for signal in signals::to_catch([libc::SIGINT, libc::SIGTERM, libc::SIGHUP]) {
//!     assert!(!signals::is_ignored(signal));
//! }
//! ```

use std::ptr;

/// Whether this process ignores `signal`, as one that was ignored at the start and is not caught yet.
pub fn is_ignored(signal: i32) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action this only writes the present one, to memory that is large enough.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) };
    // SAFETY: it was written if the call succeeded.
    asked == 0 && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Those of `wanted` that this process may catch. To be asked before the first of them is caught.
pub fn to_catch<const N: usize>(wanted: [i32; N]) -> impl Iterator<Item = i32> {
    wanted.into_iter().filter(|&signal| !is_ignored(signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_not_to_be_caught() {
        let caught = |signals| to_catch(signals).collect::<Vec<_>>();
        assert_eq!(
            caught([libc::SIGUSR1, libc::SIGUSR2]),
            [libc::SIGUSR1, libc::SIGUSR2]
        );
        // SAFETY: nothing in this process sends or expects the signal.
        unsafe { libc::signal(libc::SIGUSR2, libc::SIG_IGN) };
        assert!(is_ignored(libc::SIGUSR2));
        assert_eq!(caught([libc::SIGUSR1, libc::SIGUSR2]), [libc::SIGUSR1]);
        assert!(!is_ignored(-1), "no such signal");
    }
}
