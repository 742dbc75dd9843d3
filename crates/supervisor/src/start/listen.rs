//! `listen`: external workers connect to a socket in the file system.
//!
//! Who may come is decided three times: only the owner reaches into the directory, only the owner
//! may connect to the socket, and the kernel says whose process has connected. What is accepted is an
//! external worker: no child of ours, so it is never signalled, only disconnected.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, connect, getsockopt,
    listen, setsockopt, socket, sockopt,
};
use nix::unistd::geteuid;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// `SO_PEERPIDFD` of unix(7), which the C library does not name yet; the same number on x86-64 and
/// aarch64.
const SO_PEERPIDFD: libc::c_int = 77;
/// How long a coordinator waits for another that is opening a socket in the same directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How often a socket is tried to be opened in a directory that is removed meanwhile.
const ATTEMPTS: u32 = 100;

/// Why a socket could not be opened for workers.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The path has no name for a socket in it, or is longer than an address may be.
    #[error("{} cannot be a socket's path: {why}", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Others can reach into the directory.
    #[error(
        "directory {} belongs to user {owner} and has mode {mode:04o}: a socket for workers needs a \
         directory of your own that nobody else can enter (chmod 700, or name one that does not exist)",
        .path.display()
    )]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// A coordinator is alive and listens there.
    #[error("another coordinator listens at {}: choose another path", .0.display())]
    InUse(PathBuf),
    /// Something that is no socket lies there, and is left alone.
    #[error("{} is there and is no socket: choose another path", .0.display())]
    Occupied(PathBuf),
    /// The file system or the kernel refused.
    #[error("cannot listen at {}: {source}", .path.display())]
    Refused {
        /// The directory or the socket.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
}

/// A socket that workers connect to; its path goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    /// The directory, where it was made for the socket.
    made: Option<PathBuf>,
    /// Device and inode of the socket's path: another's is never removed.
    place: (u64, u64),
    /// Who opened it: what is forked from it does not close it.
    pid: u32,
}

/// An external worker.
#[derive(Debug)]
pub(crate) struct External {
    /// Its process, as the kernel says; 0 where that is not visible from here.
    pub pid: u32,
    /// Readable at its end, where the kernel gives one; the end of its socket does as well.
    pub pidfd: Option<OwnedFd>,
}

impl Listener {
    /// Opens a socket at `path`, in a directory of our own, which is made if it is not there. What
    /// a dead coordinator has left is replaced, a live one's never.
    pub(crate) fn open(path: &Path) -> Result<Listener, ListenError> {
        let bad = |why| ListenError::Path {
            path: path.to_owned(),
            why,
        };
        if path.file_name().is_none() {
            return Err(bad("it names no file"));
        }
        let address = UnixAddr::new(path).map_err(|_| bad("it is longer than 107 bytes"))?;
        let mut attempts = 1..ATTEMPTS;
        loop {
            match Listener::open_in(directory_of(path), path, &address) {
                // One that listened there has ended and taken the directory that it had made with it.
                Err(ListenError::Refused { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && attempts.next().is_some() => {}
                outcome => return outcome,
            }
        }
    }

    fn open_in(directory: &Path, path: &Path, address: &UnixAddr) -> Result<Listener, ListenError> {
        let made = match DirBuilder::new().mode(0o700).create(directory) {
            Ok(()) => Some(directory.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            Err(source) => return Err(refused(directory, source)),
        };
        let _lock = enter(directory)?;
        remove_stale(path, address)?;
        let refused_here = |error: Errno| refused(path, error.into());
        let socket = new_socket().map_err(refused_here)?;
        // Linux gives the path the socket's own mode: it is never open to others, not for a moment.
        nix::sys::stat::fchmod(
            &socket,
            nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR,
        )
        .map_err(refused_here)?;
        bind(socket.as_raw_fd(), address).map_err(refused_here)?;
        listen(&socket, Backlog::MAXCONN).map_err(refused_here)?;
        let found = fs::symlink_metadata(path).map_err(|source| refused(path, source))?;
        Ok(Listener {
            socket,
            path: path.to_owned(),
            made,
            place: (found.dev(), found.ino()),
            pid: std::process::id(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path is still this socket's.
    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.place)
    }

    /// The next peer: an external worker with its socket, which does not block, or an error for an
    /// unauthorized peer, which was disconnected without a byte. `None` where none waits.
    pub(crate) fn admit(&self) -> io::Result<Option<Result<(OwnedFd, External), Unauthorized>>> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = match accept4(self.socket.as_raw_fd(), flags) {
            // SAFETY: the kernel has just made this descriptor for us.
            Ok(raw) => unsafe { OwnedFd::from_raw_fd(raw) },
            Err(Errno::EAGAIN) => return Ok(None),
            // It has gone away meanwhile.
            Err(Errno::EINTR | Errno::ECONNABORTED) => return Ok(Some(Err(Unauthorized))),
            Err(error) => return Err(error.into()),
        };
        let Ok(peer) = getsockopt(&socket, sockopt::PeerCredentials) else {
            return Ok(Some(Err(Unauthorized)));
        };
        if peer.uid() != 0 && peer.uid() != geteuid().as_raw() {
            return Ok(Some(Err(Unauthorized)));
        }
        // The kernel grants as much of it as its own limit allows.
        let _ = setsockopt(&socket, sockopt::SndBuf, &super::ends::SEND_BUFFER);
        let external = External {
            pid: u32::try_from(peer.pid()).unwrap_or(0),
            pidfd: peer_pidfd(socket.as_fd()),
        };
        Ok(Some(Ok((socket, external))))
    }
}

/// A peer that is another user's process.
#[derive(Debug)]
pub(crate) struct Unauthorized;

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.pid != std::process::id() {
            return;
        }
        // Another that is opening a socket there has done so, or finds the directory gone.
        let lock = enter(directory_of(&self.path));
        if !self.is_there() {
            return;
        }
        let _ = fs::remove_file(&self.path);
        if let (Some(directory), Ok(_)) = (&self.made, &lock) {
            // It stays where something else was put into it.
            let _ = fs::remove_dir(directory);
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn refused(path: &Path, source: io::Error) -> ListenError {
    ListenError::Refused {
        path: path.to_owned(),
        source,
    }
}

/// Sees that the directory is private, and locks it, so that no two coordinators find the same
/// socket stale.
fn enter(directory: &Path) -> Result<Flock<File>, ListenError> {
    let refused = |source| refused(directory, source);
    let mut opened = File::options()
        .read(true)
        .custom_flags(OFlag::O_DIRECTORY.bits())
        .open(directory)
        .map_err(refused)?;
    let found = opened.metadata().map_err(refused)?;
    if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(ListenError::NotPrivate {
            path: directory.to_owned(),
            owner: found.uid(),
            mode: found.mode() & 0o7777,
        });
    }
    let began = std::time::Instant::now();
    let locked = loop {
        opened = match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => break locked,
            Err((file, Errno::EAGAIN | Errno::EINTR)) if began.elapsed() < LOCK_PATIENCE => file,
            Err((_, error)) => return Err(refused(error.into())),
        };
        std::thread::sleep(Duration::from_millis(5));
    };
    // A lock on a directory that was removed, and perhaps made again, keeps nobody away.
    let now = fs::metadata(directory).map_err(refused)?;
    if (now.dev(), now.ino()) != (found.dev(), found.ino()) {
        return Err(refused(io::ErrorKind::NotFound.into()));
    }
    Ok(locked)
}

/// Removes a socket at `path` that nobody listens to.
fn remove_stale(path: &Path, address: &UnixAddr) -> Result<(), ListenError> {
    let refused = |source| refused(path, source);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::Occupied(path.to_owned()));
        }
        Ok(_) => {}
    }
    let probe = new_socket().map_err(|error| refused(error.into()))?;
    match connect(probe.as_raw_fd(), address) {
        // A full queue has an owner as well.
        Ok(()) | Err(Errno::EAGAIN) => Err(ListenError::InUse(path.to_owned())),
        Err(Errno::ECONNREFUSED) => fs::remove_file(path).map_err(refused),
        Err(error) => Err(refused(error.into())),
    }
}

fn new_socket() -> nix::Result<OwnedFd> {
    socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )
}

/// A descriptor of the very process that connected (Linux 6.5).
fn peer_pidfd(socket: BorrowedFd<'_>) -> Option<OwnedFd> {
    let mut raw: libc::c_int = -1;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes a descriptor to a place of the size that it is given.
    let got = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERPIDFD,
            (&raw mut raw).cast(),
            &raw mut len,
        )
    };
    // SAFETY: the kernel has just made this descriptor for us.
    (got == 0 && raw >= 0).then(|| unsafe { OwnedFd::from_raw_fd(raw) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    fn private() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        directory
    }

    #[test]
    fn the_socket_and_its_directory_are_private_and_go() {
        let above = private();
        let directory = above.path().join("made");
        let path = directory.join("socket");
        let listener = Listener::open(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!((mode(&directory), mode(&path)), (0o700, 0o600));
        assert!(listener.admit().unwrap().is_none());
        let _peer = UnixStream::connect(&path).unwrap();
        let (_, external) = listener.admit().unwrap().unwrap().unwrap();
        assert_eq!(external.pid, std::process::id());
        drop(listener);
        assert!(!directory.exists());
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let directory = private();
        for mode in [0o750, 0o701, 0o1777] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = Listener::open(&directory.path().join("socket")).unwrap_err();
            assert!(matches!(error, ListenError::NotPrivate { .. }), "{error}");
            assert!(error.to_string().contains("chmod 700"), "{error}");
        }
    }

    #[test]
    fn a_dead_ones_socket_is_replaced_a_live_ones_never() {
        let directory = private();
        let path = directory.path().join("socket");
        let dead = UnixListener::bind(&path).unwrap();
        assert!(matches!(Listener::open(&path), Err(ListenError::InUse(_))));
        drop(dead);
        assert!(path.exists(), "a dead one leaves its socket");
        let listener = Listener::open(&path).unwrap();
        assert!(matches!(Listener::open(&path), Err(ListenError::InUse(_))));
        // What another has put in its place is not removed.
        fs::remove_file(&path).unwrap();
        let other = Listener::open(&path).unwrap();
        drop(listener);
        assert!(path.exists());
        drop(other);
        assert!(!path.exists() && directory.path().exists());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let directory = private();
        let path = directory.path().join("file");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(
            Listener::open(&path),
            Err(ListenError::Occupied(_))
        ));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let long = directory.path().join("x".repeat(120));
        assert!(matches!(
            Listener::open(&long),
            Err(ListenError::Path { .. })
        ));
    }

    #[test]
    fn one_opens_where_another_ends() {
        let above = private();
        for round in 0..200 {
            let path = above.path().join(round.to_string()).join("socket");
            let open_and_end = || {
                for _ in 0..10 {
                    match Listener::open(&path) {
                        Ok(listener) => assert!(listener.is_there(), "it was removed"),
                        Err(error) => assert!(matches!(error, ListenError::InUse(_)), "{error}"),
                    }
                }
            };
            std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(open_and_end))));
        }
    }
}
