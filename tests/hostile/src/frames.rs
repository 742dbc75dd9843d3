//! The frame decoder: any stream, cut into reads anywhere.

use crate::gauge::bounded;
use std::io::{self, Read};
use wire::{FrameBuffer, FrameError, MAX_BODY, read_frame};

/// The two decoders of frames agree, however the stream is cut, and neither takes more memory
/// than a body. The first byte sows the cuts; the rest is the stream.
pub(crate) fn run(input: &[u8]) {
    let Some((&seed, stream)) = input.split_first() else {
        return;
    };
    let cuts = Cuts(u64::from(seed) + 1);
    // Each remembers of a body a few bytes; the shortest frame has four.
    let whole = bounded(2 * MAX_BODY + 16 * stream.len() + 4096, || {
        pulled(stream, cuts)
    });
    let pieces = bounded(MAX_BODY + 16 * stream.len() + 4096, || pushed(stream, cuts));
    assert_eq!(whole, pieces, "the decoders do not agree");
}

/// How a stream ended: cleanly, inside a frame with that number of bytes missing, or by a length over
/// the bound.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Clean,
    Missing(usize),
    TooLong(usize),
}

/// Lengths and checksums of the bodies, and the end.
type Seen = (Vec<(u32, u32)>, End);

fn note(body: &[u8]) -> (u32, u32) {
    let sum = body.iter().fold(body.len() as u32, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    (body.len() as u32, sum)
}

fn end(error: FrameError) -> End {
    match error {
        FrameError::TooLong { length } => End::TooLong(length),
        FrameError::Truncated { missing } => End::Missing(missing),
        FrameError::Io(error) => panic!("memory cannot fail: {error}"),
    }
}

fn pulled(stream: &[u8], cuts: Cuts) -> Seen {
    let (mut reader, mut body, mut seen) = (Reader { stream, cuts }, Vec::new(), Vec::new());
    loop {
        match read_frame(&mut reader, &mut body) {
            Ok(true) => seen.push(note(&body)),
            Ok(false) => return (seen, End::Clean),
            Err(error) => return (seen, end(error)),
        }
    }
}

fn pushed(mut stream: &[u8], mut cuts: Cuts) -> Seen {
    let (mut frames, mut seen) = (FrameBuffer::with_capacity(1 + stream.len() % 64), vec![]);
    loop {
        let ready = frames.is_ready();
        match frames.next_body() {
            Ok(Some(body)) => {
                assert!(matches!(ready, Ok(true)), "a body that was not ready");
                seen.push(note(body));
                continue;
            }
            Ok(None) => assert!(matches!(ready, Ok(false)), "no body that was ready"),
            Err(error) => return (seen, end(error)),
        }
        if stream.is_empty() {
            return match frames.finish() {
                Ok(()) => (seen, End::Clean),
                // A prefix that is cut off has no length.
                Err(error) => (seen, end(error)),
            };
        }
        let space = frames.space();
        assert!(!space.is_empty(), "no space for more");
        let count = cuts.next().min(space.len()).min(stream.len());
        let (now, later) = stream.split_at(count);
        space[..count].copy_from_slice(now);
        frames.filled(count);
        stream = later;
    }
}

/// Where a stream is cut, from a seed: mostly into small pieces.
#[derive(Clone, Copy)]
struct Cuts(u64);

impl Cuts {
    fn next(&mut self) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        1 + ((self.0 >> 33) % (1 << (self.0 >> 60))) as usize
    }
}

/// A reader that gives as little as it likes, and is interrupted now and then.
struct Reader<'a> {
    stream: &'a [u8],
    cuts: Cuts,
}

impl Read for Reader<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.cuts.next();
        if count == 1 && self.cuts.next() == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = count.min(space.len());
        (&mut self.stream).take(count as u64).read(space)
    }
}
