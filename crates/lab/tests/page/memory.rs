//! Fresh and reused memory of the sum: what was measured of both, or that it was not.

use std::fs;

use report::{Matrix, Spread, Transport};
use scraper::ElementRef;
use tempfile::TempDir;

use crate::matrix::best;
use crate::{fixture, page, select};

fn matrix() -> Matrix {
    serde_json::from_str(&fs::read_to_string(fixture("matrix.json")).unwrap()).unwrap()
}

/// A folder with the matrix, changed, and drawn.
fn drawn(change: impl FnOnce(&mut Matrix)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = matrix();
    change(&mut matrix);
    let text = serde_json::to_string(&matrix).unwrap();
    fs::write(folder.path().join("matrix.json"), text).unwrap();
    crate::drawn(folder)
}

#[test]
fn fresh_and_reused_memory_of_the_sum_are_rows_of_their_own() {
    let lines = |folder: &TempDir| -> Vec<(String, Vec<Option<f64>>)> {
        let (_, html) = page(folder, "report.html");
        let row = |line: ElementRef<'_>| {
            let value =
                |cell: ElementRef<'_>| Some(cell.value().attr("data-value")?.parse().unwrap());
            let head = select("th");
            let heads = line.select(&head).flat_map(|head| head.text());
            let cells = line.select(&select("td")).map(value).collect();
            (heads.collect::<Vec<&str>>().join(" "), cells)
        };
        html.select(&select("#reuse tbody tr")).map(row).collect()
    };
    // Without a second sum: what was measured is said to be fresh, and that nothing else was measured.
    let folder = drawn(|_| ());
    let fresh = lines(&folder);
    assert_eq!(fresh.len(), 2, "{fresh:?}");
    for (transport, (name, values)) in [Transport::Shm, Transport::Mmap].iter().zip(&fresh) {
        let matrix = matrix();
        let summary = best(&matrix, *transport).summary.as_ref().unwrap();
        assert!(
            name.starts_with(transport.as_str()) && name.ends_with("fresh"),
            "{name}"
        );
        let filled = summary.load.median + summary.share.median;
        assert_eq!(values[..], [Some(filled), Some(summary.run.median)]);
    }
    assert!(
        page(&folder, "report.html")
            .0
            .contains("not measured in this record")
    );

    let folder = drawn(|matrix| {
        let cell = best(matrix, Transport::Shm).cell;
        matrix.reuse = vec![report::Reuse {
            cell,
            runs: Vec::new(),
            first: Some(Spread::of(0.5, 0.4, 0.6)),
            again: Some(Spread::of(0.25, 0.2, 0.3)),
            failed: None,
        }];
    });
    let both = lines(&folder);
    assert_eq!(both.len(), 3, "{both:?}");
    assert!(both[0].0.ends_with("fresh") && both[1].0.ends_with("reused"));
    assert_eq!((both[0].1[1], both[1].1[1]), (Some(0.5), Some(0.25)));
    assert!(
        !page(&folder, "report.html")
            .0
            .contains("not measured in this record")
    );
}
