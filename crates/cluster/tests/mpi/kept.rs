//! A checkpoint is used by the job that it belongs to, and by no other.

use crate::data::{Joined, nasty, write};
use crate::run::{cluster, cluster_report, complaints, coordinator, finish, words};
use std::fs;

#[test]
fn what_is_done_is_not_done_again() {
    let joined = Joined::new(&nasty(10_000));
    let expected = coordinator(&joined.whole).result;
    let (shards, kept) = (joined.shards(), joined.path("kept"));
    let args = [shards.as_str(), "--checkpoint", &kept];
    for (ranks, records) in [(2, true), (4, false), (1, false)] {
        let report = cluster_report(ranks, &args);
        assert_eq!(report.result, expected);
        assert_eq!(report.ranks.iter().any(|rank| rank.records > 0), records);
    }
}

#[test]
fn a_dataset_that_was_changed_is_refused() {
    let joined = Joined::new(&nasty(10_000));
    let (shards, kept) = (joined.shards(), joined.path("kept"));
    cluster_report(2, &[&shards, "--checkpoint", &kept]);
    write(joined.path("shard-03.npy").as_ref(), &[1.0; 100]);
    let mut again = cluster(2);
    again.args([&shards, "--checkpoint", &kept]);
    let output = finish(again);
    assert_eq!(output.status.code(), Some(1));
    let complaints = complaints(&output);
    assert_eq!(complaints.len(), 1, "{}", words(&output));
    assert!(
        complaints[0].contains("shard-03.npy was changed"),
        "{complaints:?}"
    );

    // Without it, everything is computed anew.
    fs::remove_dir_all(&kept).unwrap();
    cluster_report(2, &[&shards, "--checkpoint", &kept]);
}
