//! Plays one round: runs its program, injects faults when they are due, and looks for leftovers.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::census::{self, Process};
use super::fault::{Fault, Injection, Mark};
use super::injector::Injector;
use super::plan::{Closed, Round};
use super::stage::{Scene, Stage};
use super::tail::Tail;
use harness::interrupt::Interrupt;

/// How long after a program's end something of it may be left: also where its guardian does not get a processor for
/// seconds. What the slowest cleanup took is reported.
pub(crate) const CLEANUP: Duration = Duration::from_secs(10);
/// How long a signal to xtask may go unnoticed.
const TICK: Duration = Duration::from_millis(50);
/// Of stdout, what is kept.
const MOST_KEPT: usize = 64 << 20;

/// How a round ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What was done, and when it could be.
    pub(crate) done: Vec<Injection>,
    pub(crate) took: Duration,
    /// From the program's end until nothing of it was left.
    pub(crate) cleanup: Duration,
    /// Living processes, segments and files that were left after [`CLEANUP`].
    pub(crate) left_processes: String,
    pub(crate) left_segments: Vec<String>,
    pub(crate) left_files: Vec<String>,
}

/// How the program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
    /// Not by itself; what `/proc` said of its processes then.
    Hang(String),
}

/// What the round's main loop waits for.
enum News {
    Line(String),
    Exited(Instant),
}

/// Plays a round to its end, for at most `deadline`.
///
/// # Errors
///
/// Where the program cannot be run at all, or xtask is to stop. Nothing of the round is left then.
pub(crate) fn play(
    round: &Round,
    stage: &Stage,
    deadline: Duration,
    interrupt: &Interrupt,
) -> anyhow::Result<Outcome> {
    let scene = stage.scene(round)?;
    let started = Instant::now();
    let (sender, news) = channel();
    let (mut child, outputs) = start(stage.command(round, &scene), round.closed, sender)?;
    let mut injector = Injector::new(child.id(), round, &scene);
    let waited = wait(&mut injector, &news, started, deadline, interrupt);
    let (end, ended) = match waited {
        Ok(Some(at)) => (None, at),
        Ok(None) => (
            Some(census::describe(&census::descendants())),
            Instant::now(),
        ),
        Err(interrupted) => {
            kill_all();
            let _ = child.wait();
            census::reap_orphans();
            return Err(interrupted);
        }
    };
    injector.continue_stopped();
    if end.is_some() {
        kill_all();
    }
    let status = child.wait().context("cannot wait for a program")?;
    let (left_processes, left_segments, cleanup) = wait_for_the_rest(ended, child.id());
    for segment in &left_segments {
        let _ = std::fs::remove_file(format!("/dev/shm/{segment}"));
    }
    Ok(Outcome {
        end: end.map_or_else(|| end_of(status), End::Hang),
        stdout: outputs.stdout.recv().unwrap_or_default(),
        stderr: rest_of_stderr(injector.take_stderr(), &news),
        done: injector.done(),
        took: ended - started,
        cleanup,
        left_processes: census::describe(&left_processes),
        left_segments,
        left_files: files(&scene)?,
    })
}

struct Outputs {
    stdout: Receiver<String>,
}

fn start(
    mut command: Command,
    closed: Option<Closed>,
    news: Sender<News>,
) -> anyhow::Result<(Child, Outputs)> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    // A pipe whose reading end is closed before the program can write to it.
    match closed {
        Some(Closed::Stdout) => drop(command.stdout(std::io::pipe()?.1)),
        Some(Closed::Stderr) => drop(command.stderr(std::io::pipe()?.1)),
        None => {}
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let (sender, stdout) = channel();
    if let Some(pipe) = child.stdout.take() {
        thread::spawn(move || {
            let (mut bytes, mut pipe) = (Vec::new(), BufReader::new(pipe));
            let _ = (&mut pipe).take(MOST_KEPT as u64).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        });
    }
    if let Some(pipe) = child.stderr.take() {
        let news = news.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let _ = news.send(News::Line(String::from_utf8_lossy(&line).into_owned()));
            }
        });
    }
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    thread::spawn(move || {
        // Not reaped: until then its id is its own.
        while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
            == Err(nix::errno::Errno::EINTR)
        {}
        let _ = news.send(News::Exited(Instant::now()));
    });
    Ok((child, Outputs { stdout }))
}

/// When the program ended; nothing where it did not.
fn wait(
    injector: &mut Injector<'_>,
    news: &Receiver<News>,
    started: Instant,
    deadline: Duration,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Instant>> {
    injector.reached(Mark::Begin);
    loop {
        interrupt.check()?;
        injector.inject_what_is_due();
        let left = deadline.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        let wait = injector.next_due().unwrap_or(TICK).min(TICK).min(left);
        match news.recv_timeout(wait) {
            Ok(News::Line(line)) => injector.read(&line),
            Ok(News::Exited(at)) => return Ok(Some(at)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("the watcher sends before it ends"),
        }
    }
}

/// Waits for whatever `program` left behind to be gone, for at most [`CLEANUP`] after its own end;
/// gives the processes, which it kills, and segments that are not, and how long it took.
fn wait_for_the_rest(ended: Instant, program: u32) -> (Vec<Process>, Vec<String>, Duration) {
    loop {
        census::reap_orphans();
        let (left, segments) = (census::descendants(), census::segments(program));
        let waited = ended.elapsed();
        if left.is_empty() && segments.is_empty() {
            return (left, segments, waited);
        }
        if waited >= CLEANUP {
            kill_all();
            return (left, segments, waited);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Kills every process of the round, and those that they start meanwhile.
fn kill_all() {
    for _ in 0..100 {
        let all = census::descendants();
        if all.is_empty() {
            return;
        }
        for process in &all {
            census::send(process.pid, libc::SIGKILL);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn rest_of_stderr(mut stderr: Tail, news: &Receiver<News>) -> String {
    // Ends at once: nobody is left who could hold the pipe.
    while let Ok(News::Line(line)) = news.recv_timeout(CLEANUP) {
        stderr.push(&line);
    }
    stderr.into_text()
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exit(code),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}

/// What lies in the directory that was empty before.
fn files(scene: &Scene) -> anyhow::Result<Vec<String>> {
    let entries = std::fs::read_dir(scene.directory.path())?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}

/// Whether a fault was among those injected.
pub(crate) fn was_done(outcome: &Outcome, is: impl Fn(Fault) -> bool) -> bool {
    outcome.done.iter().any(|injection| is(injection.fault))
}
