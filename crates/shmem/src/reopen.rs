//! A file opened once more by its descriptor, to be read from one end to the other.
//!
//! The kernel reads a file ahead by what it has seen of one open file, and descriptors that were
//! duplicated or sent to another process are all one open file. Several readers at different places of
//! it hide from each other that each of them reads in order, and a disk is then asked for little at a
//! time.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::stat::{SFlag, fstat};

/// The same file, however it is called by now, opened anew for a reader of its own who reads in order;
/// `None` where that is refused, or it is no regular file, and readers can only share the
/// descriptor.
pub fn reopen_sequential(file: &impl AsFd) -> Option<OwnedFd> {
    // To open a pipe may be to wait.
    let is_regular = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    fstat(file).ok().filter(|stat| is_regular(stat.st_mode))?;
    let own = File::open(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())).ok()?;
    // An advice: reads are right without it.
    let _ = posix_fadvise(&own, 0, 0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL);
    Some(own.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    fn a_pipe_is_not_waited_for() {
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(reopen_sequential(&reader).is_none());
    }

    #[test]
    fn the_file_is_the_same_and_the_open_file_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"once").unwrap();
        let mut again = File::from(reopen_sequential(&file).unwrap());
        let mut text = String::new();
        again.read_to_string(&mut text).unwrap();
        assert_eq!(text, "once");
        file.seek(SeekFrom::Start(2)).unwrap();
        assert_eq!(again.stream_position().unwrap(), 4);
    }
}
