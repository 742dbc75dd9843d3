//! The regions of memory that a worker has been told of.

use crate::InputError;
use shmem::{Identity, Mapping, SegmentName};
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;
use wire::{RegionId, Source};

/// Memory that a forked worker finds in its address space, by region.
pub type Inherited = HashMap<RegionId, Arc<dyn AsRef<[u8]> + Send + Sync>>;

/// The regions of memory that a worker has been told of.
#[derive(Default)]
pub struct Regions {
    attached: HashMap<RegionId, Region>,
    inherited: Inherited,
}

enum Region {
    Mapped(Mapping),
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

    /// Lets go of a region's memory.
    pub fn detach(&mut self, id: RegionId) {
        self.attached.remove(&id);
    }

    /// `len` bytes from `offset` of a region.
    ///
    /// # Errors
    /// [`InputError::OutOfReach`]: unknown, unreachable, or out of bounds.
    pub fn slice(&self, id: RegionId, offset: u64, len: u64) -> Result<&[u8], InputError> {
        match self.attached.get(&id) {
            None => Err(InputError::OutOfReach(format!(
                "region {id} is not attached"
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
                let file = File::open(Path::new(path)).map_err(opened)?;
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
