//! `serde`: every record is decoded from the file, encoded with serde, sent, and decoded again.

use crate::exit::Failure;
use crate::sum::source::Source;
use pool::{Make, Maker, Stream};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use worker::records::{MAX_ENCODED, RECORD_LEN, Record};

/// Records read and encoded at once: the most whose encodings fit into a chunk of 256 KiB.
const RECORDS_AT_ONCE: usize = 256 * 1024 / MAX_ENCODED;

/// The records, to be encoded.
pub(super) struct Encoded {
    file: Arc<File>,
    data_offset: u64,
    /// Counts records, for progress.
    encoded: Arc<AtomicU64>,
}

impl Encoded {
    pub(super) fn of(source: &Source) -> Result<Encoded, Failure> {
        let file = Arc::new(source.dataset.file().try_clone()?);
        Ok(Encoded {
            file,
            data_offset: source.offset(),
            encoded: Arc::clone(&source.encoded),
        })
    }

    /// A batch as a stream of encoded records.
    pub(super) fn part(&self, batch: Range<u64>) -> Stream {
        Stream::Made(Arc::new(Batch {
            file: Arc::clone(&self.file),
            data_offset: self.data_offset,
            encoded: Arc::clone(&self.encoded),
            batch,
        }))
    }
}

struct Batch {
    file: Arc<File>,
    data_offset: u64,
    encoded: Arc<AtomicU64>,
    batch: Range<u64>,
}

impl Make for Batch {
    fn open(&self) -> Maker {
        let own = shmem::reopen_sequential(&*self.file).map(|own| Arc::new(own.into()));
        let file: Arc<File> = own.unwrap_or_else(|| Arc::clone(&self.file));
        let counted = Arc::clone(&self.encoded);
        let (data_offset, mut left) = (self.data_offset, self.batch.clone());
        let mut raw = vec![0; RECORDS_AT_ONCE * RECORD_LEN];
        Box::new(move |encoded| {
            let records = (left.end - left.start).min(RECORDS_AT_ONCE as u64);
            let raw = &mut raw[..records as usize * RECORD_LEN];
            file.read_exact_at(raw, data_offset + left.start * RECORD_LEN as u64)
                .map_err(cut)?;
            left.start += records;
            for bytes in raw.as_chunks::<RECORD_LEN>().0 {
                Record::from_bytes(bytes).encode(encoded);
            }
            counted.fetch_add(records, Ordering::Relaxed);
            Ok(())
        })
    }
}

fn cut(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("the dataset became shorter"),
        _ => error,
    }
}
