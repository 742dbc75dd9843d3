//! Segments whose owner ended without unlinking them (SIGKILL, a crash). They hold memory until
//! someone removes them: this finds them and never takes one that is in use.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;

use crate::name::SegmentName;
use crate::place::{Place, SHM_DIRECTORY};
use crate::sys::{self, Lock};

/// The segments in `/dev/shm` that belong to this user and whose owner is gone, sorted.
///
/// Gone means that no process has the owner's pid and start time, and that nobody holds the lock
/// that an owner keeps on its segment: the lock shows owners that this pid namespace cannot see.
pub fn leftovers() -> io::Result<impl Iterator<Item = SegmentName>> {
    Ok(found(&Place::Shm, Path::new(SHM_DIRECTORY))?.into_iter())
}

/// The same in another directory, for segments made by [`crate::Segment::create_in`].
pub fn leftovers_in(directory: &Path) -> io::Result<impl Iterator<Item = SegmentName>> {
    Ok(found(&Place::directory(directory)?, directory)?.into_iter())
}

/// Unlinks what [`leftovers`] finds, and says what that was.
pub fn remove_leftovers() -> io::Result<Vec<SegmentName>> {
    remove(&Place::Shm, Path::new(SHM_DIRECTORY))
}

/// The same in another directory.
pub fn remove_leftovers_in(directory: &Path) -> io::Result<Vec<SegmentName>> {
    remove(&Place::directory(directory)?, directory)
}

fn remove(place: &Place, directory: &Path) -> io::Result<Vec<SegmentName>> {
    let mut removed = Vec::new();
    for name in of_dead_owners(directory)? {
        // Held until the name is gone: an owner whom we cannot see may have created the file just
        // now, and finds out by its own lock that it has to create another.
        let Some(_unused) = lock_unused(place, &name) else {
            continue;
        };
        match place.unlink(&name) {
            Ok(()) => removed.push(name),
            // Another process cleans up at the same time.
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(removed)
}

fn found(place: &Place, directory: &Path) -> io::Result<Vec<SegmentName>> {
    let mut names = of_dead_owners(directory)?;
    names.retain(|name| lock_unused(place, name).is_some());
    Ok(names)
}

/// The segments of this user whose owner cannot be seen, sorted.
fn of_dead_owners(directory: &Path) -> io::Result<Vec<SegmentName>> {
    let uid = nix::unistd::geteuid().as_raw();
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Some(name) = entry
            .file_name()
            .to_str()
            .and_then(|file_name| format!("/{file_name}").parse::<SegmentName>().ok())
        else {
            continue;
        };
        let ours = match entry.metadata() {
            Ok(metadata) => metadata.is_file() && metadata.uid() == uid,
            Err(_) => false,
        };
        if ours && !name.owner_alive() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The segment with a lock that keeps owners away, unless someone holds an owner's lock, in any pid
/// namespace, or that is unknown.
fn lock_unused(place: &Place, name: &SegmentName) -> Option<OwnedFd> {
    let file = place.open(name).ok()?;
    let locked = sys::try_lock(file.as_fd(), Lock::Exclusive).ok()?;
    locked.then_some(file)
}
