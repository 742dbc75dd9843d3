//! What a worker program is given beside its arguments: environment, directory, descriptors. Taken
//! once, when the pool is made, so that every worker of a pool finds the same.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wire::{DESCRIPTORS_VARIABLE, WORKER_VARIABLE};

/// The lowest number that a worker can be given a descriptor under: below are stdin, stdout, stderr
/// and its socket.
pub const FIRST_INHERITED: RawFd = 4;

/// What a worker program is given beside its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    changes: Vec<(OsString, Option<OsString>)>,
    directory: Option<PathBuf>,
    descriptors: Vec<Given>,
    /// The environment, once it was taken.
    environment: Option<Vec<CString>>,
}

/// A descriptor for the worker program.
#[derive(Debug, Clone)]
struct Given {
    number: RawFd,
    descriptor: Arc<OwnedFd>,
}

impl PartialEq for Given {
    fn eq(&self, other: &Given) -> bool {
        self.number == other.number && Arc::ptr_eq(&self.descriptor, &other.descriptor)
    }
}

impl Eq for Given {}

impl Surroundings {
    /// Sets a variable, or removes it.
    pub(super) fn change(&mut self, name: OsString, value: Option<OsString>) {
        self.changes.push((name, value));
    }

    pub(super) fn enter(&mut self, directory: PathBuf) {
        self.directory = Some(directory);
    }

    pub(super) fn give(&mut self, descriptor: OwnedFd, number: RawFd) {
        self.descriptors.retain(|given| given.number != number);
        self.descriptors.push(Given {
            number,
            descriptor: Arc::new(descriptor),
        });
    }

    /// Takes the present environment, and makes paths independent of the current directory.
    pub(super) fn take(&mut self) {
        if let Some(directory) = &mut self.directory
            && let Ok(absolute) = std::path::absolute(&*directory)
        {
            *directory = absolute;
        }
        self.environment = Some(self.environment_now());
    }

    fn environment_now(&self) -> Vec<CString> {
        let changed = |name: &OsString| {
            name == WORKER_VARIABLE
                || name == DESCRIPTORS_VARIABLE
                || self.changes.iter().any(|(other, _)| other == name)
        };
        let kept = std::env::vars_os().filter(|(name, _)| !changed(name));
        let mut last: Vec<(&OsString, &OsString)> = Vec::new();
        for (name, value) in &self.changes {
            last.retain(|(other, _)| *other != name);
            last.extend(value.as_ref().map(|value| (name, value)));
        }
        let set = last.into_iter().map(|(name, value)| entry(name, value));
        let mut entries: Vec<CString> = kept
            .filter_map(|(name, value)| entry(&name, &value))
            .chain(set.flatten())
            .collect();
        if !self.descriptors.is_empty() {
            let numbers: Vec<String> = self.numbers().map(|number| number.to_string()).collect();
            let (name, value) = (OsStr::new(DESCRIPTORS_VARIABLE), numbers.join(","));
            entries.extend(entry(name, OsStr::new(&value)));
        }
        entries
    }

    /// The environment of a worker program.
    pub(super) fn environment(&self) -> Vec<CString> {
        let taken = self.environment.clone();
        taken.unwrap_or_else(|| self.environment_now())
    }

    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The numbers under which the worker program finds its descriptors, ascending.
    pub(super) fn numbers(&self) -> impl Iterator<Item = RawFd> {
        let mut numbers: Vec<RawFd> = self.descriptors.iter().map(|given| given.number).collect();
        numbers.sort_unstable();
        numbers.into_iter()
    }

    /// Copies of the descriptors, above all numbers that they are to have, each with its number.
    pub(super) fn copies(&self) -> io::Result<Vec<(OwnedFd, RawFd)>> {
        let copy = |given: &Given| {
            let copied = self.above(given.descriptor.as_raw_fd())?;
            Ok((copied, given.number))
        };
        self.descriptors.iter().map(copy).collect()
    }

    /// One of a worker's ends, under a number that none of the given descriptors is moved to.
    pub(super) fn apart(&self, end: OwnedFd) -> io::Result<OwnedFd> {
        if self.descriptors.is_empty() {
            return Ok(end);
        }
        self.above(end.as_raw_fd())
    }

    /// A copy of a descriptor of ours above all numbers that are given to the worker program.
    fn above(&self, raw: RawFd) -> io::Result<OwnedFd> {
        use std::os::fd::FromRawFd;
        let lowest = self.numbers().last().unwrap_or(0) + 1;
        // SAFETY: duplicates a descriptor that its owner lends us.
        let copied = unsafe { libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, lowest) };
        if copied < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(copied) })
    }
}

/// `NAME=value`; none where it cannot be one.
fn entry(name: &OsStr, value: &OsStr) -> Option<CString> {
    let mut text = name.as_bytes().to_vec();
    text.push(b'=');
    text.extend_from_slice(value.as_bytes());
    CString::new(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(surroundings: &Surroundings) -> Vec<String> {
        let entries = surroundings.environment().into_iter();
        entries
            .map(|entry| entry.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_last_change_of_a_variable_holds() {
        let mut surroundings = Surroundings::default();
        surroundings.change("SURROUNDINGS_A".into(), Some("1".into()));
        surroundings.change("SURROUNDINGS_B".into(), Some("2".into()));
        surroundings.change("SURROUNDINGS_A".into(), Some("3".into()));
        surroundings.change("SURROUNDINGS_B".into(), None);
        surroundings.change("PATH".into(), None);
        let ours: Vec<String> = texts(&surroundings)
            .into_iter()
            .filter(|text| text.starts_with("SURROUNDINGS") || text.starts_with("PATH="))
            .collect();
        assert_eq!(ours, ["SURROUNDINGS_A=3"]);
    }

    #[test]
    fn descriptors_are_named_and_copied_above_their_numbers() {
        let mut surroundings = Surroundings::default();
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        surroundings.give(ours.into(), 90);
        surroundings.give(theirs.into(), 7);
        assert!(texts(&surroundings).contains(&format!("{DESCRIPTORS_VARIABLE}=7,90")));
        let copies = surroundings.copies().unwrap();
        let above = |(copy, _): &(OwnedFd, RawFd)| copy.as_raw_fd() > 90;
        assert!(copies.iter().all(above), "{copies:?}");
    }
}
