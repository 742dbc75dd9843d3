//! The figures with a row for each cell: bars as long as the phases.

use std::fs;

use report::{CellReport, Matrix, Transport};
use roxmltree::{Document, Node};
use tempfile::TempDir;

use crate::{Scale, drawn, elements, figures, fixture, near, number, seconds_in};

fn matrix() -> Matrix {
    serde_json::from_str(&fs::read_to_string(fixture("matrix.json")).unwrap()).unwrap()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("matrix.json"), folder.path().join("matrix.json")).unwrap();
    drawn(folder)
}

fn of(matrix: &Matrix, transport: Transport) -> impl Iterator<Item = &CellReport> {
    let cells = matrix.cells.iter();
    cells.filter(move |cell| cell.cell.transport == transport)
}

/// Where the row of a cell stands.
fn row(document: &Document<'_>, cell: &CellReport) -> f64 {
    let name = format!("{} {}", cell.cell.start_method, cell.cell.workers);
    let named = |node: &Node<'_, '_>| node.text().map(str::trim) == Some(name.as_str());
    let mut texts = elements(document, "text");
    number(texts.find(named).expect("every cell has its row"), "y")
}

/// The bars of one colour in a row, as their ends.
fn bars<'a>(document: &'a Document<'a>, colour: &str, row: f64) -> Vec<(f64, f64)> {
    elements(document, "rect")
        .filter(|bar| bar.attribute("fill") == Some(colour))
        .filter(|bar| {
            let (top, height) = (number(*bar, "y"), number(*bar, "height"));
            (top..=top + height).contains(&row)
        })
        .map(|bar| (number(bar, "x"), number(bar, "x") + number(bar, "width")))
        .collect()
}

#[test]
fn bars_are_as_long_as_the_phases() {
    let folder = folder();
    let figures = figures(&folder);
    let matrix = matrix();
    let document = Document::parse(&figures["phases-shm"]).unwrap();
    let scale = Scale::of(&document, "x");
    let pixel = scale.linear(1.0) - scale.linear(0.0);
    for cell in of(&matrix, Transport::Shm) {
        let summary = cell.summary.as_ref().unwrap();
        let row = row(&document, cell);
        let mut from = summary.load.median;
        for (colour, phase) in [
            ("#A04F88", &summary.share),
            ("#C24E00", &summary.start),
            ("#006BA8", &summary.run),
        ] {
            let to = from + phase.median;
            let bars = bars(&document, colour, row);
            assert_eq!(bars.len(), 1, "{colour} in {:?}", cell.cell);
            for (place, seconds) in [(bars[0].0, from), (bars[0].1, to)] {
                let shown = scale.linear(place);
                let away = (shown - seconds).abs();
                assert!(away <= pixel * 1.5, "{colour}: {shown} is not {seconds}");
            }
            from = to;
        }
        // The figure behind the bar: the median of the runs' sums.
        let mut sums: Vec<f64> = cell
            .runs
            .iter()
            .map(|run| &run.seconds)
            .map(|s| s.load + s.share + s.start + s.run)
            .collect();
        sums.sort_by(f64::total_cmp);
        let middle = f64::midpoint(sums[(sums.len() - 1) / 2], sums[sums.len() / 2]);
        let behind = elements(&document, "text")
            .filter(|node| (number(*node, "y") - row).abs() < 3.0)
            .filter(|node| scale.linear(number(*node, "x")) > from)
            .find_map(|node| seconds_in(node.text()?).next())
            .unwrap();
        assert!(near(behind, middle), "{behind} is not {middle}");
    }
}
