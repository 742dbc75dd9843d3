//! How the guardian is created: by a bare `clone`, which runs no code of the C library.

use crate::table::Table;
use crate::vigil;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::pipe2;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

/// How long its owner waits for a new guardian to release the descriptors that it has inherited.
const RELEASED_WITHIN_MS: u16 = 1000;

/// The guardian's process, which is our child. Dropping it changes nothing.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: u32,
    pidfd: OwnedFd,
}

/// Starts a guardian of this process. Any thread may do it, whatever the others are doing.
///
/// It is cloned with exit signal 0: its end sends no SIGCHLD, and `wait` for any child does not find it
/// without `__WALL`.
pub(crate) fn start(table: &Table) -> io::Result<Child> {
    let owner = pidfd_of_ours()?;
    let (released, held) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: gives the address of this thread's errno.
    let thread = unsafe { libc::__errno_location() }.addr();
    let mut pidfd: RawFd = -1;
    // No handler of this process is to run in the child, and none of its signals to end it.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    // SAFETY: without a stack and CLONE_VM this is fork: the child goes on with a copy of this
    // thread. It calls nothing but `keep`, which needs no lock of anyone's.
    let cloned = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::CLONE_PIDFD,
            0usize,
            &raw mut pidfd,
            0usize,
            0usize,
        )
    };
    if cloned == 0 {
        // SAFETY: we are that child.
        unsafe { vigil::keep(owner.as_raw_fd(), table, thread) }
    }
    let cloned = Errno::result(cloned);
    // Setting a mask that was just in force cannot be refused.
    let _ = before.thread_set_mask();
    let child = Child {
        pid: cloned? as u32,
        // SAFETY: the kernel has just made this descriptor for us; it is close-on-exec.
        pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
    };
    drop(held);
    wait_until_released(&released);
    Ok(child)
}

/// Waits until the child holds nothing of ours any more, so that what we free from here on is free.
/// It is a matter of some 0.1 ms, unless a fork of another thread has the pipe's end as well.
fn wait_until_released(pipe: &OwnedFd) {
    let mut poll_fd = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    // With or without it, the child does its work.
    let _ = poll(&mut poll_fd, PollTimeout::from(RELEASED_WITHIN_MS));
}

fn pidfd_of_ours() -> io::Result<OwnedFd> {
    // SAFETY: passes no memory.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, std::process::id(), 0) };
    let raw = Errno::result(raw)?;
    // SAFETY: the kernel has just made this descriptor for us; it is close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(raw as RawFd) })
}

impl Child {
    /// Whether it still runs; one that was killed is reaped.
    pub(crate) fn is_alive(&self) -> bool {
        !self.reap(libc::WNOHANG)
    }

    /// Ends it. There is nothing left that it would have to guard.
    pub(crate) fn end(&self) {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        let (pidfd, signal) = (self.pidfd.as_raw_fd(), libc::SIGKILL);
        // SAFETY: no memory is passed but a null pointer, which is allowed.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, no_info, 0) };
        // SIGKILL cannot be refused, so this wait ends.
        self.reap(0);
    }

    /// Whether it has ended; it is reaped then.
    fn reap(&self, how: i32) -> bool {
        loop {
            let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
            // SAFETY: the kernel writes to a place of the size that it expects. `__WALL`: it is a
            // child that gives no signal.
            let waited = unsafe {
                libc::waitid(
                    libc::P_PIDFD,
                    self.pidfd.as_raw_fd() as libc::id_t,
                    info.as_mut_ptr(),
                    libc::WEXITED | libc::__WALL | how,
                )
            };
            match Errno::result(waited) {
                // SAFETY: all zeros are valid values of it, and so is what the kernel has written.
                Ok(_) => return unsafe { info.assume_init().si_pid() } != 0,
                Err(Errno::EINTR) => {}
                // No child of ours any more: reaped by another part of the program.
                Err(_) => return true,
            }
        }
    }
}
