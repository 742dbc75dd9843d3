//! The worker program: is it there, and does it speak this coordinator's protocol?

use super::finding::{Fix, bad, better, good};
use crate::exit::Failure;
use crate::programs;
use report::Finding;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program that takes longer to print its version is no worker.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any version is long.
const VERSION_MAX: u64 = 4096;

pub(super) fn findings(named: Option<&Path>) -> Vec<Finding> {
    let topic = "worker program";
    vec![match programs::worker_path(named) {
        Err(failure) => bad(
            topic,
            "not there",
            format!(
                "spawn and forkserver cannot start a worker: {}",
                said(&failure)
            ),
        )
        .fix("cargo build --release -p worker"),
        Ok(path) => judge(&path, version(&path).as_deref()),
    }]
}

fn said(failure: &Failure) -> String {
    failure.message().unwrap_or_default()
}

fn judge(path: &Path, version: Result<&str, &io::Error>) -> Finding {
    let (topic, path) = ("worker program", path.display());
    let ours = format!("worker {}", pool::VERSION);
    match version {
        Ok(theirs) if theirs == ours => good(topic, theirs, format!("{path} is of this coordinator's version")),
        Ok(theirs) if protocol(theirs) == protocol(&ours) => better(
            topic,
            theirs,
            format!("{path} is of another version than this coordinator ({}), with the same protocol", pool::VERSION),
        )
        .fix("cargo build --release"),
        Ok(theirs) => bad(
            topic,
            if theirs.is_empty() { "no version" } else { theirs },
            format!("{path} does not speak this coordinator's protocol ({}): spawn and forkserver are refused",
                pool::VERSION),
        )
        .fix("cargo build --release"),
        Err(error) => bad(topic, error.to_string(), format!("{path} cannot be run: spawn and forkserver fail"))
            .fix("cargo build --release -p worker"),
    }
}

/// The part of a version in parentheses.
fn protocol(version: &str) -> Option<&str> {
    let (_, rest) = version.split_once('(')?;
    Some(rest.split_once(')')?.0)
}

/// The line that `worker --version` prints.
fn version(worker: &Path) -> io::Result<String> {
    let mut child = Command::new(worker)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("does not print its version within {} s", PATIENCE.as_secs()),
            ));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut printed = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(VERSION_MAX).read_to_end(&mut printed)?;
    }
    let printed = String::from_utf8_lossy(&printed);
    Ok(printed.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::Grade;

    #[test]
    fn versions_are_compared_and_protocols_count_more() {
        let grade = |version: &str| judge(Path::new("/x/worker"), Ok(version)).grade;
        assert_eq!(grade(&format!("worker {}", pool::VERSION)), Grade::Good);
        let same_protocol = format!("worker 9.9.9 (protocol {})", pool::PROTOCOL);
        assert_eq!(grade(&same_protocol), Grade::CouldBeBetter);
        let other = format!("worker 9.9.9 (protocol {})", pool::PROTOCOL + 1);
        assert_eq!(grade(&other), Grade::Bad);
        assert_eq!(grade(""), Grade::Bad);
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(judge(Path::new("/x"), Err(&error)).grade, Grade::Bad);
    }
}
