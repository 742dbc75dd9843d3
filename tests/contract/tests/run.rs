//! The contract: these programs compile unchanged, and print `ok`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that a program may take.
const WATCHDOG: Duration = Duration::from_secs(60);

#[test]
fn hello() {
    prints_ok(env!("CARGO_BIN_EXE_hello"));
}

#[test]
fn forked() {
    prints_ok(env!("CARGO_BIN_EXE_forked"));
}

#[test]
fn limits() {
    prints_ok(env!("CARGO_BIN_EXE_limits"));
}

#[test]
fn arrays() {
    prints_ok(env!("CARGO_BIN_EXE_arrays"));
}

#[test]
fn kept() {
    prints_ok(env!("CARGO_BIN_EXE_kept"));
}

#[test]
fn rates() {
    for args in [["tiny", "1000"], ["map", "1000"], ["latency", "20"]] {
        let output = run(env!("CARGO_BIN_EXE_rates"), &args);
        assert_eq!(output.lines().count(), 3, "{output}");
    }
    let output = run(env!("CARGO_BIN_EXE_rates"), &["results", "4", "2"]);
    assert_eq!(output.lines().count(), 3, "{output}");
}

fn prints_ok(program: &str) {
    assert_eq!(run(program, &[]), "ok\n");
}

/// What the program prints.
fn run(program: &str, args: &[&str]) -> String {
    let mut child = Command::new(program)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > WATCHDOG {
            child.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
