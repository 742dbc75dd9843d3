//! `coordinator sum --trace`: the file is in the Trace Event format, and says what the JSON says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use report::{Sum, What};
use serde_json::Value;

/// Half a nanosecond, in the trace's microseconds: what two ways of rounding may differ by.
const ROUNDING: f64 = 0.0005;

/// The trace and the report of one run with 8 workers.
fn run(transport: &str) -> (Value, Sum) {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace.json");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.npy");
    // A forked worker needs no program beside the coordinator.
    let output = Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .args(["sum", "--format", "json", "--start-method", "fork"])
        .args(["--workers", "8", "--batches", "20", "--timeout", "60"])
        .args(["--transport", transport, "--trace"])
        .args([&trace, &data])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let text = std::fs::read_to_string(trace).unwrap();
    let sum = serde_json::from_slice(&output.stdout).unwrap();
    (serde_json::from_str(&text).unwrap(), sum)
}

fn events(trace: &Value) -> &Vec<Value> {
    trace["traceEvents"].as_array().unwrap()
}

fn of_phase<'a>(trace: &'a Value, phase: &str) -> Vec<&'a Value> {
    events(trace).iter().filter(|e| e["ph"] == phase).collect()
}

#[test]
fn every_event_has_what_its_kind_needs() {
    let (trace, sum) = run("mmap");
    assert_eq!(trace["displayTimeUnit"], "ms");
    for event in events(&trace) {
        assert!(event["name"].is_string(), "{event}");
        assert!(
            event["pid"].is_u64() && event["pid"] == event["tid"],
            "{event}"
        );
        assert!(event["args"].is_object(), "{event}");
        match event["ph"].as_str().unwrap() {
            "M" => assert!(event.get("ts").is_none(), "{event}"),
            "i" => assert!(
                event["ts"].as_f64().unwrap() >= 0.0 && event["s"] == "t",
                "{event}"
            ),
            "X" => {
                assert!(event["ts"].as_f64().unwrap() >= 0.0, "{event}");
                assert!(event["dur"].as_f64().unwrap() >= 0.0, "{event}");
            }
            other => panic!("unexpected kind {other}: {event}"),
        }
    }
    let names: BTreeMap<u64, &str> = of_phase(&trace, "M")
        .into_iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| {
            (
                event["pid"].as_u64().unwrap(),
                event["args"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    let mut expected = BTreeMap::from([(u64::from(sum.coordinator.pid), "MainProcess")]);
    expected.extend(
        sum.workers
            .iter()
            .map(|w| (u64::from(w.pid), w.name.as_str())),
    );
    assert_eq!(expected.len(), 9);
    assert_eq!(names, expected);
}

#[test]
fn instants_are_the_events_of_the_report() {
    for transport in ["bytes", "shm"] {
        let (trace, sum) = run(transport);
        let mut instants: Vec<(u64, String, f64, Option<u64>)> = of_phase(&trace, "i")
            .into_iter()
            .map(|event| {
                (
                    event["pid"].as_u64().unwrap(),
                    event["name"].as_str().unwrap().to_owned(),
                    event["ts"].as_f64().unwrap(),
                    event["args"]["batch"].as_u64(),
                )
            })
            .collect();
        let processes = sum
            .workers
            .iter()
            .map(|worker| (worker.pid, &worker.events))
            .chain([(sum.coordinator.pid, &sum.coordinator.events)]);
        for (pid, events) in processes {
            for event in events {
                let what = serde_json::to_value(event.what).unwrap();
                let found = instants.iter().position(|(id, name, at, batch)| {
                    *id == u64::from(pid)
                        && what == name.as_str()
                        && *batch == event.batch
                        && (at - event.t * 1e6).abs() < ROUNDING
                });
                instants.remove(found.unwrap_or_else(|| panic!("{pid}: no {event:?}")));
            }
        }
        assert_eq!(instants, [], "instants that are no events");
    }
}

#[test]
fn spans_lie_between_the_events_of_the_report() {
    let (trace, sum) = run("shm");
    for worker in &sum.workers {
        for end in &worker.events {
            let (name, begin) = match end.what {
                What::Ready => ("start", What::Started),
                What::Computed => ("compute", What::Received),
                _ => continue,
            };
            let begin = worker
                .events
                .iter()
                .find(|event| event.what == begin && event.batch == end.batch)
                .unwrap();
            let span = of_phase(&trace, "X").into_iter().find(|span| {
                span["pid"] == worker.pid
                    && span["name"] == name
                    && span["args"]["batch"].as_u64() == end.batch
            });
            let span = span.unwrap_or_else(|| panic!("{}: no {name} to {end:?}", worker.name));
            let (ts, dur) = (span["ts"].as_f64().unwrap(), span["dur"].as_f64().unwrap());
            assert!((ts - begin.t * 1e6).abs() < ROUNDING, "{span}");
            assert!((ts + dur - end.t * 1e6).abs() < ROUNDING, "{span}");
        }
    }
    let computed = of_phase(&trace, "X").into_iter();
    assert_eq!(
        computed.filter(|span| span["name"] == "compute").count(),
        20
    );

    // The coordinator's phases are as long as it says.
    for (name, length) in [("start", sum.seconds.start), ("run", sum.seconds.run)] {
        let span = of_phase(&trace, "X").into_iter().find(|span| {
            span["pid"] == sum.coordinator.pid && span["cat"] == "phase" && span["name"] == name
        });
        let dur = span.unwrap()["dur"].as_f64().unwrap();
        assert!((dur - length * 1e6).abs() < ROUNDING, "{name}");
    }
}

#[test]
fn spans_of_one_track_contain_each_other_or_are_apart() {
    let (trace, sum) = run("bytes");
    for pid in sum.workers.iter().map(|worker| worker.pid) {
        let mut spans: Vec<(f64, f64)> = of_phase(&trace, "X")
            .into_iter()
            .filter(|span| span["pid"] == pid)
            .map(|span| (span["ts"].as_f64().unwrap(), span["dur"].as_f64().unwrap()))
            .map(|(ts, dur)| (ts, ts + dur))
            .collect();
        spans.sort_by(|one, other| one.0.total_cmp(&other.0));
        for pair in spans.windows(2) {
            let ((_, end), (begin, inner_end)) = (pair[0], pair[1]);
            assert!(
                begin >= end - ROUNDING || inner_end <= end + ROUNDING,
                "{pid}: {pair:?}"
            );
        }
    }
}

#[test]
fn a_trace_that_cannot_be_written_is_told_and_prints_no_result() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.npy");
    let output = Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .args(["sum", "--format", "json", "--trace", "/nowhere/trace.json"])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("--trace: cannot write /nowhere/trace.json; name a file"),
        "{stderr}"
    );
}

/// Runs a sum of the sample in `directory`, which writes its trace to `path` there.
fn traced(directory: &Path, path: &str) -> std::process::Output {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.npy");
    let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
    command.args(["sum", "--format", "json", "--quiet", "--trace", path]);
    command
        .arg(data.canonicalize().unwrap())
        .current_dir(directory);
    command.output().unwrap()
}

fn assert_traced(output: &std::process::Output, trace: &[u8]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    serde_json::from_slice::<Sum>(&output.stdout).unwrap();
    let trace: Value = serde_json::from_slice(trace).unwrap();
    assert!(trace["traceEvents"].is_array());
}

/// A file that cannot be replaced is written in place: the name leaves no room for a longer one.
#[test]
fn a_trace_of_the_longest_name_is_written_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let longest = "t".repeat(255);
    let output = traced(directory.path(), &longest);
    assert_traced(
        &output,
        &std::fs::read(directory.path().join(&longest)).unwrap(),
    );
    let names = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(names, 1, "and nothing is left beside it");
}

/// As a container has a single file of its host: it can be written to, and neither removed nor replaced.
#[test]
fn a_trace_onto_a_mount_of_a_single_file_is_written_in_place() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["host.json", "trace.json"] {
        std::fs::write(directory.path().join(name), "old").unwrap();
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.npy");
    let mut command = Command::new("unshare");
    let script = "mount --bind host.json trace.json || exit 77; exec \"$0\" \"$@\"";
    command.args([
        "--mount",
        "sh",
        "-c",
        script,
        env!("CARGO_BIN_EXE_coordinator"),
    ]);
    command.args([
        "sum",
        "--format",
        "json",
        "--quiet",
        "--trace",
        "trace.json",
    ]);
    command
        .arg(data.canonicalize().unwrap())
        .current_dir(directory.path());
    let Ok(output) = command.output() else {
        eprintln!(
            "skipped: a_trace_onto_a_mount_of_a_single_file_is_written_in_place needs unshare"
        );
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || stderr.starts_with("unshare: ") {
        eprintln!(
            "skipped: a_trace_onto_a_mount_of_a_single_file_is_written_in_place may not mount: {stderr}"
        );
        return;
    }
    let host = std::fs::read(directory.path().join("host.json")).unwrap();
    assert_traced(&output, &host);
    assert_eq!(
        std::fs::read(directory.path().join("trace.json")).unwrap(),
        b"old"
    );
}

/// A trace that fails at the end, as on a full disk, loses no result.
#[test]
fn a_trace_that_cannot_be_written_at_the_end_loses_no_result() {
    let directory = tempfile::tempdir().unwrap();
    let output = traced(directory.path(), "/dev/full");
    assert_eq!(output.status.code(), Some(1));
    serde_json::from_slice::<Sum>(&output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("cannot write /dev/full (see --trace): No space left"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
