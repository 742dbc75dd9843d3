//! What the machine does without a lane: one byte there and back by a blocking socket, and one number there and
//! back by shared words that both sides poll.

use std::hint::spin_loop;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Instant;

use crate::sys;

/// Nanoseconds of each round by a blocking socket.
pub(crate) fn socket(rounds: usize) -> Vec<u64> {
    let (mut ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    sys::fork(|| {
        let mut byte = [0];
        while theirs.read_exact(&mut byte).is_ok() && theirs.write_all(&byte).is_ok() {}
    });
    let mut byte = [0];
    let times = timed(rounds, |_| {
        ours.write_all(&byte).expect("a byte there");
        ours.read_exact(&mut byte).expect("a byte back");
    });
    // The child holds a copy of this end: closing it would not end the stream.
    let _ = ours.shutdown(Shutdown::Both);
    times
}

/// Nanoseconds of each round by two words on cache lines of their own.
pub(crate) fn word(rounds: usize) -> Vec<u64> {
    let words = sys::shared_words(64);
    let (there, back) = (&words[0], &words[32]);
    sys::fork(|| {
        sys::pin(1);
        let mut next = 1;
        while next <= rounds as u64 {
            while there.load(Acquire) != next {
                spin_loop();
            }
            back.store(next, Release);
            next += 1;
        }
    });
    timed(rounds, |n| {
        there.store(n, Release);
        while back.load(Acquire) != n {
            spin_loop();
        }
    })
}

/// Times `round(1)`, `round(2)` and so on, each by itself.
pub(crate) fn timed(rounds: usize, mut round: impl FnMut(u64)) -> Vec<u64> {
    let mut times = Vec::with_capacity(rounds);
    for n in 1..=rounds as u64 {
        let began = Instant::now();
        round(n);
        times.push(began.elapsed().as_nanos() as u64);
    }
    times
}
