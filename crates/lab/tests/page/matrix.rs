//! The page of a matrix.

use std::fs;

use report::{CellReport, CellRun, Matrix, Transport};
use roxmltree::{Document, Node};
use scraper::{ElementRef, Html};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Scale, assert_stands_alone, assert_well_formed, elements, figures, fixture, near, number, page,
    seconds_in, select, texts, words,
};

/// A folder with these files of the fixture, drawn.
fn drawn(files: &[&str], change: impl FnOnce(&mut Matrix)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        fs::copy(fixture(file), folder.path().join(file)).unwrap();
    }
    let mut matrix = matrix();
    change(&mut matrix);
    let text = serde_json::to_string(&matrix).unwrap();
    fs::write(folder.path().join("matrix.json"), text).unwrap();
    crate::drawn(folder)
}

fn json<T: DeserializeOwned>(file: &str) -> T {
    serde_json::from_str(&fs::read_to_string(fixture(file)).unwrap()).unwrap()
}

fn matrix() -> Matrix {
    json("matrix.json")
}

const ALL: [&str; 3] = ["limits.json", "timelines.json", "cluster.json"];

#[test]
fn the_page_is_well_formed_and_needs_no_network() {
    let broken = Html::parse_document("<!DOCTYPE html><p><b></p>");
    assert_ne!(
        broken.errors,
        Vec::<String>::new(),
        "the parser reports errors"
    );
    assert_stands_alone(&drawn(&ALL, |_| ()), "report.html");
}

#[test]
fn figures_are_well_formed_and_each_is_on_the_page() {
    let folder = drawn(&ALL, |_| ());
    let figures = figures(&folder);
    let names: Vec<&str> = figures.keys().map(String::as_str).collect();
    let mut expected = vec!["overview".to_owned(), "timeline-cluster".to_owned()];
    let matrix = matrix();
    for transport in [Transport::Mmap, Transport::Shm] {
        expected.push(format!("phases-{transport}"));
        let best = best(&matrix, transport).cell;
        expected.push(format!(
            "timeline-{transport}-{}-{}",
            best.start_method, best.workers
        ));
    }
    expected.sort();
    assert_eq!(names, expected);

    let (_, html) = page(&folder, "report.html");
    assert_eq!(html.select(&select("figure > svg")).count(), names.len());
    for (name, svg) in &figures {
        assert_well_formed(name, svg);
    }
}

#[test]
fn the_table_has_the_figures_of_the_json() {
    let folder = drawn(&ALL, |_| ());
    let (_, html) = page(&folder, "report.html");
    let matrix = matrix();
    let heads: Vec<String> = html
        .select(&select("#results thead th"))
        .map(|head| head.text().collect())
        .collect();
    let rows: Vec<_> = html.select(&select("#results tbody tr")).collect();
    assert_eq!(rows.len(), matrix.cells.len());
    let mut cells: Vec<&CellReport> = matrix.cells.iter().collect();
    cells.sort_by(|one, other| median(one).total_cmp(&median(other)));
    for (row, cell) in rows.iter().zip(cells) {
        let fields: Vec<_> = row.select(&select("th, td")).collect();
        let field = |head: &str| fields[heads.iter().position(|name| name == head).unwrap()];
        let value = |head: &str| -> Option<f64> {
            field(head)
                .value()
                .attr("data-value")
                .map(|value| value.parse().unwrap())
        };
        let text = |head: &str| -> String { field(head).text().collect() };
        let summary = cell.summary.as_ref().unwrap();
        assert_eq!(text("transport"), cell.cell.transport.as_str());
        assert_eq!(text("start method"), cell.cell.start_method.as_str());
        assert_eq!(value("workers"), Some(f64::from(cell.cell.workers)));
        for (head, spread) in [
            ("wall", &summary.wall),
            ("start + run", &summary.total),
            ("load", &summary.load),
            ("fill", &summary.share),
            ("start", &summary.start),
            ("run", &summary.run),
        ] {
            assert_eq!(value(head), Some(spread.median), "{head}");
            // What is read agrees with what is sorted by, to three digits.
            let shown = text(head);
            for figure in [spread.median, spread.min, spread.max] {
                assert!(
                    // Ends stand in the median's unit, with as many decimals.
                    seconds_in(&shown).any(|shown| {
                        near(shown, figure) || (shown - figure).abs() <= spread.median * 0.0051
                    }),
                    "{shown}: {figure}"
                );
            }
        }
        assert_eq!(value("speed-up"), summary.speed_up);
        assert_eq!(value("of reference"), summary.limit_multiple);
        assert_eq!(value("fill of reference"), summary.share_multiple);
        assert_eq!(
            value("coordinator heap"),
            Some(summary.coordinator_heap_peak)
        );
        assert_eq!(value("worker private"), Some(summary.worker_private));
    }
}

#[test]
fn every_run_is_a_dot_in_its_place() {
    let folder = drawn(&ALL, |_| ());
    let (_, html) = page(&folder, "report.html");
    let matrix = matrix();
    let mut cells: Vec<&CellReport> = matrix.cells.iter().collect();
    cells.sort_by(|one, other| median(one).total_cmp(&median(other)));
    let mut dots: Vec<(f64, f64)> = Vec::new();
    for (row, cell) in html.select(&select("#results tbody tr")).zip(cells) {
        let place = |dot: ElementRef<'_>| -> (f64, f64) {
            let of = |name| dot.value().attr(name).unwrap();
            let place = of("style")
                .trim_start_matches("left:")
                .trim_end_matches('%');
            (of("data-seconds").parse().unwrap(), place.parse().unwrap())
        };
        let shown: Vec<(f64, f64)> = row.select(&select(".strip s")).map(place).collect();
        let times: Vec<f64> = shown.iter().map(|(seconds, _)| *seconds).collect();
        let walls: Vec<f64> = cell.runs.iter().map(|run| run.wall_seconds).collect();
        assert_eq!(times, walls);
        dots.extend(shown);
    }
    // All rows have one scale, which is logarithmic.
    dots.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (first, last) = (dots[0], dots[dots.len() - 1]);
    assert!(first.1 > 0.0 && last.1 < 100.0);
    for (seconds, place) in &dots {
        let part = (seconds / first.0).ln() / (last.0 / first.0).ln();
        let expected = first.1 + part * (last.1 - first.1);
        assert!(
            (place - expected).abs() < 0.02,
            "{seconds} s at {place} %, not {expected}"
        );
    }
}

fn median(cell: &CellReport) -> f64 {
    cell.summary.as_ref().unwrap().wall.median
}

/// The cell of a transport with the smallest wall time.
pub(crate) fn best(matrix: &Matrix, transport: Transport) -> &CellReport {
    let cells = matrix.cells.iter();
    cells
        .filter(|cell| cell.cell.transport == transport)
        .min_by(|one, other| median(one).total_cmp(&median(other)))
        .unwrap()
}

#[test]
fn lanes_are_those_of_the_processes() {
    let folder = drawn(&ALL, |_| ());
    for (name, svg) in figures(&folder) {
        let Some(cell) = name.strip_prefix("timeline-") else {
            continue;
        };
        if cell == "cluster" {
            continue;
        }
        let workers: usize = cell.rsplit('-').next().unwrap().parse().unwrap();
        let prefix = if cell.contains("fork") {
            "ForkProcess-"
        } else {
            "SpawnProcess-"
        };
        let document = Document::parse(&svg).unwrap();
        let words = words(&document);
        let lanes = words.iter().filter(|word| word.starts_with(prefix));
        assert_eq!(lanes.count(), workers, "{name}: {words:?}");
        assert!(words.contains(&"computes"), "{name}");
    }
}

#[test]
fn bars_of_a_lane_stand_where_its_events_are() {
    let folder = drawn(&ALL, |_| ());
    let timelines: Vec<Value> = json("timelines.json");
    let matrix = matrix();
    let cell = best(&matrix, Transport::Mmap);
    // The run that is drawn is the nearest to the median.
    let median = cell.summary.as_ref().unwrap().total.median;
    let run = cell.runs.iter().min_by(|one, other| {
        let away = |run: &CellRun| (run.seconds.total - median).abs();
        away(one).total_cmp(&away(other))
    });
    let position = run.unwrap().position;
    let timeline = timelines
        .iter()
        .find(|timeline| timeline["position"] == position)
        .unwrap();
    let figures = figures(&folder);
    let name = format!(
        "timeline-mmap-{}-{}",
        cell.cell.start_method, cell.cell.workers
    );
    let document = Document::parse(&figures[&name]).unwrap();
    let scale = Scale::of(&document, "x");
    let legend =
        elements(&document, "text").find(|node| node.text().map(str::trim) == Some("computes"));
    // The legend's mark stands beside its word; the bars of the lanes are all as high.
    let blue: Vec<Node<'_, '_>> = elements(&document, "rect")
        .filter(|bar| bar.attribute("fill") == Some("#006BA8"))
        .filter(|bar| number(*bar, "y") > number(legend.unwrap(), "y") + 9.0)
        .collect();
    let heights = blue.iter().map(|bar| number(*bar, "height"));
    let highest = heights.fold(0.0, f64::max);
    let bars: Vec<(f64, f64)> = blue
        .into_iter()
        .filter(|bar| (number(*bar, "height") - highest).abs() < 2.0)
        .map(|bar| {
            let from = number(bar, "x");
            (
                scale.linear(from),
                scale.linear(from + number(bar, "width")),
            )
        })
        .collect();
    let at = |worker: &Value, what: &str| {
        let mut events = worker["events"].as_array().unwrap().iter();
        events.find(|event| event["what"] == what).unwrap()["t"]
            .as_f64()
            .unwrap()
    };
    let computed: Vec<(f64, f64)> = timeline["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| (at(worker, "received"), at(worker, "computed")))
        .collect();
    assert_eq!(bars.len(), computed.len(), "{bars:?} {computed:?}");
    // Two pixels of the figure.
    let unit = (scale.linear(1.0) - scale.linear(0.0)) * 2.0;
    for (bar, events) in bars.iter().zip(&computed) {
        assert!((bar.0 - events.0).abs() <= unit, "{bars:?} {computed:?}");
        assert!((bar.1 - events.1).abs() <= unit, "{bars:?} {computed:?}");
    }
}

#[test]
fn at_a_glance_each_transport_shows_its_best_wall() {
    let folder = drawn(&ALL, |_| ());
    let figures = figures(&folder);
    let document = Document::parse(&figures["overview"]).unwrap();
    let words = words(&document);
    let matrix = matrix();
    let mut places = Vec::new();
    for transport in [Transport::Mmap, Transport::Shm] {
        let cells = matrix.cells.iter();
        let (cell, wall) = cells
            .filter(|cell| cell.cell.transport == transport)
            .map(|cell| (cell.cell, cell.summary.as_ref().unwrap().wall.median))
            .min_by(|(_, one), (_, other)| one.total_cmp(other))
            .unwrap();
        let name = format!("{transport}, {} × {}", cell.start_method, cell.workers);
        let row = elements(&document, "text")
            .find(|node| node.text().map(str::trim) == Some(name.as_str()));
        let row = row.unwrap_or_else(|| panic!("no {name} in {words:?}"));
        // The figure behind the bar stands in the same line as the name.
        let shown = elements(&document, "text")
            .filter(|node| (number(*node, "y") - number(row, "y")).abs() < 3.0 && *node != row)
            .find_map(|node| seconds_in(node.text()?).next())
            .unwrap();
        assert!(near(shown, wall), "{name}: {shown} is not {wall}");
        places.push((wall, number(row, "y")));
    }
    places.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert!(places[0].1 < places[1].1, "the fastest on top: {places:?}");
}

#[test]
fn the_foot_says_what_was_run() {
    let command = ["cargo", "xtask", "matrix", "--records", "1M"];
    let folder = drawn(&ALL, |matrix| {
        matrix.command = command.map(str::to_owned).into()
    });
    let (_, html) = page(&folder, "report.html");
    assert_eq!(texts(&html, "footer code"), [command.join(" ")]);
    let foot = texts(&html, "footer").concat();
    let matrix = matrix();
    for fact in [&matrix.machine.cpu, &matrix.machine.kernel, &matrix.version] {
        assert!(foot.contains(fact.as_str()), "no {fact} in {foot}");
    }
    assert!(foot.contains(&matrix.date[..10]), "{foot}");
    // A file of a version that did not keep it.
    let folder = drawn(&ALL, |matrix| matrix.command.clear());
    let (_, html) = page(&folder, "report.html");
    assert!(texts(&html, "footer").concat().contains("not kept"));
}

#[test]
fn the_words_are_computed() {
    // A cell made ten times as fast as any other is the fastest, whichever it is.
    for index in [0, 5] {
        let folder = drawn(&[], |matrix| {
            let least = matrix.cells.iter().map(wall).fold(f64::INFINITY, f64::min) / 10.0;
            let spread = &mut matrix.cells[index].summary.as_mut().unwrap().wall;
            (spread.min, spread.median, spread.max) = (least, least, least);
        });
        let (_, html) = page(&folder, "report.html");
        let said: String = html
            .select(&select(".findings dd"))
            .next()
            .unwrap()
            .text()
            .collect();
        let cell = matrix().cells[index].cell;
        let name = format!(
            "{} + {}, {} worker",
            cell.start_method, cell.transport, cell.workers
        );
        assert!(said.starts_with(&name), "{said}");
        assert!(!said.contains("do not tell it apart"), "{said}");
    }
}

fn wall(cell: &CellReport) -> f64 {
    cell.summary.as_ref().unwrap().wall.min
}

#[test]
fn a_cell_without_figures_says_why_and_is_escaped() {
    let folder = drawn(&ALL, |matrix| {
        matrix.cells[0].summary = None;
        matrix.cells[0].failed = Some("exit code 1: <b>no room</b>".to_owned());
    });
    let (text, html) = page(&folder, "report.html");
    assert_eq!(html.errors, Vec::<String>::new());
    assert!(text.contains("failed: exit code 1: &lt;b&gt;no room"));
    assert!(text.contains("1 failed of 8 cells"));
}

#[test]
fn an_older_folder_is_drawn_without_what_it_lacks() {
    let folder = drawn(&[], |_| ());
    let (text, _) = page(&folder, "report.html");
    assert!(!text.contains("Who did what when"));
    assert!(!text.contains("What the machine can do"));
    assert!(
        figures(&folder)
            .keys()
            .all(|name| !name.starts_with("timeline-"))
    );
}
