//! What tasks print and log, and what is left of a panic.

use crate::engine::pool;
use crate::tasks::{panic_in_a_thread, say};
use crate::{Case, case};
use handoff::StartMethod;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::Command;

pub(crate) const CASES: &[Case] = &[
    case(
        "what_a_task_prints_on_stderr_arrives",
        what_a_task_prints_on_stderr_arrives,
    ),
    case(
        "records_of_a_logger_set_first_arrive",
        records_of_a_logger_set_first_arrive,
    ),
    case(
        "a_panic_in_a_task_s_thread_is_printed",
        a_panic_in_a_task_s_thread_is_printed,
    ),
];

/// What this process and its workers write to stderr while `run` runs.
fn stderr_of(run: impl FnOnce()) -> String {
    let (mut reader, writer) = std::io::pipe().unwrap();
    // SAFETY: both are open, and nobody else uses stderr meanwhile.
    let saved = unsafe { libc::dup(2) };
    // SAFETY: as above.
    unsafe { libc::dup2(writer.as_raw_fd(), 2) };
    run();
    // SAFETY: as above.
    unsafe { libc::dup2(saved, 2) };
    drop(writer);
    // Workers may hold the pipe for a moment.
    let mut text = vec![0; 1 << 16];
    let count = reader.read(&mut text).unwrap();
    text.truncate(count);
    String::from_utf8_lossy(&text).into_owned()
}

fn what_a_task_prints_on_stderr_arrives(method: StartMethod) {
    let said = stderr_of(|| {
        let mut pool = pool(method, 1);
        pool.run(say("a line for people".into())).unwrap();
        pool.shutdown(handoff::Shutdown::Drain).unwrap();
    });
    let line = said.lines().find(|line| line.contains("a line for people"));
    let line = line.unwrap_or_else(|| panic!("{said:?}"));
    assert!(line.contains("-1"), "the worker's name is missing: {line}");
}

fn records_of_a_logger_set_first_arrive(method: StartMethod) {
    let output = Command::new(env!("CARGO_BIN_EXE_early-logger"))
        .arg(crate::word(&method))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let records = said
        .lines()
        .filter(|line| line.contains("disk almost full"));
    assert_eq!(records.count(), 1, "{said:?}");
}

fn a_panic_in_a_task_s_thread_is_printed(method: StartMethod) {
    let said = stderr_of(|| {
        let mut pool = pool(method, 1);
        assert!(pool.run(panic_in_a_thread("a bad item".into())).unwrap());
        pool.shutdown(handoff::Shutdown::Drain).unwrap();
    });
    assert!(said.contains("a bad item"), "{said:?}");
}
