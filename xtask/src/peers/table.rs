//! The peers as tables.

use report::{PeerRow, Peers, Spread, format_count};

use crate::grid::{Grid, seconds_spread, three_digits, times};

/// The tables for a terminal.
pub(crate) fn terminal(peers: &Peers) -> String {
    format!(
        "\n{}\n\n{}\n{}{}",
        heading(peers),
        sums(peers).for_terminal(),
        rates(peers).for_terminal(),
        troubles(peers),
    )
}

/// The tables as a Markdown page.
pub(crate) fn markdown(peers: &Peers) -> String {
    format!(
        "# Peers\n\n{}\n\nMedian (least – most) of interleaved pairs. A ratio above 1 says that ours \
         is the faster.\n\n{}\n## Tiny tasks\n\nTasks a second; ours are batches of one record.\n\n\
         {}{}",
        heading(peers),
        sums(peers).for_markdown(),
        rates(peers).for_markdown(),
        troubles(peers),
    )
}

fn heading(peers: &Peers) -> String {
    format!(
        "{} records, {} workers, {} pairs, {}; {}, {} cores, Linux {}; {}",
        format_count(peers.dataset.records),
        peers.workers,
        peers.runs,
        peers.date,
        peers.machine.cpu,
        peers.machine.cores,
        peers.machine.kernel,
        peers.versions.join(", "),
    )
}

fn sums(peers: &Peers) -> Grid {
    let head = ["peer", "measure", "ours", "theirs", "ratio", "wall ratio"];
    let mut grid = Grid::new(&head, 2);
    let ratio = |ratio: Option<Spread>| ratio.map_or_else(|| "–".to_owned(), times_spread);
    for row in &peers.rows {
        let seconds = |seconds: &Option<Spread>| match (seconds, &row.void) {
            (_, Some(_)) => "void".to_owned(),
            (Some(seconds), None) => seconds_spread(seconds),
            (None, None) => "not run".to_owned(),
        };
        let PeerRow {
            peer,
            measure,
            our_seconds,
            their_seconds,
            ..
        } = row;
        grid.rows.push(vec![
            peer.clone(),
            measure.clone(),
            seconds(our_seconds),
            seconds(their_seconds),
            ratio(row.ratio),
            ratio(row.wall_ratio),
        ]);
    }
    grid
}

fn rates(peers: &Peers) -> Grid {
    let mut grid = Grid::new(&["tiny tasks", "ours", "theirs", "ratio"], 1);
    let rate = |rate: Option<Spread>| {
        rate.map_or_else(|| "void".to_owned(), |rate| format!("{:.0}/s", rate.median))
    };
    for row in &peers.rates {
        let ratio = row.ratio.map_or_else(|| "–".to_owned(), times_spread);
        grid.rows.push(vec![
            row.peer.clone(),
            rate(row.our_rate),
            rate(row.their_rate),
            ratio,
        ]);
    }
    grid
}

fn times_spread(ratio: Spread) -> String {
    format!(
        "{} ({} – {})",
        times(ratio.median),
        three_digits(ratio.min),
        three_digits(ratio.max)
    )
}

fn troubles(peers: &Peers) -> String {
    let voids = peers
        .rows
        .iter()
        .map(|row| (&row.peer, &row.void))
        .chain(peers.rates.iter().map(|row| (&row.peer, &row.void)))
        .filter_map(|(peer, void)| Some(format!("- {peer} void: {}\n", void.as_ref()?)));
    let skipped = peers
        .skipped
        .iter()
        .map(|peer| format!("- {} skipped: {}\n", peer.name, peer.reason));
    let lines: String = voids.chain(skipped).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\n{lines}")
    }
}
