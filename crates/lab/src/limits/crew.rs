//! A crew of threads or of forked processes that work on parts of one thing, and are timed together.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::ops::Range;
use std::time::Instant;

use report::Width;

use super::raw;

/// Seconds of each phase, from the word to go to the last member's being done.
///
/// Every member calls `prepare` with its number, which returns the work of one phase; it is called
/// once for each phase. Members are gone when this returns.
///
/// # Errors
///
/// Where a member cannot be started, or dies.
pub(crate) fn timed<Work: FnMut()>(
    width: Width,
    phases: usize,
    prepare: impl Fn(usize) -> Work + Sync,
) -> anyhow::Result<Vec<f64>> {
    let signals = Signals::new(phases)?;
    let crew = size(width);
    match width {
        Width::Threads(_) => std::thread::scope(|scope| {
            for member in 0..crew {
                let (signals, prepare) = (&signals, &prepare);
                scope.spawn(move || signals.serve(prepare(member)));
            }
            signals.lead(crew)
        }),
        Width::Processes(_) => {
            let children = (0..crew)
                .map(|member| raw::in_child(|| signals.serve(prepare(member))))
                .collect::<Result<Vec<_>, _>>()?;
            let seconds = signals.lead(crew);
            for child in children {
                raw::reap(child)?;
            }
            seconds
        }
    }
}

/// The number of members.
pub(crate) fn size(width: Width) -> usize {
    match width {
        Width::Threads(crew) | Width::Processes(crew) => {
            usize::try_from(crew).expect("u32 fits in usize")
        }
    }
}

/// The part of `bytes` that is a member's: contiguous, on whole pages but for the last end.
pub(crate) fn part(bytes: usize, crew: usize, member: usize) -> Range<usize> {
    const PAGE: usize = 2 << 20;
    let share = bytes.div_ceil(crew).next_multiple_of(PAGE);
    (share * member).min(bytes)..(share * (member + 1)).min(bytes)
}

/// One pipe to say that a member is done, one for each phase to say go. They work between threads
/// and between processes alike, so both crews are measured with the same means.
struct Signals {
    done: (PipeReader, PipeWriter),
    go: Vec<(PipeReader, PipeWriter)>,
}

impl Signals {
    fn new(phases: usize) -> std::io::Result<Signals> {
        let start = (0..phases).map(|_| pipe()).collect::<Result<_, _>>()?;
        Ok(Signals {
            done: pipe()?,
            go: start,
        })
    }

    fn serve(&self, mut work: impl FnMut()) {
        let done = || {
            (&self.done.1)
                .write_all(&[0])
                .expect("the leader holds the other end")
        };
        done();
        for (go, _) in &self.go {
            let mut reader = go;
            reader
                .read_exact(&mut [0])
                .expect("the leader holds the other end");
            work();
            done();
        }
    }

    fn lead(&self, crew: usize) -> anyhow::Result<Vec<f64>> {
        let mut bytes = vec![0; crew];
        (&self.done.0).read_exact(&mut bytes)?;
        let mut seconds = Vec::new();
        for (_, go) in &self.go {
            let mut writer = go;
            let started = Instant::now();
            writer.write_all(&bytes)?;
            (&self.done.0).read_exact(&mut bytes)?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_member_works_once_a_phase() {
        let calls = AtomicUsize::new(0);
        let seconds = timed(Width::Threads(3), 2, |member| {
            let calls = &calls;
            move || {
                calls.fetch_add(member + 1, Ordering::Relaxed);
            }
        })
        .unwrap();
        assert_eq!(seconds.len(), 2);
        assert_eq!(calls.into_inner(), 2 * (1 + 2 + 3));
    }

    #[test]
    fn parts_cover_everything_once() {
        for bytes in [0, 1, 5 << 20, (64 << 20) + 7] {
            for crew in [1, 2, 8] {
                let mut next = 0;
                for member in 0..crew {
                    let part = part(bytes, crew, member);
                    assert_eq!(part.start, next);
                    next = part.end;
                }
                assert_eq!(next, bytes);
            }
        }
    }
}
