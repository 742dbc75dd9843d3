//! The bare start methods that the claims are about: fork, exec, and a fork by a small process
//! that was started before. None of the care that the pool takes of its workers is taken here,
//! since that care is what the claims are measured without.
//!
//! All unsafe code of the experiments lives here.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, pipe2};
use report::StartMethod;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What a child does: an encoded question in, an encoded answer out.
pub(super) type Examine = fn(&str) -> anyhow::Result<String>;

/// Starts children by one method.
pub(super) enum Starter {
    Fork,
    Spawn { claim: &'static str },
    ForkServer(Server),
}

/// A child's answer, and how long it took from the start call to its first byte.
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) seconds: f64,
}

impl Starter {
    /// Starts the forkserver, if that is the method: before anything is changed in this process.
    pub(super) fn new(method: StartMethod, claim: &'static str) -> anyhow::Result<Starter> {
        Ok(match method {
            StartMethod::Fork => Starter::Fork,
            StartMethod::Spawn => Starter::Spawn { claim },
            StartMethod::ForkServer => Starter::ForkServer(Server::start(claim)?),
        })
    }

    /// Starts a child, calls `started`, and waits for the child's answer and its end. None where
    /// it has not answered `within` the time; then it is killed.
    pub(super) fn child(
        &mut self,
        ask: &str,
        examine: Examine,
        within: Duration,
        started: &mut dyn FnMut(),
    ) -> anyhow::Result<Option<Reply>> {
        let began = Instant::now();
        let deadline = began + within;
        let (pid, mut answers) = match self {
            Starter::Fork => {
                let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
                let pid = fork(|| answer(examine, ask, File::from(writer)))?;
                (pid, File::from(reader))
            }
            Starter::Spawn { claim } => {
                let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
                let pid = spawn(&["trait-child", claim, ask], None, &writer)?;
                (pid, File::from(reader))
            }
            Starter::ForkServer(server) => {
                let reply = server.child(ask, began, deadline, started)?;
                return reply.map(open_reply).transpose();
            }
        };
        started();
        let reply = read_reply(&mut answers, began, deadline);
        if !matches!(reply, Ok(Some(_))) {
            kill(pid, Signal::SIGKILL)?;
        }
        waitpid(pid, None)?;
        reply?.map(open_reply).transpose()
    }
}

/// A process that was started by exec and forks on request.
pub(super) struct Server {
    pid: Pid,
    asks: File,
    answers: File,
}

impl Server {
    fn start(claim: &'static str) -> anyhow::Result<Server> {
        let (asks, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        let (reader, answers) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        let pid = spawn(&["trait-server", claim], Some(&asks), &answers)?;
        let mut server = Server {
            pid,
            asks: File::from(writer),
            answers: File::from(reader),
        };
        // Its first line says that it is ready: no child's start is to hold the server's own.
        let now = Instant::now();
        let ready = read_reply(&mut server.answers, now, now + Duration::from_secs(10))?;
        anyhow::ensure!(ready.is_some(), "the forkserver does not get ready");
        Ok(server)
    }

    fn child(
        &mut self,
        ask: &str,
        began: Instant,
        deadline: Instant,
        started: &mut dyn FnMut(),
    ) -> io::Result<Option<Reply>> {
        self.asks.write_all(format!("{ask}\n").as_bytes())?;
        started();
        read_reply(&mut self.answers, began, deadline)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its children die with it.
        let _ = kill(self.pid, Signal::SIGKILL);
        let _ = waitpid(self.pid, None);
    }
}

/// The whole of a forkserver: says that it is ready, then forks a child for every line it reads.
pub(super) fn serve(examine: Examine) -> anyhow::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    stdout.write_all(b"+\n")?;
    for ask in io::stdin().lines() {
        let ask = ask?;
        let pid = fork(|| {
            // The requests are the server's to read.
            let null = File::open("/dev/null").and_then(|null| Ok(nix::unistd::dup2_stdin(&null)?));
            null.map_or(1, |()| answer(examine, &ask, &stdout))
        })?;
        waitpid(pid, None)?;
    }
    Ok(())
}

/// The whole of a child that was started by exec.
pub(super) fn serve_one(examine: Examine, ask: &str) -> anyhow::Result<()> {
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    match answer(examine, ask, &stdout) {
        0 => Ok(()),
        _ => anyhow::bail!("the answer could not be written"),
    }
}

/// Ignores a signal.
pub(super) fn ignore(number: Signal) -> nix::Result<()> {
    // SAFETY: to ignore a signal installs no handler.
    unsafe { signal(number, SigHandler::SigIgn) }.map(drop)
}

/// Forks. The child runs `child` and nothing else of this program's, not even its destructors.
fn fork(child: impl FnOnce() -> i32) -> anyhow::Result<Pid> {
    // SAFETY: where this process has other threads at all, they are the probe's own: they wait,
    // and the one lock that they may hold is the one which the probe is about.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let code = catch_unwind(AssertUnwindSafe(child)).unwrap_or(101);
            // SAFETY: ends this process and no other.
            unsafe { libc::_exit(code) }
        }
    }
}

/// Starts this program again with nothing but its arguments and, if given, its stdin and stdout
/// changed: mask, dispositions and descriptors are as exec leaves them.
fn spawn(args: &[&str], stdin: Option<&OwnedFd>, stdout: &OwnedFd) -> anyhow::Result<Pid> {
    let program = CString::new(std::env::current_exe()?.into_os_string().into_vec())?;
    let mut argv = vec![program.clone()];
    for arg in args {
        argv.push(CString::new(*arg)?);
    }
    let mut environment = Vec::new();
    for (key, value) in std::env::vars_os() {
        let mut variable: OsString = key;
        variable.push("=");
        variable.push(value);
        environment.push(CString::new(variable.into_vec())?);
    }
    let mut actions = PosixSpawnFileActions::init()?;
    if let Some(stdin) = stdin {
        actions.add_dup2(stdin.as_raw_fd(), 0)?;
    }
    actions.add_dup2(stdout.as_raw_fd(), 1)?;
    let attributes = PosixSpawnAttr::init()?;
    let path = program.as_c_str();
    Ok(posix_spawn(
        path,
        &actions,
        &attributes,
        &argv,
        &environment,
    )?)
}

/// Examines, and writes the result in one line; returns the exit code.
fn answer(examine: Examine, ask: &str, mut to: impl Write) -> i32 {
    let line = set_pdeathsig(Signal::SIGKILL)
        .map_err(anyhow::Error::from)
        .and_then(|()| examine(ask))
        .map_or_else(|error| format!("-{error:#}\n"), |text| format!("+{text}\n"));
    i32::from(to.write_all(line.as_bytes()).is_err())
}

/// Reads one line; none where it does not come before the deadline.
fn read_reply(from: &mut File, began: Instant, deadline: Instant) -> io::Result<Option<Reply>> {
    let mut line = Vec::new();
    let mut seconds = None;
    while line.last() != Some(&b'\n') {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::from(left.as_millis().min(60_000) as u16);
        match poll(&mut [PollFd::new(from.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        seconds.get_or_insert_with(|| began.elapsed().as_secs_f64());
        let mut buffer = [0; 65536];
        match from.read(&mut buffer)? {
            0 => return Err(io::Error::other("the child ended without an answer")),
            read => line.extend_from_slice(&buffer[..read]),
        }
    }
    line.pop();
    Ok(Some(Reply {
        text: String::from_utf8(line).map_err(io::Error::other)?,
        seconds: seconds.unwrap_or_default(),
    }))
}

/// The answer, or the error that stands in its place.
fn open_reply(mut reply: Reply) -> anyhow::Result<Reply> {
    let rest = reply.text.split_off(1);
    anyhow::ensure!(reply.text == "+", "the child failed: {rest}");
    reply.text = rest;
    Ok(reply)
}
