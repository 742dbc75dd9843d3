//! `spawn`: a program started through posix_spawn, which does not copy page tables: its
//! cost does not depend on what the coordinator holds.

use super::ends::WorkerEnds;
use super::error::StartError;
use super::method::Program;
use crate::process::Process;
use guardian::GuardedGroup;
use nix::errno::Errno;
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use wire::WORKER_VARIABLE;

/// The descriptor under which a worker finds its socket.
const WORKER_FD: RawFd = 3;

/// Starts a worker; `--fd` names its socket.
pub(super) fn start(
    program: &Program,
    ends: WorkerEnds,
    group: GuardedGroup,
) -> Result<Process, StartError> {
    exec(program, "--fd", ends, group).map_err(|source| StartError::Program {
        path: program.path().to_owned(),
        source,
    })
}

/// Starts `program` with its socket as descriptor 3, named on its command line by `flag` or in its
/// environment. It has /dev/null for stdin, no other descriptor but stdout and stderr, its own process group, default dispositions ([`runtime::kept_ignored`] apart) and an
/// empty mask.
pub(super) fn exec(
    program: &Program,
    flag: &str,
    ends: WorkerEnds,
    group: GuardedGroup,
) -> io::Result<Process> {
    let image = c_string(program.image().as_os_str())?;
    let mut args = vec![c_string(program.path().as_os_str())?];
    for arg in &program.args {
        args.push(c_string(arg)?);
    }
    let (fd, pid) = (WORKER_FD, std::process::id());
    let mut variable = None;
    if program.by_environment {
        let role = if flag == "--fd" { "" } else { ",forkserver" };
        let text = format!("{WORKER_VARIABLE}={fd},{pid}{role}");
        variable = Some(c_string(OsStr::new(&text))?);
    } else {
        for arg in [flag, &fd.to_string(), "--parent", &pid.to_string()] {
            args.push(c_string(OsStr::new(arg))?);
        }
    }
    let mut argv: Vec<*mut libc::c_char> = args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
    argv.push(std::ptr::null_mut());
    let entries = program.surroundings.environment();
    let entries = entries.iter().chain(&variable);
    let mut environment: Vec<*mut libc::c_char> =
        entries.map(|entry| entry.as_ptr().cast_mut()).collect();
    environment.push(std::ptr::null_mut());

    let socket = program.surroundings.apart(ends.socket)?;
    let stderr = program.surroundings.apart(ends.stderr)?;
    let stdout = ends.stdout.map(|stdout| program.surroundings.apart(stdout));
    let stdout = stdout.transpose()?;
    let given = program.surroundings.copies()?;
    let mut actions = FileActions::new()?;
    actions.open_null(0)?;
    if let Some(stdout) = &stdout {
        actions.dup2(stdout.as_raw_fd(), 1)?;
    }
    actions.dup2(stderr.as_raw_fd(), 2)?;
    // Same number on both sides clears close-on-exec.
    actions.dup2(socket.as_raw_fd(), WORKER_FD)?;
    for (copy, number) in &given {
        actions.dup2(copy.as_raw_fd(), *number)?;
    }
    let mut first = WORKER_FD + 1;
    for number in program.surroundings.numbers() {
        for between in first..number {
            actions.close(between)?;
        }
        first = number + 1;
    }
    actions.close_from(first)?;
    if let Some(directory) = program.surroundings.directory() {
        actions.enter(&c_string(directory.as_os_str())?)?;
    }
    let attributes = Attributes::new()?;
    let mut pid = 0;
    // SAFETY: all pointers are to live, terminated values made above.
    let error = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            image.as_ptr(),
            actions.0.as_ptr(),
            attributes.0.as_ptr(),
            argv.as_ptr(),
            environment.as_ptr(),
        )
    };
    check(error)?;
    Ok(Process::spawned(pid as u32, pidfd_open(pid)?, group))
}

pub(super) fn pidfd_open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match Errno::result(raw) {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(raw) => Ok(unsafe { OwnedFd::from_raw_fd(raw as RawFd) }),
        Err(error) => {
            // Without its pidfd the child could not be supervised.
            // SAFETY: our own child, not reaped yet, so the pid is still its.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None);
            Err(error.into())
        }
    }
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(io::Error::other)
}

fn check(error: i32) -> io::Result<()> {
    if error == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(error))
    }
}

/// `posix_spawn_file_actions_t`, destroyed on drop.
struct FileActions(MaybeUninit<libc::posix_spawn_file_actions_t>);

impl FileActions {
    fn new() -> io::Result<FileActions> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: initialises the memory it is given.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        Ok(FileActions(actions))
    }

    fn dup2(&mut self, from: RawFd, to: RawFd) -> io::Result<()> {
        // SAFETY: initialised in `new`.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(self.0.as_mut_ptr(), from, to) })
    }

    /// Closes a descriptor, if it is open.
    fn close(&mut self, number: RawFd) -> io::Result<()> {
        // SAFETY: initialised in `new`.
        check(unsafe { libc::posix_spawn_file_actions_addclose(self.0.as_mut_ptr(), number) })
    }

    fn enter(&mut self, directory: &CStr) -> io::Result<()> {
        // SAFETY: initialised in `new`, which copies the path.
        check(unsafe {
            libc::posix_spawn_file_actions_addchdir_np(self.0.as_mut_ptr(), directory.as_ptr())
        })
    }

    /// Closes what close-on-exec would not: a C library's files, say. The C library has to offer
    /// it; without, such descriptors are inherited.
    fn close_from(&mut self, first: RawFd) -> io::Result<()> {
        #[cfg(target_env = "gnu")]
        // SAFETY: initialised in `new`.
        check(unsafe {
            libc::posix_spawn_file_actions_addclosefrom_np(self.0.as_mut_ptr(), first)
        })?;
        #[cfg(not(target_env = "gnu"))]
        let _ = first;
        Ok(())
    }

    fn open_null(&mut self, fd: RawFd) -> io::Result<()> {
        let (path, flags) = (c"/dev/null", libc::O_RDONLY);
        // SAFETY: initialised in `new`; the path is a constant.
        check(unsafe {
            libc::posix_spawn_file_actions_addopen(self.0.as_mut_ptr(), fd, path.as_ptr(), flags, 0)
        })
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`.
        unsafe { libc::posix_spawn_file_actions_destroy(self.0.as_mut_ptr()) };
    }
}

/// `posix_spawnattr_t`, destroyed on drop.
struct Attributes(MaybeUninit<libc::posix_spawnattr_t>);

impl Attributes {
    fn new() -> io::Result<Attributes> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: initialises the memory it is given.
        check(unsafe { libc::posix_spawnattr_init(raw.as_mut_ptr()) })?;
        let mut attributes = Attributes(raw);
        let attr = attributes.0.as_mut_ptr();
        let (mut all, mut none) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: both calls initialise the sets they are given; `attr` is initialised above and
        // copies what it is given.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            for signal in runtime::kept_ignored() {
                libc::sigdelset(all.as_mut_ptr(), signal);
            }
            libc::sigemptyset(none.as_mut_ptr());
            check(libc::posix_spawnattr_setsigdefault(attr, all.as_ptr()))?;
            check(libc::posix_spawnattr_setsigmask(attr, none.as_ptr()))?;
            check(libc::posix_spawnattr_setpgroup(attr, 0))?;
            let flags = libc::POSIX_SPAWN_SETSIGDEF
                | libc::POSIX_SPAWN_SETSIGMASK
                | libc::POSIX_SPAWN_SETPGROUP;
            check(libc::posix_spawnattr_setflags(attr, flags as libc::c_short))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`.
        unsafe { libc::posix_spawnattr_destroy(self.0.as_mut_ptr()) };
    }
}
