//! What a child does for itself before it serves, whatever started it.

use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{Pid, getppid, setpgid};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;

/// How much sooner than its parent the kernel's OOM killer is to take a worker (of 1000).
const OOM_SCORE_ABOVE_PARENT: i32 = 300;

/// Makes this process a worker of `parent`: its own process group, dead as soon as the parent
/// is, first in line for the OOM killer, and never to gain privileges.
///
/// # Errors
/// Where the parent is dead already, or the kernel refuses.
pub fn isolate(parent: u32) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The parent may have died before prctl().
    if getppid() != Pid::from_raw(parent as i32) {
        return Err(io::Error::other(format!(
            "its parent is not the coordinator (pid {parent}), which is gone by now"
        )));
    }
    // Fails only where we lead a group already, which is what we want.
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    never_gain_privileges()?;
    let ours = fs::read_to_string("/proc/self/oom_score_adj")
        .ok()
        .and_then(|text| text.trim().parse::<i32>().ok());
    if let Some(ours) = ours {
        // Best effort: failure to raise oom_score_adj is ignored.
        let raised = (ours + OOM_SCORE_ABOVE_PARENT).min(1000);
        let _ = fs::write("/proc/self/oom_score_adj", raised.to_string());
    }
    Ok(())
}

/// Whatever this process or its children execute, set-user-id programs among them: it gives them
/// no more than they have.
pub(crate) fn never_gain_privileges() -> io::Result<()> {
    Ok(prctl::set_no_new_privs()?)
}

/// Gives a forked child default dispositions and an empty mask: the parent's handlers are not
/// meant for it. What the parent was started to ignore ([`kept_ignored`]) stays ignored.
pub(crate) fn reset_signals() {
    let kept: Vec<i32> = kept_ignored().collect();
    for number in (1..=libc::SIGRTMAX()).filter(|number| !kept.contains(number)) {
        // SAFETY: SIG_DFL is a valid disposition; signals that cannot be set are refused.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    // As the standard library has it at the start of every program: a task that writes to a closed
    // pipe gets EPIPE, however its worker was started.
    // SAFETY: SIG_IGN is a valid disposition.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

/// What a user or a terminal sends and this process ignores, as under `nohup` or a shell's `trap '' INT`:
/// its workers ignore it too, whatever starts them. SIGTERM is not among these: a pool sends it itself.
pub fn kept_ignored() -> impl Iterator<Item = i32> {
    let asked = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT];
    asked.into_iter().filter(|&signal| {
        let mut now = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: without a new action this only writes the present one, to memory that is large enough.
        let found = unsafe { libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) } == 0;
        // SAFETY: it was written if the call succeeded.
        found && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
    })
}

/// Closes every descriptor from 3 on that is not in `keep`.
pub fn close_all_but(keep: &[RawFd]) {
    let mut keep: Vec<u32> = keep
        .iter()
        .filter(|&&fd| fd > 2)
        .map(|&fd| fd as u32)
        .collect();
    keep.sort_unstable();
    let mut first = 3;
    for fd in keep.into_iter().chain([u32::MAX]) {
        if first < fd {
            let last = if fd == u32::MAX { fd } else { fd - 1 };
            // SAFETY: closes descriptors that nothing in this child is going to use.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
        first = fd.saturating_add(1);
    }
}
