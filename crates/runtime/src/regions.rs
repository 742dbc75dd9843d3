//! The regions of memory that a worker knows.

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use shmem::{Identity, Mapping, SegmentName};
use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use task::Chunks;
use task::{Input, InputError};
use thiserror::Error;
use wire::{RegionId, Source};

/// Memory that a forked worker finds in its address space, by region.
pub type Inherited = HashMap<RegionId, Arc<dyn AsRef<[u8]> + Send + Sync>>;

/// The regions of memory that a worker knows.
#[derive(Default)]
pub struct Regions {
    attached: HashMap<RegionId, Region>,
    inherited: Inherited,
    /// Holds what is read of files that are not mapped.
    buffer: RefCell<Vec<u8>>,
}

/// Bytes read at once of a file that is not mapped. The kernel reads on by itself while the task
/// computes, and in large folios, so that a later mapping of the file causes few page faults. (Asked
/// for by `POSIX_FADV_WILLNEED`, pages come more slowly and one by one.)
const READ_SIZE: u64 = 1024 * 1024;

/// A range of a region.
pub enum Reach<'a> {
    /// Memory.
    Bytes(&'a [u8]),
    /// A file that is read piece by piece.
    File(FileChunks<'a>),
}

impl Reach<'_> {
    /// The range as the input of a task.
    pub fn input(&mut self) -> Input<'_> {
        match self {
            Reach::Bytes(bytes) => Input::from_bytes(bytes),
            Reach::File(chunks) => Input::from_stream(chunks),
        }
    }
}

/// A range of a file, read piece by piece.
pub struct FileChunks<'a> {
    file: &'a File,
    offset: u64,
    left: u64,
    buffer: RefMut<'a, Vec<u8>>,
}

impl Chunks for FileChunks<'_> {
    fn next_chunk(&mut self) -> Result<Option<&[u8]>, InputError> {
        let count = self.left.min(READ_SIZE) as usize;
        if count == 0 {
            return Ok(None);
        }
        if self.buffer.len() < count {
            self.buffer.resize(count, 0);
        }
        let chunk = &mut self.buffer[..count];
        self.file
            .read_exact_at(chunk, self.offset)
            .map_err(|error| {
                InputError::Stream(match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => {
                        format!(
                            "the file ends before byte {}: it was truncated",
                            self.offset + self.left
                        )
                    }
                    _ => error.to_string(),
                })
            })?;
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(Some(chunk))
    }
}

enum Region {
    Mapped(Mapping),
    Read {
        file: File,
        len: u64,
    },
    Inherited(Arc<dyn AsRef<[u8]> + Send + Sync>),
    /// Kept, so that calls that refer to it can say why.
    Unreachable(String),
}

/// Why a region could not be attached.
#[derive(Debug, Error)]
enum AttachError {
    #[error("no descriptor came with the region")]
    NoDescriptor,
    #[error("this worker inherited no such region: it was not forked after the data was loaded")]
    NotInherited,
    #[error("{path} is not the file that the coordinator opened: it was replaced or changed")]
    OtherFile { path: String },
    #[error("cannot open {path}: {source}")]
    Open {
        path: String,
        source: std::io::Error,
    },
    #[error(transparent)]
    Name(#[from] shmem::NameError),
    #[error(transparent)]
    Segment(#[from] shmem::AttachError),
    #[error(transparent)]
    Map(#[from] shmem::MapError),
}

impl Regions {
    /// The regions of a worker that found `inherited` in its address space.
    pub fn new(inherited: Inherited) -> Regions {
        Regions {
            attached: HashMap::new(),
            inherited,
            buffer: RefCell::default(),
        }
    }

    /// Makes a region known. What cannot be reached fails the calls that refer to it, not the
    /// worker.
    pub fn attach(&mut self, id: RegionId, source: &Source<'_>, descriptor: Option<OwnedFd>) {
        let region = match self.open(id, source, descriptor) {
            Ok(region) => region,
            Err(error) => Region::Unreachable(error.to_string()),
        };
        self.attached.insert(id, region);
    }

    /// Releases a region's memory.
    pub fn detach(&mut self, id: RegionId) {
        self.attached.remove(&id);
    }

    /// `len` bytes from `offset` of a region.
    ///
    /// # Errors
    /// [`InputError::OutOfReach`]: unknown, unreachable, or out of bounds.
    pub fn reach(&self, id: RegionId, offset: u64, len: u64) -> Result<Reach<'_>, InputError> {
        match self.attached.get(&id) {
            Some(Region::Read { file, len: all }) => {
                if offset.checked_add(len).is_none_or(|end| end > *all) {
                    return Err(InputError::OutOfReach(format!(
                        "{len} bytes at {offset} lie outside the {all} of the file"
                    )));
                }
                let buffer = self.buffer.borrow_mut();
                Ok(Reach::File(FileChunks {
                    file,
                    offset,
                    left: len,
                    buffer,
                }))
            }
            _ => self.slice(id, offset, len).map(Reach::Bytes),
        }
    }

    fn slice(&self, id: RegionId, offset: u64, len: u64) -> Result<&[u8], InputError> {
        match self.attached.get(&id) {
            None => Err(InputError::OutOfReach(format!(
                "region {id} is not attached"
            ))),
            Some(Region::Read { .. }) => Err(InputError::OutOfReach(format!(
                "region {id} is a file that is read, not memory"
            ))),
            Some(Region::Unreachable(why)) => Err(InputError::OutOfReach(why.clone())),
            Some(Region::Mapped(mapping)) => mapping
                .slice(offset, len)
                .map_err(|error| InputError::OutOfReach(error.to_string())),
            Some(Region::Inherited(memory)) => {
                let memory = (**memory).as_ref();
                let range = usize::try_from(offset).ok().zip(usize::try_from(len).ok());
                range
                    .and_then(|(offset, len)| memory.get(offset..offset.checked_add(len)?))
                    .ok_or_else(|| {
                        InputError::OutOfReach(format!(
                            "{len} bytes at {offset} lie outside the {} inherited",
                            memory.len()
                        ))
                    })
            }
        }
    }

    fn open(
        &self,
        id: RegionId,
        source: &Source<'_>,
        descriptor: Option<OwnedFd>,
    ) -> Result<Region, AttachError> {
        let mapping = match *source {
            Source::Segment { name, len } => Mapping::attach(&name.parse::<SegmentName>()?, len)?,
            Source::Descriptor { len } => {
                let descriptor = descriptor.ok_or(AttachError::NoDescriptor)?;
                Mapping::map_fd(descriptor.as_fd(), len)?
            }
            Source::File { len } => {
                let file = File::from(descriptor.ok_or(AttachError::NoDescriptor)?);
                // Doubles the kernel's read-ahead; the reads are right without it.
                let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL);
                return Ok(Region::Read { file, len });
            }
            Source::Path {
                path,
                device,
                inode,
                size,
                mtime_ns,
            } => {
                let opened = |source| AttachError::Open {
                    path: path.to_owned(),
                    source,
                };
                // What turns out to be a pipe or a terminal must not be waited for.
                let file = File::options()
                    .read(true)
                    .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                    .open(Path::new(path))
                    .map_err(opened)?;
                let found = Identity::of(&file).map_err(opened)?;
                if found
                    != (Identity {
                        device,
                        inode,
                        size,
                        mtime_ns,
                    })
                {
                    return Err(AttachError::OtherFile {
                        path: path.to_owned(),
                    });
                }
                Mapping::map_file(&file)?
            }
            Source::Inherited => {
                let memory = self.inherited.get(&id).ok_or(AttachError::NotInherited)?;
                return Ok(Region::Inherited(Arc::clone(memory)));
            }
        };
        Ok(Region::Mapped(mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_region_fails_its_calls_with_the_reason() {
        let mut regions = Regions::new(Inherited::new());
        assert!(
            regions
                .slice(1, 0, 0)
                .unwrap_err()
                .to_string()
                .contains("not attached")
        );
        regions.attach(1, &Source::Inherited, None);
        assert!(
            regions
                .slice(1, 0, 0)
                .unwrap_err()
                .to_string()
                .contains("inherited")
        );
        regions.attach(2, &Source::Descriptor { len: 1 }, None);
        assert!(
            regions
                .slice(2, 0, 1)
                .unwrap_err()
                .to_string()
                .contains("descriptor")
        );
        regions.attach(
            3,
            &Source::Segment {
                name: "/etc/passwd",
                len: 1,
            },
            None,
        );
        assert!(regions.slice(3, 0, 1).is_err());
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("pipe").into_os_string();
        let name = name.into_string().unwrap();
        nix::unistd::mkfifo(&name[..], nix::sys::stat::Mode::S_IRUSR).unwrap();
        let mut regions = Regions::new(Inherited::new());
        let source = Source::Path {
            path: &name,
            device: 1,
            inode: 1,
            size: 1,
            mtime_ns: 1,
        };
        regions.attach(1, &source, None);
        drop(directory);
        let why = regions.slice(1, 0, 1).unwrap_err().to_string();
        assert!(why.contains("not the file"), "{why}");
    }

    #[test]
    fn every_range_is_checked_against_the_region() {
        let memory: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(vec![1u8, 2, 3]);
        let mut regions = Regions::new(HashMap::from([(7, memory)]));
        regions.attach(7, &Source::Inherited, None);
        assert_eq!(regions.slice(7, 1, 2).unwrap(), [2, 3]);
        for (offset, len) in [(1, 3), (4, 0), (u64::MAX, 1), (1, u64::MAX)] {
            assert!(regions.slice(7, offset, len).is_err(), "{len} at {offset}");
        }
        regions.detach(7);
        assert!(regions.slice(7, 0, 1).is_err());
    }
}
