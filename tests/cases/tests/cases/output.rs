//! What tasks print and log, and what is left of a panic.

use crate::either::{Kind, both};
use crate::elastic::builder;
use crate::engine::pool;
use crate::tasks::{panic_in_a_thread, say};
use crate::{Case, case};
use handoff::{StartMethod, What, task};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::Command;
use std::sync::mpsc;

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

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("what_a_task_prints_on_stdout_arrives_in_lines", lines),
    both!("captured_lines_go_to_stdout_with_a_name", named_lines),
];

/// What this process and its workers write to stderr while `run` runs.
fn stderr_of(run: impl FnOnce()) -> String {
    written_to(2, run)
}

fn written_to(descriptor: i32, run: impl FnOnce()) -> String {
    let (mut reader, writer) = std::io::pipe().unwrap();
    // SAFETY: both are open, and nobody else uses it meanwhile.
    let saved = unsafe { libc::dup(descriptor) };
    // SAFETY: as above.
    unsafe { libc::dup2(writer.as_raw_fd(), descriptor) };
    run();
    // SAFETY: as above.
    unsafe { libc::dup2(saved, descriptor) };
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

/// Prints on stdout, in pieces, and behind the back of the standard library.
#[task]
fn print() -> std::io::Result<u32> {
    print!("one ");
    println!("line");
    // SAFETY: stdout is open, and not closed here.
    let raw = unsafe { std::fs::File::from_raw_fd(1) };
    std::mem::ManuallyDrop::new(raw).write_all("a second\nand ä third\n".as_bytes())?;
    Ok(std::process::id())
}

fn lines(method: StartMethod, kind: Kind) {
    let (put, printed) = mpsc::channel();
    let builder = builder(method).workers(2).capture_stdout(true);
    let mut pool = kind.start(builder.watch(move |event| {
        if let What::Stdout(line) = event.what {
            put.send((event.pid, line.to_owned())).unwrap();
        }
    }));
    let pid = pool.run(print()).unwrap();
    let mut all = Vec::new();
    pool.until(|_| {
        all.extend(printed.try_iter());
        all.len() == 3
    });
    let expected = ["one line", "a second", "and ä third"];
    assert!(all.iter().map(|(from, _)| *from).all(|from| from == pid));
    assert!(all.iter().map(|(_, line)| line).eq(expected), "{all:?}");
    // What a worker printed before it died is not lost.
    let died = pool.run(print_and_abort().retries(0));
    assert!(died.is_err());
    pool.until(|_| {
        all.extend(printed.try_iter());
        all.len() == 4
    });
    assert_eq!(all[3].1, "last words");
}

#[task]
fn print_and_abort() {
    print!("last words");
    let _ = std::io::stdout().flush();
    std::process::abort();
}

fn named_lines(method: StartMethod, kind: Kind) {
    let said = written_to(1, || {
        let mut pool = kind.start(builder(method).workers(1).capture_stdout(true));
        pool.run(print()).unwrap();
        pool.shutdown();
    });
    let lines = said.lines().filter(|line| line.contains("Process-1: "));
    assert_eq!(lines.count(), 3, "{said:?}");
}
