//! The page of start methods.

use std::fs;

use report::{Pages, StartLatency, TraitCell, Traits};
use roxmltree::Document;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Scale, assert_stands_alone, assert_well_formed, drawn, elements, figures, fixture, near,
    number, page, seconds_in, select, texts, words,
};

fn traits() -> Traits<Value> {
    serde_json::from_str(&fs::read_to_string(fixture("traits.json")).unwrap()).unwrap()
}

/// The fixture's traits, changed and drawn.
fn page_of(change: impl FnOnce(&mut Traits<Value>)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut traits = traits();
    change(&mut traits);
    let text = serde_json::to_string(&traits).unwrap();
    fs::write(folder.path().join("traits.json"), text).unwrap();
    drawn(folder)
}

fn latency(cell: &TraitCell<Value>, pages: Pages) -> Vec<StartLatency> {
    let seen: Vec<StartLatency> = serde_json::from_value(cell.seen.clone().unwrap()).unwrap();
    let of_it = seen.into_iter().filter(|latency| latency.pages == pages);
    of_it.collect()
}

/// The medians that the JSON has for each line of the figure.
fn medians(traits: &Traits<Value>) -> [Vec<f64>; 4] {
    let row = traits.rows.iter().find(|row| row.claim == "start-latency");
    let cells = &row.unwrap().cells;
    [
        latency(&cells.fork, Pages::Base),
        latency(&cells.fork, Pages::Huge),
        latency(&cells.spawn, Pages::Base),
        latency(&cells.forkserver, Pages::Base),
    ]
    .map(|line| line.iter().map(|latency| latency.seconds.median).collect())
}

#[test]
fn the_page_stands_alone_and_has_every_claim() {
    let folder = page_of(|_| ());
    assert_stands_alone(&folder, "traits.html");
    let (text, html) = page(&folder, "traits.html");
    for row in traits().rows {
        let claim = texts(&html, &format!("#{}", row.claim)).concat();
        for said in [&row.title, &row.measured, &row.cells.spawn.text] {
            assert!(claim.contains(said.as_str()), "no {said} in {claim}");
        }
        assert!(claim.contains(row.verdict.as_str()), "{claim}");
        for statement in &row.statements {
            let mark = if statement.holds { "✓" } else { "✗" };
            let said = format!("{mark} {}", statement.says);
            assert!(claim.contains(&said), "no {said} in {claim}");
        }
    }
    let foot = texts(&html, "footer").concat();
    assert!(foot.contains(&traits().machine.kernel), "{foot}");
    assert_eq!(texts(&html, "footer code"), [traits().command.join(" ")]);
    assert!(!text.contains("report.html"), "there is none beside it");
}

#[test]
fn marks_of_the_start_cost_stand_where_the_medians_are() {
    let folder = page_of(|_| ());
    let svg = &figures(&folder)["start-latency"];
    assert_well_formed("start-latency", svg);
    let document = Document::parse(svg).unwrap();
    let scale = Scale::of(&document, "y");
    let [fork, ..] = medians(&traits());
    // The first disc belongs to the legend.
    let discs = elements(&document, "circle").skip(1);
    let heights: Vec<f64> = discs.map(|disc| number(disc, "cy")).collect();
    assert_eq!(heights.len(), fork.len());
    for (height, median) in heights.iter().zip(&fork) {
        let shown = scale.log(*height);
        assert!((shown - median.log10()).abs() < 0.03, "{shown}: {median}");
    }
    for line in ["fork", "fork, huge pages", "spawn", "forkserver"] {
        assert!(words(&document).contains(&line), "{line}");
    }
}

#[test]
fn the_table_has_the_starts_of_the_json() {
    let folder = page_of(|_| ());
    let (_, html) = page(&folder, "traits.html");
    let medians = medians(&traits());
    let rows: Vec<_> = html.select(&select("#starts tbody tr")).collect();
    assert_eq!(rows.len(), medians[0].len());
    for (at, row) in rows.iter().enumerate() {
        let fields: Vec<String> = row
            .select(&select("td"))
            .map(|field| field.text().collect())
            .collect();
        for (field, line) in fields.iter().zip(&medians) {
            let shown = seconds_in(field).next().unwrap();
            assert!(near(shown, line[at]), "{field}: {}", line[at]);
        }
    }
}

#[test]
fn huge_pages_that_the_kernel_did_not_give_are_no_line() {
    let folder = page_of(|traits| {
        let row = traits
            .rows
            .iter_mut()
            .find(|row| row.claim == "start-latency");
        let seen = row.unwrap().cells.fork.seen.as_mut().unwrap();
        for latency in seen.as_array_mut().unwrap() {
            latency["huge"] = 0.into();
        }
    });
    let svg = &figures(&folder)["start-latency"];
    let document = Document::parse(svg).unwrap();
    assert!(words(&document).contains(&"fork"));
    assert!(!words(&document).contains(&"fork, huge pages"));
}

#[test]
fn a_claim_that_was_not_measured_leaves_a_page_without_its_figure() {
    let folder = page_of(|traits| traits.rows.retain(|row| row.claim != "start-latency"));
    assert_stands_alone(&folder, "traits.html");
    assert!(!folder.path().join("figures/start-latency.svg").exists());
}

#[test]
fn beside_a_matrix_both_pages_are_drawn_and_the_start_cost_is_on_both() {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "matrix.json",
        "limits.json",
        "timelines.json",
        "traits.json",
    ] {
        fs::copy(fixture(file), folder.path().join(file)).unwrap();
    }
    let folder = drawn(folder);
    for name in ["report.html", "traits.html"] {
        assert_stands_alone(&folder, name);
        let (_, html) = page(&folder, name);
        let labels: Vec<&str> = html
            .select(&select("figure > svg"))
            .filter_map(|svg| svg.attr("aria-label"))
            .collect();
        assert!(labels.contains(&"Starting one child"), "{name}: {labels:?}");
    }
}
