//! Files that NumPy wrote, with the exactly rounded sums that Python's `math.fsum` gave.

use crate::programs::{fixture, sum};
use crate::soundness::{Asked, report_of};
use report::Sum;
use serde_json::{Map, Value};

/// What is known of the fixtures, by file name.
pub(crate) fn facts() -> Map<String, Value> {
    let text = std::fs::read(fixture("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Asserts that a report has the known answer, bit by bit.
pub(crate) fn assert_answer(report: &Sum, facts: &Value) {
    let result = &report.result;
    assert_eq!(result.sum_hex, facts["fsum_hex"]);
    assert_eq!(result.count, facts["count"].as_u64().unwrap());
    assert_eq!(result.nan_count, facts["nan_count"].as_u64().unwrap());
    let records = facts["records"].as_u64().unwrap();
    assert_eq!(result.count + result.nan_count, records);
    assert_eq!(report.dataset.records, records);
    let itemsize = facts["itemsize"].as_u64().unwrap();
    assert_eq!(report.dataset.itemsize, itemsize);
    assert_eq!(report.dataset.bytes, records * itemsize);
    assert_eq!(report.dataset.field.as_deref(), facts["field"].as_str());
    // The decimal form is for people; it may not differ by more than its last place.
    let (printed, known) = (result.sum.unwrap(), facts["fsum"].as_f64().unwrap());
    assert!((printed - known).abs() <= known.abs() * f64::EPSILON);
}

#[test]
fn every_fixture_has_the_sum_that_fsum_gives() {
    let facts = facts();
    assert!(facts.len() >= 6);
    for (name, facts) in &facts {
        for (start_method, transport) in [
            ("fork", "inherit"),
            ("spawn", "bytes"),
            ("forkserver", "shm"),
            ("fork", "mmap"),
        ] {
            let mut arguments = vec!["--start-method", start_method, "--transport", transport];
            arguments.extend(["--workers", "3", "--batches", "7", "--format", "json"]);
            arguments.extend(facts["field"].as_str().iter().flat_map(|f| ["--field", f]));
            let records = facts["records"].as_u64().unwrap();
            let asked = Asked {
                start_method,
                transport,
                workers: 3,
                batches: records.clamp(1, 7),
                repeat: 1,
            };
            let ended = sum(&fixture(name), &arguments);
            assert_answer(&report_of(&ended, asked), facts);
        }
    }
}

#[test]
fn the_text_says_the_same() {
    let arguments = ["--field", "val", "--workers", "2"];
    let ended = sum(&fixture("packed_13_bytes.npy"), &arguments);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let said = |word: &str| ended.stdout.contains(word);
    assert!(
        said("98966469.85997735 (0x1.7986f17709de7p+26)"),
        "{}",
        ended.stdout
    );
    assert!(said("9_097") && said("910"), "{}", ended.stdout);
}
