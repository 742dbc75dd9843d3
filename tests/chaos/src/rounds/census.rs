//! Which processes there are below this one, in which state, and what they leave in `/dev/shm`.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// What a guardian calls itself.
const GUARDIAN: &str = "handoff-guard";

/// A living process below this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// What it is called, in parentheses in `/proc/PID/stat`.
    pub(crate) name: String,
}

/// Which part a process has in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Program,
    Forkserver,
    Worker,
    /// Cleans up after the program where that is killed.
    Guardian,
    /// Something else that the program started.
    Other,
}

/// All living descendants of this process, the program and whatever it left to us included.
pub(crate) fn descendants() -> Vec<Process> {
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(living)
        .collect();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![std::process::id()];
    while let Some(parent) = parents.pop() {
        let children = all.iter().filter(|process| process.parent == parent);
        for child in children {
            parents.push(child.pid);
            found.push(child.clone());
        }
    }
    found.sort_by_key(|process| process.pid);
    found
}

/// The living descendants of `program` that have a role, by pid.
pub(crate) fn with_role(program: u32, role: Role) -> Vec<u32> {
    let all = descendants();
    // Until it is the program, what makes a small /dev/shm has helpers that look like its workers.
    if living(program).is_some_and(|process| matches!(&process.name[..], "sh" | "unshare")) {
        return Vec::new();
    }
    let role_of = |process: &Process| {
        if process.pid == program {
            return Role::Program;
        }
        if process.name == GUARDIAN {
            return Role::Guardian;
        }
        let arguments = command_line(process.pid);
        let says = |word: &str| arguments.iter().any(|argument| argument == word);
        // A forked worker has its parent's command line: the coordinator's, or the forkserver's.
        match (says("--forkserver"), process.parent == program) {
            (true, true) => Role::Forkserver,
            (true, false) => Role::Worker,
            (false, true) if says("--fd") || arguments == command_line(program) => Role::Worker,
            (false, _) => Role::Other,
        }
    };
    all.iter()
        .filter(|process| role_of(process) == role)
        .map(|process| process.pid)
        .collect()
}

/// What `/proc` reports of each process, for the description of a hang.
pub(crate) fn describe(processes: &[Process]) -> String {
    let mut text = String::new();
    for Process { pid, parent, name } in processes {
        let read = |what: &str| {
            let found = fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
            found.trim().replace('\0', " ")
        };
        let status = read("status");
        let state = status
            .lines()
            .find(|line| line.starts_with("State:"))
            .unwrap_or("State: gone");
        text.push_str(&format!(
            "pid {pid} ({name}), child of {parent}, {state}, wchan {}, syscall {}\n  {}\n",
            read("wchan"),
            read("syscall"),
            read("cmdline"),
        ));
        for line in read("stack").lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// Reaps what was left to this process and has ended. Only while nobody else waits for a child.
pub(crate) fn reap_orphans() {
    while let Ok(status) = waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
        if status.pid().is_none() {
            break;
        }
    }
}

/// Sends a signal; whether there was someone to get it.
pub(crate) fn send(pid: u32, signal: i32) -> bool {
    let (Ok(pid), Ok(signal)) = (i32::try_from(pid), Signal::try_from(signal)) else {
        return false;
    };
    kill(Pid::from_raw(pid), signal).is_ok()
}

/// Segments that the process `of` has made and that are still there, by file name.
pub(crate) fn segments(of: u32) -> Vec<String> {
    let prefix = format!("handoff-{of}-");
    fs::read_dir("/dev/shm")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

/// A process that is there and is not just its remains.
fn living(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let (head, tail) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(Process { pid, parent, name })
}

fn command_line(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split_terminator('\0').map(str::to_owned).collect()
}
