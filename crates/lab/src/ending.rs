//! The end of a measurement: the report is drawn, and the exit code says whether all of it was measured.

use std::process::ExitCode;

use harness::exit;
use harness::interrupt::Interrupted;
use harness::results::Results;

use crate::page;

/// Draws the pages of what was saved and prints `table`, where everything is. `complete`: every row has a
/// result.
pub(crate) fn end(
    table: &str,
    results: &Results,
    stopped: Option<Interrupted>,
    complete: bool,
) -> anyhow::Result<ExitCode> {
    let pages = page::draw(results)?;
    print!("{table}");
    eprintln!("Saved in {}", results.directory().display());
    for page in pages {
        eprintln!("Report: {}", results.directory().join(page).display());
    }
    if let Some(stopped) = stopped {
        eprintln!("{stopped}; the runs made so far are kept");
        return Ok(exit::stopped_by(stopped.0));
    }
    Ok(ExitCode::from(if complete {
        exit::DONE
    } else {
        exit::FAILED
    }))
}
