//! The records: the same in every version, and with the documented content.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use datagen::{BLOCK_RECORDS, EPOCH_NS, Plan, RECORD_LEN, RECORDS_MAX, STEP_NS, fill_block};
use dataset::Dataset;

/// Hashes of the bytes that another implementation (ChaCha8 in Python, the array in NumPy) gave for
/// what `records.rs` describes.
const GOLDEN_1000: u64 = 0x3cb0_a168_7568_a93c;
const GOLDEN_40000: u64 = 0xbc41_ab53_1f68_6c09;
const GOLDEN_MAX: u64 = 0x97b9_51ca_f1b3_68f0;

/// The first `records` records of seed `seed`, without a header.
fn records(seed: u64, records: usize) -> Vec<u8> {
    let mut bytes = vec![0; records * RECORD_LEN];
    for (block, out) in bytes.chunks_mut(BLOCK_RECORDS * RECORD_LEN).enumerate() {
        fill_block(seed, block as u64, out);
    }
    bytes
}

fn field(record: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(record[offset..offset + 8].try_into().unwrap())
}

/// FNV-1a of 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn the_bytes_never_change() {
    assert_eq!(
        hash(&records(42, 1_000)),
        GOLDEN_1000,
        "seed 42, 1000 records"
    );
    // Over three blocks, so over three streams of the generator.
    assert_eq!(
        hash(&records(42, 40_000)),
        GOLDEN_40000,
        "seed 42, 40_000 records"
    );
    assert_eq!(
        hash(&records(u64::MAX, 1_000)),
        GOLDEN_MAX,
        "the last seed, 1000 records"
    );
}

#[test]
fn the_sample_is_what_is_written() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.npy");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/directory/sample.npy");
    let plan = Plan {
        records: 10_000,
        seed: 42,
        out: out.clone(),
        force: false,
    };
    let written = datagen::write(&plan, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(written.bytes, fs::metadata(&out).unwrap().len());
    assert!(fs::read(&out).unwrap() == fs::read(&sample).unwrap());

    let dataset = Dataset::open(&sample).unwrap();
    assert_eq!((dataset.records(), dataset.data_offset()), (10_000, 192));
    assert!(dataset.layout().is_study());
}

#[test]
fn indices_count_and_timestamps_grow() {
    let bytes = records(7, 3 * BLOCK_RECORDS + 5);
    let mut last = None;
    for (index, record) in bytes.chunks(RECORD_LEN).enumerate() {
        assert_eq!(field(record, 0), index as u64);
        let timestamp = field(record, 8) as i64;
        assert_eq!(timestamp, EPOCH_NS + index as i64 * STEP_NS);
        assert!(last < Some(timestamp));
        last = Some(timestamp);
    }
}

#[test]
fn the_last_record_that_there_can_be_fits() {
    let block = (RECORDS_MAX - 1) / BLOCK_RECORDS as u64;
    let mut bytes = vec![0; RECORD_LEN];
    fill_block(1, block, &mut bytes);
    assert_eq!(field(&bytes, 0), block * BLOCK_RECORDS as u64);
    assert!(field(&bytes, 8) as i64 > 0);
}

#[test]
fn zero_one_and_nan_are_equally_likely() {
    const RECORDS: usize = 300_000;
    let bytes = records(1, RECORDS);
    let mut counts = [0u32; 3];
    // Where in its group of five a value stands must not matter either.
    let mut ones = [0u32; 5];
    for (index, record) in bytes.chunks(RECORD_LEN).enumerate() {
        match f64::from_bits(field(record, 16)) {
            0.0 => counts[0] += 1,
            1.0 => {
                counts[1] += 1;
                ones[index % BLOCK_RECORDS % 5] += 1;
            }
            value => {
                assert_eq!(value.to_bits(), f64::NAN.to_bits(), "NumPy's NaN");
                counts[2] += 1;
            }
        }
    }
    // Six standard deviations of a binomial distribution.
    let near =
        |count: u32, of: f64| (f64::from(count) - of / 3.0).abs() < 6.0 * (of * 2.0 / 9.0).sqrt();
    assert!(
        counts.iter().all(|count| near(*count, RECORDS as f64)),
        "{counts:?}"
    );
    assert!(
        ones.iter().all(|count| near(*count, RECORDS as f64 / 5.0)),
        "{ones:?}"
    );
}

#[test]
fn seeds_and_blocks_differ_in_values_alone() {
    let values = |bytes: &[u8]| {
        bytes
            .chunks(RECORD_LEN)
            .map(|record| field(record, 16))
            .collect::<Vec<_>>()
    };
    let (first, other) = (records(1, 1_000), records(2, 1_000));
    assert_ne!(values(&first), values(&other));
    let mut second = vec![0; 1_000 * RECORD_LEN];
    fill_block(1, 1, &mut second);
    assert_ne!(values(&first), values(&second));
}
