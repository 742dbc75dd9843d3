//! The peers as tables.

use report::{ForkedRow, Peers, Spread, format_count};

use harness::grid::{Grid, seconds_spread, three_digits, times};

/// The tables for a terminal.
pub(crate) fn terminal(peers: &Peers) -> String {
    format!(
        "\n{}\n{}\n{}\n{}\n{}{}\n{}\n{}",
        heading(peers),
        sums(peers, Grid::for_terminal),
        rates(peers).for_terminal(),
        alone(peers).for_terminal(),
        costs(peers, "$ "),
        forked(peers).for_terminal(),
        executors(peers).for_terminal(),
        troubles(peers),
    )
}

/// The tables as a Markdown page.
pub(crate) fn markdown(peers: &Peers) -> String {
    format!(
        "# Peers\n\n{}\n\nMedian (min – max) of interleaved pairs. A ratio above 1 says that ours \
         is the faster. Python's peers sum with `numpy.nansum`, whose kernel is slower than ours: their ratios \
         compare programs, not pools. `rayon-exact` and the tiny tasks have the same kernel on both sides.\n{}\n## Tiny tasks\n\nTasks a second with {} workers, ours by the pool as a \
         library, all tasks queued at once.\n\n{}\n## One task alone\n\nThere and back, nothing else \
         being under way, beside one byte through a bare socket, either pair \
         of processes held to the same processors.\n\n{}\n{}## `fork_map` beside threads\n\nOne sum over \
         memory of the process, by scoped threads and by `fork_map`, in turns. The ratio is that of \
         `fork_map` without an empty one, which shows what forking costs, to threads.\n\n{}\n## Process \
         pools of Python\n\n{} workers, all pools in one program, in turns. The ratio says how many times \
         as fast `handoff_pool` is.\n\n{}{}",
        heading(peers),
        sums(peers, Grid::for_markdown),
        peers.tiny_workers,
        rates(peers).for_markdown(),
        alone(peers).for_markdown(),
        costs(peers, "    $ "),
        forked(peers).for_markdown(),
        peers.tiny_workers,
        executors(peers).for_markdown(),
        troubles(peers),
    )
}

/// What our own programs printed.
fn costs(peers: &Peers, prompt: &str) -> String {
    let indent = prompt.trim_end_matches("$ ");
    let mut text = String::new();
    for run in &peers.costs {
        text += &format!("{prompt}{}\n", run.command);
        for line in &run.lines {
            text += &format!("{indent}{line}\n");
        }
        text += "\n";
    }
    text
}

fn heading(peers: &Peers) -> String {
    format!(
        "{} records, {} workers, {} pairs or more, {}; {}, {} cores, Linux {}; {}",
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

/// What is compared, each in a table of its own.
const MEASURES: [(&str, &str); 3] = [
    ("wall", "The whole command, from exec to exit"),
    (
        "total",
        "Start and run: the data is in memory before the clock runs",
    ),
    (
        "load + share + total",
        "From the file to the sum, without the start of the interpreter",
    ),
];

fn sums(peers: &Peers, draw: impl Fn(&Grid) -> String) -> String {
    let mut text = String::new();
    for (measure, title) in MEASURES {
        let grid = of_measure(peers, measure);
        if !grid.rows.is_empty() {
            text += &format!("\n{title} ({measure}):\n\n{}", draw(&grid));
        }
    }
    text
}

fn of_measure(peers: &Peers, measure: &str) -> Grid {
    let head = ["peer", "ours", "theirs", "ratio", "wall ratio"];
    let mut grid = Grid::new(&head, 1);
    let ratio = |ratio: Option<Spread>| ratio.map_or_else(|| "–".to_owned(), times_spread);
    for row in peers.rows.iter().filter(|row| row.measure == measure) {
        let seconds = |seconds: &Option<Spread>| match (seconds, &row.void) {
            (_, Some(_)) => "invalid".to_owned(),
            (Some(seconds), None) => seconds_spread(seconds),
            (None, None) => "not run".to_owned(),
        };
        grid.rows.push(vec![
            row.peer.clone(),
            seconds(&row.our_seconds),
            seconds(&row.their_seconds),
            ratio(row.ratio),
            ratio(row.wall_ratio),
        ]);
    }
    grid
}

fn rates(peers: &Peers) -> Grid {
    let head = ["tiny tasks", "start method", "ours", "theirs", "ratio"];
    let mut grid = Grid::new(&head, 2);
    for row in &peers.rates {
        let rate = |rate| {
            figure(rate, row.void.as_deref(), |rate| {
                format!("{:.0}/s", rate.median)
            })
        };
        grid.rows.push(vec![
            row.peer.clone(),
            row.start_method.to_string(),
            rate(row.our_rate),
            rate(row.their_rate),
            figure(row.ratio, None, times_spread),
        ]);
    }
    grid
}

fn alone(peers: &Peers) -> Grid {
    let head = [
        "one task alone",
        "processors",
        "there and back",
        "bare socket",
        "ratio",
    ];
    let mut grid = Grid::new(&head, 1);
    for row in &peers.alone {
        let time = |time| {
            figure(time, row.void.as_deref(), |us| {
                format!("{:.2} µs", us.median)
            })
        };
        grid.rows.push(vec![
            row.start_method.to_string(),
            row.cores.to_string(),
            time(row.one_task_us),
            time(row.ping_pong_us),
            figure(row.ratio, None, times_spread),
        ]);
    }
    grid
}

fn forked(peers: &Peers) -> Grid {
    let head = [
        "fork_map", "workers", "threads", "empty", "fork_map", "ratio",
    ];
    let mut grid = Grid::new(&head, 1);
    for row in &peers.forked {
        let invalid = row.void.as_deref();
        let seconds = |spread| figure(spread, invalid, |spread| seconds_spread(&spread));
        grid.rows.push(vec![
            format!("{} MB, {} pages", row.bytes / 1_000_000, pages(row)),
            row.workers.to_string(),
            seconds(row.threads),
            seconds(row.empty),
            seconds(row.fork_map),
            figure(row.ratio, invalid, times_spread),
        ]);
    }
    grid
}

fn executors(peers: &Peers) -> Grid {
    let head = ["process pools of Python", "pool", "figure", "ratio"];
    let mut grid = Grid::new(&head, 2);
    for row in &peers.executors {
        let write = |spread: Spread| {
            if row.rate {
                format!("{:.0}/s", spread.median)
            } else {
                seconds_spread(&spread)
            }
        };
        grid.rows.push(vec![
            row.case.clone(),
            row.executor.clone(),
            figure(row.figures, row.void.as_deref(), write),
            figure(row.ratio, None, times_spread),
        ]);
    }
    grid
}

fn pages(row: &ForkedRow) -> &'static str {
    if row.huge_pages { "huge" } else { "small" }
}

/// A figure, or why there is none.
fn figure(
    spread: Option<Spread>,
    invalid: Option<&str>,
    write: impl Fn(Spread) -> String,
) -> String {
    match (spread, invalid) {
        (_, Some(_)) => "invalid".to_owned(),
        (Some(spread), None) => write(spread),
        (None, None) => "–".to_owned(),
    }
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
    let sums = peers.rows.iter().map(|row| (row.peer.clone(), &row.void));
    let rates = peers.rates.iter().map(|row| {
        let name = format!("{} beside {}", row.peer, row.start_method);
        (name, &row.void)
    });
    let alone = peers.alone.iter().map(|row| {
        let name = format!("one task alone, {}, {} cores", row.start_method, row.cores);
        (name, &row.void)
    });
    let forked = peers.forked.iter();
    let forked = forked.map(|row| (format!("fork_map, {} pages", pages(row)), &row.void));
    let executors = peers.executors.iter();
    let executors = executors.map(|row| (format!("{}, {}", row.case, row.executor), &row.void));
    let invalid = sums
        .chain(rates)
        .chain(alone)
        .chain(forked)
        .chain(executors)
        .filter_map(|(name, why)| Some(format!("- {name} invalid: {}\n", why.as_ref()?)));
    let skipped = peers
        .skipped
        .iter()
        .map(|peer| format!("- {} skipped: {}\n", peer.name, peer.reason));
    let lines: String = invalid.chain(skipped).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\n{lines}")
    }
}
