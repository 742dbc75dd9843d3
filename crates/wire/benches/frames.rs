//! What framing costs: small messages out and in, and chunks of a stream in.
//!
//! `cargo bench -p wire`. A chunk's bytes are not copied by the framing, so its rate is that of
//! the copy into the buffer, which stands in for the socket's.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wire::{Call, CallInput, FrameBuffer, FromWorker, ToWorker, chunk_prefix, decode, encode};

const MESSAGES: u64 = 1_000;

fn call(id: u64) -> ToWorker<'static> {
    ToWorker::Call(Call {
        id,
        task: "add_one",
        args: &[1, 2, 3],
        input: CallInput::None,
        attempt: 1,
        arrays: &[],
    })
}

fn answer(id: u64) -> FromWorker<'static> {
    FromWorker::Done {
        id,
        output: &[1, 2, 3],
        began_ns: 1_000_000_000_000,
        computed_ns: 1_000_000_001_000,
        memory: None,
        arrays: &[],
    }
}

/// Takes every body out of a stream that arrives in reads of the buffer's size.
fn split(stream: &[u8], buffer: &mut FrameBuffer, mut each: impl FnMut(&[u8])) {
    let mut rest = stream;
    while !rest.is_empty() {
        let space = buffer.space();
        let count = space.len().min(rest.len());
        space[..count].copy_from_slice(&rest[..count]);
        buffer.filled(count);
        rest = &rest[count..];
        while let Some(body) = buffer.next_body().expect("frames of our own") {
            each(body);
        }
    }
}

fn small_messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("small");
    group.throughput(Throughput::Elements(MESSAGES));
    group.bench_function("encode calls", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            for id in 0..MESSAGES {
                encode(&call(id), &mut out).expect("a short message");
            }
            black_box(out.len())
        });
    });
    let mut stream = Vec::new();
    for id in 0..MESSAGES {
        encode(&answer(id), &mut stream).expect("a short message");
    }
    group.bench_function("split and decode answers", |bencher| {
        let mut buffer = FrameBuffer::with_capacity(64 * 1024);
        bencher.iter(|| {
            let mut ids = 0;
            split(&stream, &mut buffer, |body| {
                match decode(body).expect("an answer") {
                    FromWorker::Done { id, .. } => ids += id,
                    other => panic!("{other:?}"),
                }
            });
            assert_eq!(ids, MESSAGES * (MESSAGES - 1) / 2);
        });
    });
    group.finish();
}

fn chunks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunks");
    for chunk in [64 * 1024, 256 * 1024, 1024 * 1024] {
        let total = 16 * 1024 * 1024;
        let mut stream = Vec::new();
        for _ in 0..total / chunk {
            chunk_prefix(chunk, &mut stream);
            stream.resize(stream.len() + chunk, 7);
        }
        group.throughput(Throughput::Bytes(total as u64));
        group.bench_function(format!("{} KiB", chunk / 1024), |bencher| {
            bencher.iter_batched_ref(
                || FrameBuffer::with_capacity(256 * 1024),
                |buffer| {
                    let mut bytes = 0;
                    split(&stream, buffer, |body| {
                        match decode(body).expect("a chunk") {
                            ToWorker::Chunk(chunk) => bytes += chunk.len(),
                            other => panic!("{other:?}"),
                        }
                    });
                    assert_eq!(bytes, total);
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, small_messages, chunks);
criterion_main!(benches);
