//! How findings are made, and the few ways in which the kernel is asked.

use report::{Finding, Grade};
use std::fs;
use std::path::Path;

/// As it should be.
pub(super) fn good(topic: &str, found: impl Into<String>, means: impl Into<String>) -> Finding {
    new(Grade::Good, topic, found.into(), means.into())
}

/// Slower than it could be.
pub(super) fn better(topic: &str, found: impl Into<String>, means: impl Into<String>) -> Finding {
    new(Grade::CouldBeBetter, topic, found.into(), means.into())
}

/// Something will fail.
pub(super) fn bad(topic: &str, found: impl Into<String>, means: impl Into<String>) -> Finding {
    new(Grade::Bad, topic, found.into(), means.into())
}

fn new(grade: Grade, topic: &str, found: String, means: String) -> Finding {
    Finding {
        topic: topic.to_owned(),
        grade,
        found,
        means,
        fix: None,
        mend: None,
    }
}

/// Adds the command that fixes a finding.
pub(super) trait Fix {
    fn fix(self, command: impl Into<String>) -> Self;
}

impl Fix for Finding {
    fn fix(mut self, command: impl Into<String>) -> Finding {
        self.fix = Some(command.into());
        self.mend.clone_from(&self.fix);
        self
    }
}

/// A file of /proc or /sys without its last newline; none where this kernel has no such file.
pub(super) fn read(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim_end().to_owned())
}

/// `4.5 GiB`, `12.0 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0x4000_0000.. => (0x4000_0000_u64, "GiB"),
        _ => (0x10_0000, "MiB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit as f64)
}
