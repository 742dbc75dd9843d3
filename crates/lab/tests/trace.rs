//! `cargo xtask matrix --trace` with the real programs: one trace of all runs in the Trace Event
//! format, which says of 8 workers what the timelines beside the matrix say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Microseconds: what two ways of rounding, and adding a run's begin, may differ by.
const ROUNDING: f64 = 0.01;

/// Where the programs are. Testing one package alone does not build those of others.
fn programs() -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_lab")).parent().unwrap();
    let names = ["coordinator", "worker", "datagen"];
    if names.iter().any(|name| !directory.join(name).is_file()) {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--bins"]);
        for name in names {
            build.args(["--package", name]);
        }
        match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") => {}
            profile => drop(build.args(["--profile", profile.unwrap()])),
        }
        build.arg("--target-dir").arg(directory.parent().unwrap());
        assert!(build.status().unwrap().success(), "cannot build {names:?}");
    }
    directory.to_owned()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_trace_says_of_every_run_what_its_timeline_says() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.json");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.npy");
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["matrix", "--no-limits", "--runs", "1", "--workers", "8"])
        .args(["--start-methods", "fork", "--transports", "bytes,mmap"])
        .args(["--timeout", "60", "--bin-dir"])
        .arg(programs())
        .args([Path::new("--data"), &data, Path::new("--trace"), &trace])
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let trace = read(&trace);
    let timelines = read(&folder.path().join("timelines.json"));
    let timelines = timelines.as_array().unwrap();
    assert_eq!(timelines.len(), 2);

    let events = trace["traceEvents"].as_array().unwrap();
    for event in events {
        assert!(
            event["name"].is_string() && event["pid"].is_u64(),
            "{event}"
        );
        let (time, length) = (event["ts"].as_f64(), event["dur"].as_f64());
        match event["ph"].as_str().unwrap() {
            "M" => assert!(time.is_none(), "{event}"),
            "i" => assert!(time.unwrap() >= 0.0 && event["s"] == "t", "{event}"),
            "X" => assert!(time.unwrap() >= 0.0 && length.unwrap() >= 0.0, "{event}"),
            other => panic!("unexpected kind {other}: {event}"),
        }
    }
    let tracks: BTreeMap<&str, u64> = events
        .iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| {
            let name = event["args"]["name"].as_str().unwrap();
            (name, event["pid"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(tracks.len(), 2 * 9, "a track a process: {tracks:?}");
    for timeline in timelines {
        assert_same(timeline, &tracks, events);
    }
}

/// A run's events are its instants, all moved by the run's begin, and its spans lie between them.
fn assert_same(timeline: &Value, tracks: &BTreeMap<&str, u64>, events: &[Value]) {
    let run = format!("{}: ", timeline["position"]);
    let track = |process: &str| {
        let ending = format!(": {process}");
        let of_run = tracks.iter().filter(|(name, _)| name.starts_with(&run));
        let mut found = of_run.filter(|(name, _)| name.ends_with(&ending));
        *found.next().unwrap_or_else(|| panic!("{run}{process}")).1
    };
    let of_track = |pid: u64, kind: &str| -> Vec<&Value> {
        let of_it = |event: &&Value| event["pid"] == pid && event["ph"] == kind;
        events.iter().filter(of_it).collect()
    };
    let workers = timeline["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 8);
    let mut begin = None;
    for worker in workers {
        let pid = track(worker["name"].as_str().unwrap());
        let mut at = BTreeMap::new();
        let instants = of_track(pid, "i");
        let told = worker["events"].as_array().unwrap();
        assert_eq!(instants.len(), told.len(), "{worker}");
        for (instant, event) in instants.iter().zip(told) {
            assert_eq!(instant["name"], event["what"]);
            assert_eq!(instant["args"]["batch"], event["batch"], "{instant}");
            let time = instant["ts"].as_f64().unwrap();
            let moved = time - event["t"].as_f64().unwrap() * 1e6;
            let begin = *begin.get_or_insert(moved);
            assert!((moved - begin).abs() < ROUNDING, "{instant} {event}");
            at.insert(event["what"].as_str().unwrap().to_owned(), time);
        }
        let spans = of_track(pid, "X");
        for (name, from, to) in [
            ("start", "started", "ready"),
            ("compute", "received", "computed"),
        ] {
            let span = spans.iter().find(|span| span["name"] == name);
            let span = span.unwrap_or_else(|| panic!("no {name} in {spans:?}"));
            let start = span["ts"].as_f64().unwrap();
            let end = start + span["dur"].as_f64().unwrap();
            assert!((start - at[from]).abs() < ROUNDING, "{span} {at:?}");
            assert!((end - at[to]).abs() < ROUNDING, "{span} {at:?}");
        }
    }
}
