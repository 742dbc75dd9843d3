//! Blocks that compare with other programs, and what a task costs.

use std::fmt::Write;

use harness::grid::{Grid, seconds, times};
use report::{PeerRow, Peers};

/// Other programs on the same file: a table for each measure.
pub(super) fn sums(peers: &Peers) -> String {
    let mut text = String::new();
    for (measure, title) in [
        ("wall", "The whole command, from exec to exit"),
        (
            "total",
            "Start and run: the data is in memory before the clock runs",
        ),
        (
            "load + share + total",
            "From the file to the sum, without the interpreter's own start",
        ),
    ] {
        let of_it = |row: &&PeerRow| row.measure == measure && row.void.is_none();
        let rows: Vec<&PeerRow> = peers.rows.iter().filter(of_it).collect();
        if rows.is_empty() {
            continue;
        }
        let mut grid = Grid::new(&["peer", "ours", "theirs", "theirs : ours"], 1);
        for row in rows {
            let time = |spread: Option<report::Spread>| {
                spread.map_or_else(|| "–".to_owned(), |spread| seconds(spread.median))
            };
            grid.rows.push(vec![
                row.peer.clone(),
                time(row.our_seconds),
                time(row.their_seconds),
                row.ratio
                    .map_or_else(|| "–".to_owned(), |ratio| times(ratio.median)),
            ]);
        }
        let _ = write!(text, "\n{title}:\n\n{}", grid.for_markdown());
    }
    text
}

/// The lines of the programs that measure the pool; the reference has its own in the record.
pub(super) fn costs(peers: &Peers) -> String {
    let mut text = "```text\n".to_owned();
    let pool = peers
        .costs
        .iter()
        .filter(|run| run.command.starts_with("rates"));
    for run in pool {
        text += &format!("$ {}\n{}\n", run.command, run.lines.join("\n"));
    }
    text + "```\n"
}

/// Tiny tasks: the best of our start methods.
pub(super) fn tiny(peers: &Peers) -> Grid {
    let mut grid = Grid::new(
        &["tiny tasks a second", "ours", "theirs", "ours : theirs"],
        1,
    );
    let mut names: Vec<&str> = peers.rates.iter().map(|row| row.peer.as_str()).collect();
    names.dedup();
    for name in names {
        let rows = peers.rates.iter().filter(|row| row.peer == name);
        let best = rows
            .filter_map(|row| {
                Some((
                    row.our_rate?.median,
                    row.their_rate?.median,
                    row.ratio?.median,
                ))
            })
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let Some((ours, theirs, ratio)) = best else {
            continue;
        };
        let thousands = |rate: f64| format!("{:.0} 000", (rate / 1000.0).round().max(1.0));
        grid.rows.push(vec![
            name.to_owned(),
            thousands(ours),
            thousands(theirs),
            times(ratio),
        ]);
    }
    grid
}
