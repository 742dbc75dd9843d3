//! The life of a forked process: take items, run the closure, write results.

use super::frame::{self, Kind};
use super::share::{MAX_SHARE, SHARES, STRIDE};
use crate::threads::panics;
use crate::{encoding, worker};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use pool::FailureKind;
use serde::Serialize;
use shmem::Board;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::process::parent_id;
use std::sync::atomic::Ordering;

/// Results are gathered up to this many bytes before they are written.
const GATHER: usize = 64 << 10;

/// Where a child stands among the others.
pub(super) struct Place<'a> {
    pub(super) board: &'a Board,
    pub(super) number: usize,
    pub(super) workers: usize,
}

impl Place<'_> {
    /// The next items that nobody has taken.
    fn claim(&self, items: usize) -> Option<Range<usize>> {
        let next = self.board.word(0);
        let mut start = next.load(Ordering::Relaxed) as usize;
        loop {
            let left = items.checked_sub(start).filter(|&left| left > 0)?;
            let share = (left / (self.workers * SHARES)).clamp(1, MAX_SHARE);
            // Items were written before the fork, so that nothing has to be ordered with this.
            match next.compare_exchange_weak(
                start as u64,
                (start + share) as u64,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(start..start + share),
                Err(now) => start = now as usize,
            }
        }
    }

    /// Records for the parent which item is running.
    fn mark(&self, index: usize) {
        let word = self.board.word((self.number + 1) * STRIDE);
        word.store(index as u64 + 1, Ordering::Release);
    }
}

/// The whole life of a child whose parent is `parent`; gives its exit code.
pub(super) fn live<T, R: Serialize>(
    place: &Place<'_>,
    (pipe, parent): (OwnedFd, u32),
    items: &[T],
    f: &impl Fn(&T) -> R,
) -> i32 {
    // The parent may have died before it was asked for.
    if set_pdeathsig(Signal::SIGKILL).is_err() || parent_id() != parent {
        return 1;
    }
    worker::named(&format!("ForkMap-{}", place.number + 1));
    panics::capture();
    let mut pipe = File::from(pipe);
    let mut out = Vec::new();
    while let Some(share) = place.claim(items.len()) {
        for index in share {
            place.mark(index);
            let (frames, went_well) = run(out, index, || f(&items[index]));
            out = frames;
            if out.len() >= GATHER || !went_well {
                if pipe.write_all(&out).is_err() {
                    return 1;
                }
                out.clear();
                out.shrink_to(4 * GATHER);
            }
            if !went_well {
                return 1;
            }
        }
    }
    let ended = frame::write(out, Kind::End, 0, Ok::<_, String>);
    match ended.map(|out| pipe.write_all(&out)) {
        Ok(Ok(())) => 0,
        _ => 1,
    }
}

/// Appends what an item gives; and whether that is a result.
fn run<R: Serialize>(out: Vec<u8>, index: usize, f: impl FnOnce() -> R) -> (Vec<u8>, bool) {
    let failure = match panics::catch(|| Ok(f())) {
        Ok(result) => {
            // A result that fails to be encoded leaves a part of itself behind; what came before it
            // does not matter then, since the whole call fails.
            match frame::write(out, Kind::Result, index, |out| {
                encoding::encode(&result, out)
            }) {
                Ok(out) => return (out, true),
                Err(why) => (Kind::NotEncoded, why, String::new()),
            }
        }
        Err(failure) => {
            debug_assert_eq!(failure.kind, FailureKind::Panic);
            let why = failure.into_why();
            (Kind::Panicked, why.message, why.location)
        }
    };
    let (kind, message, location) = failure;
    let body = (message, location);
    let out = frame::write(Vec::new(), kind, index, |out| encoding::encode(&body, out));
    (out.expect("texts can be encoded"), false)
}
