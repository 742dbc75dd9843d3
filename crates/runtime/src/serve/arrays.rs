//! The arrays beside a call and beside its result.

use crate::channel::Frame;
use task::Failure;
use task::arrays::{Table, with_incoming, worker};
use wire::{CallArrays, FailureKind};

/// Makes an arena known. A frame without its descriptor makes calls that refer to it fail.
pub(super) fn attach(frame: &mut Frame<'_>, region: u32, size: u64, own: bool) {
    let Some(descriptor) = frame.take_descriptor() else {
        return;
    };
    match own {
        true => worker::install(region, size, descriptor),
        false => worker::attach(region, size, descriptor),
    }
}

/// Takes in what has happened to arrays. What cannot be believed is left out: calls will not refer to it.
pub(super) fn take_news(beside: &[u8]) {
    if let Ok(beside) = CallArrays::from_bytes(beside) {
        let _ = worker::incoming(&beside);
    }
}

/// Runs a task, which does not panic, with the arrays beside its call. Gives what it returned, and what is to
/// be said beside that.
#[inline]
pub(super) fn run(
    beside: &[u8],
    task: impl FnOnce() -> Result<Vec<u8>, Failure>,
) -> (Result<Vec<u8>, Failure>, Vec<u8>) {
    if !beside.is_empty() {
        return run_with(beside, task);
    }
    let (ran, outgoing) = with_incoming(Table::new(), task);
    if outgoing.is_empty() && !worker::has_reports() {
        return (ran, Vec::new());
    }
    reported(ran, outgoing)
}

fn run_with(
    beside: &[u8],
    task: impl FnOnce() -> Result<Vec<u8>, Failure>,
) -> (Result<Vec<u8>, Failure>, Vec<u8>) {
    let table = CallArrays::from_bytes(beside)
        .map_err(|error| error.to_string())
        .and_then(|beside| worker::incoming(&beside));
    let (ran, outgoing) = match table {
        Ok(table) => with_incoming(table, task),
        Err(why) => {
            let failure = Failure::new(FailureKind::BadArgs, format!("arrays: {why}"));
            (Err(failure), Table::default())
        }
    };
    reported(ran, outgoing)
}

/// Adds what is to be said of arrays to what a task returned.
fn reported(ran: Result<Vec<u8>, Failure>, outgoing: Table) -> (Result<Vec<u8>, Failure>, Vec<u8>) {
    let reported = ran.and_then(|mut output| {
        let said = worker::report(outgoing, &mut output);
        let said = said.map_err(|held| Failure::new(FailureKind::Error, held.to_string()))?;
        Ok((output, said))
    });
    match reported {
        Ok((output, said)) => (Ok(output), said.to_bytes()),
        Err(failure) => {
            // What it keeps of the call's arrays is reported all the same.
            let said = worker::report(Table::default(), &mut Vec::new());
            (Err(failure), said.unwrap_or_default().to_bytes())
        }
    }
}
