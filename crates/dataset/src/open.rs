//! Opens a `.npy` file, and says in plain words why one cannot be opened.

use std::fs::{self, File, FileType};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use shmem::Mapping;

use crate::header::{Header, HeaderError, PREFIX_LEN, Prefix};
use crate::identity::{Identity, changed_ns};
use crate::layout::{Column, FieldError, Layout};
use crate::lookalike::{SAMPLE_LEN, looks_like};
use crate::sample;

/// An open dataset: the file and what its header says.
///
/// Opening reads the header with read calls and the data not at all, so a file that shrinks meanwhile
/// is an error, never a fault.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    file: File,
    header: Header,
    identity: Identity,
    changed_ns: i128,
    /// Of the content when it was opened, where that was asked for.
    sample: Option<u64>,
}

/// Why a dataset could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {error}", .path.display())]
    Io {
        /// The dataset's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The path leads to something that is not a regular file.
    #[error("{} is {what}, not an .npy file", .path.display())]
    NotAFile {
        /// The dataset's path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The file is not in the `.npy` format.
    #[error("{} is not an .npy file: {looks}", .path.display())]
    NotNpy {
        /// The dataset's path.
        path: PathBuf,
        /// What the file looks like, with the way to an `.npy` file where there is one.
        looks: &'static str,
    },
    /// The file's header is faulty or describes something that is not supported.
    #[error("{}: {error}", .path.display())]
    Header {
        /// The dataset's path.
        path: PathBuf,
        /// What is wrong with it.
        error: HeaderError,
    },
    /// The file ends before its last record.
    #[error(
        "{} is cut off: its header states {records} records, {stated} bytes in all, and it has {size}",
        .path.display()
    )]
    Truncated {
        /// The dataset's path.
        path: PathBuf,
        /// Records stated.
        records: u64,
        /// Bytes that the file should have.
        stated: u64,
        /// Bytes that it has.
        size: u64,
    },
    /// The file goes on after its last record.
    #[error(
        "{} has {} bytes after the last of the {records} records that its header states; \
         save one array alone, with numpy.save",
        .path.display(), .size - .stated
    )]
    Trailing {
        /// The dataset's path.
        path: PathBuf,
        /// Records stated.
        records: u64,
        /// Bytes that the file should have.
        stated: u64,
        /// Bytes that it has.
        size: u64,
    },
}

/// Why a field of a dataset cannot be summed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", .path.display())]
pub struct ColumnInError {
    /// The dataset's path.
    pub path: PathBuf,
    /// What is wrong with the field.
    pub error: FieldError,
}

/// Why a dataset could not be mapped.
#[derive(Debug, thiserror::Error)]
#[error("cannot map {}: {error}", .path.display())]
pub struct MapError {
    /// The dataset's path.
    pub path: PathBuf,
    /// Why not; [`shmem::MapError::Short`] if the file was cut since it was opened.
    pub error: shmem::MapError,
}

/// How a dataset is no longer what it was when it was opened.
#[derive(Debug, thiserror::Error)]
pub enum ChangedError {
    /// The path or the open file cannot be examined any more.
    #[error("cannot examine {} again: {error}", .path.display())]
    Io {
        /// The dataset's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The path leads to another file now.
    #[error("{} was replaced by another file since it was opened; run again", .path.display())]
    Replaced {
        /// The dataset's path.
        path: PathBuf,
    },
    /// The file was written to.
    #[error(
        "{} was changed since it was opened ({size_then} bytes then, {size_now} now); run again when it is at rest",
        .path.display()
    )]
    Modified {
        /// The dataset's path.
        path: PathBuf,
        /// Its bytes when it was opened.
        size_then: u64,
        /// Its bytes now.
        size_now: u64,
    },
}

impl Dataset {
    /// Opens the dataset at `path` and reads its header.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not an `.npy` file of one dimension whose records have a
    /// supported layout, or is shorter or longer than its header states.
    pub fn open(path: &Path) -> Result<Dataset, OpenError> {
        let io_error = |error| OpenError::Io {
            path: path.to_owned(),
            error,
        };
        // Asked before opening as well, since opening a pipe waits for someone to write to it.
        let metadata = fs::metadata(path).map_err(io_error)?;
        regular(path, metadata.file_type())?;
        let file = File::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        regular(path, metadata.file_type())?;
        let identity = Identity::of(&metadata);

        let header_error = |error| OpenError::Header {
            path: path.to_owned(),
            error,
        };
        let start = read_start(&file, PREFIX_LEN).map_err(io_error)?;
        let prefix = Prefix::parse(&start).map_err(|error| match error {
            HeaderError::Magic => OpenError::NotNpy {
                path: path.to_owned(),
                looks: looks_like(&read_start(&file, SAMPLE_LEN).unwrap_or_default()),
            },
            error => header_error(error),
        })?;
        let bytes = read_start(&file, prefix.header_len).map_err(io_error)?;
        let header = Header::parse(&bytes).map_err(header_error)?;

        let Header {
            ref layout,
            records,
            data_offset,
        } = header;
        let stated = data_offset + records * layout.itemsize as u64;
        let (path, size) = (path.to_owned(), identity.size);
        match size {
            _ if size < stated => Err(OpenError::Truncated {
                path,
                records,
                stated,
                size,
            }),
            _ if size > stated => Err(OpenError::Trailing {
                path,
                records,
                stated,
                size,
            }),
            _ => Ok(Dataset {
                path,
                file,
                header,
                identity,
                changed_ns: changed_ns(&metadata),
                sample: None,
            }),
        }
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.header.records
    }

    /// Bytes from the start of the file to the first record.
    pub fn data_offset(&self) -> u64 {
        self.header.data_offset
    }

    /// Bytes of all records together.
    pub fn data_len(&self) -> u64 {
        // Header::parse has seen that this does not overflow.
        self.header.records * self.header.layout.itemsize as u64
    }

    /// The layout of one record.
    pub fn layout(&self) -> &Layout {
        &self.header.layout
    }

    /// The column to sum: that of the named field, or a plain array's values for `None`.
    ///
    /// # Errors
    ///
    /// As [`Layout::column`]; the error names the file.
    pub fn column(&self, field: Option<&str>) -> Result<Column, ColumnInError> {
        self.layout().column(field).map_err(|error| ColumnInError {
            path: self.path.clone(),
            error,
        })
    }

    /// Which file this is, and in what state it was when it was opened.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Maps the file read-only, from its start to its last record: the first lies at
    /// [`Dataset::data_offset`].
    ///
    /// A process that reads the mapping ends by SIGBUS if another program truncates the file meanwhile.
    /// Workers may take that risk; the coordinator does not.
    ///
    /// # Errors
    ///
    /// If the file is shorter than it was when it was opened, or the kernel refuses.
    pub fn map(&self) -> Result<Mapping, MapError> {
        Mapping::map_fd(self.file.as_fd(), self.data_offset() + self.data_len()).map_err(|error| {
            MapError {
                path: self.path.clone(),
                error,
            }
        })
    }

    /// Remembers a small part of the content, so that [`Dataset::check_unchanged`] can distinguish a write that
    /// restores the modification time from a change of metadata. It costs 16 reads of 4 KiB.
    pub fn sample_content(&mut self) {
        // What cannot be read fails where it is summed, with a better message.
        self.sample = sample::hash(&self.file, self.identity.size).ok();
    }

    /// Checks that the file was not written to or replaced since it was opened. A new hard link, another
    /// mode, owner or name of the file is no change: size, modification time and content are compared.
    ///
    /// # Errors
    ///
    /// If the file or its path is not what it was.
    pub fn check_unchanged(&self) -> Result<(), ChangedError> {
        let path = || self.path.clone();
        let io_error = |error| ChangedError::Io {
            path: path(),
            error,
        };
        let open = self.file.metadata().map_err(io_error)?;
        match fs::metadata(&self.path) {
            Ok(there) if Identity::of(&there).same_file(&self.identity) => {}
            Ok(_) => return Err(ChangedError::Replaced { path: path() }),
            // It has another name now, and is still the file that was opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound && open.nlink() > 0 => {}
            Err(error) => return Err(io_error(error)),
        }
        let now = Identity::of(&open);
        let same_content = || match self.sample {
            Some(sample) if changed_ns(&open) != self.changed_ns => {
                sample::hash(&self.file, now.size).is_ok_and(|found| found == sample)
            }
            _ => true,
        };
        if now != self.identity || !same_content() {
            return Err(ChangedError::Modified {
                path: path(),
                size_then: self.identity.size,
                size_now: now.size,
            });
        }
        Ok(())
    }
}

/// The first `len` bytes of a file, or all of it where it has fewer.
fn read_start(file: &File, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn regular(path: &Path, kind: FileType) -> Result<(), OpenError> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(OpenError::NotAFile {
        path: path.to_owned(),
        what,
    })
}
