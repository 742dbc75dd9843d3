//! How a program finds out that it is a worker, and where its output goes.

use crate::tasks::Double;
use handoff::{ErrorKind, Pool, StartMethod, task};
use std::process::{Command, Output};

/// What this program does when it is started again with an argument.
const ASKED: &[(&str, fn())] = &[
    ("--print-from-a-task", print_from_a_task),
    ("--panic-in-a-thread", panic_in_a_thread),
    ("--run-one-task", run_one_task),
];

#[task]
fn environment() -> Vec<String> {
    let names = std::env::vars().map(|(name, _)| name);
    names.filter(|name| name.starts_with("HANDOFF")).collect()
}

#[task]
fn print() {
    eprintln!("a line of a task");
}

#[task]
fn panic_elsewhere() -> bool {
    let thread = std::thread::spawn(|| panic!("bad item 63"));
    thread.join().is_err()
}

/// Does what this process was started for, if it was started by one of the checks below.
pub(crate) fn be_asked() {
    let asked = std::env::args().nth(1);
    for (name, action) in ASKED {
        if asked.as_deref() == Some(name) {
            nix::unistd::alarm::set(crate::WATCHDOG_S);
            action();
            std::process::exit(0);
        }
    }
}

fn ask(args: &[&str]) -> Output {
    let program = std::env::current_exe().unwrap();
    Command::new(program).args(args).output().unwrap()
}

fn print_from_a_task() {
    let mut pool = Pool::builder().workers(1).start().unwrap();
    pool.run(print()).unwrap();
    pool.shutdown(handoff::Shutdown::Drain).unwrap();
}

fn panic_in_a_thread() {
    let mut pool = Pool::builder().workers(1).start().unwrap();
    assert!(pool.run(panic_elsewhere()).unwrap());
    pool.shutdown(handoff::Shutdown::Drain).unwrap();
}

fn run_one_task() {
    let mut pool = Pool::builder().workers(1).start().unwrap();
    assert_eq!(pool.run(environment()).unwrap(), [""; 0]);
}

pub(crate) fn arguments_of_the_program_do_not_matter() {
    let output = ask(&["--run-one-task", "--fd", "3", "--parent", "1"]);
    assert!(output.status.success(), "{output:?}");
}

pub(crate) fn the_variable_is_gone_in_workers() {
    let mut pool = Pool::builder().workers(1).start().unwrap();
    assert_eq!(pool.run(environment()).unwrap(), [""; 0]);
    // A variable that names another parent is ignored.
    let program = std::env::current_exe().unwrap();
    let started = Command::new(program)
        .arg("--run-one-task")
        .env("HANDOFF_WORKER", "3,1")
        .output()
        .unwrap();
    assert!(started.status.success(), "{started:?}");
}

fn own_program(method: StartMethod) -> handoff::Builder {
    let program = std::env::current_exe().unwrap();
    let builder = Pool::builder().start_method(method).workers(1);
    builder.stderr(false).program(program)
}

pub(crate) fn a_worker_program_of_another_build_is_refused() {
    for method in [StartMethod::Spawn, StartMethod::ForkServer] {
        let error = own_program(method).program_arg("--other-build").start();
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OtherBuild, "{error}");
        assert!(error.to_string().contains("double"), "{error}");
    }
}

pub(crate) fn a_worker_program_of_ones_own_serves() {
    for method in [StartMethod::Spawn, StartMethod::ForkServer] {
        let mut pool = own_program(method).start().unwrap();
        assert_eq!(pool.run(handoff::call::<Double>(&4)).unwrap(), 8);
    }
}

#[task]
fn attempt(folder: String, crashes: u32) -> u32 {
    let attempt = handoff::worker().unwrap().attempt();
    std::fs::write(format!("{folder}/{attempt}"), "").unwrap();
    if attempt <= crashes {
        std::process::abort();
    }
    attempt
}

pub(crate) fn a_task_knows_its_attempt() {
    for method in [
        StartMethod::Spawn,
        StartMethod::ForkServer,
        StartMethod::Fork,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = || folder.path().to_str().unwrap().to_owned();
        let builder = Pool::builder().start_method(method).workers(1);
        let mut pool = builder.stderr(false).start().unwrap();
        assert_eq!(pool.run(attempt(path(), 0)).unwrap(), 1);
        assert_eq!(pool.run(attempt(path(), 2)).unwrap(), 3);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}

pub(crate) fn stderr_passes_through_with_the_workers_name() {
    let output = ask(&["--print-from-a-task"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "SpawnProcess-1: a line of a task\n");
}

pub(crate) fn panics_of_a_tasks_threads_are_not_lost() {
    let output = ask(&["--panic-in-a-thread"]);
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("bad item 63"), "{stderr}");
    assert!(stderr.contains("starts.rs:"), "{stderr}");
}
