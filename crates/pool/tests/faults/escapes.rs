//! What a task might try in order to leave its worker, each by the bare system call.

use libc::c_long;
use std::io;
use std::os::fd::AsRawFd;
use task::{Input, Task, TaskError};

/// One thing to try; gives what the call gave.
type Try = fn() -> c_long;

/// Harmless where it succeeds, and distinguished from EPERM where it has to fail.
const TRIES: &[(&str, Try)] = &[
    ("open for reading", || open(c"/etc/passwd", libc::O_RDONLY)),
    ("open of a directory", || open(c"/", libc::O_DIRECTORY)),
    ("open of the own memory", || {
        open(c"/proc/self/mem", libc::O_RDWR)
    }),
    ("open for writing", || open(c"/dev/null", libc::O_WRONLY)),
    ("a new file", || {
        open(c"/tmp", libc::O_TMPFILE | libc::O_RDWR)
    }),
    ("a segment", || {
        open(c"/dev/shm", libc::O_TMPFILE | libc::O_RDWR)
    }),
    ("memfd_create", || {
        call(libc::SYS_memfd_create, [c"x".as_ptr() as c_long, 0, 0, 0])
    }),
    ("truncate", || path(libc::SYS_truncate)),
    ("mkdir", || at(libc::SYS_mkdirat)),
    ("unlink", || at(libc::SYS_unlinkat)),
    ("chmod", || at(libc::SYS_fchmodat)),
    ("chdir", || path(libc::SYS_chdir)),
    ("stat of a path", || {
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        let place = stat.as_mut_ptr() as c_long;
        let directory = c_long::from(libc::AT_FDCWD);
        call(
            libc::SYS_newfstatat,
            [directory, c"/etc/passwd".as_ptr() as c_long, place, 0],
        )
    }),
    ("a Unix socket", || socket(libc::AF_UNIX)),
    ("an Internet socket", || socket(libc::AF_INET)),
    ("connect", || {
        let address = libc::sockaddr {
            sa_family: libc::AF_UNSPEC as u16,
            sa_data: [0; 14],
        };
        let place = &raw const address as c_long;
        call(
            libc::SYS_connect,
            [3, place, size_of::<libc::sockaddr>() as c_long, 0],
        )
    }),
    ("execve", || {
        call(
            libc::SYS_execve,
            [c"/nowhere/program".as_ptr() as c_long, 0, 0, 0],
        )
    }),
    ("fork", || {
        // SAFETY: the child ends at once, and is waited for.
        match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
            // SAFETY: ends this process alone.
            0 => unsafe { libc::_exit(0) },
            child if child > 0 => {
                // SAFETY: our own child; no status is asked for.
                c_long::from(unsafe { libc::waitpid(child as i32, std::ptr::null_mut(), 0) })
            }
            error => error,
        }
    }),
    ("clone3", || match call(libc::SYS_clone3, [0, 0, 0, 0]) {
        // What the C library is to take for a kernel that has none.
        _ if io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) => DENIED,
        given => given,
    }),
    ("unshare", || call(libc::SYS_unshare, [0, 0, 0, 0])),
    ("ptrace", || {
        call(
            libc::SYS_ptrace,
            [libc::PTRACE_PEEKDATA.into(), parent(), 0, 0],
        )
    }),
    ("reading another's memory", || {
        call(libc::SYS_process_vm_readv, [parent(), 0, 0, 0])
    }),
    ("kill", || call(libc::SYS_kill, [parent(), 0, 0, 0])),
    ("tgkill of another", || {
        call(libc::SYS_tgkill, [parent(), parent(), 0, 0])
    }),
    ("pidfd_open", || {
        call(libc::SYS_pidfd_open, [parent(), 0, 0, 0])
    }),
    ("a limit of another", || {
        call(libc::SYS_prlimit64, [parent(), 0, 0, 0])
    }),
    ("code", || {
        let (read_execute, private) = (
            libc::PROT_READ | libc::PROT_EXEC,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: new memory, which nobody uses.
        unsafe { libc::syscall(libc::SYS_mmap, 0, 4096, read_execute, private, -1, 0) }
    }),
    ("SIGIO to another", || {
        call(libc::SYS_fcntl, [2, libc::F_SETOWN.into(), parent(), 0])
    }),
    ("ioctl", || {
        call(libc::SYS_ioctl, [0, libc::TIOCNXCL as c_long, 0, 0])
    }),
    ("bpf", || call(libc::SYS_bpf, [-1, 0, 0, 0])),
    ("io_uring", || call(libc::SYS_io_uring_setup, [0, 0, 0, 0])),
    ("getsid", || call(libc::SYS_getsid, [0, 0, 0, 0])),
];

const DENIED: c_long = -1000;

/// Tries all, and gives what was denied and what was not.
pub(crate) struct Escape;

impl Task for Escape {
    const NAME: &'static str = "Escape";
    type Args = ();
    type Output = (Vec<String>, Vec<String>);

    fn run((): (), _: Input<'_>) -> Result<(Vec<String>, Vec<String>), TaskError> {
        let (denied, rest): (Vec<_>, Vec<_>) = TRIES.iter().partition(|(_, attempt)| {
            let given = attempt();
            let errno = io::Error::last_os_error().raw_os_error();
            given == DENIED || (given == -1 && matches!(errno, Some(libc::EPERM | libc::EACCES)))
        });
        let names =
            |tries: Vec<&(&str, Try)>| tries.iter().map(|(name, _)| (*name).to_owned()).collect();
        Ok((names(denied), names(rest)))
    }
}

/// What a well-behaved task does, and may do in a sandbox too.
pub(crate) struct Behave;

impl Task for Behave {
    const NAME: &'static str = "Behave";
    type Args = ();
    type Output = u64;

    fn run((): (), _: Input<'_>) -> Result<u64, TaskError> {
        println!("printed in a sandbox");
        let large = vec![1u8; 16 << 20];
        let threads: Vec<_> = (0..4u64)
            .map(|number| std::thread::spawn(move || number + std::process::id().min(1) as u64))
            .collect();
        let sum: u64 = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        std::thread::sleep(std::time::Duration::from_millis(1));
        Ok(sum + u64::from(large[large.len() - 1]))
    }
}

/// Returns what the worker has open: number and what /proc says of it.
pub(crate) struct Descriptors;

impl Task for Descriptors {
    const NAME: &'static str = "Descriptors";
    type Args = ();
    type Output = Vec<(i32, String)>;

    fn run((): (), _: Input<'_>) -> Result<Vec<(i32, String)>, TaskError> {
        let directory = std::fs::File::open("/proc/self/fd")?;
        let own = directory.as_raw_fd();
        let mut found = Vec::new();
        for number in 0..1024 {
            let link = std::fs::read_link(format!("/proc/self/fd/{number}"));
            if let Ok(target) = link
                && number != own
            {
                found.push((number, target.to_string_lossy().into_owned()));
            }
        }
        Ok(found)
    }
}

/// The `NoNewPrivs` and `Seccomp` lines of /proc/self/status.
pub(crate) struct Privileges;

impl Task for Privileges {
    const NAME: &'static str = "Privileges";
    type Args = ();
    type Output = String;

    fn run((): (), _: Input<'_>) -> Result<String, TaskError> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find(|line| line.starts_with("NoNewPrivs:"));
        Ok(line.unwrap_or_default().to_owned())
    }
}

fn call(number: c_long, [a, b, c, d]: [c_long; 4]) -> c_long {
    // SAFETY: every caller passes pointers to what lives through the call, or null.
    unsafe { libc::syscall(number, a, b, c, d) }
}

fn open(path: &std::ffi::CStr, flags: i32) -> c_long {
    let directory = c_long::from(libc::AT_FDCWD);
    let fd = call(
        libc::SYS_openat,
        [directory, path.as_ptr() as c_long, flags.into(), 0o600],
    );
    close(fd)
}

fn socket(domain: i32) -> c_long {
    close(call(
        libc::SYS_socket,
        [domain.into(), libc::SOCK_STREAM.into(), 0, 0],
    ))
}

fn close(fd: c_long) -> c_long {
    if fd >= 0 {
        call(libc::SYS_close, [fd, 0, 0, 0]);
    }
    fd
}

/// A call on a path that is not there.
fn path(number: c_long) -> c_long {
    call(number, [c"/nowhere/file".as_ptr() as c_long, 0, 0, 0])
}

fn at(number: c_long) -> c_long {
    let directory = c_long::from(libc::AT_FDCWD);
    call(
        number,
        [directory, c"/nowhere/file".as_ptr() as c_long, 0, 0],
    )
}

fn parent() -> c_long {
    std::os::unix::process::parent_id().into()
}
