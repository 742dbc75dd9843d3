//! The lanes of a run over several machines, on the page of a matrix.

use std::fs;

use roxmltree::Document;

use crate::{elements, figures, fixture, number, page};

#[test]
fn lanes_of_a_cluster_are_grouped_by_machine() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["matrix.json", "cluster.json"] {
        fs::copy(fixture(file), folder.path().join(file)).unwrap();
    }
    let folder = crate::drawn(folder);
    let (text, _) = page(&folder, "report.html");
    assert!(text.contains("Over several machines"));
    let figures = figures(&folder);
    let document = Document::parse(&figures["timeline-cluster"]).unwrap();
    let mut lanes: Vec<(f64, &str)> = elements(&document, "text")
        .map(|node| (number(node, "y"), node.text().unwrap_or_default().trim()))
        .filter(|(_, name)| name.starts_with("machine ") || name.starts_with("SpawnProcess-"))
        .collect();
    lanes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let names: Vec<&str> = lanes.into_iter().map(|(_, name)| name).collect();
    // Ranks were dealt to the two machines in turns.
    let workers = ["SpawnProcess-1", "SpawnProcess-2"];
    let expected = [
        "machine 0, rank 0",
        "machine 0, rank 2",
        "machine 1, rank 1",
    ]
    .map(|rank| [&[rank][..], &workers].concat())
    .concat();
    assert_eq!(names, expected);
}
