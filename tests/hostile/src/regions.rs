//! Regions: attached from any source, with any length, and reached into anywhere.

use crate::gauge::bounded;
use crate::pieces::pieces;
use nix::sys::memfd::{MFdFlags, memfd_create};
use runtime::{Inherited, Regions};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use task::InputError;
use wire::{CallInput, Source, ToWorker};

/// Bytes of the memory and of the files that are there to be reached.
const SIZE: usize = 9_000;
/// The region that is inherited.
const INHERITED: u32 = 7;

/// Each piece is a message to a worker: `Attach`, `Detach`, or a `Call` on a slice.
pub(crate) fn run(input: &[u8]) {
    let memory: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(contents());
    let mut regions = Regions::new(Inherited::from([(INHERITED, memory)]));
    // What the largest read of a file takes, and the words of errors.
    bounded(1024 * 1024 + 4 * input.len() + 64 * 1024, || {
        for piece in pieces(input).take(64) {
            match wire::decode::<ToWorker<'_>>(piece) {
                Ok(ToWorker::Attach { region, source }) => attach(&mut regions, region, &source),
                Ok(ToWorker::Detach { region }) => regions.detach(region),
                Ok(ToWorker::Call(call)) => {
                    if let CallInput::Slice {
                        region,
                        offset,
                        len,
                    } = call.input
                    {
                        reach(&regions, region, offset, len);
                    }
                }
                _ => {}
            }
        }
    });
}

fn attach(regions: &mut Regions, region: u32, source: &Source<'_>) {
    let descriptor = match source {
        // What lies anywhere else in the file system is not ours to open; that the file is another
        // than was said is found by its identity.
        Source::Path { path, .. } if *path != "/dev/null" => return,
        Source::Descriptor { .. } | Source::File { .. } if region.is_multiple_of(5) => None,
        Source::Descriptor { .. } | Source::File { .. } => Some(file()),
        Source::Segment { .. } | Source::Path { .. } | Source::Inherited => None,
    };
    regions.attach(region, source, descriptor);
}

/// Reads a whole slice: the bytes are those of the region, and as many as were requested.
fn reach(regions: &Regions, region: u32, offset: u64, len: u64) {
    let Ok(mut reach) = regions.reach(region, offset, len) else {
        return;
    };
    let mut seen = 0;
    let read = reach.input().for_each_block(1, |bytes| {
        for byte in bytes {
            assert_eq!(*byte, at(offset + seen), "byte {seen} of {len} at {offset}");
            seen += 1;
        }
    });
    match read {
        Ok(()) => assert_eq!(seen, len),
        // A file that is read may be shorter than was said.
        Err(InputError::Stream(_)) => assert!(offset + len > SIZE as u64),
        Err(error) => panic!("{error}"),
    }
}

/// What all memory and files hold, by offset.
fn at(offset: u64) -> u8 {
    (offset % 251) as u8
}

fn contents() -> Vec<u8> {
    (0..SIZE as u64).map(at).collect()
}

fn file() -> OwnedFd {
    let memfd = memfd_create("hostile", MFdFlags::MFD_CLOEXEC).expect("a memfd");
    let mut file = File::from(memfd);
    file.write_all(&contents()).expect("room for some bytes");
    file.into()
}
