//! Runs a peer and its like of ours next to each other, pair by pair.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use report::{PeerLine, PeerPair, PeerRow, Sum};

use super::plan::{Peer, Program};
use super::python::Python;
use crate::stats::spread;
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};
use harness::workspace::Binaries;

/// How far a peer's sum may be from ours, as a part of it: peers round after every addition, ours
/// once. Pairwise and blockwise sums of like signs stay far below.
const TOLERANCE: f64 = 1e-10;

/// What every pair shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    /// Our programs, and rayon's.
    pub(crate) binaries: &'a Binaries,
    /// Where Python's peers run.
    pub(crate) python: &'a Python,
    /// The dataset.
    pub(crate) data: &'a Path,
    /// Its field, where it is not the default.
    pub(crate) field: Option<&'a str>,
    /// Theirs and ours.
    pub(crate) workers: u32,
    /// Processors of the machine.
    pub(crate) cores: u32,
    /// Pairs, after the warm-up.
    pub(crate) runs: u32,
    /// How long one run may take.
    pub(crate) timeout: Duration,
    /// Whether to draw no progress.
    pub(crate) quiet: bool,
}

/// One row of the table. `done` is called after every pair.
///
/// # Errors
///
/// Only where a signal asked to stop; a run that fails makes the row invalid.
pub(crate) fn row(
    peer: &Peer,
    job: &Job<'_>,
    interrupt: &Interrupt,
    mut done: impl FnMut(),
) -> Result<PeerRow, Interrupted> {
    let ours = peer.ours(job.workers, job.cores);
    let mut row = PeerRow {
        peer: peer.name.clone(),
        ours: format!(
            "sum --start-method {} --transport {} --workers {}",
            ours.start_method, ours.transport, ours.workers
        ),
        measure: peer.measure.name().to_owned(),
        pairs: Vec::new(),
        our_seconds: None,
        their_seconds: None,
        ratio: None,
        wall_ratio: None,
        void: None,
    };
    for round in 0..=peer.pairs(job.runs) {
        match pair(peer, job, round, interrupt) {
            // The first pair is the warm-up.
            Ok(pair) if round > 0 => row.pairs.push(pair),
            Ok(_) => {}
            Err(Trouble::Run(RunError::Interrupted(interrupted))) => return Err(interrupted),
            Err(trouble) => {
                row.void = Some(trouble.to_string());
                return Ok(row);
            }
        }
        done();
    }
    let of = |figure: fn(&PeerPair) -> f64| spread(row.pairs.iter().map(figure));
    row.our_seconds = of(|pair| pair.ours);
    row.their_seconds = of(|pair| pair.theirs);
    row.ratio = of(|pair| pair.theirs / pair.ours);
    row.wall_ratio = of(|pair| pair.their_wall / pair.our_wall);
    Ok(row)
}

/// Why a pair has no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It did not end well.
    #[error("{0}")]
    Run(#[from] RunError),
    /// It printed something else than its line.
    #[error("cannot read what it printed: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Time passed in which it could not run.
    #[error("our run was stopped and continued")]
    Stopped,
    /// It gave a wrong answer.
    #[error("{0}")]
    Wrong(String),
}

fn pair(
    peer: &Peer,
    job: &Job<'_>,
    round: u32,
    interrupt: &Interrupt,
) -> Result<PeerPair, Trouble> {
    let our_command = peer
        .ours(job.workers, job.cores)
        .command(job.binaries, job.data, job.field);
    let their_command = command(peer, job, round == 0);
    // Who goes first changes from pair to pair: neither always finds what the other left behind.
    let (ours, theirs) = if round.is_multiple_of(2) {
        let ours = process::run(our_command, job.timeout, interrupt)?;
        (ours, process::run(their_command, job.timeout, interrupt)?)
    } else {
        let theirs = process::run(their_command, job.timeout, interrupt)?;
        (process::run(our_command, job.timeout, interrupt)?, theirs)
    };
    let sum: Sum = serde_json::from_str(&ours.stdout)?;
    let line: PeerLine = serde_json::from_str(&theirs.stdout)?;
    if sum.seconds.void {
        return Err(Trouble::Stopped);
    }
    agree(&sum, &line, peer.exact()).map_err(Trouble::Wrong)?;
    let (our_wall, their_wall) = (ours.wall.as_secs_f64(), theirs.wall.as_secs_f64());
    Ok(PeerPair {
        ours: peer.measure.of_ours(&sum.seconds, our_wall),
        theirs: peer.measure.of_theirs(&line.seconds, their_wall),
        our_wall,
        their_wall,
    })
}

fn command(peer: &Peer, job: &Job<'_>, count: bool) -> Command {
    let arguments = peer.arguments(job.data, job.workers, job.cores);
    match peer.program {
        Program::Rayon { .. } => {
            let mut command = job.binaries.command("peer-rayon");
            command.args(arguments);
            command
        }
        Program::Python { script, .. } => {
            let mut command = job.python.script(script);
            command.args(arguments);
            if let Some(field) = job.field {
                command.args(["--field", field]);
            }
            // Counting is one more pass over the values, so only the warm-up does it.
            if count {
                command.arg("--count");
            }
            command
        }
    }
}

/// Whether both found the same: the sum up to rounding, or to the last bit where theirs is `exact`
/// too; the number of values exactly.
fn agree(ours: &Sum, theirs: &PeerLine, exact: bool) -> Result<(), String> {
    let result = &ours.result;
    let close = match (result.sum, theirs.sum) {
        _ if exact => result.sum_hex == theirs.sum_hex,
        (Some(our), Some(their)) => (our - their).abs() <= TOLERANCE * our.abs().max(1.0),
        (None, None) => result.sum_hex == theirs.sum_hex,
        _ => false,
    };
    if !close {
        return Err(format!(
            "sums differ: ours {}, theirs {}",
            result.sum_hex, theirs.sum_hex
        ));
    }
    match theirs.count {
        Some(count) if count != result.count => Err(format!(
            "counts differ: ours {}, theirs {count}",
            result.count
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use report::PeerSeconds;

    use super::*;

    fn ours(sum: Option<f64>, hex: &str) -> Sum {
        let text = include_str!("../../../report/tests/sum.json");
        let mut report: Sum = serde_json::from_str(text).unwrap();
        report.result.sum = sum;
        report.result.sum_hex = hex.to_owned();
        report
    }

    fn theirs(sum: Option<f64>, hex: &str, count: Option<u64>) -> PeerLine {
        let seconds = PeerSeconds {
            load: 0.0,
            share: 0.0,
            start: 0.0,
            run: 0.0,
            total: 0.0,
        };
        PeerLine {
            name: "peer".to_owned(),
            sum,
            sum_hex: hex.to_owned(),
            count,
            seconds,
        }
    }

    #[test]
    fn rounding_is_forgiven_and_a_missing_value_is_not() {
        let our = ours(Some(66_669_134.0), "");
        assert_eq!(
            agree(
                &our,
                &theirs(Some(66_669_134.000_000_1), "", Some(4)),
                false
            ),
            Ok(())
        );
        assert_eq!(
            agree(&our, &theirs(Some(66_669_134.0), "", None), false),
            Ok(())
        );
        assert!(agree(&our, &theirs(Some(66_669_135.0), "", None), false).is_err());
        assert!(agree(&our, &theirs(Some(66_669_134.0), "", Some(5)), false).is_err());
    }

    #[test]
    fn sums_that_are_not_finite_agree_by_name() {
        let our = ours(None, "inf");
        assert_eq!(agree(&our, &theirs(None, "inf", None), false), Ok(()));
        assert!(agree(&our, &theirs(None, "nan", None), false).is_err());
        assert!(agree(&our, &theirs(Some(1.0), "", None), false).is_err());
    }

    #[test]
    fn the_same_arithmetic_has_to_give_the_same_bits() {
        let our = ours(Some(0.5), "0x1.0000000000000p-1");
        let same = theirs(Some(0.5), "0x1.0000000000000p-1", None);
        let close = theirs(Some(0.5), "0x1.0000000000001p-1", None);
        assert_eq!(agree(&our, &same, true), Ok(()));
        assert_eq!(agree(&our, &close, false), Ok(()));
        assert!(agree(&our, &close, true).is_err());
    }
}
