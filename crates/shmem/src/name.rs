//! Segment names. A name says who owns the segment, so that a leftover can be distinguished from a
//! segment in use, and cannot be guessed. Names arrive on sockets, so parsing distrusts them.

use std::fmt;
use std::io;
use std::str::FromStr;

use thiserror::Error;

use crate::sys;

const PREFIX: &str = "/handoff-";
const RANDOM_DIGITS: usize = 16;

/// The name of a segment: `/handoff-<pid>-<start time>-<16 random hex digits>`.
///
/// The start time is the owner's, in clock ticks since boot (field 22 of `/proc/<pid>/stat`): with
/// it, a process that got a dead owner's pid is not taken for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentName {
    text: String,
    pid: u32,
    start_time: u64,
}

/// A text that is not the name of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a segment's name, which reads /handoff-<pid>-<start time>-<16 hex digits>")]
pub struct NameError(String);

impl SegmentName {
    /// A fresh name for a segment of this process.
    pub(crate) fn fresh() -> io::Result<SegmentName> {
        let pid = std::process::id();
        let unreadable = |error: io::Error| {
            let why = "its name has the start time of this process, from /proc/self/stat, which cannot be read";
            io::Error::new(error.kind(), format!("{why}: {error}"))
        };
        let start_time = sys::start_time(pid).map_err(unreadable)?.ok_or_else(|| {
            io::Error::other("/proc/self/stat does not say when this process started")
        })?;
        Ok(SegmentName::from_parts(pid, start_time, sys::random()?))
    }

    pub(crate) fn from_parts(pid: u32, start_time: u64, random: u64) -> SegmentName {
        let text = format!("{PREFIX}{pid}-{start_time}-{random:016x}");
        SegmentName {
            text,
            pid,
            start_time,
        }
    }

    /// The name as `shm_open` takes it, with the leading slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the file in `/dev/shm`.
    pub(crate) fn file_name(&self) -> &str {
        &self.text[1..]
    }

    /// The owner's pid and start time (clock ticks since boot).
    pub fn owner(&self) -> (u32, u64) {
        (self.pid, self.start_time)
    }

    /// Whether the process that the name refers to still runs: same pid, same start time.
    ///
    /// Where `/proc` cannot be read the answer is yes, the one that removes nothing.
    pub fn owner_alive(&self) -> bool {
        match sys::start_time(self.pid) {
            Ok(found) => found == Some(self.start_time),
            Err(_) => true,
        }
    }
}

impl FromStr for SegmentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<SegmentName, NameError> {
        // The rendering of the parts must give the text back: that refuses signs, leading zeros,
        // capital digits and everything else that parses but is not a name of ours.
        parts(text)
            .map(|(pid, start_time, random)| SegmentName::from_parts(pid, start_time, random))
            .filter(|name| name.text == text)
            .ok_or_else(|| NameError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parts(text: &str) -> Option<(u32, u64, u64)> {
    let mut fields = text.strip_prefix(PREFIX)?.split('-');
    let (pid, start_time, random) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || random.len() != RANDOM_DIGITS {
        return None;
    }
    let pid: u32 = pid.parse().ok()?;
    if pid == 0 {
        return None;
    }
    Some((
        pid,
        start_time.parse().ok()?,
        u64::from_str_radix(random, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_name_parses_back_and_its_owner_is_alive() {
        let name = SegmentName::fresh().unwrap();
        assert_eq!(name.as_str().parse::<SegmentName>().unwrap(), name);
        assert_eq!(name.owner().0, std::process::id());
        assert!(name.owner_alive());
        assert_ne!(name, SegmentName::fresh().unwrap());
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = format!("/handoff-1-2-{}", "a".repeat(100_000));
        for text in [
            "",
            "/",
            "handoff-1-2-0123456789abcdef",
            "/handoff-1-2-0123456789abcde",
            "/handoff-1-2-0123456789abcdeff",
            "/handoff-1-2-0123456789ABCDEF",
            "/handoff-1-2-+123456789abcdef",
            "/handoff-0-2-0123456789abcdef",
            "/handoff-01-2-0123456789abcdef",
            "/handoff-+1-2-0123456789abcdef",
            "/handoff--1-2-0123456789abcdef",
            "/handoff-1-2-3-0123456789abcdef",
            "/handoff-99999999999-2-0123456789abcdef",
            "/handoff-1-2-0123456789abcdef\0",
            "/handoff-1-2-0123456789abcdef/..",
            "/handoff-1-2-../../../etc/pas",
            long.as_str(),
        ] {
            let error = text.parse::<SegmentName>().unwrap_err();
            assert!(error.to_string().len() < 300, "{error}");
        }
    }

    #[test]
    fn a_reused_pid_is_not_the_owner() {
        let (pid, start_time) = SegmentName::fresh().unwrap().owner();
        assert!(!SegmentName::from_parts(pid, start_time + 1, 7).owner_alive());
        // Above the kernel's highest pid (2^22).
        assert!(!SegmentName::from_parts(4_194_305, 1, 7).owner_alive());
    }
}
