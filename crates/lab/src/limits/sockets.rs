//! A socketpair between two processes: how much goes through, and how fast it comes back.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::sys::sendfile::sendfile;
use nix::sys::socket::{setsockopt, sockopt};
use report::{Limit, Width};

use super::probe::{self, Depth, Order, StreamWay};
use super::raw;

/// Bytes of a sample that does not send the dataset.
const STREAM: usize = 1 << 30;
/// Bytes of one call and of the reused buffers: they stay in a core's cache, and the call's own cost
/// is far below that of its copying.
const CHUNK: usize = 256 << 10;
/// The send buffer of a deep socket; the kernel grants as much of it as its own limit allows. With
/// more under way the two sleep and wake each other less often, and find less of it in the cache.
const DEEP: usize = 4 << 20;
/// Round trips of a sample.
const ROUND_TRIPS: u32 = 10_000;

/// Streams to a forked reader that does nothing but read.
pub(crate) fn stream(order: &Order, way: StreamWay, depth: Depth) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = if way == StreamWay::Write {
        STREAM
    } else {
        usize::try_from(bytes)?
    };
    let mapping = raw::map(&file, usize::try_from(file.metadata()?.len())?)?;
    let mut seconds = Vec::new();
    for sample in 0..=order.samples {
        let (mut ours, theirs) = UnixStream::pair()?;
        if depth == Depth::Deep {
            setsockopt(&ours, sockopt::SndBuf, &DEEP)?;
        }
        let child = raw::in_child(move || read_all(theirs))?;
        let started = Instant::now();
        match way {
            StreamWay::Write => {
                let buffer = vec![1; CHUNK];
                for _ in 0..STREAM / CHUNK {
                    ours.write_all(&buffer)?;
                }
            }
            StreamWay::WriteMapped => mapping
                .chunks(CHUNK)
                .try_for_each(|chunk| ours.write_all(chunk))?,
            StreamWay::Sendfile => {
                let mut offset = 0;
                while usize::try_from(offset)? < bytes {
                    sendfile(&ours, &file, Some(&mut offset), bytes)?;
                }
            }
        }
        ours.shutdown(Shutdown::Write)?;
        ours.read_exact(&mut [0])?;
        let elapsed = started.elapsed().as_secs_f64();
        raw::reap(child)?;
        // The first is the warm-up.
        if sample > 0 {
            seconds.push(elapsed);
        }
    }
    Ok(vec![probe::rate(
        &order.probe.name(),
        Width::Processes(2),
        bytes,
        &seconds,
    )])
}

/// One byte there and back.
pub(crate) fn ping_pong(order: &Order) -> anyhow::Result<Vec<Limit>> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let child = raw::in_child(move || echo(theirs))?;
    let mut seconds = Vec::new();
    for sample in 0..=order.samples {
        let started = Instant::now();
        for _ in 0..ROUND_TRIPS {
            ours.write_all(&[1])?;
            ours.read_exact(&mut [0])?;
        }
        if sample > 0 {
            seconds.push(started.elapsed().as_secs_f64() / f64::from(ROUND_TRIPS));
        }
    }
    // The child has a copy of our end too, so closing ours alone would tell it nothing.
    ours.shutdown(Shutdown::Write)?;
    raw::reap(child)?;
    Ok(vec![probe::micros(
        probe::SOCKET_PING_PONG,
        Width::Processes(2),
        &seconds,
    )])
}

/// Reads to the end, then answers with one byte. A broken pipe shows at the other end.
fn read_all(mut socket: UnixStream) {
    let mut buffer = vec![0; CHUNK];
    while socket.read(&mut buffer).is_ok_and(|read| read > 0) {}
    let _ = socket.write_all(&[1]);
}

fn echo(mut socket: UnixStream) {
    let mut byte = [0];
    while socket.read_exact(&mut byte).is_ok() && socket.write_all(&byte).is_ok() {}
}
