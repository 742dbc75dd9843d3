//! The matrix over a coordinator that is played by a shell script: how cells are reported that fail,
//! hang or lie, and of results when the run is stopped.

#[path = "../../../tests/support/dispositions.rs"]
mod dispositions;
#[path = "../../../tests/support/pending.rs"]
mod pending;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use pending::is_pending;
use report::{CellReport, Matrix, Transport};

/// Answers as the contract says, but for the transports that a test wants otherwise.
const COORDINATOR: &str = r#"#!/bin/sh
before=
for argument; do
    if [ "$before" = --trace ]; then
        echo '{"traceEvents": [{"name": "sum", "ph": "X", "pid": 7, "tid": 7, "ts": 0, "dur": 5}]}' > "$argument"
    fi
    before=$argument
done
case "$* $PLAY" in
    *"--transport shm"*fail*) echo "no room in /dev/shm" >&2; exit 1 ;;
    *stubborn*) trap '' TERM; echo $$ > "$MARK"; sleep 600; sleep 600 ;;
    *"--transport bytes"*hang*) echo "hanging" >&2; sleep 600 ;;
    *"--transport shm"*slow*) sleep 600 ;;
    *"--transport shm"*lie*) sed 's/0x1.0000000000000p+1/0x1.8000000000000p+1/' "$ANSWER" ;;
    *) cat "$ANSWER" ;;
esac
"#;

struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Stage {
        let stage = tempfile::tempdir().unwrap();
        for name in ["coordinator", "worker", "datagen"] {
            let path = stage.path().join(name);
            fs::write(&path, COORDINATOR).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(stage.path().join("d.npy"), "").unwrap();
        Stage(stage)
    }

    fn command(&self, play: &str, arguments: &[&str]) -> Command {
        let answer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../report/tests/sum.json");
        let stage = self.0.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command
            .args([
                "matrix",
                "--no-limits",
                "--runs",
                "2",
                "--workers",
                "1",
                "--bin-dir",
            ])
            .arg(stage)
            .arg("--data")
            .arg(stage.join("d.npy"))
            .arg("--out")
            .arg(stage.join("out"))
            .args(arguments)
            .env("PLAY", play)
            .env("ANSWER", answer);
        dispositions::by_default(&mut command);
        command
    }

    fn run(&self, play: &str, arguments: &[&str]) -> Output {
        self.command(play, arguments).output().unwrap()
    }

    fn matrix(&self) -> Matrix {
        let text = fs::read_to_string(self.0.path().join("out/matrix.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn of(matrix: &Matrix, transport: Transport) -> Vec<&CellReport> {
    matrix
        .cells
        .iter()
        .filter(|cell| cell.cell.transport == transport)
        .collect()
}

#[test]
fn every_cell_runs_and_everything_is_saved() {
    let stage = Stage::new();
    let output = stage.run("", &[]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let matrix = stage.matrix();
    assert_eq!(matrix.cells.len(), 13);
    assert_eq!(
        matrix.command[..4],
        ["cargo", "xtask", "matrix", "--no-limits"]
    );
    assert!(
        matrix
            .cells
            .iter()
            .all(|cell| cell.runs.len() == 2 && cell.summary.is_some())
    );
    for file in [
        "matrix.csv",
        "matrix.md",
        "machine.json",
        "timelines.json",
        "report.html",
        "figures/phases-mmap.svg",
    ] {
        assert!(stage.0.path().join("out").join(file).exists(), "{file}");
    }
}

#[test]
fn a_trace_has_every_measured_run_one_after_the_other() {
    let stage = Stage::new();
    let file = stage.0.path().join("trace.json");
    let output = stage.run(
        "",
        &[
            "--transports",
            "mmap,bytes",
            "--trace",
            file.to_str().unwrap(),
        ],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let trace: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let spans = trace["traceEvents"].as_array().unwrap();
    // Two transports, three start methods, two runs of each.
    assert_eq!(spans.len(), 12);
    for pair in spans.windows(2) {
        let end = pair[0]["ts"].as_f64().unwrap() + pair[0]["dur"].as_f64().unwrap();
        assert!(pair[1]["ts"].as_f64().unwrap() > end, "{pair:?}");
        assert_ne!(pair[0]["pid"], pair[1]["pid"]);
    }
}

#[test]
fn a_cell_that_fails_says_why_and_stops_no_other() {
    let stage = Stage::new();
    let output = stage.run("fail", &["--transports", "shm,mmap"]);
    assert_eq!(output.status.code(), Some(1));
    let matrix = stage.matrix();
    for cell in of(&matrix, Transport::Shm) {
        assert_eq!(
            cell.failed.as_deref(),
            Some("exit code 1: no room in /dev/shm")
        );
    }
    assert!(
        of(&matrix, Transport::Mmap)
            .iter()
            .all(|cell| cell.summary.is_some())
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("failed: exit code 1: no room"));
}

#[test]
fn a_wrong_sum_voids_its_cell_alone() {
    let stage = Stage::new();
    let output = stage.run("lie", &[]);
    assert_eq!(output.status.code(), Some(1));
    let matrix = stage.matrix();
    for cell in &matrix.cells {
        assert_eq!(cell.void.is_some(), cell.cell.transport == Transport::Shm);
        assert_eq!(
            cell.summary.is_none(),
            cell.cell.transport == Transport::Shm
        );
    }
}

#[test]
fn a_run_that_hangs_is_killed() {
    let stage = Stage::new();
    let methods = [
        "--start-method",
        "fork",
        "-t",
        "bytes,mmap",
        "--timeout",
        "1000ms",
    ];
    let output = stage.run("hang", &methods);
    assert_eq!(output.status.code(), Some(1));
    let matrix = stage.matrix();
    let reason = of(&matrix, Transport::Bytes)[0].failed.as_deref().unwrap();
    assert_eq!(reason, "killed after 1 s (see --timeout): hanging");
}

#[test]
fn stopped_by_a_signal_it_keeps_what_there_is_and_leaves_nobody() {
    let stage = Stage::new();
    let mut command = stage.command("slow", &["--start-methods", "fork", "--workers", "1,2,3"]);
    let mut child = command
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    // Some cells are done before the first of shm comes, which waits.
    let began = Instant::now();
    while !stage.0.path().join("out/matrix.json").exists() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "nothing is saved"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(stage.matrix().cells.len(), 15);
    let mut saved = fs::read_dir(stage.0.path().join("out")).unwrap();
    let partial = saved.find_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.ends_with(".partial").then_some(name)
    });
    assert_eq!(partial, None);
    // The script and its sleep share a process group of their own; both name this stage's files.
    let left = Command::new("pgrep").arg("-f").arg(stage.0.path()).output();
    if let Ok(left) = left {
        assert_eq!(
            String::from_utf8_lossy(&left.stdout),
            "",
            "a process is left"
        );
    }
}

/// Starts a matrix whose coordinator does not end when it is asked to; gives that one's pid as well.
fn stubborn(stage: &Stage) -> (std::process::Child, u32) {
    let mark = stage.0.path().join("mark");
    let mut command = stage.command("stubborn", &["--transports", "mmap"]);
    command.env("MARK", &mark);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut played = 0;
    wait_until("the coordinator runs", || {
        let text = fs::read_to_string(&mark).unwrap_or_default();
        played = text.trim().parse().unwrap_or(0);
        played != 0
    });
    (child, played)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The letter of a living process's state.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    (!matches!(state, 'Z' | 'X')).then_some(state)
}

fn send(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}

/// The guardian of a process: it is cloned with exit signal 0, the 38th field of its `stat`.
fn guardian(of: u32) -> Option<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    let mut pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.find(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        // The first behind the name is the third of all.
        let field = |number: usize| fields.split(' ').nth(number - 3);
        field(38) == Some("0") && field(4) == Some(&of.to_string())
    })
}

/// What it runs does not end when it is asked to. A program that ended in order would have waited, and
/// killed that; this one leaves it to its guardian, of which there is none here any more.
#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    use nix::sys::signal::Signal::{SIGINT, SIGKILL};
    let stage = Stage::new();
    let (mut child, played) = stubborn(&stage);
    send(guardian(child.id()).expect("a guardian"), SIGKILL);
    send(child.id(), SIGINT);
    // Two at once would be one.
    wait_until("the first is handled", || !is_pending(child.id(), SIGINT));
    assert!(state(child.id()).is_some(), "the first asks only");
    send(child.id(), SIGINT);
    let ended = child.wait().unwrap();
    let left = state(played);
    // The script and its sleep.
    let group = nix::unistd::Pid::from_raw(i32::try_from(played).unwrap());
    let _ = nix::sys::signal::killpg(group, SIGKILL);
    assert_eq!(ended.code(), Some(130));
    assert!(left.is_some(), "it has waited and cleaned up");
}

#[test]
fn ctrl_z_stops_what_it_runs_too() {
    use nix::sys::signal::Signal::{SIGCONT, SIGKILL, SIGTSTP};
    let stage = Stage::new();
    let (mut child, played) = stubborn(&stage);
    send(child.id(), SIGTSTP);
    wait_until("both are stopped", || {
        [child.id(), played].map(state) == [Some('T'); 2]
    });
    send(child.id(), SIGCONT);
    wait_until("both go on", || {
        [child.id(), played]
            .map(state)
            .iter()
            .all(|state| *state == Some('S'))
    });
    send(child.id(), SIGKILL);
    child.wait().unwrap();
    wait_until("its guardian has ended what it ran", || {
        state(played).is_none()
    });
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let stage = Stage::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = stage.command("", &["--list"]);
    let output = command
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn what_cannot_be_is_a_usage_error() {
    let stage = Stage::new();
    let output = stage.run("", &["--start-methods", "spawn", "--transports", "inherit"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs the start method fork"));
    let listed = stage.run("", &["--list", "--start-methods", "spawn"]);
    assert_eq!(listed.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 4);
}
