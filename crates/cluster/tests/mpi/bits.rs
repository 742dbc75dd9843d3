//! Bit-identical results for any number of ranks, workers, shards and batches.

use crate::data::{Joined, nasty, write};
use crate::run::{cluster_report, coordinator};

#[test]
fn shards_give_the_bits_of_the_joined_file_with_any_number_of_ranks() {
    let joined = Joined::new(&nasty(40_000));
    let expected = coordinator(&joined.whole).result;
    assert!(expected.nan_count > 0);
    for ranks in [1, 2, 4, 16] {
        let report = cluster_report(ranks, &[&joined.shards(), "--workers", "1"]);
        assert_eq!(report.result, expected, "{ranks} ranks");
        assert_eq!(report.dataset.shards, Some(16));
        assert_eq!(report.ranks.len(), ranks as usize);
    }
}

#[test]
fn one_file_in_ranges_does_too_by_every_transport_and_start_method() {
    let joined = Joined::new(&nasty(20_000));
    let expected = coordinator(&joined.whole).result;
    let whole = joined.whole.to_str().unwrap();
    for transport in ["mmap", "shm", "bytes"] {
        for method in ["spawn", "forkserver"] {
            let axes = ["--transport", transport, "--start-method", method];
            let args = [&[whole, "--workers", "2", "--step", "3k"][..], &axes].concat();
            let report = cluster_report(3, &args);
            assert_eq!(report.result, expected, "{method} {transport}");
            let records = report.ranks.iter().map(|rank| rank.records);
            assert_eq!(records.sum::<u64>(), report.dataset.records);
        }
    }
}

#[test]
fn infinities_of_two_ranks_meet() {
    let dir = tempfile::tempdir().unwrap();
    let values = [f64::INFINITY, 1.0, 2.0, f64::NEG_INFINITY];
    let path = dir.path().join("infinite.npy");
    write(&path, &values);
    let report = cluster_report(2, &[path.to_str().unwrap()]);
    assert_eq!(report.result.sum_hex, "nan");
    assert_eq!(report.result, coordinator(&path).result);
}

#[test]
fn more_ranks_than_records_and_none_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("short.npy");
    for values in [&[0.5, 0.25][..], &[]] {
        write(&path, values);
        let report = cluster_report(4, &[path.to_str().unwrap()]);
        assert_eq!(report.result, coordinator(&path).result, "{values:?}");
    }
}
