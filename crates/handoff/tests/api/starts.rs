//! How a program finds out that it is a worker, and what becomes of what it prints.

use handoff::{Pool, task};
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
    // One that names somebody else's child is nobody's.
    let program = std::env::current_exe().unwrap();
    let started = Command::new(program)
        .arg("--run-one-task")
        .env("HANDOFF_WORKER", "3,1")
        .output()
        .unwrap();
    assert!(started.status.success(), "{started:?}");
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
