//! Tasks that go wrong, each in one way, and a few that do not.

use crate::escapes;
use nix::sys::socket::{Shutdown, shutdown};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;
use task::{Input, Reduce, Registry, Task, TaskError};

pub(crate) fn registry() -> Registry {
    Registry::new()
        .with::<Double>()
        .with::<GetPid>()
        .with::<Length>()
        .with::<Total>()
        .with::<Large>()
        .with::<Fail>()
        .with::<Panic>()
        .with::<Sleep>()
        .with::<Die>()
        .with::<DieMidStream>()
        .with::<DieOnce>()
        .with::<CloseSocket>()
        .with::<Babble>()
        .with::<Stall>()
        .with::<Flood>()
        .with::<LeaveFlood>()
        .with::<FloodStderr>()
        .with::<LeaveGrandchild>()
        .with::<Deaf>()
        .with::<LeaveThread>()
        .with::<escapes::Escape>()
        .with::<escapes::Behave>()
        .with::<escapes::Descriptors>()
        .with::<escapes::Privileges>()
}

/// Defines a task.
macro_rules! task {
    ($(#[$about:meta])* $task:ident($args:ty, $input:pat) -> $output:ty, |$given:pat_param| $run:expr) => {
        $(#[$about])*
        pub(crate) struct $task;

        impl Task for $task {
            const NAME: &'static str = stringify!($task);
            type Args = $args;
            type Output = $output;

            fn run($given: $args, $input: Input<'_>) -> Result<$output, TaskError> {
                $run
            }
        }
    };
}

task! {
    /// Well-behaved.
    Double(u64, _) -> u64, |number| Ok(2 * number)
}
task! {
    /// Returns which process runs it.
    GetPid((), _) -> u32, |()| Ok(std::process::id())
}
task! {
    /// Returns the length of its input and the sum of its bytes.
    Length((), input) -> (u64, u64), |()| {
        let (mut length, mut sum) = (0, 0);
        input.for_each_block(1, |bytes| {
            length += bytes.len() as u64;
            sum += bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        })?;
        Ok((length, sum))
    }
}
task! {
    /// Sums the bytes of its input; merges.
    Total((), input) -> u64, |()| {
        Ok(input.bytes()?.iter().map(|&byte| u64::from(byte)).sum())
    }
}
task! {
    /// Returns a number of bytes, counting up.
    Large(u64, _) -> Vec<u8>, |bytes| Ok((0..bytes).map(|at| at as u8).collect())
}
task! {
    /// Returns an error with a cause.
    Fail((), _) -> (), |()| {
        Err(Box::new(std::io::Error::other("no such luck")))
    }
}
task! {
    /// Panics.
    Panic(String, _) -> (), |message| panic!("{message}")
}
task! {
    /// Sleeps a number of milliseconds, then returns which process did.
    Sleep(u64, _) -> u32, |millis| {
        std::thread::sleep(Duration::from_millis(millis));
        Ok(std::process::id())
    }
}
task! {
    /// Says a last word and dies.
    Die(Way, _) -> (), |way| {
        eprintln!("dying by {way:?}");
        way.die();
        Ok(())
    }
}
task! {
    /// Dies when it has seen the beginning of its input.
    DieMidStream(Way, input) -> (), |way| {
        input.for_each_block(1, |_| way.die())?;
        Ok(())
    }
}
task! {
    /// Kills its worker unless the file is there, which it makes.
    DieOnce(PathBuf, _) -> u32, |marker| {
        if std::fs::File::create_new(marker).is_ok() {
            Way::Signal(libc::SIGKILL).die();
        }
        Ok(std::process::id())
    }
}
task! {
    /// Closes its worker's socket.
    CloseSocket((), _) -> (), |()| {
        socket(|socket| shutdown(socket.as_raw_fd(), Shutdown::Both).unwrap());
        Ok(())
    }
}
task! {
    /// Writes to its worker's socket what is no frame, or no message.
    Babble(Vec<u8>, _) -> (), |bytes| {
        socket(|socket| {
            nix::unistd::write(socket, &bytes).expect("room in the socket");
        });
        Ok(())
    }
}
task! {
    /// Writes bytes to its worker's socket and does nothing more.
    Stall(Vec<u8>, _) -> (), |bytes| {
        socket(|socket| {
            nix::unistd::write(socket, &bytes).expect("room in the socket");
        });
        loop {
            std::thread::park();
        }
    }
}
task! {
    /// Writes the same bytes to its worker's socket as long as anybody reads them.
    Flood(Vec<u8>, _) -> (), |bytes| {
        flood(&bytes);
        Ok(())
    }
}
task! {
    /// Leaves a process behind that writes the same bytes to the socket as long as anybody reads
    /// them, and dies.
    LeaveFlood(Vec<u8>, _) -> (), |bytes| {
        let forked = runtime::fork(false, move || {
            flood(&bytes);
            0
        });
        let forked = forked.expect("a worker has one thread");
        std::mem::forget(forked.pidfd);
        std::thread::sleep(Duration::from_millis(100));
        Way::Exit(7).die();
        Ok(())
    }
}
task! {
    /// Writes a number of lines to stderr and dies.
    FloodStderr(u64, _) -> (), |lines| {
        let mut stderr = std::io::stderr().lock();
        for number in 0..lines {
            writeln!(stderr, "line {number} of a flood that would fill any pipe")?;
        }
        Way::Exit(9).die();
        Ok(())
    }
}
task! {
    /// Starts a process that holds on to what its worker has, and returns its pid.
    LeaveGrandchild((), _) -> u32, |()| {
        let mut command = std::process::Command::new("sleep");
        Ok(command.arg("1000").spawn()?.id())
    }
}

task! {
    /// Starts a thread that does not end.
    LeaveThread((), _) -> (), |()| {
        std::thread::spawn(|| loop { std::thread::park() });
        Ok(())
    }
}
task! {
    /// Makes its worker ignore SIGTERM, and returns its pid.
    Deaf((), _) -> u32, |()| {
        // SAFETY: ignoring a signal runs no handler.
        unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
        Ok(std::process::id())
    }
}

impl Reduce for Total {
    type Final = u64;

    fn empty() -> u64 {
        0
    }

    fn merge(merged: &mut u64, part: u64) {
        *merged += part;
    }

    fn finish(merged: u64) -> u64 {
        merged
    }
}

/// How to die.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Way {
    /// Of one's own accord.
    Exit(i32),
    /// By a signal that another process might have sent.
    Signal(i32),
    /// By `abort`.
    Abort,
    /// By a write to where there is no memory.
    Segv,
    /// By recursion without end.
    StackOverflow,
    /// By asking for more memory than there may be.
    OutOfMemory,
}

impl Way {
    pub(crate) fn die(self) {
        match self {
            Way::Exit(code) => std::process::exit(code),
            Way::Signal(number) => drop(nix::sys::signal::raise(number.try_into().unwrap())),
            Way::Abort => std::process::abort(),
            // SAFETY: none; that is the point. The page at 8 is never mapped.
            Way::Segv => unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) },
            Way::StackOverflow => drop(recurse(0)),
            Way::OutOfMemory => {
                let limit = 1 << 30;
                nix::sys::resource::setrlimit(
                    nix::sys::resource::Resource::RLIMIT_AS,
                    limit,
                    limit,
                )
                .unwrap();
                drop(std::hint::black_box(vec![1u8; 2 << 30]));
            }
        }
    }
}

#[expect(unconditional_recursion, reason = "that is the fault")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + frame[(depth % 64) as usize]
}

/// Writes without end; a full socket waits for its reader.
fn flood(bytes: &[u8]) {
    let bytes = bytes.repeat(1000);
    socket(|socket| while nix::unistd::write(socket, &bytes).is_ok() {});
}

/// Hands the worker's socket to `then`: its lowest, since workers have no other descriptors but
/// this one, their standard streams and what calls bring.
fn socket(then: impl FnOnce(BorrowedFd<'_>)) {
    for number in 3..1024 {
        // SAFETY: the number is only asked about until it is known to be a socket that is open;
        // its owner lives as long as this process.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let is_socket = nix::sys::stat::fstat(fd)
            .is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFSOCK);
        if is_socket {
            return then(fd);
        }
    }
    panic!("a worker without a socket");
}

/// Whether a process that is not ours to reap is not gone.
pub(crate) fn is_alive(pid: u32) -> bool {
    // SAFETY: takes no pointers.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if raw < 0 {
        return false;
    }
    // SAFETY: the kernel has just made this descriptor for us.
    let pidfd = unsafe { OwnedFd::from_raw_fd(raw as i32) };
    let mut fds = [nix::poll::PollFd::new(
        std::os::fd::AsFd::as_fd(&pidfd),
        nix::poll::PollFlags::POLLIN,
    )];
    // Readable once it has ended, reaped or not.
    nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO) == Ok(0)
}
