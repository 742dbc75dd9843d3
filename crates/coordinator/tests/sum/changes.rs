//! A dataset that changes while a run is under way: an error that names it, whatever the transport;
//! never a crash of the coordinator, never a sum of something else.

use crate::endings::send;
use crate::midway::stopped_midway;
use crate::processes::segments;
use crate::programs::{Running, coordinator};
use nix::sys::signal::Signal;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Every transport; and the methods again, where the workers open or map the file.
const PAIRS: &[(&str, &str)] = &[
    ("fork", "bytes"),
    ("fork", "serde"),
    ("fork", "shm"),
    ("fork", "mmap"),
    ("fork", "inherit"),
    ("spawn", "bytes"),
    ("spawn", "mmap"),
    ("forkserver", "mmap"),
];

const RECORDS: usize = 500_000;

/// Records of datagen's layout whose val is 1, so that a part of them has another sum.
fn ones(path: &Path) {
    let descr = "[('index', '<i8'), ('timestamp', '<M8[ns]'), ('val', '<f8')]";
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({RECORDS},), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&246u16.to_le_bytes());
    bytes.extend_from_slice(format!("{header:<245}\n").as_bytes());
    let record = [0f64.to_le_bytes(), 0f64.to_le_bytes(), 1f64.to_le_bytes()].concat();
    bytes.extend(record.repeat(RECORDS));
    fs::write(path, bytes).unwrap();
}

fn sum(data: &Path, method: &str, transport: &str, repeat: &str) -> Command {
    let mut command = coordinator();
    command.arg("sum").arg(data).args(["--format", "json"]);
    command.args(["--start-method", method, "--transport", transport]);
    command.args(["--workers", "2", "--batches", "50", "--repeat", repeat]);
    command
}

/// A run that is stopped in its middle, does `change`, and lets the run go on.
fn changed_midway(
    data: &Path,
    (method, transport): (&str, &str),
    repeats: u64,
    change: impl FnOnce(&Path),
) -> Running {
    let command = |repeats: &str| sum(data, method, transport, repeats);
    let line = "Dispatches batches";
    let running = stopped_midway(Signal::SIGSTOP, line, 2, repeats, command);
    change(data);
    send(running.pid(), Signal::SIGCONT);
    running
}

/// Asserts that the run failed for that reason, and says so.
fn assert_blamed(running: Running, data: &Path, words: &[&str], context: &str) {
    let ended = running.end();
    assert_eq!(ended.code(), Some(1), "{context}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{context}");
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.contains(data.to_str().unwrap()), "{context}: {last}");
    assert!(
        words.iter().any(|word| last.contains(word)),
        "{context}: {last}"
    );
    assert!(
        !ended.stderr.contains("panicked"),
        "{context}: {}",
        ended.stderr
    );
    assert_eq!(segments(ended.pid), Vec::<String>::new(), "{context}");
}

/// As many repetitions as last for a while, and are broken off by what happens; where the data has
/// been copied before, they all go well, and it is seen before a result is printed.
fn repeats(transport: &str) -> u64 {
    match transport {
        "bytes" | "serde" | "mmap" => 100_000,
        _ => 200,
    }
}

fn for_all(words: &[&str], change: impl Fn(&Path)) {
    let directory = tempfile::tempdir().unwrap();
    for &(method, transport) in PAIRS {
        let data: PathBuf = directory.path().join("data.npy");
        ones(&data);
        let running = changed_midway(&data, (method, transport), repeats(transport), &change);
        assert_blamed(running, &data, words, &format!("{method} {transport}"));
    }
}

#[test]
fn truncated_meanwhile() {
    for_all(&["was changed"], |data| {
        File::options()
            .write(true)
            .open(data)
            .unwrap()
            .set_len(5_000)
            .unwrap();
    });
}

/// A stranger's file of that name is not read, and yet the run is not one of what the path says now.
#[test]
fn replaced_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    for &(method, transport) in PAIRS {
        let data = directory.path().join("data.npy");
        ones(&data);
        let running = changed_midway(&data, (method, transport), 50, |data| {
            let other = directory.path().join("other");
            fs::write(&other, "something else").unwrap();
            fs::rename(&other, data).unwrap();
        });
        let context = format!("{method} {transport}");
        assert_blamed(running, &data, &["was replaced"], &context);
    }
}

/// Written to, with its length unchanged: its times differ.
#[test]
fn written_to_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    for &(method, transport) in PAIRS {
        let data = directory.path().join("data.npy");
        ones(&data);
        let running = changed_midway(&data, (method, transport), 50, |data| {
            let mut file = File::options().append(true).open(data).unwrap();
            let length = file.metadata().unwrap().len();
            file.write_all(b"x").unwrap();
            file.set_len(length).unwrap();
        });
        let context = format!("{method} {transport}");
        assert_blamed(running, &data, &["was changed", "different sums"], &context);
    }
}

/// Whatever moves the file's ctime alone (a hard link, another mode, another name) is no change of the
/// dataset, by every transport.
#[test]
fn a_link_another_mode_and_another_name_meanwhile_are_no_change() {
    let directory = tempfile::tempdir().unwrap();
    for &(method, transport) in PAIRS {
        let data = directory.path().join("data.npy");
        ones(&data);
        let [link, renamed] = ["link.npy", "renamed.npy"].map(|name| directory.path().join(name));
        let running = changed_midway(&data, (method, transport), 50, |data| {
            fs::hard_link(data, &link).unwrap();
            fs::set_permissions(data, fs::Permissions::from_mode(0o600)).unwrap();
            fs::rename(data, &renamed).unwrap();
        });
        let ended = running.end();
        let context = format!("{method} {transport}: {}", ended.stderr);
        assert_eq!(ended.code(), Some(0), "{context}");
        let report: report::Sum = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(report.result.sum, Some(RECORDS as f64), "{context}");
        for path in [&link, &renamed] {
            fs::remove_file(path).unwrap();
        }
    }
}

/// Written to in place by a program that sets the modification time back: the content differs.
#[test]
fn written_to_meanwhile_with_the_time_set_back() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.npy");
    ones(&data);
    let running = changed_midway(&data, ("fork", "shm"), 50, |data| {
        let before = fs::metadata(data).unwrap().modified().unwrap();
        let bytes: Vec<u8> = fs::read(data).unwrap().iter().map(|byte| !byte).collect();
        let mut file = File::options().write(true).open(data).unwrap();
        file.write_all(&bytes).unwrap();
        file.set_modified(before).unwrap();
    });
    assert_blamed(running, &data, &["was changed"], "fork shm");
}

/// At any instant, loading and sharing included: the error, or the right sum because the run was
/// over, and nothing else.
#[test]
fn truncated_at_any_instant() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.npy");
    for transport in ["shm", "inherit", "mmap", "bytes", "serde"] {
        for delay_ms in [0, 2, 4, 7, 11, 16, 23, 35] {
            ones(&data);
            let running = Running::start(&mut sum(&data, "fork", transport, "1"));
            thread::sleep(Duration::from_millis(delay_ms));
            File::options()
                .write(true)
                .open(&data)
                .unwrap()
                .set_len(5_000_000)
                .unwrap();
            let ended = running.end();
            let context = format!("{transport} after {delay_ms} ms: {}", ended.stderr);
            match ended.code() {
                Some(0) => {
                    let report: report::Sum = serde_json::from_str(&ended.stdout).unwrap();
                    assert_eq!(report.result.sum, Some(RECORDS as f64), "{context}");
                }
                Some(1) => {
                    let last = ended.stderr.lines().last().unwrap();
                    assert!(last.contains("data.npy"), "{context}");
                    assert_eq!(ended.stdout, "", "{context}");
                }
                code => panic!("{code:?}, {context}"),
            }
        }
    }
}
