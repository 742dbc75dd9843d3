//! `fork_map` beside scoped threads: the same sum over the memory of one process, with an empty `fork_map`
//! of that process, which shows what forking it costs. The example `fork_sum` runs all three in turns.
//!
//! A child's first access to each page makes the processor note it in the child's page table: with pages of
//! 4 KiB that costs as much as half of a plain sum, with huge pages nothing. So there is a row for each.

use report::{ForkedLine, ForkedRound, ForkedRow, Machine};

use super::run::{Job, Trouble};
use crate::stats::spread;
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};

/// Its name among the peers.
pub(crate) const NAME: &str = "fork_map";
/// Bytes that are summed: what a program that needs forking for its memory's sake may hold.
const BYTES: u64 = 4_800_000_000;
/// Rounds, at least: a bound of ten percent needs a narrow interval.
const ROUNDS: u32 = 9;

/// Why it cannot be measured on this machine.
pub(crate) fn lacking(machine: &Machine) -> Option<String> {
    let needed = BYTES / 2 * 3;
    (machine.memory_bytes < needed).then(|| {
        let (needed, there) = (needed / 1_000_000_000, machine.memory_bytes / 1_000_000_000);
        format!("it needs {needed} GB of memory, and this machine has {there}")
    })
}

/// One row of the table, with small or huge pages.
///
/// # Errors
///
/// Only where a signal asked to stop; a run that fails makes the row invalid.
pub(crate) fn row(
    workers: u32,
    huge_pages: bool,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> Result<ForkedRow, Interrupted> {
    match line(workers, huge_pages, job, interrupt) {
        Ok(line) => Ok(of(&line, huge_pages)),
        Err(Trouble::Run(RunError::Interrupted(interrupted))) => Err(interrupted),
        Err(trouble) => Ok(ForkedRow {
            void: Some(trouble.to_string()),
            ..of(
                &ForkedLine {
                    bytes: BYTES,
                    workers,
                    rounds: Vec::new(),
                },
                huge_pages,
            )
        }),
    }
}

fn line(
    workers: u32,
    huge_pages: bool,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> Result<ForkedLine, Trouble> {
    let mut command = job.binaries.command("fork_sum");
    let rounds = job.runs.max(ROUNDS);
    command.args([BYTES.to_string(), workers.to_string(), rounds.to_string()]);
    if huge_pages {
        command.arg("huge");
    }
    let finished = process::run(command, job.timeout, interrupt)?;
    Ok(serde_json::from_str(&finished.stdout)?)
}

fn of(line: &ForkedLine, huge_pages: bool) -> ForkedRow {
    let of = |figure: fn(&ForkedRound) -> f64| spread(line.rounds.iter().map(figure));
    ForkedRow {
        bytes: line.bytes,
        huge_pages,
        workers: line.workers,
        threads: of(|round| round.threads),
        fork_map: of(|round| round.fork_map),
        empty: of(|round| round.empty),
        ratio: of(|round| (round.fork_map - round.empty) / round.threads),
        void: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_example_is_read() {
        let printed = r#"{"bytes":80,"workers":2,"rounds":[
            {"threads":2.0,"fork_map":3.0,"empty":1.0},{"threads":1.0,"fork_map":2.5,"empty":0.5}]}"#;
        let row = of(&serde_json::from_str(printed).unwrap(), true);
        assert_eq!((row.bytes, row.workers), (80, 2));
        let ratio = row.ratio.unwrap();
        assert_eq!((ratio.min, ratio.median, ratio.max), (1.0, 1.5, 2.0));
        assert_eq!(row.empty.unwrap().median, 0.75);
    }
}
