//! Whole tables.
//!
//! | name | table |
//! | --- | --- |
//! | `conditions` | where and how the record was made |
//! | `picture`, `picture-docs` | the figure of the fastest row of each transport |
//! | `source`, `source-docs` | where the record is |
//! | `walls` | the fastest row of each transport |
//! | `phases` | where the time goes: some cells, phase by phase |
//! | `isolation` | what processes cost compared with threads |
//! | `hand-overs memory`, `hand-overs results` | what each hand-over costs by size |
//! | `advice` | the recommendations |
//! | `code` | the lines of code of each recommendation |
//! | `break-even`, `break-even-text` | from where on another choice is the better one |
//! | `sums`, `tiny` | other programs on the same file; tiny tasks |
//! | `costs` | what a task costs, as our own programs print it |
//! | `study` | total time by workers and start method |
//! | `starts` | what starting a child costs |

use std::fmt::Write;

use anyhow::{Context, bail};
use harness::grid::{Grid, binary_size, seconds, size, times};
use report::{Bench, HandOver, StartMethod, Transport};

use super::others::{costs, sums, tiny};
use super::record::Record;
use crate::advice::{self, Advice};
use crate::bench::{best_of_processes, label, sizes, threads_of, typical};
use crate::page::StartCost;

/// A table by its name, as Markdown.
///
/// # Errors
///
/// Where the record does not have it.
pub(crate) fn block(record: &Record, name: &str) -> anyhow::Result<String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    match words[..] {
        ["conditions"] => Ok(conditions(record)),
        ["source"] => Ok(source(record, "")),
        ["source-docs"] => Ok(source(record, "../")),
        ["picture"] => Ok(picture(record, "")),
        ["picture-docs"] => Ok(picture(record, "../")),
        ["walls"] => Ok(walls(record).for_markdown()),
        ["phases"] => Ok(phases(record).for_markdown()),
        ["isolation" | "hand-overs", ..] if record.jobs.is_empty() => Ok(missing("jobs")),
        ["isolation"] => Ok(isolation(record)?.for_markdown()),
        ["hand-overs", job] => Ok(hand_overs(record.job(job)?).for_markdown()),
        ["advice"] => Ok(recommended(record)),
        ["code"] => Ok(code(record)),
        ["break-even"] => Ok(break_even(record)
            .iter()
            .map(|line| format!("- {line}\n"))
            .collect()),
        ["break-even-text"] => Ok(break_even(record).join(" ")),
        ["sums"] => Ok(record.peers.as_ref().map_or_else(|| missing("peers"), sums)),
        ["costs"] => Ok(record
            .peers
            .as_ref()
            .map_or_else(|| missing("peers"), costs)),
        ["tiny"] => Ok(record
            .peers
            .as_ref()
            .map_or_else(|| missing("peers"), |peers| tiny(peers).for_markdown())),
        ["study"] => Ok(study(record)),
        ["starts"] => match record.traits.as_ref().and_then(StartCost::of) {
            Some(cost) => Ok(starts(&cost).for_markdown()),
            None => Ok(missing("traits")),
        },
        _ => bail!("no table is called {name}"),
    }
}

/// The figure of the fastest row of each transport, from a page that is `up` from the root.
fn picture(record: &Record, up: &str) -> String {
    format!(
        "<img alt=\"The whole command by transport, the fastest first\" src=\"{up}results/{}/figures/overview.svg\" \
         width=\"520\">",
        record.name
    )
}

/// What stands in place of a table that the record does not have.
fn missing(part: &str) -> String {
    format!("(Not a part of this record: `cargo xtask record --parts {part}` adds it.)")
}

/// Where the record is, from a page that is `up` from the root.
fn source(record: &Record, up: &str) -> String {
    format!(
        "[results/{0}]({up}results/{0}) has the raw data and the report. Every figure of this page is generated from \
         it (`cargo xtask figures`).",
        record.name
    )
}

fn conditions(record: &Record) -> String {
    let matrix = &record.matrix;
    let machine = &matrix.machine;
    let host = match machine.virtual_machine {
        Some(true) => " of a virtual machine",
        _ => "",
    };
    let shared = machine
        .huge_pages
        .shmem_enabled
        .as_deref()
        .unwrap_or("unknown");
    format!(
        "All figures here: {} million records of {} bytes ({}, in the page cache) on {} processors ({}){host}, {} of memory, Linux \
         {}, huge pages for shared memory: {shared}; {}. Medians of up to {} runs.",
        matrix.dataset.records / 1_000_000,
        matrix.dataset.itemsize,
        size(matrix.dataset.bytes),
        machine.cores,
        machine.cpu,
        size(machine.memory_bytes),
        machine.kernel,
        matrix.date.chars().take(10).collect::<String>(),
        matrix.runs,
    )
}

/// The fastest row of each transport, the fastest first.
fn walls(record: &Record) -> Grid {
    let mut grid = Grid::new(
        &[
            "transport",
            "fastest configuration",
            "wall time",
            "× threads",
            "start + run",
            "load + fill",
        ],
        2,
    );
    for plain in &record.matrix.plain {
        let (name, threads) = match plain.threads {
            1 => ("none: a plain loop", "1 thread".to_owned()),
            threads => ("none: threads", format!("{threads} threads")),
        };
        if let Some(wall) = plain.wall {
            let mut row = vec![name.to_owned(), threads, seconds(wall.median)];
            row.resize(grid.head.len(), String::new());
            grid.rows.push(row);
        }
    }
    let mut best: Vec<_> = Transport::ALL
        .into_iter()
        .filter_map(|transport| record.best(transport))
        .collect();
    best.sort_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median));
    for (cell, summary) in best {
        let before = summary.load.median + summary.share.median;
        grid.rows.push(vec![
            format!("`{}`", cell.cell.transport),
            format!("{} × {}", cell.cell.start_method, cell.cell.workers),
            seconds(summary.wall.median),
            summary
                .of_threads
                .map_or_else(|| "–".to_owned(), |it| times(it.median)),
            seconds(summary.total.median),
            // Opening a file is no loading.
            if before < 0.01 * summary.wall.median {
                "–".to_owned()
            } else {
                seconds(before)
            },
        ]);
    }
    grid
}

/// The cells that the text of the findings speaks of.
fn phases(record: &Record) -> Grid {
    let head = ["", "load", "fill", "start", "run", "start + run", "wall"];
    let mut grid = Grid::new(&head, 1);
    for cell in record.cells() {
        let it = cell.cell;
        let Some(summary) = cell.summary.as_ref() else {
            continue;
        };
        if ![1, 8].contains(&it.workers) || it.start_method == StartMethod::ForkServer {
            continue;
        }
        let mut row = vec![format!(
            "`{}`, {} × {}",
            it.transport, it.start_method, it.workers
        )];
        row.extend(
            [
                summary.load,
                summary.share,
                summary.start,
                summary.run,
                summary.total,
                summary.wall,
            ]
            .map(|spread| seconds(spread.median)),
        );
        grid.rows.push(row);
    }
    grid
}

fn isolation(record: &Record) -> anyhow::Result<Grid> {
    let mut grid = Grid::new(&["job", "threads", "processes", "multiple", "by"], 1);
    for bench in &record.jobs {
        for bytes in sizes(bench) {
            let (Some(threads), Some((row, summary))) =
                (threads_of(bench, bytes), best_of_processes(bench, bytes))
            else {
                continue;
            };
            let multiple = summary.of_threads.context("multiples need threads")?;
            grid.rows.push(vec![
                format!("`{}` {}", bench.job.name, label(bytes))
                    .trim()
                    .to_owned(),
                seconds(threads.wall.median),
                seconds(summary.wall.median),
                times(multiple.median),
                row.key.to_string(),
            ]);
        }
    }
    Ok(grid)
}

fn hand_overs(bench: &Bench) -> Grid {
    let mut head = vec!["by".to_owned()];
    for bytes in sizes(bench) {
        head.extend([format!("{}, first", label(bytes)), "again".to_owned()]);
    }
    let names: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&names, 1);
    let both = |fill: f64, run: f64, again: f64| [seconds(fill + run), seconds(again)];
    let mut row = vec!["threads".to_owned()];
    for bytes in sizes(bench) {
        row.extend(
            threads_of(bench, bytes).map_or(["–".to_owned(), "–".to_owned()], |summary| {
                both(0.0, summary.run.median, summary.run_again.median)
            }),
        );
    }
    grid.rows.push(row);
    for hand_over in HandOver::ALL {
        if !bench
            .rows
            .iter()
            .any(|row| row.key.hand_over == Some(hand_over))
        {
            continue;
        }
        let mut row = vec![format!("`{hand_over}`")];
        for bytes in sizes(bench) {
            let summary = typical(bench, bytes, hand_over).and_then(|row| row.summary.as_ref());
            row.extend(summary.map_or(["–".to_owned(), "–".to_owned()], |summary| {
                both(
                    summary.fill.median,
                    summary.run.median,
                    summary.run_again.median,
                )
            }));
        }
        grid.rows.push(row);
    }
    grid
}

/// What was fastest in each situation: for one use, and for further ones beside it.
fn recommended(record: &Record) -> String {
    let all = advice::of(Some(&record.matrix), &record.jobs);
    let (mut text, head) = (String::new(), ["situation", "once", "again"]);
    let _ = writeln!(text, "| {} |\n|{}", head.join(" | "), " --- |".repeat(3));
    let situation = |it: &Advice| it.situation.split(", ").next().map(str::to_owned);
    for group in all.chunk_by(|one, other| situation(one) == situation(other)) {
        let mut row = vec![situation(&group[0]).unwrap_or_default()];
        row.extend(group.iter().map(|it| format!("{}: {}", it.choose, it.why)));
        row.resize(head.len(), String::new());
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// The code of each choice once, behind the choices that it stands for. A line like that of the one before, which
/// starts a pool, is left out.
fn code(record: &Record) -> String {
    let mut snippets: Vec<(String, Vec<String>)> = Vec::new();
    for Advice { choose, code, .. } in record.jobs.iter().flat_map(advice::of_bench) {
        match snippets.iter_mut().find(|(known, _)| *known == code) {
            Some((_, choices)) if choices.contains(&choose) => {}
            Some((_, choices)) => choices.push(choose),
            None => snippets.push((code, vec![choose])),
        }
    }
    snippets.sort_by_key(|(code, _)| code.lines().count() == 1);
    let (mut text, mut pool) = (String::from("```rust,ignore\n"), String::new());
    for (code, choices) in snippets {
        let mut lines = code.lines().peekable();
        if let Some(first) = lines.next_if(|line| line.starts_with("let mut pool"))
            && pool != first
        {
            let _ = writeln!(text, "{first}");
            pool = first.to_owned();
        }
        let _ = writeln!(text, "// {}", choices.join("; "));
        lines.for_each(|line| _ = writeln!(text, "{line}"));
    }
    text + "```\n"
}

fn break_even(record: &Record) -> Vec<String> {
    advice::break_even(Some(&record.matrix), &record.jobs)
}

fn study(record: &Record) -> String {
    let mut text =
        String::from("| total time | spawn, sent | fork, sent | spawn, shared | fork, shared |\n");
    text += "| --- | ---: | ---: | ---: | ---: |\n";
    for workers in [1, 4, 8] {
        let mut row = format!(
            "| {workers} worker{} |",
            if workers == 1 { "" } else { "s" }
        );
        for transport in [Transport::Bytes, Transport::Shm] {
            for method in [StartMethod::Spawn, StartMethod::Fork] {
                let cell = record.cell(transport, method, workers);
                let total = cell.map_or_else(|_| "–".to_owned(), |cell| seconds(cell.total.median));
                let _ = write!(row, " {total} |");
            }
        }
        let _ = writeln!(text, "{row}");
    }
    text
}

fn starts(cost: &StartCost) -> Grid {
    let mut head = vec!["memory of the parent"];
    head.extend(cost.lines.iter().map(|line| line.name));
    let mut grid = Grid::new(&head, 1);
    for parent in cost.parents() {
        let mut row = vec![binary_size(parent)];
        row.extend(cost.lines.iter().map(|line| {
            let spread = line.by(parent);
            spread.map_or_else(|| "–".to_owned(), |spread| seconds(spread.median))
        }));
        grid.rows.push(row);
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_rows() {
        let text = include_str!("../../tests/results/job-memory.json");
        let bench: Bench = serde_json::from_str(text).unwrap();
        let grid = hand_overs(&bench);
        assert_eq!(grid.head.len(), 1 + 2 * sizes(&bench).len());
        assert!(grid.rows.len() > 3);
    }
}
