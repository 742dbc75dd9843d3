//! Which file a dataset is, so that a change between opening and reading does not go unseen.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// Identifies one file in one state. A new hard link, another name or another mode does not change it. It crosses sockets where a worker opens the dataset by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The device that holds the file.
    pub device: u64,
    /// Its inode on that device.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When its bytes were last written, in nanoseconds since 1970.
    pub mtime_ns: i128,
}

impl Identity {
    /// The identity of the file that `metadata` describes.
    pub fn of(metadata: &Metadata) -> Identity {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Whether both are the same file, in whatever state.
    pub fn same_file(&self, other: &Identity) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// When a file's bytes or its metadata (links, mode, owner, name) last changed, in nanoseconds since
/// 1970. No part of an [`Identity`]: it says that something changed, and not what.
pub(crate) fn changed_ns(metadata: &Metadata) -> i128 {
    nanoseconds(metadata.ctime(), metadata.ctime_nsec())
}

fn nanoseconds(s: i64, ns: i64) -> i128 {
    i128::from(s) * 1_000_000_000 + i128::from(ns)
}
