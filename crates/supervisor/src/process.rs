//! A worker process as its coordinator holds it: a pidfd, never a bare pid.

use guardian::GuardedGroup;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// `PIDFD_SIGNAL_PROCESS_GROUP` of pidfd_send_signal(2), since Linux 6.9.
const PIDFD_SIGNAL_PROCESS_GROUP: u32 = 1 << 2;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exit(i32),
    /// This signal ended it.
    Signal(i32),
    /// An external worker left: how it ended, if it has, is unknown here.
    Left,
    /// It has ended, and somebody else took its exit status: SIGCHLD is ignored, or another part of
    /// the program reaps all children.
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Ending::Left => write!(formatter, "left"),
            Ending::Unknown => write!(formatter, "ended, and its exit status is unknown"),
            Ending::Exit(code) => write!(formatter, "exited with code {code}"),
            Ending::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(formatter, "was killed by signal {number} ({signal})"),
                Err(_) => write!(formatter, "was killed by signal {number}"),
            },
        }
    }
}

/// A worker process. Dropping it kills it, with its process group, and reaps it; if this process
/// is killed, the guardian does the former.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    /// None once the process has been reaped: its number may be another's then.
    guarded: Option<GuardedGroup>,
    pidfd: OwnedFd,
    /// Whether we are its parent, who alone may reap it.
    ours: bool,
    ending: Option<Ending>,
    /// Up to here the kernel's figure of the most ever resident, in bytes, may not be the child's.
    rss_floor: u64,
    rss_peak: Option<u64>,
}

impl Process {
    /// Our own child, forked.
    pub(crate) fn forked(pid: u32, pidfd: OwnedFd, group: GuardedGroup) -> Process {
        group.set(pid);
        Process {
            pid,
            guarded: Some(group),
            pidfd,
            ours: true,
            ending: None,
            rss_floor: 0,
            rss_peak: None,
        }
    }

    /// Our own child, spawned. It had our memory until its exec, and the kernel reckons that in.
    pub(crate) fn spawned(pid: u32, pidfd: OwnedFd, group: GuardedGroup) -> Process {
        let mut process = Process::forked(pid, pidfd, group);
        let ours = getrusage(UsageWho::RUSAGE_SELF);
        process.rss_floor = ours.map_or(u64::MAX, |usage| usage.max_rss() as u64 * 1024);
        process
    }

    /// A forkserver's child; who reads the forkserver's messages says when it has ended.
    pub(crate) fn grandchild(pid: u32, pidfd: OwnedFd) -> Process {
        Process {
            pid,
            guarded: None,
            pidfd,
            ours: false,
            ending: None,
            rss_floor: 0,
            rss_peak: None,
        }
    }

    /// Has a forkserver's child guarded.
    pub(crate) fn guard(&mut self, group: GuardedGroup) {
        group.set(self.pid);
        self.guarded = Some(group);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Signals the process and its group.
    pub(crate) fn signal(&self, signal: i32) {
        if self.ending.is_none() && self.send(signal, PIDFD_SIGNAL_PROCESS_GROUP).is_err() {
            // An older kernel, or the child has no group of its own yet.
            let _ = self.send(signal, 0);
        }
    }

    /// Interrupts the process, without its group, since its task is asked to end.
    pub(crate) fn interrupt(&self) {
        if self.ending.is_none() {
            // It may have ended.
            let _ = self.send(runtime::CANCEL_SIGNAL, 0);
        }
    }

    fn send(&self, signal: i32, flags: u32) -> io::Result<()> {
        // SAFETY: passes no memory; the pidfd is open.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                flags,
            )
        };
        Errno::result(sent)?;
        Ok(())
    }

    /// Reaps our own child if it has ended; for another's, gives what has been said of it.
    pub(crate) fn try_reap(&mut self) -> io::Result<Option<Ending>> {
        self.reap(false)
    }

    /// Reaps our own child, waiting for it to end.
    pub(crate) fn wait(&mut self) -> io::Result<Option<Ending>> {
        self.reap(true)
    }

    /// The most that was ever resident of it, in bytes, once it has been reaped. None where that may
    /// be what this process had resident itself.
    pub(crate) fn rss_peak(&self) -> Option<u64> {
        self.rss_peak
    }

    fn reap(&mut self, wait: bool) -> io::Result<Option<Ending>> {
        if self.ending.is_some() || !self.ours || !self.has_ended(wait)? {
            return Ok(self.ending);
        }
        // What it left in its group goes with it, and the guardian forgets it.
        self.kill_group();
        self.guarded = None;
        self.ending = Some(match runtime::reap(self.pidfd.as_fd(), true) {
            Ok(Some(reaped)) => {
                self.rss_peak = Some(reaped.rss_peak).filter(|&peak| peak > self.rss_floor);
                match reaped.ending {
                    Ok(code) => Ending::Exit(code),
                    Err(signal) => Ending::Signal(signal),
                }
            }
            // Somebody else has reaped it.
            Ok(None) | Err(_) => Ending::Unknown,
        });
        Ok(self.ending)
    }

    /// Kills what is left of the group of a process that has ended.
    fn kill_group(&self) {
        if self.send(libc::SIGKILL, PIDFD_SIGNAL_PROCESS_GROUP).is_ok() || !self.is_zombie() {
            return;
        }
        // An older kernel. Until it is reaped the number is its own.
        let _ = nix::sys::signal::killpg(Pid::from_raw(self.pid as i32), Signal::SIGKILL);
    }

    /// Whether the process has ended and nobody has reaped it.
    fn is_zombie(&self) -> bool {
        use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        let seen = waitid(Id::PIDFd(self.pidfd.as_fd()), look);
        seen.is_ok_and(|status| status != WaitStatus::StillAlive)
    }

    fn has_ended(&self, wait: bool) -> io::Result<bool> {
        let timeout = if wait {
            PollTimeout::NONE
        } else {
            PollTimeout::ZERO
        };
        loop {
            let mut ended = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ended, timeout) {
                Ok(ready) => return Ok(ready == 1),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The forkserver has said how its child ended, and the most that was ever resident of it; or
    /// it is gone, and its children with it.
    pub(crate) fn ended(&mut self, ending: Ending, rss_peak: Option<u64>) {
        debug_assert!(!self.ours);
        self.guarded = None;
        self.ending = Some(ending);
        self.rss_peak = rss_peak;
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What a dead worker left in its group goes with it.
        let _ = self.send(libc::SIGKILL, PIDFD_SIGNAL_PROCESS_GROUP);
        if self.ending.is_none() {
            self.signal(libc::SIGKILL);
            // SIGKILL cannot be refused, so this wait ends.
            let _ = self.wait();
        }
    }
}
