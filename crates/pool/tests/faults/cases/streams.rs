//! Much data: inputs and outputs over the size of a frame, and sources that fail.

use crate::pools::{Pools, assert_works, died};
use crate::tasks::{DieMidStream, Double, Large, Length, Total, Way};
use pool::{Ending, Input, Make, Maker, ReduceError, Stream, TaskFailure};
use std::io;
use std::sync::Arc;

pub(crate) fn long_outputs_arrive_whole(pools: &Pools) {
    let mut pool = pools.start(2);
    for bytes in [0, 1, 1 << 20, 3 << 20, (3 << 20) + 12_345] {
        let handles: Vec<_> = (0..3)
            .map(|_| pool.submit::<Large>(&bytes, ()).unwrap())
            .collect();
        for handle in handles {
            let output = pool.wait(handle).unwrap();
            assert_eq!(output.len() as u64, bytes);
            assert!((0..bytes).all(|at| output[at as usize] == at as u8));
        }
    }
}

pub(crate) fn long_inputs_are_streamed(pools: &Pools) {
    let mut pool = pools.start(2);
    let lengths = [0, 1, 250 << 10, (1 << 20) - 1, (1 << 20) + 1, 20 << 20];
    let handles: Vec<_> = lengths
        .iter()
        .map(|&length| pool.submit::<Length>(&(), vec![3; length]).unwrap())
        .collect();
    for (&length, handle) in lengths.iter().zip(handles) {
        let expected = (length as u64, 3 * length as u64);
        assert_eq!(pool.wait(handle).unwrap(), expected);
    }
    assert!(pool.counters().streamed >= 21 << 20);
}

pub(crate) fn death_mid_stream(pools: &Pools) {
    let mut pool = pools.builder(2).retries(1).start().unwrap();
    let bytes: pool::SharedBytes = Arc::new(vec![1u8; 64 << 20]);
    for way in [Way::Exit(4), Way::Signal(libc::SIGKILL)] {
        let stream = Stream::Memory(Arc::clone(&bytes));
        let deadly = pool.submit::<DieMidStream>(&way, stream.clone()).unwrap();
        let harmless = pool.submit::<Length>(&(), stream).unwrap();
        let certificate = died(pool.wait(deadly));
        assert_eq!(certificate.deaths, 2, "{certificate}");
        assert!(matches!(
            certificate.ending,
            Ending::Exit(4) | Ending::Signal(libc::SIGKILL)
        ));
        assert_eq!(pool.wait(harmless).unwrap(), (64 << 20, 64 << 20));
        assert_works(&mut pool);
    }
}

/// Gives one chunk, then fails, if it is to.
struct Source {
    fails: bool,
}

impl Make for Source {
    fn open(&self) -> Maker {
        let (fails, mut chunks) = (self.fails, 0);
        Box::new(move |chunk| {
            chunks += 1;
            match chunks {
                1 => chunk.resize(1000, 1),
                _ if fails => return Err(io::Error::other("the source ran dry")),
                _ => {}
            }
            Ok(())
        })
    }
}

/// Among streams that are sent ahead, the one whose source fails is the one that fails.
pub(crate) fn a_source_that_fails(pools: &Pools) {
    let mut pool = pools.start(1);
    // Short tasks, so that several are sent ahead.
    for number in 0..200 {
        let handle = pool.submit::<Double>(&number, ()).unwrap();
        pool.wait(handle).unwrap();
    }
    let handles: Vec<_> = (0..20)
        .map(|number| {
            let source = Source {
                fails: number % 5 == 4,
            };
            let stream = Stream::Made(Arc::new(source));
            pool.submit::<Length>(&(), stream).unwrap()
        })
        .collect();
    for (number, handle) in (0..).zip(handles) {
        match pool.wait(handle) {
            Ok(output) => assert!(number % 5 != 4 && output == (1000, 1000), "{number}"),
            Err(TaskFailure::Input(why)) => {
                assert!(
                    number % 5 == 4 && why.contains("ran dry"),
                    "{number}: {why}"
                );
            }
            Err(other) => panic!("{number}: {other}"),
        }
    }
    assert_works(&mut pool);
    assert_eq!(pool.counters().died, 0);
}

/// A file that ends sooner than was said.
pub(crate) fn a_file_that_is_cut(pools: &Pools) {
    let mut pool = pools.start(2);
    let file = tempfile::tempfile().unwrap();
    file.set_len(5 << 20).unwrap();
    let file = Arc::new(file);
    let part = |offset, len| Stream::File {
        file: Arc::clone(&file),
        offset,
        len,
    };
    let whole = pool.submit::<Length>(&(), part(0, 5 << 20)).unwrap();
    let cut = pool.submit::<Length>(&(), part(1 << 20, 9 << 20)).unwrap();
    assert_eq!(pool.wait(whole).unwrap(), (5 << 20, 0));
    match pool.wait(cut) {
        Err(TaskFailure::Input(why)) => assert!(why.contains("truncated"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_works(&mut pool);
    assert_eq!(pool.counters().died, 0);
}

pub(crate) fn maps_and_reductions(pools: &Pools) {
    let mut pool = pools.builder(2).queue_bound(7).start().unwrap();
    let calls = (0..1_000u64).map(|number| (number, Input::None));
    let doubled: Vec<u64> = pool.map::<Double>(calls).map(Result::unwrap).collect();
    assert!(doubled.iter().copied().eq((0..1_000).map(|n| 2 * n)));
    let calls = (0..1_000u64).map(|number| (number, Input::None));
    let mut seen: Vec<(u64, u64)> = pool
        .map_unordered::<Double>(calls)
        .map(|(number, result)| (number, result.unwrap()))
        .collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq((0..1_000).map(|n| (n, 2 * n))));

    let inputs = (0..100u8).map(|byte| Input::Inline(vec![byte; 10]));
    assert_eq!(pool.reduce::<Total>(&(), inputs).unwrap(), 10 * 4950);
    assert_eq!(pool.reduce::<Total>(&(), []).unwrap(), 0);
    let inputs = (0..20).map(|number| {
        Input::Stream(Stream::Made(Arc::new(Source {
            fails: number == 13,
        })))
    });
    match pool.reduce::<Total>(&(), inputs) {
        Err(ReduceError::Part { part: 13, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_works(&mut pool);
}
