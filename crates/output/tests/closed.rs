//! Prints to a stdout that was closed, that is full, and that is neither. This test runs itself again,
//! which the test harness's `main` cannot.

use std::fs::File;
use std::process::{Command, ExitCode, Stdio};

const AGAIN: &str = "print-once";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == AGAIN) {
        return match output::print("printed\n") {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(error.raw_os_error().map_or(255, |code| code as u8)),
        };
    }
    let own = std::env::current_exe().unwrap();
    let through_a_shell = |redirection: &str| {
        let line = format!("exec \"$0\" {AGAIN} {redirection}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).arg(&own).stdout(Stdio::piped());
        let output = shell.output().unwrap();
        (output.status.code().unwrap(), output.stdout)
    };
    assert_eq!(through_a_shell(""), (0, b"printed\n".to_vec()));
    assert_eq!(through_a_shell(">&-"), (libc::EBADF, Vec::new()));
    assert_eq!(through_a_shell(">/dev/full"), (libc::ENOSPC, Vec::new()));
    // Opened as the runtime opens it, but on purpose.
    assert_eq!(through_a_shell("1<>/dev/null"), (0, Vec::new()));
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let status = Command::new(&own).arg(AGAIN).stdout(null).status().unwrap();
    assert_eq!(status.code(), Some(0));
    ExitCode::SUCCESS
}
