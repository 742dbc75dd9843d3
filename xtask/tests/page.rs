//! The page and the figures of a matrix that was really run: well formed, complete, and true to the
//! JSON beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use report::{CellReport, Matrix, StartMethod, Transport};
use roxmltree::Document;
use scraper::{Html, Selector};
use tempfile::TempDir;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/results")
}

/// A folder with these files of the fixture, drawn.
fn drawn(files: &[&str], change: impl FnOnce(&mut Matrix)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        fs::copy(fixture().join(file), folder.path().join(file)).unwrap();
    }
    let mut matrix = matrix();
    change(&mut matrix);
    let text = serde_json::to_string(&matrix).unwrap();
    fs::write(folder.path().join("matrix.json"), text).unwrap();
    let output = draw(folder.path());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    folder
}

fn draw(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("page")
        .arg(folder)
        .output()
        .unwrap()
}

fn matrix() -> Matrix {
    let text = fs::read_to_string(fixture().join("matrix.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn page(folder: &TempDir) -> (String, Html) {
    let text = fs::read_to_string(folder.path().join("report.html")).unwrap();
    let html = Html::parse_document(&text);
    (text, html)
}

fn figures(folder: &TempDir) -> BTreeMap<String, String> {
    fs::read_dir(folder.path().join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn select(within: &str) -> Selector {
    Selector::parse(within).unwrap()
}

const ALL: [&str; 2] = ["limits.json", "timelines.json"];

#[test]
fn the_page_is_well_formed_and_needs_no_network() {
    let broken = Html::parse_document("<!DOCTYPE html><p><b></p>");
    assert_ne!(broken.errors, Vec::<String>::new(), "the parser tells");
    let folder = drawn(&ALL, |_| ());
    let (text, html) = page(&folder);
    assert_eq!(html.errors, Vec::<String>::new(), "errors of the parser");
    for (what, attribute) in [
        ("a", "href"),
        ("img", "src"),
        ("link", "href"),
        ("script", "src"),
    ] {
        for element in html.select(&select(what)) {
            if let Some(to) = element.value().attr(attribute) {
                assert!(folder.path().join(to).is_file(), "{what} leads to {to}");
            }
        }
    }
    assert!(!text.contains("url(") && !text.contains("@import"));
    let addresses = text.matches("http").count();
    let namespaces = text.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
    assert_eq!(addresses, namespaces, "an address besides the namespaces");
}

#[test]
fn figures_are_well_formed_and_each_is_on_the_page() {
    let folder = drawn(&ALL, |_| ());
    let figures = figures(&folder);
    let names: Vec<&str> = figures.keys().map(String::as_str).collect();
    let mut expected = Vec::new();
    for transport in ["mmap", "shm"] {
        expected.extend(["total", "phases", "memory"].map(|kind| format!("{kind}-{transport}")));
        for method in ["fork", "spawn"] {
            expected.extend([1, 2].map(|n| format!("timeline-{transport}-{method}-{n}")));
        }
    }
    expected.sort();
    assert_eq!(names, expected);

    let (_, html) = page(&folder);
    assert_eq!(html.select(&select("figure > svg")).count(), names.len());
    for (name, svg) in &figures {
        let document = Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "svg", "{name}");
        let (width, height): (f64, f64) = (
            root.attribute("width").unwrap().parse().unwrap(),
            root.attribute("height").unwrap().parse().unwrap(),
        );
        for node in document.descendants() {
            for (side, most) in [("x", width), ("y", height), ("cx", width), ("cy", height)] {
                if let Some(place) = node.attribute(side) {
                    let place: f64 = place.parse().unwrap();
                    assert!((0.0..=most).contains(&place), "{name}: {side} at {place}");
                }
            }
        }
    }
}

#[test]
fn the_table_has_the_figures_of_the_json() {
    let folder = drawn(&ALL, |_| ());
    let (_, html) = page(&folder);
    let matrix = matrix();
    let heads: Vec<String> = html
        .select(&select("#results thead th"))
        .map(|head| head.text().collect())
        .collect();
    let rows: Vec<_> = html.select(&select("#results tbody tr")).collect();
    assert_eq!(rows.len(), matrix.cells.len());
    for (row, cell) in rows.iter().zip(&matrix.cells) {
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
        assert_eq!(text("workers"), cell.cell.workers.to_string());
        for (head, spread) in [
            ("wall", &summary.wall),
            ("total", &summary.total),
            ("load", &summary.load),
            ("share", &summary.share),
            ("start", &summary.start),
            ("run", &summary.run),
        ] {
            assert_eq!(value(head), Some(spread.median), "{head}");
            // What is read agrees with what is sorted by, to three digits.
            let shown = text(head);
            for figure in [spread.median, spread.min, spread.max] {
                assert!(
                    seconds_in(&shown).any(|shown| near(shown, figure)),
                    "{shown}: {figure}"
                );
            }
        }
        assert_eq!(value("speed-up"), summary.speed_up);
        assert_eq!(value("of limit"), summary.limit_multiple);
        assert_eq!(value("share of limit"), summary.share_multiple);
        assert_eq!(
            value("coordinator heap"),
            Some(summary.coordinator_heap_peak)
        );
        assert_eq!(value("worker private"), Some(summary.worker_private));
    }
}

/// The times in a text: `1.50 ms`, `0`.
fn seconds_in(text: &str) -> impl Iterator<Item = f64> {
    let spaced = text
        .replace("µs", "µs ")
        .replace("ms", "ms ")
        .replace('–', " ");
    let words: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    (0..words.len()).filter_map(move |at| {
        let figure: f64 = words[at].parse().ok()?;
        let unit = match words.get(at + 1).map(String::as_str) {
            Some("µs") => 1e-6,
            Some("ms") => 1e-3,
            _ => 1.0,
        };
        Some(figure * unit)
    })
}

fn near(shown: f64, figure: f64) -> bool {
    (shown - figure).abs() <= figure * 0.0051
}

#[test]
fn marks_stand_where_the_medians_are() {
    let folder = drawn(&ALL, |_| ());
    let matrix = matrix();
    let medians: Vec<f64> = of(&matrix, StartMethod::Fork, Transport::Shm)
        .map(|cell| cell.summary.as_ref().unwrap().total.median)
        .collect();
    let svg = &figures(&folder)["total-shm"];
    let document = Document::parse(svg).unwrap();
    // The first disc belongs to the legend, the others are fork's medians from left to right.
    let heights: Vec<f64> = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "circle")))
        .skip(1)
        .map(|disc| disc.attribute("cy").unwrap().parse().unwrap())
        .collect();
    assert_eq!(heights.len(), 2);
    // The axis' own names give its scale.
    let ticks: Vec<(f64, f64)> = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        .filter_map(|node| {
            let seconds = seconds_in(node.text()?).next()?;
            let unit = node.text()?.contains('s');
            unit.then_some((node.attribute("y")?.parse().ok()?, seconds.log10()))
        })
        .collect();
    let ((low, from), (high, to)) = (ticks[0], *ticks.last().unwrap());
    assert!((low - high).abs() > 50.0, "{ticks:?}");
    for (height, median) in heights.iter().zip(&medians) {
        let shown = from + (height - low) / (high - low) * (to - from);
        assert!(
            (shown - median.log10()).abs() < 0.02,
            "{shown} is not {median}"
        );
    }
}

fn of(
    matrix: &Matrix,
    method: StartMethod,
    transport: Transport,
) -> impl Iterator<Item = &CellReport> {
    let cells = matrix.cells.iter();
    cells.filter(move |cell| (cell.cell.start_method, cell.cell.transport) == (method, transport))
}

#[test]
fn lanes_are_those_of_the_processes() {
    let folder = drawn(&ALL, |_| ());
    for (name, svg) in figures(&folder) {
        let Some(cell) = name.strip_prefix("timeline-") else {
            continue;
        };
        let workers: usize = cell.rsplit('-').next().unwrap().parse().unwrap();
        let prefix = if cell.contains("fork") {
            "ForkProcess-"
        } else {
            "SpawnProcess-"
        };
        let document = Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document
            .descendants()
            .filter_map(|node| node.text())
            .map(str::trim)
            .collect();
        assert_eq!(
            texts.iter().filter(|text| text.starts_with(prefix)).count(),
            // A text node is the child of its element, which gives the same text.
            workers * 2,
            "{name}: {texts:?}"
        );
        assert!(texts.contains(&"computes"), "{name}");
    }
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
        let (_, html) = page(&folder);
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
    let (text, html) = page(&folder);
    assert_eq!(html.errors, Vec::<String>::new());
    assert!(text.contains("failed: exit code 1: &lt;b&gt;no room"));
    assert!(text.contains("1 failed of 8 cells"));
}

#[test]
fn an_older_folder_is_drawn_without_what_it_lacks() {
    let folder = drawn(&[], |_| ());
    let (text, _) = page(&folder);
    assert!(!text.contains("Who did what when"));
    assert!(!text.contains("What the machine can do"));
    assert!(
        figures(&folder)
            .keys()
            .all(|name| !name.starts_with("timeline-"))
    );
}

#[test]
fn a_folder_without_a_matrix_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = draw(folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no matrix.json in"));
}
