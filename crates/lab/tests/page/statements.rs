//! What the page says in words, figure by figure: the same as follows from the JSON beside it.

use std::fs;

use harness::grid::{seconds, size, times};
use report::{
    Bench, BenchRow, BenchSummary, CellReport, CellSummary, HandOver, Matrix, Runner, Spread,
    StartMethod, TwoModes,
};
use scraper::{ElementRef, Html};
use tempfile::TempDir;

use crate::{fixture, page, select, texts};

fn matrix() -> Matrix {
    serde_json::from_str(&fs::read_to_string(fixture("matrix.json")).unwrap()).unwrap()
}

fn bench() -> Bench {
    serde_json::from_str(&fs::read_to_string(fixture("job-memory.json")).unwrap()).unwrap()
}

/// The page of a matrix and a job.
fn drawn(matrix: &Matrix, bench: &Bench) -> Html {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    save("matrix.json", serde_json::to_string(matrix).unwrap());
    save("job-memory.json", serde_json::to_string(bench).unwrap());
    let folder: TempDir = crate::drawn(folder);
    page(&folder, "report.html").1
}

/// What is found about something.
fn finding(html: &Html, about: &str) -> String {
    let entries: Vec<(String, String)> = html
        .select(&select(".findings div"))
        .map(|entry| {
            let text = |name| -> String {
                let inner = select(name);
                entry
                    .select(&inner)
                    .flat_map(|it: ElementRef<'_>| it.text())
                    .collect()
            };
            (text("dt"), text("dd"))
        })
        .collect();
    let mut of_it = entries.iter().filter(|(name, _)| name == about);
    let found = of_it
        .next()
        .unwrap_or_else(|| panic!("{about}: {entries:?}"));
    found.1.clone()
}

fn assert_says(text: &str, parts: &[String]) {
    for part in parts {
        assert!(text.contains(part.as_str()), "no {part:?} in {text:?}");
    }
}

fn of(cell: &CellReport) -> &CellSummary {
    cell.summary.as_ref().unwrap()
}

fn least(matrix: &Matrix, by: impl Fn(&CellSummary) -> f64) -> &CellReport {
    let cells = matrix.cells.iter();
    cells
        .min_by(|one, other| by(of(one)).total_cmp(&by(of(other))))
        .unwrap()
}

#[test]
fn findings_name_the_figures_of_the_cells_that_they_speak_of() {
    let matrix = matrix();
    let html = drawn(&matrix, &bench());
    let best = least(&matrix, |summary| summary.wall.median);
    let wall = of(best).wall.median;

    let mut walls = Vec::new();
    for other in &matrix.cells {
        let transport = other.cell.transport;
        let same = matrix.cells.iter();
        let same = same.filter(|cell| cell.cell.transport == transport);
        let fastest = same.map(|cell| of(cell).wall.median);
        let fastest = fastest.min_by(f64::total_cmp).unwrap();
        if transport != best.cell.transport {
            walls.push(format!("{transport} {}", times(fastest / wall)));
        }
    }
    assert!(!walls.is_empty());
    assert_says(&finding(&html, "By how much"), &walls);

    let shortest = of(least(&matrix, |summary| summary.total.median));
    let before = shortest.load.median + shortest.share.median;
    assert_says(
        &finding(&html, "Start and run alone"),
        &[
            seconds(shortest.total.median),
            format!("after {}", seconds(before)),
        ],
    );

    let reference = of(best).limit_multiple.unwrap();
    assert_says(
        &finding(&html, "Compared with the reference"),
        &[times(reference)],
    );

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole bytes"
    )]
    let bytes = |figure: f64| size(figure as u64);
    assert_says(
        &finding(&html, "Memory"),
        &[
            bytes(of(best).coordinator_heap_peak),
            bytes(of(best).worker_heap_peak),
            size(matrix.dataset.bytes),
        ],
    );

    let workers = matrix.cells.iter().map(|cell| cell.cell.workers).max();
    let mut starts = Vec::new();
    for method in StartMethod::ALL {
        let cells = matrix
            .cells
            .iter()
            .filter(|cell| (Some(cell.cell.workers), cell.cell.start_method) == (workers, method));
        let mut medians: Vec<f64> = cells.map(|cell| of(cell).start.median).collect();
        medians.sort_by(f64::total_cmp);
        if let (Some(least), Some(most)) = (medians.first(), medians.last()) {
            starts.push(format!("{method} {} – {}", seconds(*least), seconds(*most)));
        }
    }
    assert_says(&finding(&html, "Starting workers"), &starts);
}

#[test]
fn a_cell_with_two_modes_is_named_with_both_and_not_ranked() {
    let mut matrix = matrix();
    let cell = matrix
        .cells
        .iter_mut()
        .min_by(|one, other| of(one).wall.median.total_cmp(&of(other).wall.median))
        .unwrap();
    let name = format!("{} + {}", cell.cell.start_method, cell.cell.transport);
    let summary = cell.summary.as_mut().unwrap();
    summary.wall.n = Some(9);
    summary.modes = Some(TwoModes {
        low: 0.25,
        high: 4.5,
        in_high: 4,
    });
    let cell = cell.cell;
    let html = drawn(&matrix, &bench());
    let said = finding(&html, "Not ranked");
    let modes = "two modes: 250 ms × 5, 4.50 s × 4".to_owned();
    assert_says(&said, &[name, modes]);
    let chosen = texts(&html, ".cards .choose");
    let unwanted = format!(
        "{}, {} × {}",
        cell.transport, cell.start_method, cell.workers
    );
    assert!(!chosen.contains(&unwanted), "{chosen:?}");
}

#[test]
fn rows_below_their_reference_are_listed_with_a_cause_and_noise_is_not() {
    for (high, listed) in [(0.9, true), (1.05, false)] {
        let mut matrix = matrix();
        for cell in &mut matrix.cells {
            cell.summary.as_mut().unwrap().limit_spread = None;
        }
        let cell = &mut matrix.cells[0];
        let name = format!("{} {}", cell.cell.transport, cell.cell.start_method);
        let summary = cell.summary.as_mut().unwrap();
        summary.limit = Some("run / segment-read, 4 processes".to_owned());
        summary.limit_spread = Some(Spread {
            median: 0.8,
            min: 0.6,
            max: 1.2,
            n: Some(9),
            interval: Some([0.7, high]),
        });
        let lines = texts(&drawn(&matrix, &bench()), "#faster li");
        assert_eq!(lines.len(), usize::from(listed), "{lines:?}");
        if let [line] = &lines[..] {
            let parts = [
                "0.80 ×",
                "0.70–0.90",
                "n 9",
                "segment-read, 4 processes (run)",
            ];
            assert!(line.starts_with(&name), "{line}");
            assert_says(line, &parts.map(str::to_owned));
            let cause = line.split(". ").last().unwrap();
            assert!(cause.split_whitespace().count() > 5, "{cause}");
        }
    }
}

#[test]
fn the_warning_stands_on_pages_of_virtual_machines_alone() {
    for (virtual_machine, warned) in [(Some(true), true), (Some(false), false), (None, false)] {
        let mut matrix = matrix();
        matrix.machine.virtual_machine = virtual_machine;
        matrix.machine.governor = None;
        let warnings = texts(&drawn(&matrix, &bench()), ".warning");
        assert_eq!(warnings.len(), usize::from(warned), "{warnings:?}");
    }
}

/// The row with this name among those of the largest size.
fn row<'a>(bench: &'a Bench, name: &str) -> &'a BenchSummary {
    let largest = bench.rows.iter().map(|row| row.key.bytes).max();
    let mut rows = bench.rows.iter();
    let row = rows.find(|row| Some(row.key.bytes) == largest && row.key.to_string() == name);
    row.unwrap().summary.as_ref().unwrap()
}

#[test]
fn why_something_is_recommended_are_the_figures_of_its_row() {
    let bench = bench();
    let html = drawn(&matrix(), &bench);
    let largest = bench.rows.iter().map(|row| row.key.bytes).max();
    let threads = bench
        .rows
        .iter()
        .find(|row| Some(row.key.bytes) == largest && row.key.runner == Runner::Threads);
    let threads = threads.unwrap().summary.as_ref().unwrap();
    let mut seen = 0;
    for card in html.select(&select(".cards article")) {
        let text = |within: &str| -> String {
            let inner = select(within);
            card.select(&inner).flat_map(|it| it.text()).collect()
        };
        let (situation, chosen, all) = (text("h3"), text(".choose"), text("p"));
        if !situation.contains("in memory") {
            continue;
        }
        seen += 1;
        let summary = row(&bench, &chosen);
        let parts = if situation.ends_with("one use") {
            vec![
                seconds(summary.wall.median),
                times(summary.of_threads.unwrap().median),
            ]
        } else {
            let again = summary.run_again.median;
            vec![
                seconds(again),
                times(again / threads.run_again.median),
                format!(
                    "after {}",
                    seconds(summary.start.median + summary.fill.median)
                ),
            ]
        };
        assert_says(&all, &parts);
    }
    assert_eq!(seen, 2);
}

#[test]
fn hand_overs_by_size_are_the_first_use_and_a_further_one() {
    let bench = bench();
    let html = drawn(&matrix(), &bench);
    let mut sizes: Vec<u64> = bench.rows.iter().map(|row| row.key.bytes).collect();
    sizes.dedup();
    let lines: Vec<ElementRef<'_>> = html.select(&select("table.sizes tbody tr")).collect();
    let known = |hand_over: HandOver| {
        let mut rows = bench.rows.iter();
        rows.any(|row| row.key.hand_over == Some(hand_over))
    };
    let hand_overs: Vec<HandOver> = HandOver::ALL.into_iter().filter(|it| known(*it)).collect();
    assert_eq!(lines.len(), 1 + hand_overs.len());
    for (line, hand_over) in lines.into_iter().skip(1).zip(hand_overs) {
        let cells = select("td");
        for (cell, &bytes) in line.select(&cells).zip(&sizes) {
            let of_it =
                |row: &&BenchRow| (row.key.bytes, row.key.hand_over) == (bytes, Some(hand_over));
            let spawned = |row: &BenchRow| row.key.start_method == Some(StartMethod::Spawn);
            let rows = bench.rows.iter().filter(of_it);
            let typical = rows.max_by_key(|row| (spawned(row), row.key.workers));
            let summary = typical.unwrap().summary.as_ref().unwrap();
            let shown: String = cell.text().collect();
            let expected = format!(
                "{}again {}",
                seconds(summary.fill.median + summary.run.median),
                seconds(summary.run_again.median)
            );
            assert_eq!(shown, expected, "{hand_over} {bytes}");
        }
    }
}
