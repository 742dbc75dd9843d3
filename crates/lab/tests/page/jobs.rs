//! The page of a job: what it says is what the JSON beside it has.

use std::fs;

use report::{Bench, BenchRow, HandOver, Runner};
use roxmltree::Document;
use scraper::{ElementRef, Html};
use tempfile::TempDir;

use crate::{
    Scale, assert_stands_alone, assert_well_formed, elements, figures, fixture, near, number, page,
    seconds_in, select, texts, words,
};

fn bench() -> Bench {
    serde_json::from_str(&fs::read_to_string(fixture("job-memory.json")).unwrap()).unwrap()
}

/// A folder with the job, changed, and drawn.
fn drawn(change: impl FnOnce(&mut Bench)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench();
    change(&mut bench);
    let text = serde_json::to_string(&bench).unwrap();
    fs::write(folder.path().join("job-memory.json"), text).unwrap();
    crate::drawn(folder)
}

fn html(folder: &TempDir) -> Html {
    page(folder, "report.html").1
}

fn value(cell: ElementRef<'_>) -> Option<f64> {
    Some(cell.value().attr("data-value")?.parse().unwrap())
}

#[test]
fn a_job_alone_makes_a_report() {
    let folder = drawn(|_| ());
    assert_stands_alone(&folder, "report.html");
    let html = html(&folder);
    let heads = texts(&html, "h2");
    for head in [
        "What to choose",
        "What isolation costs",
        "Job: memory",
        "Glossary",
    ] {
        assert!(heads.iter().any(|known| known == head), "{head}: {heads:?}");
    }
}

#[test]
fn rows_have_the_figures_of_the_json_and_every_run() {
    let folder = drawn(|_| ());
    let html = html(&folder);
    let bench = bench();
    let mut rows = 0;
    for table in html.select(&select("table.job")) {
        let bytes: u64 = table.value().attr("data-bytes").unwrap().parse().unwrap();
        for line in table.select(&select("tbody tr")) {
            let name: String = line.select(&select("th")).next().unwrap().text().collect();
            let same = |row: &&BenchRow| row.key.bytes == bytes && row.key.to_string() == name;
            let row = bench.rows.iter().find(same).unwrap();
            let summary = row.summary.as_ref().unwrap();
            let cells: Vec<ElementRef<'_>> = line.select(&select("td")).collect();
            let medians: Vec<Option<f64>> = cells[1..].iter().map(|cell| value(*cell)).collect();
            let expected = [
                Some(summary.wall.median),
                summary.of_threads.map(|spread| spread.median),
                Some(summary.start.median),
                Some(summary.fill.median),
                Some(summary.run.median),
                Some(summary.stop.median),
                Some(summary.fill_reused.median),
                Some(summary.run_again.median),
            ];
            assert_eq!(medians, expected, "{name}");
            let dots: Vec<f64> = line
                .select(&select(".strip s"))
                .map(|dot| dot.value().attr("data-seconds").unwrap().parse().unwrap())
                .collect();
            let walls: Vec<f64> = row.runs.iter().map(|run| run.wall_seconds).collect();
            assert_eq!(dots, walls, "{name}");
            rows += 1;
        }
    }
    assert_eq!(rows, bench.rows.len());
}

#[test]
fn what_isolation_costs_is_the_fastest_process_over_threads() {
    let folder = drawn(|_| ());
    let html = html(&folder);
    let bench = bench();
    let lines: Vec<ElementRef<'_>> = html.select(&select("#isolation tbody tr")).collect();
    let mut sizes: Vec<u64> = bench.rows.iter().map(|row| row.key.bytes).collect();
    sizes.dedup();
    assert_eq!(lines.len(), sizes.len());
    for (line, bytes) in lines.into_iter().zip(sizes) {
        let of_size = || bench.rows.iter().filter(move |row| row.key.bytes == bytes);
        let wall = |row: &BenchRow| row.summary.as_ref().unwrap().wall.median;
        let threads = of_size()
            .find(|row| row.key.runner == Runner::Threads)
            .unwrap();
        let best = of_size()
            .filter(|row| row.key.runner == Runner::Processes)
            .filter(|row| row.summary.as_ref().unwrap().modes.is_none())
            .min_by(|one, other| wall(one).total_cmp(&wall(other)))
            .unwrap();
        let cells: Vec<Option<f64>> = line.select(&select("td")).map(value).collect();
        let multiple = best.summary.as_ref().unwrap().of_threads.unwrap().median;
        assert_eq!(
            cells,
            [Some(wall(threads)), Some(wall(best)), Some(multiple)]
        );
        let text: String = line.text().collect();
        assert!(text.contains(&best.key.to_string()), "{text}");
    }
}

#[test]
fn the_recommendation_follows_the_data() {
    // A row made a hundred times as fast as any other is recommended, whichever it is.
    for hand_over in [HandOver::Bytes, HandOver::File] {
        let folder = drawn(|bench| {
            let largest = bench.rows.iter().map(|row| row.key.bytes).max().unwrap();
            let row = bench
                .rows
                .iter_mut()
                .find(|row| row.key.bytes == largest && row.key.hand_over == Some(hand_over));
            let summary = row.unwrap().summary.as_mut().unwrap();
            summary.wall = summary.wall.scaled(1e-6);
            summary.modes = None;
        });
        let html = html(&folder);
        let first = html.select(&select(".cards article")).next().unwrap();
        let chosen = first.select(&select(".choose")).next().unwrap();
        let chosen: String = chosen.text().collect();
        assert!(chosen.starts_with(hand_over.as_str()), "{chosen}");
        let code: String = first
            .select(&select("code"))
            .next()
            .unwrap()
            .text()
            .collect();
        assert!(
            code.contains("Pool::builder()") && code.contains("pool.map"),
            "{code}"
        );
    }
}

#[test]
fn fresh_and_reused_memory_are_rows_of_their_own() {
    let folder = drawn(|_| ());
    let html = html(&folder);
    let lines: Vec<ElementRef<'_>> = html.select(&select("#memory tbody tr")).collect();
    assert!(!lines.is_empty() && lines.len().is_multiple_of(2));
    for pair in lines.chunks(2) {
        let fresh: String = pair[0].text().collect();
        let reused: String = pair[1].text().collect();
        assert!(fresh.contains("fresh") && reused.contains("reused"));
        for (line, text) in pair.iter().zip([&fresh, &reused]) {
            let fill = line.select(&select("td")).next().unwrap();
            let shown = seconds_in(text.rsplit("fresh").next().unwrap()).next();
            let shown = shown.or_else(|| seconds_in(text).next());
            let known = value(fill).unwrap();
            let head: String = fill.text().next().unwrap().to_owned();
            assert!(
                shown.is_some() && near(seconds_in(&head).next().unwrap(), known),
                "{text}"
            );
        }
    }
}

/// What a number of uses by a row costs: the whole of one, and a further run for each other.
fn cost(bench: &Bench, bytes: u64, hand_over: HandOver, uses: f64) -> f64 {
    let rows = bench.rows.iter();
    let of_it = rows.filter(|row| row.key.bytes == bytes && row.key.hand_over == Some(hand_over));
    let method = |row: &BenchRow| row.key.start_method == Some(report::StartMethod::Spawn);
    let row = of_it
        .max_by_key(|row| (method(row), row.key.workers))
        .unwrap();
    let summary = row.summary.as_ref().unwrap();
    summary.wall.median + (uses - 1.0) * summary.run_again.median
}

/// Gives one row of a size a cost.
fn set(bench: &mut Bench, bytes: u64, hand_over: HandOver, one: f64, further: f64) {
    for row in &mut bench.rows {
        if row.key.bytes == bytes && row.key.hand_over == Some(hand_over) {
            let summary = row.summary.as_mut().unwrap();
            summary.wall.median = one;
            summary.run_again.median = further;
        }
    }
}

#[test]
fn break_even_points_are_where_the_costs_of_the_json_meet() {
    let largest = bench().rows.iter().map(|row| row.key.bytes).max().unwrap();
    for (one, further, said) in [
        (3.0, 0.25, "from use 4 on"),
        (0.5, 0.25, "from the first use on"),
        (3.0, 1.5, "however often"),
        (0.5, 2.0, "for fewer than"),
    ] {
        let change = |bench: &mut Bench| {
            set(bench, largest, HandOver::Bytes, 1.0, 1.0);
            set(bench, largest, HandOver::Array, one, further);
        };
        let folder = drawn(change);
        let points = texts(&html(&folder), "#break-even li");
        let size = format!("{} MiB in memory: shared memory", largest >> 20);
        let mut named = points.iter().filter(|line| line.contains(&size));
        let line = named.next().unwrap_or_else(|| panic!("{size}: {points:?}"));
        assert!(line.contains(said), "{line}");
        // What the sentence says is so, by the figures beside the page.
        let mut bench = bench();
        change(&mut bench);
        let gained = |uses| {
            cost(&bench, largest, HandOver::Bytes, uses)
                - cost(&bench, largest, HandOver::Array, uses)
        };
        match said {
            "from use 4 on" => assert!(gained(3.0) <= 0.0 && gained(4.0) > 0.0),
            "from the first use on" => assert!(gained(1.0) > 0.0 && gained(1e6) > 0.0),
            "however often" => assert!(gained(1.0) < 0.0 && gained(1e6) < 0.0),
            _ => assert!(gained(1.0) > 0.0 && gained(1e6) < 0.0),
        }
    }
}

/// A timeline of two workers, of whom one computes twice as long.
const TIMELINE: &str = r#"[{"bytes": 268435456, "runner": "processes", "hand_over": "array", "workers": 2,
    "start_method": "spawn", "caller": [
        {"what": "start", "from": 0.0, "to": 0.2}, {"what": "fill", "from": 0.2, "to": 0.3},
        {"what": "run", "from": 0.3, "to": 0.9}, {"what": "stop", "from": 0.9, "to": 1.0}],
    "lanes": [
        {"name": "SpawnProcess-1", "started": 0.05, "ready": 0.15, "ended": 0.95,
            "busy": [{"from": 0.3, "to": 0.7, "tasks": 1}]},
        {"name": "SpawnProcess-2", "started": 0.05, "ready": 0.2, "ended": 0.95,
            "busy": [{"from": 0.3, "to": 0.5, "tasks": 2}]}]}]"#;

#[test]
fn a_lane_of_each_worker_shows_when_it_had_tasks() {
    let folder = drawn(|_| ());
    assert!(!page(&folder, "report.html").0.contains("Who did what when"));
    fs::write(folder.path().join("timelines-job-memory.json"), TIMELINE).unwrap();
    let folder = crate::drawn(folder);
    assert!(page(&folder, "report.html").0.contains("Who did what when"));
    let svg = &figures(&folder)["timeline-job-memory-array"];
    assert_well_formed("timeline-job-memory-array", svg);
    let document = Document::parse(svg).unwrap();
    let named = words(&document);
    for name in ["caller", "SpawnProcess-1", "SpawnProcess-2", "has a task"] {
        assert!(named.contains(&name), "{name}: {named:?}");
    }
    let scale = Scale::of(&document, "x");
    let legend = elements(&document, "text")
        .find(|node| node.text().map(str::trim) == Some("has a task"))
        .unwrap();
    let bars: Vec<(f64, f64)> = elements(&document, "rect")
        .filter(|bar| bar.attribute("fill") == Some("#006BA8"))
        .filter(|bar| number(*bar, "y") > number(legend, "y") + 9.0)
        .map(|bar| {
            let from = number(bar, "x");
            (
                scale.linear(from),
                scale.linear(from + number(bar, "width")),
            )
        })
        .collect();
    assert_eq!(bars.len(), 2, "{bars:?}");
    for ((from, to), expected) in bars.into_iter().zip([(0.3, 0.7), (0.3, 0.5)]) {
        assert!((from - expected.0).abs() < 0.02, "{from}");
        assert!((to - expected.1).abs() < 0.02, "{to}");
    }
}

#[test]
fn a_row_that_failed_says_why() {
    let folder = drawn(|bench| {
        let row = bench.rows.last_mut().unwrap();
        row.summary = None;
        row.failed = Some("exit code 1: <no room>".to_owned());
    });
    let (text, html) = page(&folder, "report.html");
    assert_eq!(html.errors, Vec::<String>::new());
    assert!(text.contains("failed: exit code 1: &lt;no room&gt;"));
}
