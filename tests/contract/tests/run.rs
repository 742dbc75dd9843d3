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

fn prints_ok(program: &str) {
    let mut child = Command::new(program)
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
    assert_eq!(output.stdout, b"ok\n", "{output:?}");
}
