//! Progress of a long run: on a terminal, and nowhere else.

use crate::terminal::{Stderr, Watched};
use crate::{COORDINATOR, dataset};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Longer than a run goes without showing progress.
const LONG: Duration = Duration::from_millis(1500);

/// A run that lasts until it is interrupted.
fn endless(arguments: &[&str]) -> Command {
    let mut command = Command::new(COORDINATOR);
    command
        .arg("sum")
        .arg(dataset())
        .args(["--workers", "1", "--repeat", "1G"]);
    command.args(arguments);
    command
}

#[test]
fn a_terminal_shows_rate_and_time_left() {
    let run = Watched::start(&mut endless(&[]), Stderr::Terminal("xterm"));
    run.wait_for(" left");
    run.signal(libc::SIGINT);
    let (code, stdout, seen) = run.end();
    assert_eq!((code, stdout.as_str()), (Some(130), ""));
    assert!(seen.contains("summing") && seen.contains("B/s"), "{seen:?}");
    // The timeline goes on above it: every line of it stands at the start of its row.
    let lines = seen.split('\n').filter(|line| line.contains("MainProcess"));
    for line in lines {
        let row = line
            .rsplit(['\r', 'K', 'J', 'A'])
            .find(|part| part.contains("ainProcess"));
        assert!(row.is_some(), "{line:?}");
    }
}

#[test]
fn a_pipe_a_dumb_terminal_and_quiet_show_none() {
    let cases = [
        (Stderr::Pipe, &[][..]),
        (Stderr::Terminal("dumb"), &[]),
        (Stderr::Terminal("xterm"), &["--quiet"]),
    ];
    for (stderr, arguments) in cases {
        let run = Watched::start(&mut endless(arguments), stderr);
        thread::sleep(LONG);
        run.signal(libc::SIGINT);
        let (code, stdout, seen) = run.end();
        assert_eq!((code, stdout.as_str()), (Some(130), ""), "{stderr:?}");
        assert!(
            !seen.contains(" left") && !seen.contains('\x1b'),
            "{stderr:?}"
        );
        if !arguments.is_empty() {
            assert_eq!(seen, "", "{stderr:?}");
        }
    }
}
