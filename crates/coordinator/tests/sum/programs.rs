//! Runs the coordinator with a deadline, and knows where the programs and datasets are.

use crate::dispositions::by_default;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Past this, a program hangs. No run of the suite takes a tenth of it on an idle machine.
const DEADLINE: Duration = Duration::from_secs(120);

const COORDINATOR: &str = env!("CARGO_BIN_EXE_coordinator");

/// A dataset that NumPy wrote.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../dataset/tests/fixtures")
        .join(name)
}

/// The coordinator, with a worker program beside it.
pub(crate) fn coordinator() -> Command {
    static WORKER: OnceLock<()> = OnceLock::new();
    WORKER.get_or_init(build_worker);
    let mut command = Command::new(COORDINATOR);
    command.env_remove("HANDOFF_WORKER");
    command
}

/// Builds the worker program as the coordinator was built, unless it is there: testing one package
/// alone does not build the programs of others.
fn build_worker() {
    let worker = Path::new(COORDINATOR).with_file_name("worker");
    if worker.is_file() {
        return;
    }
    let directory = worker.parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--package", "worker", "--bin", "worker"]);
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") => {}
        Some(profile) => drop(build.args(["--profile", profile])),
        None => panic!("no profile in {COORDINATOR}"),
    }
    build.arg("--target-dir").arg(directory.parent().unwrap());
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().unwrap().success(), "cannot build the worker");
    assert!(worker.is_file(), "{} was not built", worker.display());
}

/// What a program did.
pub(crate) struct Ended {
    pub(crate) pid: u32,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// A program that runs. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    stdout: Option<JoinHandle<String>>,
    lines: Receiver<String>,
    stderr: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        by_default(command);
        let started = Instant::now();
        let mut child = loop {
            match command.spawn() {
                // A program just written, while another test was starting one of its own.
                Err(error)
                    if error.kind() == ErrorKind::ExecutableFileBusy
                        && started.elapsed() < DEADLINE =>
                {
                    thread::sleep(Duration::from_millis(2));
                }
                spawned => break spawned.unwrap(),
            }
        };
        let mut stdout = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines() {
                // Nobody listens once the program has been killed.
                let _ = sender.send(line.unwrap());
            }
        });
        Running {
            child,
            started: Instant::now(),
            stdout: Some(stdout),
            lines,
            stderr: String::new(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line with `text` in it has come on stderr.
    pub(crate) fn wait_for_line(&mut self, text: &str) {
        loop {
            let left = DEADLINE.saturating_sub(self.started.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.stderr.push_str(&line);
                    self.stderr.push('\n');
                    if line.contains(text) {
                        return;
                    }
                }
                Err(_) => panic!("no line with {text:?} on stderr:\n{}", self.stderr),
            }
        }
    }

    /// Waits for the program to end.
    pub(crate) fn end(mut self) -> Ended {
        let pid = self.pid();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.started.elapsed() > DEADLINE {
                let _ = self.child.kill();
                self.read_lines();
                panic!("still running after {DEADLINE:?}:\n{}", self.stderr);
            }
            thread::sleep(Duration::from_millis(2));
        };
        // Ends at once: a worker that kept these pipes open would hang here, and be a finding.
        self.read_lines();
        Ended {
            pid,
            status,
            stdout: self.stdout.take().unwrap().join().unwrap(),
            stderr: std::mem::take(&mut self.stderr),
        }
    }

    /// Takes what comes on stderr until it is closed.
    fn read_lines(&mut self) {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(20)) {
            self.stderr.push_str(&line);
            self.stderr.push('\n');
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `coordinator sum` to its end.
pub(crate) fn sum(data: &Path, arguments: &[&str]) -> Ended {
    Running::start(coordinator().arg("sum").arg(data).args(arguments)).end()
}
