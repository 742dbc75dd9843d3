//! One stream on its way to a worker, cut into chunks.
//!
//! A file's pages are handed from the page cache to the socket by sendfile(2): the only copy is
//! the one the worker makes when it reads. That is as fast as writing the same bytes from memory,
//! and safe where a mapping is not: a file that shrinks ends the stream with an error.

use super::send;
use crate::input::{Make, Maker, SharedBytes, Stream};
use nix::errno::Errno;
use nix::sys::sendfile::sendfile64;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use wire::{MAX_CHUNK, ToWorker, chunk_prefix};

/// Bytes of a stream in one chunk. A chunk that fits into a core's cache is still there when the
/// worker has read it; a smaller one costs more frames.
const CHUNK: usize = 256 * 1024;
const _: () = assert!(CHUNK <= MAX_CHUNK);

/// What is sent where a file turned out shorter than a chunk that had been announced.
static ZEROS: [u8; 4096] = [0; 4096];

/// Where a turn of sending ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The whole stream is sent, its end included.
    Sent,
    /// The socket is full, or the turn is over.
    Blocked,
    /// The source failed; the worker knows that the stream was given up.
    GivenUp(String),
}

/// One stream on its way to a worker.
pub(super) struct Outgoing {
    source: Source,
    begun: bool,
    /// What stands before the bytes of the chunk, or the frame that ends the stream.
    header: Vec<u8>,
    header_sent: usize,
    /// Bytes of the current chunk that are still to be sent.
    chunk_left: usize,
    ending: bool,
    failed: Option<String>,
}

enum Source {
    File {
        file: Arc<File>,
        offset: u64,
        left: u64,
    },
    /// A file that sendfile cannot read: `buffer` holds the current chunk.
    Copied {
        file: Arc<File>,
        offset: u64,
        left: u64,
        buffer: Vec<u8>,
    },
    Memory {
        bytes: SharedBytes,
        offset: usize,
    },
    Made {
        make: Maker,
        buffer: Vec<u8>,
    },
    Zeros,
}

impl Outgoing {
    pub(super) fn new(stream: &Stream) -> Outgoing {
        let source = match stream {
            Stream::File { file, offset, len } => Source::File {
                file: Arc::clone(file),
                offset: *offset,
                left: *len,
            },
            Stream::Memory(bytes) => Source::Memory {
                bytes: Arc::clone(bytes),
                offset: 0,
            },
            Stream::Made(make) => Source::Made {
                make: Make::open(&**make),
                buffer: Vec::new(),
            },
        };
        Outgoing {
            source,
            begun: false,
            header: Vec::new(),
            header_sent: 0,
            chunk_left: 0,
            ending: false,
            failed: None,
        }
    }

    /// Sends until the socket is full, the stream is sent, or `turn` bytes are; adds what was
    /// sent of the input to `streamed`.
    pub(super) fn pump(
        &mut self,
        socket: BorrowedFd<'_>,
        turn: u64,
        streamed: &mut u64,
    ) -> io::Result<Step> {
        let mut turn_left = turn;
        loop {
            if self.header_sent < self.header.len() {
                match send(socket, &self.header[self.header_sent..], &[])? {
                    0 => return Ok(Step::Blocked),
                    count => self.header_sent += count,
                }
            } else if self.chunk_left > 0 {
                let count = self.send_some(socket)?;
                if count == 0 {
                    return Ok(Step::Blocked);
                }
                self.chunk_left -= count;
                *streamed += count as u64;
                turn_left = turn_left.saturating_sub(count as u64);
            } else if self.ending {
                return Ok(self.failed.take().map_or(Step::Sent, Step::GivenUp));
            } else if turn_left == 0 {
                return Ok(Step::Blocked);
            } else {
                self.next_chunk()?;
            }
        }
    }

    /// Announces the next chunk, or the end.
    fn next_chunk(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            self.source.begin();
        }
        self.header.clear();
        self.header_sent = 0;
        let length = match self.source.next_length() {
            Ok(length) => length,
            Err(error) => {
                self.failed = Some(error.to_string());
                0
            }
        };
        if length > 0 && self.failed.is_none() {
            chunk_prefix(length, &mut self.header);
            self.chunk_left = length;
        } else {
            self.ending = true;
            let end = if self.failed.is_some() {
                ToWorker::ChunkAbort
            } else {
                ToWorker::ChunkEnd
            };
            wire::encode(&end, &mut self.header).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Sends some of the current chunk; 0 where the socket is full.
    fn send_some(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let left = self.chunk_left;
        match &mut self.source {
            Source::File {
                file,
                offset,
                left: file_left,
            } => {
                let mut position = *offset as i64;
                match sendfile64(socket, &**file, Some(&mut position), left) {
                    Ok(0) => {
                        let why =
                            format!("the file ends {file_left} bytes too soon: it was truncated");
                        self.give_up(socket, why)
                    }
                    Ok(count) => {
                        *offset += count as u64;
                        *file_left -= count as u64;
                        Ok(count)
                    }
                    Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
                    Err(Errno::EINVAL | Errno::ENOSYS) => {
                        let (file, offset, file_left) = (Arc::clone(file), *offset, *file_left);
                        let buffer = Vec::new();
                        self.source = Source::Copied {
                            file,
                            offset,
                            left: file_left,
                            buffer,
                        };
                        self.send_some(socket)
                    }
                    Err(error @ (Errno::EPIPE | Errno::ECONNRESET)) => Err(error.into()),
                    Err(error) => self.give_up(socket, format!("the file cannot be read: {error}")),
                }
            }
            Source::Copied {
                file,
                offset,
                left: file_left,
                buffer,
            } => {
                if buffer.len() < left {
                    buffer.resize(left, 0);
                    if let Err(error) = file.read_exact_at(buffer, *offset) {
                        return self.give_up(socket, format!("the file cannot be read: {error}"));
                    }
                }
                let count = send(socket, &buffer[buffer.len() - left..], &[])?;
                *offset += count as u64;
                *file_left -= count as u64;
                if count == left {
                    buffer.clear();
                }
                Ok(count)
            }
            Source::Memory { bytes, offset } => {
                let bytes = (**bytes).as_ref();
                let count = send(socket, &bytes[*offset..*offset + left], &[])?;
                *offset += count;
                Ok(count)
            }
            Source::Made { buffer, .. } => send(socket, &buffer[buffer.len() - left..], &[]),
            Source::Zeros => send(socket, &ZEROS[..left.min(ZEROS.len())], &[]),
        }
    }

    /// Fills up the chunk that was announced; the end of the stream will say that it is invalid.
    fn give_up(&mut self, socket: BorrowedFd<'_>, why: String) -> io::Result<usize> {
        self.failed = Some(why);
        self.source = Source::Zeros;
        self.send_some(socket)
    }
}

/// From this length on, bytes, a stream has an open file of its own.
const LONG: u64 = 4 << 20;

impl Source {
    /// Streams of several parts of one file each read theirs in order, and the kernel should see it.
    fn begin(&mut self) {
        if let Source::File { file, left, .. } = self
            && *left >= LONG
            && let Some(own) = shmem::reopen_sequential(&**file)
        {
            *file = Arc::new(own.into());
        }
    }

    /// The length of the next chunk; 0 at the end.
    fn next_length(&mut self) -> io::Result<usize> {
        Ok(match self {
            Source::File { left, .. } | Source::Copied { left, .. } => {
                (*left).min(CHUNK as u64) as usize
            }
            Source::Memory { bytes, offset } => ((**bytes).as_ref().len() - *offset).min(CHUNK),
            Source::Made { make, buffer } => {
                buffer.clear();
                make(buffer)?;
                if buffer.len() > MAX_CHUNK {
                    let made = buffer.len();
                    return Err(io::Error::other(format!(
                        "{made} bytes were made at once; a chunk holds {MAX_CHUNK}"
                    )));
                }
                buffer.len()
            }
            Source::Zeros => 0,
        })
    }
}
