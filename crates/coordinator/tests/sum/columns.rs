//! Columns of every kind of number, with anything beside them: the sum is that of the wanted values.

use crate::programs::sum;
use std::fs;
use std::path::Path;

/// Every start method, and every transport that takes any dataset.
pub(crate) const PAIRS: [(&str, &str); 6] = [
    ("fork", "mmap"),
    ("fork", "inherit"),
    ("fork", "bytes"),
    ("spawn", "shm"),
    ("spawn", "bytes"),
    ("forkserver", "mmap"),
];

/// Writes a dataset of these records.
pub(crate) fn dataset(path: &Path, descr: &str, records: &[Vec<u8>]) {
    let number = records.len();
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({number},), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&502u16.to_le_bytes());
    bytes.extend_from_slice(format!("{header:<501}\n").as_bytes());
    bytes.extend(records.concat());
    fs::write(path, bytes).unwrap();
}

/// The report of a run that went well.
fn report(data: &Path, method: &str, transport: &str) -> report::Sum {
    let arguments = ["--format", "json", "--workers", "2", "--batches", "3"];
    let how = ["--start-method", method, "--transport", transport];
    let ended = sum(data, &[&arguments[..], &how].concat());
    assert_eq!(
        ended.code(),
        Some(0),
        "{method} {transport}: {}",
        ended.stderr
    );
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn a_column_beside_sub_arrays_and_nested_records() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("nested.npy");
    let descr = "[('pos', '<f4', (2, 3)), ('val', '>f8'), \
                 ('meta', [('id', '<i4'), ('tags', '|S2', (3,))])]";
    let record = |number: u32| {
        let value = f64::from(number).to_be_bytes();
        [&[0xff; 24][..], &value, &[0xff; 10]].concat()
    };
    dataset(&data, descr, &(0..1000).map(record).collect::<Vec<_>>());
    for (method, transport) in PAIRS {
        let report = report(&data, method, transport);
        assert_eq!(report.result.sum, Some(499_500.0), "{method} {transport}");
        assert_eq!(report.dataset.itemsize, 42);
    }
}

/// Halves of both byte orders, aligned and packed: the smallest subnormal, the largest half, and NaN.
#[test]
fn a_column_of_half_precision() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("halves.npy");
    let halves = [0x0001u16, 0x7bff, 0x7e00, 0x3c00];
    let known = 250.0 * (2f64.powi(-24) + 65_504.0 + 1.0);
    for (descr, big, before) in [
        ("'<f2'", false, 0),
        ("'>f2'", true, 0),
        ("[('tag', '|u1'), ('val', '<f2')]", false, 1),
        ("[('tag', '<i8'), ('val', '>f2'), ('', '|V6')]", true, 8),
    ] {
        let record = |number: usize| {
            let half = halves[number % 4];
            let half = if big {
                half.to_be_bytes()
            } else {
                half.to_le_bytes()
            };
            let after = vec![0xff; if before == 8 { 6 } else { 0 }];
            [vec![0xff; before], half.to_vec(), after].concat()
        };
        dataset(&data, descr, &(0..1000).map(record).collect::<Vec<_>>());
        for (method, transport) in PAIRS {
            let result = report(&data, method, transport).result;
            let context = format!("{descr} {method} {transport}");
            assert_eq!(result.sum, Some(known), "{context}");
            assert_eq!((result.count, result.nan_count), (750, 250), "{context}");
        }
    }
}

/// Of integers whose sum no double holds, of some that one holds, and of floats.
#[test]
fn the_exact_sum_of_a_column_of_integers() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("integers.npy");
    let unsigned = |values: &[u64]| values.iter().map(|v| v.to_be_bytes().to_vec()).collect();
    let signed = |values: &[i64]| values.iter().map(|v| v.to_le_bytes().to_vec()).collect();
    /// The type, the records, the exact sum, and whether the text has a line for it.
    type Case = (&'static str, Vec<Vec<u8>>, Option<&'static str>, bool);
    let cases: [Case; 7] = [
        (
            "'<i8'",
            signed(&[1 << 53, 1]),
            Some("9007199254740993"),
            true,
        ),
        (
            "'<i8'",
            signed(&[i64::MIN, -1, 0]),
            Some("-9223372036854775809"),
            true,
        ),
        (
            "'>u8'",
            unsigned(&[u64::MAX; 5]),
            Some("92233720368547758075"),
            true,
        ),
        ("'<i8'", signed(&[3, -1]), Some("2"), false),
        ("'|b1'", vec![vec![1], vec![0], vec![7]], Some("2"), false),
        ("'<i8'", vec![], Some("0"), false),
        ("'<f8'", vec![2f64.to_le_bytes().to_vec()], None, false),
    ];
    for (descr, records, exact, in_text) in cases {
        dataset(&data, descr, &records);
        for (method, transport) in PAIRS {
            let result = report(&data, method, transport).result;
            assert_eq!(
                result.sum_int.as_deref(),
                exact,
                "{descr} {method} {transport}"
            );
        }
        let text = sum(&data, &[]).stdout;
        let said = text.lines().find_map(|line| line.strip_prefix("sum_int  "));
        assert_eq!(said, exact.filter(|_| in_text), "{text}");
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("sum      "), "{text}");
    }
}
