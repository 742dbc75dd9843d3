//! Named segments: their owner's side. One process creates a segment, fills it and unlinks it;
//! the others map it read-only (`Mapping::attach`, or `Mapping::map_fd` with the descriptor).

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guardian::{GuardedPath, Guardian, GuardianError};
use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use thiserror::Error;

use crate::bounds;
use crate::fill::{FillError, Filled, Target, fill};
use crate::limit::Limit;
use crate::name::SegmentName;
use crate::place::{Place, SHM_DIRECTORY};
use crate::room::Room;
use crate::sys::{self, Lock};

/// Names tried for one segment. Each but the last was taken by someone who looks for leftovers in
/// the few microseconds between its creation and its lock.
const ATTEMPTS: usize = 100;

/// A shared-memory segment that this process owns: created exclusively, readable by this user
/// alone, unlinked when it is dropped.
///
/// A forked child that drops its copy leaves the name alone: only the process that created a
/// segment unlinks it. Where that is killed, its guardian does.
#[derive(Debug)]
pub struct Segment {
    /// Locked for as long as a descriptor of it is open here or in a forked child: the lock
    /// says to those who look for leftovers that it is none.
    file: File,
    name: SegmentName,
    place: Arc<Place>,
    len: u64,
    owner_pid: u32,
    linked: bool,
    /// Taken back after the name is gone: fields are dropped after [`Segment::drop`] has run.
    _guarded: GuardedPath,
}

/// Why a segment could not be created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// It would not fit.
    #[error("no room in {place} for a segment of {wanted} bytes: {}", .limit.for_bytes(*.wanted), place = .place.display())]
    NoRoom {
        /// The file system that would hold it.
        place: PathBuf,
        /// Bytes asked for.
        wanted: u64,
        /// Bytes that the tightest limit leaves.
        available: u64,
        /// Which limit that is, and what moves it.
        limit: Limit,
    },
    /// The place cannot be looked at.
    #[error("cannot determine how much room {place} has: {source}", place = .place.display())]
    Room {
        /// The file system that would hold it.
        place: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// Nobody would remove it if this process were killed.
    #[error(transparent)]
    Guardian(#[from] GuardianError),
    /// A system call failed.
    #[error("cannot {what} a segment of {len} bytes in {place}: {source}", place = .place.display())]
    System {
        /// The file system that would hold it.
        place: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Bytes asked for.
        len: u64,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl Segment {
    /// Creates a segment of `len` bytes, if there is room for them.
    ///
    /// The pages are not taken yet: that is what filling it does.
    pub fn create(len: u64) -> Result<Segment, CreateError> {
        create(
            Place::Shm,
            Path::new(SHM_DIRECTORY),
            len,
            SegmentName::fresh,
        )
    }

    /// Whether there is room for a segment of `len` bytes, as [`create`](Self::create) will find: to
    /// be known before there is other work done.
    pub fn check_room(len: u64) -> Result<(), CreateError> {
        let directory = Path::new(SHM_DIRECTORY);
        check_room(directory, len)?;
        SegmentName::fresh().map_err(failed(directory, len, "name"))?;
        Ok(())
    }

    /// Creates a segment in another tmpfs, one mounted with huge pages, say. It cannot be attached
    /// to by name: hand over its descriptor.
    pub fn create_in(directory: &Path, len: u64) -> Result<Segment, CreateError> {
        let place = Place::directory(directory).map_err(|source| CreateError::System {
            place: directory.to_owned(),
            what: "create",
            len,
            source,
        })?;
        create(place, directory, len, SegmentName::fresh)
    }

    /// Its name.
    pub fn name(&self) -> &SegmentName {
        &self.name
    }

    /// Its length, bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its descriptor, to map it by. It can be written through, so hand it to workers only.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// A descriptor of it that can only be read and mapped for reading: for processes that must not
    /// write, and may not open the name themselves.
    ///
    /// # Errors
    /// Where its name has been taken away, or descriptors have run out.
    pub fn open_reader(&self) -> io::Result<OwnedFd> {
        self.place.open(&self.name)
    }

    /// Fills the whole segment with the bytes of `file` from `offset` on, with up to `threads`
    /// threads (this one among them).
    ///
    /// `progress` is called in this thread with the bytes done so far, and stops the work by
    /// [`ControlFlow::Break`]. Whatever goes wrong, the segment can be dropped or filled again;
    /// helper threads have ended when this returns.
    pub fn fill_from_file(
        &mut self,
        file: &File,
        offset: u64,
        threads: usize,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Filled, FillError> {
        let into = Target {
            fd: self.file.as_fd(),
            name: self.name.as_str(),
            len: self.len,
        };
        fill(into, file, offset, threads, progress)
    }

    /// Writes all of `bytes` at `offset`; a range outside the segment is an error (it never grows).
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        bounds::check(offset, bytes.len() as u64, self.len)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.file.write_all_at(bytes, offset)
    }

    /// Removes the name. Processes that have mapped the segment keep it; none can attach any more.
    pub fn unlink(&mut self) -> io::Result<()> {
        if !self.linked || std::process::id() != self.owner_pid {
            return Ok(());
        }
        self.linked = false;
        match self.place.unlink(&self.name) {
            // Someone else removed it by hand: it is away, which is what was asked for.
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // The error cannot be reported; a name that stays is found as a leftover.
        let _ = self.unlink();
    }
}

fn check_room(directory: &Path, wanted: u64) -> Result<(), CreateError> {
    let place = directory.to_owned();
    if is_read_only(directory) {
        let source = io::Error::from(Errno::EROFS);
        return Err(failed(directory, wanted, "create")(source));
    }
    let (available, limit) = match Room::of(directory) {
        Ok(room) => room.least(),
        Err(source) => return Err(CreateError::Room { place, source }),
    };
    if wanted > available {
        return Err(CreateError::NoRoom {
            place,
            wanted,
            available,
            limit,
        });
    }
    Ok(())
}

/// That `what` failed for a segment of `len` bytes.
fn failed(directory: &Path, len: u64, what: &'static str) -> impl Fn(io::Error) -> CreateError {
    let place = directory.to_owned();
    move |source| CreateError::System {
        place: place.clone(),
        what,
        len,
        source,
    }
}

/// Whether the file system is mounted for reading alone; what cannot be examined fails later.
fn is_read_only(directory: &Path) -> bool {
    statvfs(directory).is_ok_and(|status| status.flags().contains(FsFlags::ST_RDONLY))
}

fn create(
    place: Place,
    directory: &Path,
    len: u64,
    mut name: impl FnMut() -> io::Result<SegmentName>,
) -> Result<Segment, CreateError> {
    let failed = |what| failed(directory, len, what);
    check_room(directory, len)?;
    let place = Arc::new(place);
    let guardian = Guardian::join()?;
    for _ in 0..ATTEMPTS {
        let name = name().map_err(failed("name"))?;
        // The guardian knows the name before there is a segment of that name.
        let guarded = guardian.path(&directory.join(name.file_name()))?;
        let file = File::from(place.create(&name).map_err(failed("create"))?);
        // From here on dropping it unlinks it.
        let segment = Segment {
            file,
            name,
            place: Arc::clone(&place),
            len,
            owner_pid: std::process::id(),
            linked: true,
            _guarded: guarded,
        };
        if claim(&segment.file).map_err(failed("lock"))? {
            segment.file.set_len(len).map_err(failed("size"))?;
            return Ok(segment);
        }
    }
    Err(failed("lock")(Errno::EWOULDBLOCK.into()))
}

/// Takes the owner's lock. `false` where someone who looks for leftovers has come before it: they
/// hold the lock, or have unlinked the file. Nothing waits for them, since they may be stopped.
fn claim(file: &File) -> io::Result<bool> {
    Ok(sys::try_lock(file.as_fd(), Lock::Shared)? && file.metadata()?.nlink() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    /// Names whose owner looks dead, as those of another pid namespace do: the pid is above the
    /// kernel's highest.
    fn unseen() -> io::Result<SegmentName> {
        Ok(SegmentName::from_parts(4_194_305, 1, sys::random()?))
    }

    #[test]
    fn a_file_that_was_taken_for_a_leftover_is_not_claimed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("segment");
        let file = File::create(&path).unwrap();
        let remover = File::open(&path).unwrap();
        assert!(sys::try_lock(remover.as_fd(), Lock::Exclusive).unwrap());
        assert!(!claim(&file).unwrap(), "it is being looked at");
        drop(remover);
        assert!(claim(&file).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!claim(&file).unwrap(), "it was unlinked");
    }

    /// A program that looks for leftovers neither takes a segment that is being created nor keeps it
    /// from being created.
    #[test]
    fn removers_and_creators_at_the_same_time() {
        // In a process of its own: the guardian, a fork of its first caller, would share the memory
        // that other tests count as private.
        const OWN_PROCESS: &str = "SHMEM_TEST_OWN_PROCESS";
        if std::env::var_os(OWN_PROCESS).is_none() {
            let name = "segment::tests::removers_and_creators_at_the_same_time";
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name])
                .env(OWN_PROCESS, "")
                .status();
            assert!(status.unwrap().success());
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let done = AtomicBool::new(false);
        let create = || {
            for _ in 0..2_000 {
                let place = Place::directory(path).unwrap();
                let segment = create(place, path, 1, unseen).unwrap();
                let name = segment.name().clone();
                assert!(path.join(name.file_name()).exists(), "{name} was taken");
                drop(segment);
                assert!(!path.join(name.file_name()).exists(), "{name} was left");
            }
        };
        let removed = thread::scope(|scope| {
            let removers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut removed = 0;
                        while !done.load(Ordering::Relaxed) {
                            removed += crate::remove_leftovers_in(path).unwrap().len();
                            let _ = crate::leftovers_in(path).unwrap().count();
                        }
                        removed
                    })
                })
                .collect();
            let creators: Vec<_> = (0..2).map(|_| scope.spawn(create)).collect();
            let created: Vec<_> = creators.into_iter().map(|thread| thread.join()).collect();
            done.store(true, Ordering::Relaxed);
            assert!(created.iter().all(Result::is_ok));
            let removed = removers.into_iter().map(|thread| thread.join().unwrap());
            removed.sum::<usize>()
        });
        eprintln!("{removed} names were taken while they were created");
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
    }
}
