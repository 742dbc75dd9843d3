//! The client in `scripts/clients` against the real worker: the protocol can be spoken from another
//! language, with bit-identical results. Where there is no python3, it says so and passes.

use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The transports by which every dataset is summed.
const WAYS: [&str; 6] = ["bytes", "inline", "shm", "memfd", "mmap", "path"];

/// 0 + 1 + … + 9999, as Python writes it.
const SUM_OF_INDEX: &str = "0x1.7d6e7c0000000p+25";

#[test]
fn every_way_gives_numpys_sum_of_every_fixture() {
    let fixtures = root().join("crates/dataset/tests/fixtures");
    let expected = std::fs::read(fixtures.join("expected.json")).unwrap();
    let expected: serde_json::Map<String, Value> = serde_json::from_slice(&expected).unwrap();
    assert!(!expected.is_empty());
    for (name, facts) in &expected {
        let field = facts["field"].as_str();
        let Some(report) = client(&fixtures.join(name), field, &[]) else {
            return;
        };
        let sums = report["sums"].as_object().unwrap();
        for way in WAYS {
            assert!(sums.contains_key(way), "{name} was not summed by {way}");
        }
        let study = facts["itemsize"] == 24;
        assert_eq!(sums.contains_key("serde"), study, "{name} by serde");
        for (way, sum) in sums {
            assert_eq!(sum["sum_hex"], facts["fsum_hex"], "{name} by {way}");
            assert_eq!(sum["count"], facts["count"], "{name} by {way}");
            assert_eq!(sum["nan_count"], facts["nan_count"], "{name} by {way}");
        }
    }
}

#[test]
fn both_numeric_fields_of_the_sample_are_summed_alike_by_every_way() {
    for field in ["val", "index"] {
        let Some(report) = client(&sample(), Some(field), &[]) else {
            return;
        };
        let sums = report["sums"].as_object().unwrap();
        assert_eq!(sums.len(), WAYS.len() + 1, "{field}: {sums:?}");
        for (way, found) in sums {
            assert_eq!(found, &sums["bytes"], "{field} by {way}");
            let records = found["count"].as_u64().zip(found["nan_count"].as_u64());
            assert_eq!(records.map(|(count, nans)| count + nans), Some(10_000));
        }
        if field == "index" {
            assert_eq!(sums["bytes"]["sum_hex"], SUM_OF_INDEX);
        }
    }
}

#[test]
fn errors_memory_the_board_and_farewells_are_as_the_page_says() {
    let Some(report) = client(&sample(), Some("val"), &[]) else {
        return;
    };
    assert_eq!(report["tasks"][0], "nansum");
    for (name, begins) in [
        ("unknown_task", "unknown task: no task named \"nosuch\""),
        ("bad_args", "bad args: "),
        ("bad_column", "error: a value of 8 bytes at offset 16"),
        ("ragged", "bad input: input of 25 bytes"),
        ("ragged_stream", "bad input: input of 25 bytes"),
        ("no_region", "bad input: "),
        ("out_of_bounds", "bad input: "),
        ("segment_gone", "bad input: "),
        ("other_file", "bad input: "),
        ("abort", "bad input: "),
        ("initializer", "nansum: "),
    ] {
        let said = report["errors"][name].as_str().unwrap_or("nothing");
        assert!(said.starts_with(begins), "{name}: {said}");
    }
    for figure in ["heap", "heap_peak", "rss", "rss_peak", "pss", "private"] {
        let bytes = report["memory"][figure].as_u64().unwrap();
        assert!(bytes > 0, "{figure} was not measured");
    }
    assert!(report["events"].as_u64().unwrap() > 0);
    assert_eq!(report["board"], serde_json::json!([0, 2, 0]));
    assert_eq!(report["exit"], 0);
    assert_eq!(report["connected_exit"], 0);
    let refusal = &report["other_protocol"];
    assert_eq!(refusal["exit"], 1);
    let said = refusal["stderr"].as_str().unwrap();
    assert!(
        said.contains("protocol 77") && said.contains("protocol 3;"),
        "{said}"
    );
}

#[test]
fn a_forkserver_forks_one_worker_and_tells_how_it_ended() {
    let Some(report) = client(&sample(), Some("index"), &["--forkserver"]) else {
        return;
    };
    assert_eq!(report["sums"]["forkserver"]["sum_hex"], SUM_OF_INDEX);
    let ended = serde_json::json!({"same": true, "exit": 0, "signal": null, "server": 0});
    assert_eq!(report["ended"], ended);
}

/// What the example prints for a dataset; `None` where there is no Python.
fn client(data: &Path, field: Option<&str>, more: &[&str]) -> Option<Value> {
    let mut command = Command::new("python3");
    command
        .arg("-B")
        .arg(root().join("scripts/clients/example.py"))
        .arg(env!("CARGO_BIN_EXE_worker"))
        .arg(data)
        .args(more)
        .stdin(Stdio::null());
    if let Some(field) = field {
        command.args(["--field", field]);
    }
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: there is no python3 to run scripts/clients/example.py");
            return None;
        }
        output => output.unwrap(),
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", data.display());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn sample() -> PathBuf {
    root().join("data/sample.npy")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
