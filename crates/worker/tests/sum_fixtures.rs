//! Files that NumPy wrote, with the exactly rounded sums that Python's `math.fsum` gave.

use std::path::Path;

use dataset::Dataset;
use worker::sum::hex::float_hex;
use worker::sum::{Kernel, Summer, oracle};

#[test]
fn every_fixture_has_the_sum_that_fsum_gives() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dataset/tests/fixtures");
    let expected = std::fs::read(fixtures.join("expected.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&expected).unwrap();
    assert!(!expected.is_empty());
    for (name, facts) in &expected {
        let path = fixtures.join(name);
        let dataset = Dataset::open(&path).unwrap();
        let column = dataset.column(facts["field"].as_str()).unwrap();
        let file = std::fs::read(&path).unwrap();
        let records = &file[file.len() - dataset.records() as usize * column.stride..];
        // In hexadecimal: reading decimals back may be off by one unit in the last place.
        let sum = oracle::sum(records, &column).value;
        assert_eq!(float_hex(sum), facts["fsum_hex"], "{name} by the oracle");
        for kernel in Kernel::available() {
            let mut summer = Summer::with_kernel(&column, kernel).unwrap();
            summer.add(records);
            let partial = summer.finish();
            assert_eq!(
                float_hex(partial.value()),
                facts["fsum_hex"],
                "{name} on {kernel}"
            );
            assert_eq!(
                partial.count(),
                facts["count"].as_u64().unwrap(),
                "{name} on {kernel}"
            );
            assert_eq!(
                partial.nan_count(),
                facts["nan_count"].as_u64().unwrap(),
                "{name}"
            );
        }
    }
}
