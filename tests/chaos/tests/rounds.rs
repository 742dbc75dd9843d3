//! Chaos over programs that a shell script simulates: every violation of a guarantee is detected, and
//! none is reported where all are kept.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use report::Chaos;

/// While the stage is set up, every program works. In a round it does what the test is about.
const PROGRAM: &str = r#"#!/bin/sh
json() { sed "s/0x1.0000000000000p+1/$1/; s/\"sum\": *2\.0/\"sum\": $2/" "$ANSWER"; }
case "$*" in
    *other.npy*) json 0x1.8000000000000p+1 3.0; exit 0 ;;
esac
if [ "${HANDOFF_FAULTS-peace}" = peace ]; then json 0x1.0000000000000p+1 2.0; exit 0; fi
case "$PLAY" in
    hang) sleep 600 ;;
    panic) echo "thread 'main' panicked at main.rs:1" >&2; exit 101 ;;
    orphan) sleep 600 >/dev/null 2>&1 & ;;
    segment) echo > "/dev/shm/handoff-$$-that-no-other-start-removes" ;;
    file) echo > left ;;
    unprovoked) echo "error: no luck today" >&2; exit 1 ;;
    unclear) exit 7 ;;
    lie) json 0x1.4000000000000p+1 2.5; exit 0 ;;
esac
case "$0 $*" in
    *mixed-load*) echo "right 1 failed 0" ;;
    *json*) json 0x1.0000000000000p+1 2.0 ;;
    *) printf 'sum      2 (0x1.0000000000000p+1)\ncount    %s\nnan      %s\n' $COUNTS ;;
esac
"#;

/// Plays rounds without effective faults; returns the kinds of guarantees that were violated.
fn kinds(play: &str, rounds: u64) -> BTreeSet<String> {
    let stage = tempfile::tempdir().unwrap();
    for name in [
        "coordinator",
        "worker",
        "datagen",
        "faulty-worker",
        "mixed-load",
    ] {
        let path = stage.path().join(name);
        fs::write(&path, PROGRAM).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // The stage copies datasets that datagen has written.
    let answer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/report/tests/sum.json");
    let sum: report::Sum = serde_json::from_str(&fs::read_to_string(&answer).unwrap()).unwrap();
    let counts = format!("{} {}", sum.result.count, sum.result.nan_count);
    let out = stage.path().join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .args(["chaos", "--only", "calm", "--deadline"])
        .args([if play == "hang" { "1000ms" } else { "60" }, "--bin-dir"])
        .arg(stage.path())
        .arg("--out")
        .arg(&out)
        .args(["--format", "json", "--rounds", &rounds.to_string()])
        .env("PLAY", play)
        .env("ANSWER", &answer)
        .env("COUNTS", counts)
        .output()
        .unwrap();
    let text = fs::read_to_string(out.join("chaos.json")).unwrap_or_else(|_| panic!("{output:?}"));
    let chaos: Chaos = serde_json::from_str(&text).unwrap();
    let printed: Chaos = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, chaos, "what is printed is what is saved");
    assert_eq!(chaos.rounds.all, rounds);
    let code = i32::from(!chaos.failures.is_empty());
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    for failure in &chaos.failures {
        let account = out.join(format!("chaos-round-{}.txt", failure.round));
        let account = fs::read_to_string(account).unwrap();
        assert!(account.contains(&failure.replay), "{account}");
    }
    chaos
        .failures
        .into_iter()
        .map(|failure| failure.kind)
        .collect()
}

#[test]
fn a_promise_that_is_broken_is_seen() {
    for (play, kind) in [
        ("hang", "hang"),
        ("panic", "panic"),
        ("file", "left-file"),
        ("unprovoked", "unprovoked-error"),
        ("unclear", "unclear-error"),
        ("lie", "wrong-answer"),
    ] {
        let found = kinds(play, 3);
        assert!(found.contains(kind), "{play}: {found:?}");
    }
}

// A round waits ten seconds for what is never gone.

#[test]
fn a_process_that_is_left_is_seen() {
    assert!(kinds("orphan", 1).contains("left-process"));
}

#[test]
fn a_segment_that_is_left_is_seen() {
    assert!(kinds("segment", 1).contains("left-segment"));
}

#[test]
fn promises_that_are_kept_are_not_blamed() {
    assert_eq!(kinds("", 3), BTreeSet::new());
}
