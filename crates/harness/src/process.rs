//! Runs one measured program: in a process group of its own, with a deadline, its output kept.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use guardian::Guardian;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::interrupt::{Interrupt, Interrupted, Stops};

/// Between asking a program to end and making it.
const GRACE: Duration = Duration::from_secs(3);
/// How long a signal may go unnoticed.
const TICK: Duration = Duration::from_millis(100);
/// Lines of stderr that an error quotes.
const QUOTED_LINES: usize = 4;

/// A program that exited with code 0.
#[derive(Debug)]
pub struct Finished {
    /// All of stdout.
    pub stdout: String,
    /// From exec to exit.
    pub wall: Duration,
}

/// Why there is no answer from a program.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Its path.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long and was killed with its group.
    #[error("killed after {} s (see --timeout){quote}", after.as_secs())]
    Timeout {
        /// The deadline.
        after: Duration,
        /// The end of its stderr.
        quote: String,
    },
    /// It ended otherwise than with code 0.
    #[error("{how}{quote}")]
    Failed {
        /// Exit code or signal.
        how: String,
        /// The end of its stderr.
        quote: String,
    },
    /// It ended, but something that it started still holds its output.
    #[error("exited, but left a process behind that holds its output")]
    LeftBehind,
    /// Nobody would end it if xtask were killed.
    #[error(transparent)]
    Guardian(#[from] guardian::GuardianError),
    /// A signal asked xtask itself to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// Runs `command` to its end, for at most `deadline`.
///
/// # Errors
///
/// [`RunError`]; whichever it is, no process of the command's group is left.
pub fn run(
    mut command: Command,
    deadline: Duration,
    interrupt: &Interrupt,
) -> Result<Finished, RunError> {
    interrupt.check()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    // It lives in a group of its own, and ends with us however we do.
    let group = Guardian::join().and_then(|guardian| guardian.group())?;
    // From before the child is there: Ctrl-Z then stops both or neither.
    let stops = interrupt.stops();
    let started = Instant::now();
    let mut child = command.spawn().map_err(|source| RunError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    group.set(child.id());
    let stdout = collect(child.stdout.take().expect("piped above"));
    let stderr = collect(child.stderr.take().expect("piped above"));

    let waited = wait(&child, started, deadline, interrupt, &stops);
    let stdout = stdout.recv_timeout(GRACE);
    let stderr = stderr.recv_timeout(GRACE);
    // The group's name is its own for as long as its leader is not reaped.
    signal_group(&child, Signal::SIGKILL);
    drop(group);
    let status = child.wait().expect("nobody else reaps it");

    let quote = stderr.as_deref().map(quote).unwrap_or_default();
    let wall = match waited {
        Waited::Exited { wall } => wall,
        Waited::TimedOut => {
            return Err(RunError::Timeout {
                after: deadline,
                quote,
            });
        }
        Waited::Interrupted(interrupted) => return Err(interrupted.into()),
    };
    if !status.success() {
        return Err(RunError::Failed {
            how: describe(status),
            quote,
        });
    }
    match (stdout, stderr) {
        (Ok(stdout), Ok(_)) => Ok(Finished { stdout, wall }),
        _ => Err(RunError::LeftBehind),
    }
}

/// What ended the waiting. The process itself is not reaped yet.
enum Waited {
    Exited { wall: Duration },
    TimedOut,
    Interrupted(Interrupted),
}

fn wait(
    child: &Child,
    started: Instant,
    deadline: Duration,
    interrupt: &Interrupt,
    stops: &Stops<'_>,
) -> Waited {
    let ended = watch(pid(child));
    let mut deadline = deadline;
    loop {
        if stops.asked() {
            let stopped = Instant::now();
            signal_group(child, Signal::SIGTSTP);
            stops.stop();
            signal_group(child, Signal::SIGCONT);
            deadline += stopped.elapsed();
        }
        let left = deadline.saturating_sub(started.elapsed());
        match ended.recv_timeout(left.min(TICK)) {
            Ok(at) => return Waited::Exited { wall: at - started },
            Err(RecvTimeoutError::Disconnected) => unreachable!("the watcher sends before it ends"),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let outcome = if let Err(interrupted) = interrupt.check() {
            Waited::Interrupted(interrupted)
        } else if started.elapsed() >= deadline {
            Waited::TimedOut
        } else {
            continue;
        };
        signal_group(child, Signal::SIGTERM);
        if ended.recv_timeout(GRACE).is_err() {
            signal_group(child, Signal::SIGKILL);
        }
        return outcome;
    }
}

/// Sends the moment at which the process ends. It is not reaped: until then its id is its own.
fn watch(pid: Pid) -> Receiver<Instant> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
            == Err(nix::errno::Errno::EINTR)
        {}
        let _ = sender.send(Instant::now());
    });
    receiver
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn signal_group(child: &Child, signal: Signal) {
    // The group may be gone already, which is what we are after.
    let _ = killpg(pid(child), signal);
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("process ids are positive i32"))
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines of a text, as the tail of an error message.
fn quote(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let last = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
    format!(": {}", last.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_it_prints_is_kept() {
        let finished = run(shell("echo out; echo err >&2"), LONG, &Interrupt::default()).unwrap();
        assert_eq!(finished.stdout, "out\n");
    }

    #[test]
    fn a_failure_quotes_the_end_of_stderr() {
        let script = "for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 3";
        let error = run(shell(script), LONG, &Interrupt::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "exit code 3: line 3 | line 4 | line 5 | line 6"
        );
    }

    #[test]
    fn a_signal_is_no_exit_code() {
        let error = run(shell("kill -9 $$"), LONG, &Interrupt::default()).unwrap_err();
        assert_eq!(error.to_string(), "killed by signal 9");
    }

    #[test]
    fn a_deadline_ends_the_whole_group() {
        // The inner sleep holds the pipe: were it left alive, its output could not be collected.
        let script = "echo begun >&2; sleep 600 & wait";
        let error = run(shell(script), Duration::from_secs(3), &Interrupt::default()).unwrap_err();
        assert!(matches!(error, RunError::Timeout { .. }), "{error}");
        assert!(error.to_string().ends_with(": begun"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(
            Command::new("/no/such/program"),
            LONG,
            &Interrupt::default(),
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot start /no/such/program"),
            "{error}"
        );
    }
}
