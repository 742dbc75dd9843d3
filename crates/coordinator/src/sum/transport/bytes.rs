//! `bytes`: the batch's raw bytes flow through the socket, straight from the page cache.

use crate::exit::Failure;
use crate::sum::source::Source;
use pool::Stream;
use std::sync::Arc;

/// The whole dataset as a stream.
pub(super) fn stream(source: &Source) -> Result<Stream, Failure> {
    Ok(Stream::File {
        file: Arc::new(source.dataset.file().try_clone()?),
        offset: source.offset(),
        len: source.len(),
    })
}

/// A part of it; `offset` counts from the first record.
pub(super) fn part(whole: &Stream, offset: u64, len: u64) -> Stream {
    match whole {
        Stream::File {
            file,
            offset: first,
            ..
        } => Stream::File {
            file: Arc::clone(file),
            offset: first + offset,
            len,
        },
        Stream::Memory(_) | Stream::Made(_) => unreachable!("a dataset is streamed from its file"),
    }
}
