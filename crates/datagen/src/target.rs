//! The file being written: nameless until it is whole, so that no interruption leaves half of one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::statvfs::statvfs;
use nix::unistd::linkat;
use tempfile::{Builder, NamedTempFile};

/// A file without its final name yet. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) enum Target {
    /// A file without any name: not even SIGKILL leaves it behind.
    Nameless(File),
    /// Where the filesystem has no nameless files: one called `.NAME.….partial`.
    Partial(NamedTempFile),
}

impl Target {
    /// Opens a new file that can be given the name `path`. Its directory is there.
    pub(crate) fn create(path: &Path) -> io::Result<Target> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_TMPFILE.bits())
            .open(directory(path));
        match opened {
            // Naming the file later goes by way of /proc.
            Ok(file) if proc_path(&file).exists() => Ok(Target::Nameless(file)),
            _ => Target::create_partial(path),
        }
    }

    fn create_partial(path: &Path) -> io::Result<Target> {
        partial(path, |name| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(name)
        })
        .map(Target::Partial)
    }

    pub(crate) fn file(&self) -> &File {
        match self {
            Target::Nameless(file) => file,
            Target::Partial(file) => file.as_file(),
        }
    }

    /// Gives the file its name, all at once. Where there is another of that name by now, it is
    /// replaced with `force` and otherwise the error is [`io::ErrorKind::AlreadyExists`].
    pub(crate) fn publish(self, path: &Path, force: bool) -> io::Result<()> {
        match self {
            Target::Partial(file) if force => drop(file.persist(path)?),
            Target::Partial(file) => drop(file.persist_noclobber(path)?),
            Target::Nameless(file) => match name(&file, path) {
                // A name can be given or moved onto another, but not given onto another.
                Err(error) if force && error.kind() == io::ErrorKind::AlreadyExists => {
                    partial(path, |partial| name(&file, partial))?.persist(path)?;
                }
                named => named?,
            },
        }
        Ok(())
    }
}

/// Bytes that can be written beside `path`; `None` where the filesystem does not say.
pub(crate) fn available(path: &Path) -> Option<u64> {
    let existing = path.ancestors().skip(1).find_map(|directory| {
        let directory = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        };
        statvfs(directory).ok()
    })?;
    // A tmpfs without a limit has no blocks to count.
    (existing.blocks() > 0).then(|| existing.blocks_available() * existing.fragment_size())
}

/// The directory that holds `path`.
pub(crate) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Makes something by `create` under a temporary name beside `path`; dropped, it is removed.
fn partial<R>(
    path: &Path,
    create: impl FnMut(&Path) -> io::Result<R>,
) -> io::Result<NamedTempFile<R>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".partial")
        .make_in(directory(path), create)
}

fn name(file: &File, path: &Path) -> io::Result<()> {
    linkat(
        AT_FDCWD,
        &proc_path(file),
        AT_FDCWD,
        path,
        AtFlags::AT_SYMLINK_FOLLOW,
    )?;
    Ok(())
}

fn proc_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Follows links to the file that they lead to, so that a link to a dataset stays one.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether the file at `path`, an absolute one without links, is a mount of its own, as a container has
/// a single file of its host. `false` where /proc does not say.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    is_among(&mounts, path)
}

/// Whether `path` is a mount point of these mounts: the fifth word of a line, its blanks, backslashes and
/// newlines as three octal digits.
fn is_among(mounts: &[u8], path: &Path) -> bool {
    let mut written = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => written.extend(format!("\\{byte:03o}").bytes()),
            byte => written.push(byte),
        }
    }
    let mut lines = mounts.split(|&byte| byte == b'\n');
    lines.any(|line| line.split(|&byte| byte == b' ').nth(4) == Some(&written))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs `check` with both kinds of target.
    fn both(check: impl Fn(Target, &Path)) {
        for create in [Target::create, Target::create_partial] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("it.npy");
            let target = create(&path).unwrap();
            target.file().write_all(b"new").unwrap();
            check(target, &path);
        }
    }

    #[test]
    fn nothing_bears_the_name_before_it_is_published() {
        both(|target, path| {
            assert!(!path.exists());
            target.publish(path, false).unwrap();
            assert_eq!(fs::read(path).unwrap(), b"new");
            assert_eq!(names(directory(path)), ["it.npy"]);
        });
    }

    #[test]
    fn dropped_it_leaves_nothing() {
        both(|target, path| {
            drop(target);
            assert!(names(directory(path)).is_empty());
        });
    }

    #[test]
    fn another_of_that_name_is_replaced_by_force_only() {
        both(|target, path| {
            fs::write(path, b"old").unwrap();
            let error = target.publish(path, false).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(path).unwrap(), b"old");
            assert_eq!(names(directory(path)), ["it.npy"]);
        });
        both(|target, path| {
            fs::write(path, b"old").unwrap();
            target.publish(path, true).unwrap();
            assert_eq!(fs::read(path).unwrap(), b"new");
            assert_eq!(names(directory(path)), ["it.npy"]);
        });
    }

    #[test]
    fn a_mount_of_a_single_file_is_detected() {
        let mounts = b"25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw\n\
            31 24 8:1 /x /data/my\\040set.npy rw - ext4 /dev/sda1 rw\n";
        assert!(is_among(mounts, Path::new("/dev/shm")));
        assert!(is_among(mounts, Path::new("/data/my set.npy")));
        assert!(!is_among(mounts, Path::new("/data")));
        assert!(!is_among(b"", Path::new("/data")));
        assert!(is_mounted(Path::new("/proc")));
    }

    #[test]
    fn room_is_that_of_the_nearest_directory_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let room = available(&dir.path().join("it.npy"));
        assert!(room.is_some_and(|bytes| bytes > 0));
        assert!(available(&dir.path().join("a/b/it.npy")).is_some());
        assert!(available(Path::new("it.npy")).is_some());
    }
}
