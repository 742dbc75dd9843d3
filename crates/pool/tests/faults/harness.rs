//! Runs every case for every start method, each in a process of its own, and sees what it leaves.

use crate::cases::Case;
use crate::pools::{METHODS, Pools};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;
use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Past this, a case hangs. None takes a tenth of it on an idle machine.
const DEADLINE: Duration = Duration::from_secs(100);

pub(crate) fn run_all(cases: &'static [Case]) -> ExitCode {
    let trials = cases.iter().flat_map(|case| {
        METHODS
            .iter()
            .map(|method| Trial::test(format!("{method}::{}", case.name), || start(case, method)))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Runs a case as a process and waits for it, with a deadline.
fn start(case: &Case, method: &str) -> Result<(), Failed> {
    let (mut reader, writer) = std::io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--case", case.name, method]);
    command.env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // It holds the pipe's other end.
    drop(command);
    let said = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            // A process that was left behind may hold the pipe open.
            let patience = Instant::now();
            while !said.is_finished() && patience.elapsed() < Duration::from_secs(2) {
                thread::sleep(Duration::from_millis(5));
            }
            let text = if said.is_finished() {
                said.join().unwrap_or_default()
            } else {
                "a process that it left behind keeps its output open".to_owned()
            };
            return Err(format!("{status}\n{text}").into());
        }
        if started.elapsed() > DEADLINE {
            child.kill()?;
            child.wait()?;
            return Err(format!("still running after {DEADLINE:?}").into());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs one case in this process and asserts that nothing is left: no process, no descriptor.
pub(crate) fn run_case(case: &Case, method: &str) {
    // Whatever loses its parent becomes our child, and is found.
    set_child_subreaper(true).unwrap();
    let before = descriptors();
    (case.run)(&Pools::new(method));
    assert_eq!(descriptors(), before, "descriptors left open");
    let deadline = Instant::now() + Duration::from_secs(10);
    // Killed processes that a forkserver left to us may take a moment.
    while let Ok(status) = waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            assert!(Instant::now() < deadline, "a process was left running");
            thread::sleep(Duration::from_millis(1));
        } else {
            let known = method == "forkserver" || case.leaves_orphans;
            assert!(known, "a zombie was left: {status:?}");
        }
    }
}

/// How many descriptors are open.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
