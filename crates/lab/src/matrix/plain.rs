//! The sum by a plain program: no worker process, no pool, the workers' kernel. It is what isolation is
//! compared with.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use dataset::Dataset;
use harness::exit;
use harness::interrupt::Interrupt;
use harness::process::{self, RunError};
use harness::workspace;
use report::{PlainReport, PlainRun};
use serde::{Deserialize, Serialize};
use worker::sum::hex::float_hex;
use worker::sum::{Partial, Summer};

use crate::limits::map;

/// The hidden command that runs it.
pub(crate) const PLAIN: &str = "plain-sum";
/// Bytes that a thread takes at a time.
const BLOCK: usize = 4 << 20;
/// Bytes that one page fault maps.
const FAULT: usize = 64 << 10;
/// Bytes that are summed at a time.
const WINDOW: usize = 8 * FAULT;

/// What is summed.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    data: PathBuf,
    field: Option<String>,
    threads: u32,
}

/// The sum, as far as it has to be the same everywhere.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    sum_hex: String,
    count: u64,
    nan_count: u64,
}

/// The rows before their first run: a loop, and threads on all processors.
pub(crate) fn rows(cores: u32) -> Vec<PlainReport> {
    let mut threads = vec![1, cores];
    threads.dedup();
    let row = |threads| PlainReport {
        threads,
        runs: Vec::new(),
        wall: None,
        failed: None,
        void: None,
    };
    threads.into_iter().map(row).collect()
}

/// One run, as a process of its own.
///
/// # Errors
///
/// What that process said, or a signal.
pub(crate) fn run(
    data: &Path,
    field: Option<&str>,
    threads: u32,
    round: u32,
    timeout: Duration,
    interrupt: &Interrupt,
) -> Result<PlainRun, RunError> {
    let failed = |how: String| RunError::Failed {
        how,
        quote: String::new(),
    };
    let own = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let order = Order {
        data: data.to_owned(),
        field: field.map(str::to_owned),
        threads,
    };
    let order = serde_json::to_string(&order).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(own);
    command.current_dir(workspace::root()).args([PLAIN, &order]);
    let finished = process::run(command, timeout, interrupt)?;
    let answer: Answer =
        serde_json::from_str(&finished.stdout).map_err(|error| failed(error.to_string()))?;
    Ok(PlainRun {
        round,
        wall_seconds: finished.wall.as_secs_f64(),
        sum_hex: answer.sum_hex,
        count: answer.count,
        nan_count: answer.nan_count,
    })
}

/// The hidden command: sums what the JSON orders and prints the sum as JSON.
///
/// # Errors
///
/// Where the file cannot be summed.
pub(crate) fn main(order: &str) -> anyhow::Result<ExitCode> {
    let order: Order = serde_json::from_str(order).context("cannot read the order of a sum")?;
    let dataset = Dataset::open(&order.data)?;
    let column = dataset.column(order.field.as_deref())?;
    let first = usize::try_from(dataset.data_offset())?;
    let bytes = usize::try_from(dataset.records())? * column.stride;
    let map = map(&std::fs::File::open(&order.data)?, first + bytes)?;
    let records = &map[first..];
    let partial = by_threads(order.threads, bytes, column.stride, |part| {
        let mut summer = Summer::new(&column);
        add(&mut summer, &records[part], column.stride);
        summer.finish()
    });
    let answer = Answer {
        sum_hex: float_hex(partial.value()),
        count: partial.count(),
        nan_count: partial.nan_count(),
    };
    println!("{}", serde_json::to_string(&answer)?);
    Ok(ExitCode::from(exit::DONE))
}

/// Sums blocks of whole records that threads take by one counter; a single thread is a plain loop.
fn by_threads(
    threads: u32,
    bytes: usize,
    stride: usize,
    sum: impl Fn(Range<usize>) -> Partial + Sync,
) -> Partial {
    let block = BLOCK.next_multiple_of(stride);
    if threads == 1 {
        return sum(0..bytes);
    }
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Partial::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Partial::default();
                loop {
                    let from = next.fetch_add(block, Ordering::Relaxed);
                    if from >= bytes {
                        break;
                    }
                    mine.merge(&sum(from..bytes.min(from + block)));
                }
                total.lock().expect("no merge panics").merge(&mine);
            });
        }
    });
    total.into_inner().expect("no merge panics")
}

/// Adds records, mapping pages some way ahead of the kernel.
fn add(summer: &mut Summer, records: &[u8], stride: usize) {
    let window = WINDOW.next_multiple_of(stride);
    let (mut seen, mut touched) = (0, 0);
    for (part, end) in records.chunks(window).zip((2 * window..).step_by(window)) {
        while touched < end.min(records.len()) {
            seen ^= records[touched];
            touched += FAULT;
        }
        summer.add(part);
    }
    std::hint::black_box(seen);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_sum_what_the_loop_sums() {
        let sample = workspace::root().join("data/sample.npy");
        let dataset = Dataset::open(&sample).unwrap();
        let column = dataset.column(Some("val")).unwrap();
        let bytes = std::fs::read(&sample).unwrap();
        let records = &bytes[usize::try_from(dataset.data_offset()).unwrap()..];
        let sum = |threads| {
            let partial = by_threads(threads, records.len(), column.stride, |part| {
                let mut summer = Summer::new(&column);
                add(&mut summer, &records[part], column.stride);
                summer.finish()
            });
            (float_hex(partial.value()), partial.count())
        };
        assert_eq!(sum(1), sum(3));
    }
}
