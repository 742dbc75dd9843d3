//! The pages and the figures of what was really measured: well formed, complete, and true to the JSON
//! beside them.

mod bars;
mod jobs;
mod machines;
mod matrix;
mod memory;
mod statements;
mod traits;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use roxmltree::{Document, Node};
use scraper::{Html, Selector};
use tempfile::TempDir;

/// What was measured once.
fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/results")
        .join(file)
}

fn draw(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("page")
        .arg(folder)
        .output()
        .unwrap()
}

/// Draws the folder's pages.
fn drawn(folder: TempDir) -> TempDir {
    let output = draw(folder.path());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    folder
}

#[test]
fn a_folder_with_nothing_to_draw_is_told_what_to_make() {
    let folder = tempfile::tempdir().unwrap();
    let output = draw(folder.path());
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    for word in [
        "there is no matrix.json in",
        "cargo xtask matrix",
        "coordinator traits",
    ] {
        assert!(stderr.contains(word), "no {word} in {stderr}");
    }
}

fn page(folder: &TempDir, name: &str) -> (String, Html) {
    let text = fs::read_to_string(folder.path().join(name)).unwrap();
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

/// All text of the elements that a selector finds.
fn texts(html: &Html, within: &str) -> Vec<String> {
    html.select(&select(within))
        .map(|element| element.text().collect())
        .collect()
}

/// A page without errors, whose links lead to files beside it, and which needs no network.
fn assert_stands_alone(folder: &TempDir, name: &str) {
    let (text, html) = page(folder, name);
    assert_eq!(html.errors, Vec::<String>::new(), "errors of the parser");
    for (what, attribute) in [
        ("a", "href"),
        ("img", "src"),
        ("link", "href"),
        ("script", "src"),
    ] {
        for element in html.select(&select(what)) {
            let to = element.value().attr(attribute);
            if let Some(to) = to.filter(|to| !to.starts_with('#')) {
                assert!(folder.path().join(to).is_file(), "{what} leads to {to}");
            }
        }
    }
    assert!(!text.contains("url(") && !text.contains("@import"));
    let addresses = text.matches("http").count();
    let namespaces = text.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
    assert_eq!(addresses, namespaces, "an address besides the namespaces");
}

/// A figure that a reader of XML takes, with everything within its frame.
fn assert_well_formed(name: &str, svg: &str) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "svg", "{name}");
    let (width, height) = (number(root, "width"), number(root, "height"));
    for node in document.descendants() {
        for (side, most) in [("x", width), ("y", height), ("cx", width), ("cy", height)] {
            if node.has_attribute(side) {
                let place = number(node, side);
                assert!((0.0..=most).contains(&place), "{name}: {side} at {place}");
            }
        }
    }
}

fn number(node: Node<'_, '_>, attribute: &str) -> f64 {
    node.attribute(attribute).unwrap().parse().unwrap()
}

/// Elements of that name, in the order in which they are drawn.
fn elements<'a>(document: &'a Document<'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    let found = move |node: &Node<'_, '_>| node.tag_name().name() == name;
    document.descendants().filter(found)
}

/// The texts of a figure.
fn words<'a>(document: &'a Document<'a>) -> Vec<&'a str> {
    let texts = elements(document, "text").filter_map(|node| node.text());
    texts.map(str::trim).collect()
}

/// What an axis' own names say: places along `side` with the values that they stand for.
struct Scale(Vec<(f64, f64)>);

impl Scale {
    /// Of an axis with times.
    fn of(document: &Document<'_>, side: &str) -> Scale {
        let time = |text: &str| text == "0" || text.ends_with('s');
        Scale::named(document, side, |text| {
            seconds_in(text).next().filter(|_| time(text))
        })
    }

    /// Of an axis whose names are read by a function.
    fn named(document: &Document<'_>, side: &str, read: impl Fn(&str) -> Option<f64>) -> Scale {
        let named = elements(document, "text").filter_map(|node| {
            let value = read(node.text()?.trim())?;
            Some((node, value))
        });
        let ticks: Vec<(Node<'_, '_>, f64)> = named.collect();
        // Names of one axis stand in a line, across the side along which they grow.
        let across = if side == "x" { "y" } else { "x" };
        let line = |node: &Node<'_, '_>| node.attribute(across).map(str::to_owned);
        let most = ticks
            .iter()
            .max_by_key(|(node, _)| ticks.iter().filter(|(n, _)| line(n) == line(node)).count())
            .map(|(node, _)| line(node))
            .unwrap();
        let of_axis = ticks.iter().filter(|(node, _)| line(node) == most);
        let mut places: Vec<(f64, f64)> = of_axis
            .map(|(node, seconds)| (number(*node, side), *seconds))
            .collect();
        places.sort_by(|one, other| one.1.total_cmp(&other.1));
        assert!(places.len() >= 2, "{places:?}");
        Scale(places)
    }

    /// The value at a place of a linear axis.
    fn linear(&self, place: f64) -> f64 {
        self.between(place, |seconds| seconds)
    }

    /// The decimal logarithm of the value at a place of a logarithmic axis.
    fn log(&self, place: f64) -> f64 {
        self.between(place, f64::log10)
    }

    fn between(&self, place: f64, scaled: fn(f64) -> f64) -> f64 {
        let ((low, from), (high, to)) = (self.0[0], *self.0.last().unwrap());
        let (from, to) = (scaled(from), scaled(to));
        from + (place - low) / (high - low) * (to - from)
    }
}

/// The times in a text: `1.50 ms`, `0`, `1.75 – 3.21 s`.
fn seconds_in(text: &str) -> impl Iterator<Item = f64> {
    let words: Vec<String> = text
        .replace("µs", " µs ")
        .replace("ms", " ms ")
        .replace('–', " ")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    (0..words.len()).filter_map(move |at| {
        let figure: f64 = words[at].parse().ok()?;
        let unit = words[at..].iter().find(|word| word.parse::<f64>().is_err());
        let unit = match unit.map(String::as_str) {
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
