//! Writes real messages and headers as the first inputs of a corpus:
//! `cargo run -p hostile --example seeds -- fuzz/corpus`.

mod arrays;

use dataset::{Column, Header, Kind, Order, Scalar};
use serde::Serialize;
use std::fs;
use std::path::Path;
use wire::{
    Call, CallInput, FailureKind, FromServer, FromWorker, Hello, KnownTask, LogRecord, Memory,
    Setup, SetupStep, Source, ToServer, ToWorker,
};
use worker::NansumRecordsArgs;
use worker::records::{Record, StudyField};

fn main() {
    let corpus = std::env::args().nth(1).expect("the directory to write to");
    let corpus = Path::new(&corpus);
    let memory = Memory {
        heap: 1 << 20,
        heap_peak: 300,
        rss: 5_000_000,
        ..Memory::default()
    };
    let messages = messages(memory);
    let mut stream = vec![0];
    for body in &messages {
        stream.extend_from_slice(&((body.len() - 1) as u32).to_le_bytes());
        stream.extend_from_slice(&body[1..]);
    }
    write(corpus, "frames", &[stream, vec![3, 255, 255, 255, 255, 1]]);
    write(corpus, "messages", &messages);
    write(corpus, "header", &headers());
    write(corpus, "regions", &regions());
    write(corpus, "serving", &served());
    write(corpus, "lane", &operations());
    write(corpus, "arrays", &arrays::tables());
}

/// Operations of each side of a lane, small and large, and stores of its peer between them.
fn operations() -> Vec<Vec<u8>> {
    let bytes = |seed: u64, len: usize| {
        let mut state = seed;
        let step = || {
            // A multiplier of Knuth's MMIX generator.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        std::iter::repeat_with(step).take(len).collect::<Vec<u8>>()
    };
    let sides = (0..4_u8).flat_map(|side| [40, 400, 2000].map(|len| (side, len)));
    sides
        .map(|(side, len)| [vec![side], bytes(u64::from(side) + 1, len)].concat())
        .collect()
}

fn write(corpus: &Path, name: &str, inputs: &[Vec<u8>]) {
    let directory = corpus.join(name);
    fs::create_dir_all(&directory).unwrap();
    for (number, input) in inputs.iter().enumerate() {
        fs::write(directory.join(format!("seed-{number:02}")), input).unwrap();
    }
}

fn body(message: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode(message, &mut frame).unwrap();
    frame.split_off(4)
}

/// A body behind the byte of its kind.
fn kind(kind: u8, message: &impl Serialize) -> Vec<u8> {
    [vec![kind], body(message)].concat()
}

/// Bodies behind their lengths.
fn pieces(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut input = Vec::new();
    for body in bodies {
        input.push(u8::try_from(body.len()).expect("a short message"));
        input.extend_from_slice(body);
    }
    input
}

fn call<'a>(task: &'a str, args: &'a [u8], input: CallInput<'a>) -> ToWorker<'a> {
    ToWorker::Call(Call {
        id: 300,
        task,
        args,
        input,
        attempt: 1,
        arrays: &[],
    })
}

fn slice(region: u32, offset: u64, len: u64) -> CallInput<'static> {
    CallInput::Slice {
        region,
        offset,
        len,
    }
}

fn attach(region: u32, source: Source<'_>) -> Vec<u8> {
    body(&ToWorker::Attach { region, source })
}

const SEGMENT: &str = "/handoff-4242-353879-8000663676b020f9";

fn messages(memory: Memory) -> Vec<Vec<u8>> {
    let path = Source::Path {
        path: "/dev/null",
        device: 2049,
        inode: 131_072,
        size: 240_000,
        mtime_ns: -1,
    };
    let mut messages = vec![
        kind(0, &ToWorker::Chunk(b"chunk")),
        kind(
            0,
            &ToWorker::Setup(Setup {
                name: "SpawnProcess-1",
                events: true,
                log_level: 3,
                board: Some(2),
                initializer: Some(("warm", &[5])),
                sandbox: true,
                lane: None,
                bounds: None,
                spin_us: 0,
            }),
        ),
        kind(
            0,
            &ToWorker::Attach {
                region: 3,
                source: path,
            },
        ),
        kind(0, &call("nansum", &[0, 8, 1, 0], slice(3, 192, 240_000))),
        kind(
            0,
            &call("nansum", &[0, 8, 1, 0], CallInput::Inline(&[1; 8])),
        ),
    ];
    messages.extend(from_worker(memory));
    messages.extend(forkserver());
    messages.push(kind(4, &Hello::ours()));
    messages
}

fn from_worker(memory: Memory) -> Vec<Vec<u8>> {
    vec![
        kind(
            1,
            &FromWorker::Ready {
                tasks: ["nansum", "nansum_records"]
                    .map(|name| KnownTask {
                        name,
                        fingerprint: 300,
                    })
                    .to_vec(),
                build: 7,
                lane: false,
            },
        ),
        kind(
            1,
            &FromWorker::Refused {
                step: SetupStep::Initializer,
                reason: "no licence",
            },
        ),
        kind(
            1,
            &FromWorker::Received {
                id: 300,
                at_ns: 1 << 40,
                memory,
            },
        ),
        kind(1, &FromWorker::OutputPart(&[1, 2, 3])),
        kind(
            1,
            &FromWorker::Done {
                id: 300,
                output: &[42],
                began_ns: 1 << 40,
                computed_ns: u64::MAX,
                memory: Some(memory),
                arrays: &[],
            },
        ),
        kind(
            1,
            &FromWorker::Failed {
                id: 1,
                kind: FailureKind::Panic,
                message: "on purpose",
                location: "src/task.rs:7:9",
                backtrace: "0: main",
                arrays: &[],
            },
        ),
        kind(
            1,
            &FromWorker::Log(LogRecord {
                level: 2,
                target: "warm",
                message: "c\u{f4}ld",
                call: Some(8),
                at_ns: 3000,
            }),
        ),
    ]
}

fn forkserver() -> Vec<Vec<u8>> {
    vec![
        kind(2, &ToServer::Fork { request: 1 << 35 }),
        kind(
            3,
            &FromServer::Forked {
                request: 1,
                pid: 4244,
            },
        ),
        kind(
            3,
            &FromServer::Failed {
                request: 2,
                reason: "out of memory",
                permanent: false,
            },
        ),
        kind(
            3,
            &FromServer::Ended {
                pid: 1,
                exit: None,
                signal: Some(9),
                rss_peak: 4096,
            },
        ),
    ]
}

fn headers() -> Vec<Vec<u8>> {
    let described = |version: u8, descr: &str, shape: &str| {
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (text.len() as u32).to_le_bytes();
        let length = if version == 1 {
            &length[..2]
        } else {
            &length[..]
        };
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend_from_slice(length);
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    let study = "[('index', '<i8'), ('timestamp', '<M8[ns]'), ('val', '<f8')]";
    let inputs = vec![
        described(1, study, "(200000000,)"),
        described(1, "'>f4'", "(7,)"),
        described(
            2,
            "[('a', '|b1'), ('b', '|S10', (2, 3)), ('', '|V4')]",
            "(1L,)",
        ),
        described(
            3,
            "[(('t\u{ef}tle', 'n\u{e4}me'), '<U3'), ('c', [('d', '>u2')])]",
            "(0,)",
        ),
        described(
            1,
            "{'names': ['x'], 'formats': ['<f8'], 'offsets': [16], 'itemsize': 32}",
            "(3,)",
        ),
        described(1, "((((('<f8',),),),),)", "(1, 2)"),
    ];
    Header::parse(&inputs[0]).expect("a header");
    inputs
}

fn regions() -> Vec<Vec<u8>> {
    let detach = body(&ToWorker::Detach { region: 1 });
    let reach = |region, offset, len| body(&call("t", &[], slice(region, offset, len)));
    vec![
        pieces(&[
            attach(1, Source::Descriptor { len: 9_000 }),
            reach(1, 8_999, 1),
            reach(1, 1, 9_000),
            detach,
            reach(1, 0, 0),
        ]),
        pieces(&[
            attach(7, Source::Inherited),
            reach(7, 0, 9_000),
            reach(7, u64::MAX, 2),
        ]),
        pieces(&[
            attach(2, Source::File { len: 1 << 40 }),
            reach(2, 5_000, 5_000),
        ]),
        pieces(&[
            attach(
                3,
                Source::Segment {
                    name: SEGMENT,
                    len: 240_000,
                },
            ),
            reach(3, 0, 8),
        ]),
        pieces(&[
            attach(5, Source::Descriptor { len: u64::MAX }),
            reach(5, 0, 1),
        ]),
    ]
}

fn served() -> Vec<Vec<u8>> {
    let column = postcard::to_stdvec(&Column {
        offset: 0,
        stride: 8,
        scalar: Scalar::new(Kind::F8, Order::Little),
    })
    .unwrap();
    let records = postcard::to_stdvec(&NansumRecordsArgs {
        field: StudyField::Val,
    })
    .unwrap();
    let mut encoded = Vec::new();
    let record = Record {
        index: 1,
        timestamp: -2,
        val: 0.5,
    };
    record.encode(&mut encoded);
    vec![
        pieces(&[
            body(&call("nansum", &column, CallInput::Inline(&[0x3f; 32]))),
            body(&ToWorker::ReportMemory),
            body(&call("sum", &column, CallInput::None)),
            body(&ToWorker::Shutdown),
        ]),
        pieces(&[
            attach(1, Source::Inherited),
            body(&call("nansum", &column, slice(1, 64, 1024))),
            body(&ToWorker::Detach { region: 1 }),
            body(&call("nansum", &column, slice(1, 64, 1024))),
        ]),
        pieces(&[
            attach(2, Source::Descriptor { len: 4096 }),
            attach(3, Source::File { len: 4096 }),
            body(&call("nansum", &column, slice(2, 0, 4096))),
            body(&call("nansum", &column, slice(3, 1, 4096))),
        ]),
        pieces(&[
            body(&call("nansum_records", &records, CallInput::Stream)),
            body(&ToWorker::Chunk(&encoded)),
            body(&ToWorker::Chunk(&encoded[..3])),
            body(&ToWorker::Chunk(&encoded[3..])),
            body(&ToWorker::ChunkEnd),
        ]),
        pieces(&[
            body(&call("nansum", &column, CallInput::Stream)),
            body(&ToWorker::Chunk(&[1; 13])),
            body(&ToWorker::ChunkAbort),
            attach(
                1,
                Source::Segment {
                    name: SEGMENT,
                    len: 1,
                },
            ),
            body(&call("nansum", &column, slice(1, 0, 1))),
        ]),
    ]
}
