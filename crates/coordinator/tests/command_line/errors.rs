//! The commonest errors of a new user, word by word: each says how to fix it.

use crate::snapshots::{holds, output};
use crate::{COORDINATOR, dataset, folder};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs the coordinator, and holds what it says against a snapshot. Nothing may be on stdout.
fn refused(name: &str, code: i32, directory: &Path, arguments: &[&str]) {
    let mut command = Command::new(COORDINATOR);
    command.args(arguments).current_dir(directory);
    let output = output(&mut command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{name}: {said}");
    assert!(output.stdout.is_empty(), "{name}");
    assert!(
        !said.contains("panicked") && !said.contains("backtrace"),
        "{said}"
    );
    let beside = Path::new(COORDINATOR).parent().unwrap().to_str().unwrap();
    let said = said
        .replace(directory.to_str().unwrap(), "[HERE]")
        .replace(beside, "[PROGRAMS]");
    let typed = arguments.join(" ");
    holds(
        &folder(),
        &format!("error-{name}"),
        &format!("$ coordinator {typed}\n{said}"),
    );
}

#[test]
fn the_commonest_errors_say_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::copy(dataset(), here.join("data.npy")).unwrap();
    fs::create_dir(here.join("folder")).unwrap();
    fs::write(here.join("table.csv"), "index,val\n1,2\n").unwrap();
    fs::write(here.join("empty.npy"), "").unwrap();
    let sum = |name, code, arguments: &[&str]| {
        refused(name, code, here, &[&["sum", "--quiet"], arguments].concat());
    };
    sum("no-such-file", 1, &["dta.npy"]);
    sum("directory", 1, &["folder"]);
    sum("not-npy", 1, &["table.csv"]);
    sum("empty", 1, &["empty.npy"]);
    sum("misspelt-field", 2, &["data.npy", "--field", "vla"]);
    sum("no-workers", 2, &["data.npy", "--workers", "0"]);
    sum("million-workers", 2, &["data.npy", "--workers", "1M"]);
    sum(
        "inherit-by-spawn",
        2,
        &[
            "data.npy",
            "--start-method",
            "spawn",
            "--transport",
            "inherit",
        ],
    );
    sum("unknown-transport", 2, &["data.npy", "--transport", "nmap"]);
    sum(
        "unknown-start-method",
        2,
        &["data.npy", "--start-method", "frok"],
    );
    sum(
        "no-worker-program",
        2,
        &[
            "data.npy",
            "--start-method",
            "spawn",
            "--worker-bin",
            "no/worker",
        ],
    );
    sum("misspelt-flag", 2, &["data.npy", "--worker", "4"]);
    refused("misspelt-command", 2, here, &["sun", "data.npy"]);
    refused("no-command", 2, here, &[]);
    // Reported before the run, not after it: there is no timeline yet.
    refused(
        "trace-nowhere",
        1,
        here,
        &["sum", "data.npy", "--trace", "no/trace.json"],
    );
    refused("doctor-no-such-file", 1, here, &["doctor", "dta.npy"]);
}
