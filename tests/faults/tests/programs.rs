//! The programs themselves: correct while no fault is armed, faulty as requested otherwise.

use std::process::{Command, Output};

fn mixed_load(arguments: &[&str], faults: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mixed-load"));
    command.args(["--tasks", "60", "--timeout", "20"]);
    let command = command.args(arguments).env(faults::VARIABLE, faults);
    command.output().unwrap()
}

/// Of 100 tasks given up, a third is cancelled; they may have run before.
#[test]
fn nothing_goes_wrong_unasked() {
    for arguments in [
        &["--start-method", "fork"][..],
        &["--start-method", "spawn"],
        &["--start-method", "forkserver", "--background"],
    ] {
        let output = mixed_load(arguments, "");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.starts_with("right "), "{said}");
        if arguments.contains(&"--background") {
            assert_eq!(said, "right 60 failed 0\n");
        }
    }
}

#[test]
fn crashes_fail_tasks_and_spoil_no_answer() {
    for method in ["fork", "spawn", "forkserver"] {
        let arguments = ["--start-method", method, "--retries", "0"];
        let output = mixed_load(&arguments, "5:200:crash");
        assert_eq!(output.status.code(), Some(0), "{method}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let failed = said.trim_end().rsplit(' ').next().unwrap();
        assert!(failed.parse::<u32>().unwrap() > 10, "{method}: {said}");
    }
}

#[test]
fn faults_that_nobody_knows_are_refused() {
    let output = mixed_load(&[], "5:200:crush");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`crush` is no fault"), "{said}");
    let worker = Command::new(env!("CARGO_BIN_EXE_faulty-worker"))
        .env(faults::VARIABLE, "crash")
        .output()
        .unwrap();
    assert_eq!(worker.status.code(), Some(2), "{worker:?}");
}
