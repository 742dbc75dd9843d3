//! Which file a descriptor stands for, so that a process that opens a path can check whether it got
//! the same file, unchanged, that another process meant.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

/// A file's identity and state: equal for two descriptors of one file that nobody wrote between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The device that holds the file (`st_dev`).
    pub device: u64,
    /// The file's number on that device (`st_ino`).
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, nanoseconds since the epoch.
    pub mtime_ns: i64,
}

impl Identity {
    /// The identity of an open file, by `fstat`.
    pub fn of(file: &File) -> io::Result<Identity> {
        let metadata = file.metadata()?;
        Ok(Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            mtime_ns: metadata
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.mtime_nsec()),
        })
    }
}
