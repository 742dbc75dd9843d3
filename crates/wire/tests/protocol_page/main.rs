//! `PROTOCOL.md` is what writers of other languages have: its examples are the real encodings of
//! every message, and its bounds are the real bounds.

mod markdown;

use markdown::{Example, PAGE, examples};
use serde::Serialize;
use wire::{
    Bounds, Call, CallInput, FailureKind, FromServer, FromWorker, Hello, KnownTask, LogRecord,
    MAX_BODY, MAX_CHUNK, Memory, PROTOCOL, Setup, SetupStep, Source, ToServer, ToWorker,
};

const COLUMN: [u8; 4] = [0, 8, 1, 0];
const STUDY_COLUMN: [u8; 4] = [16, 24, 1, 0];
/// Of 1, 2 and NaN.
const PARTIAL: [u8; 14] = [
    2, 1, 0, 0, 2, 16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 6,
];
const MEMORY: Memory = Memory {
    heap: 263_523,
    heap_peak: 296_315,
    rss: 3_440_640,
    rss_peak: 3_440_640,
    pss: 0,
    private: 0,
};

#[test]
fn every_frame_on_the_page_is_the_real_encoding() {
    let real: Vec<Example> = session()
        .into_iter()
        .chain(other_messages())
        .chain(forkserver())
        .collect();
    same(&examples("frames"), &real);
}

#[test]
fn every_value_on_the_page_is_the_real_encoding() {
    let real = [
        value("0", &0u64),
        value("127", &127u64),
        value("128", &128u64),
        value("300", &300u64),
        value("18446744073709551615", &u64::MAX),
        value("-1 (signed)", &-1i64),
        value("1 (signed)", &1i64),
        value("-65 (signed)", &-65i32),
        value("true", &true),
        value("none", &None::<u64>),
        value("some of 300", &Some(300u32)),
        value("\"é\"", &"é"),
        value("bytes 00 ff", &[0u8, 0xff][..]),
        value("sequence of 1, 300", &[1u64, 300][..]),
        value("1.5", &1.5f64),
        value("-0.0", &-0.0f64),
    ];
    same(&examples("values"), &real);
}

#[test]
fn the_bounds_on_the_page_are_the_real_ones() {
    assert!(PAGE.contains(&format!("**protocol {PROTOCOL}**")));
    assert!(PAGE.contains(&format!("| protocol | `u32` | {PROTOCOL} |")));
    assert!(PAGE.contains(&format!("at most {MAX_BODY} bytes")));
    assert!(PAGE.contains(&format!("`bytes`, at most {MAX_CHUNK} of them")));
}

/// Compares one by one, so that the first difference is reported with its title.
fn same(page: &[Example], real: &[Example]) {
    for (page, real) in page.iter().zip(real) {
        assert_eq!(page, real);
    }
    assert_eq!(page.len(), real.len());
}

fn value(title: &str, value: &(impl Serialize + ?Sized)) -> Example {
    Example {
        title: title.to_owned(),
        bytes: postcard::to_stdvec(value).unwrap(),
    }
}

fn frame(title: &str, message: &impl Serialize) -> Example {
    let mut bytes = Vec::new();
    wire::encode(message, &mut bytes).unwrap();
    Example {
        title: title.to_owned(),
        bytes,
    }
}

fn hello(pid: u32, version: &str) -> Hello {
    let mut hello = Hello::ours();
    hello.pid = pid;
    hello.version = version.to_owned();
    hello
}

fn call<'a>(id: u64, task: &'a str, args: &'a [u8], input: CallInput<'a>) -> ToWorker<'a> {
    ToWorker::Call(Call {
        id,
        task,
        args,
        input,
        attempt: 1,
        arrays: &[],
    })
}

fn session() -> Vec<Example> {
    let input: Vec<u8> = [1.0f64, 2.0, f64::NAN]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let setup = ToWorker::Setup(Setup {
        name: "Client-1",
        events: true,
        log_level: 0,
        board: None,
        initializer: None,
        sandbox: false,
        lane: None,
        bounds: None,
        spin_us: 0,
    });
    let received = |id, at_ns| FromWorker::Received {
        id,
        at_ns,
        memory: MEMORY,
    };
    let done = FromWorker::Done {
        id: 1,
        output: &PARTIAL,
        began_ns: 4_999_900_000,
        computed_ns: 5_000_001_000,
        memory: Some(MEMORY),
        arrays: &[],
    };
    let failed = FromWorker::Failed {
        id: 2,
        kind: FailureKind::UnknownTask,
        message: "no task named \"sum\"; this worker has nansum, nansum_records",
        location: "",
        backtrace: "",
        arrays: &[],
    };
    let in_full = FromWorker::Memory(Memory {
        pss: 1_865_728,
        private: 188_416,
        ..MEMORY
    });
    let known = |name, fingerprint| KnownTask { name, fingerprint };
    let ready = FromWorker::Ready {
        tasks: vec![known("nansum", 300), known("nansum_records", 0)],
        build: 7,
        lane: false,
    };
    vec![
        frame("> greeting", &hello(4242, "python")),
        frame("< greeting", &hello(4243, "0.1.0")),
        frame("> set-up", &setup),
        frame("< ready", &ready),
        frame("> call 1", &call(1, "nansum", &COLUMN, CallInput::Stream)),
        frame("> chunk", &ToWorker::Chunk(&input)),
        frame("> end of the stream", &ToWorker::ChunkEnd),
        frame("< received 1", &received(1, 5_000_000_000)),
        frame("< done 1", &done),
        frame("> call 2", &call(2, "sum", &[], CallInput::None)),
        frame("< received 2", &received(2, 5_000_100_000)),
        frame("< failed 2", &failed),
        frame("> report memory", &ToWorker::ReportMemory),
        frame("< memory", &in_full),
        frame("> shutdown", &ToWorker::Shutdown),
    ]
}

fn other_messages() -> Vec<Example> {
    [to_worker(), lane(), from_worker()].concat()
}

fn to_worker() -> Vec<Example> {
    let setup = ToWorker::Setup(Setup {
        name: "Client-2",
        events: false,
        log_level: 3,
        board: Some(2),
        initializer: Some(("warm", &[5])),
        sandbox: true,
        lane: None,
        bounds: None,
        spin_us: 0,
    });
    let attach = |region, source| ToWorker::Attach { region, source };
    let segment = Source::Segment {
        name: "/handoff-4242-353879-8000663676b020f9",
        len: 240_000,
    };
    let path = Source::Path {
        path: "/data/sample.npy",
        device: 2049,
        inode: 131_072,
        size: 240_192,
        mtime_ns: 1_700_000_000_123_456_789,
    };
    let slice = CallInput::Slice {
        region: 3,
        offset: 192,
        len: 240_000,
    };
    let half = 0.5f64.to_le_bytes();
    let inline = call(7, "nansum", &COLUMN, CallInput::Inline(&half));
    vec![
        frame("> abort", &ToWorker::ChunkAbort),
        frame(
            "> set-up with a board, an initializer and a sandbox",
            &setup,
        ),
        frame("> attach a segment", &attach(1, segment)),
        frame(
            "> attach a descriptor",
            &attach(2, Source::Descriptor { len: 240_192 }),
        ),
        frame("> attach a path", &attach(3, path)),
        frame("> attach what was inherited", &attach(4, Source::Inherited)),
        frame("> detach", &ToWorker::Detach { region: 300 }),
        frame("> call with its input inline", &inline),
        frame(
            "> call on a slice",
            &call(8, "nansum", &STUDY_COLUMN, slice),
        ),
    ]
}

fn lane() -> Vec<Example> {
    let with_lane = ToWorker::Setup(Setup {
        name: "Client-3",
        events: false,
        log_level: 0,
        board: Some(0),
        initializer: None,
        sandbox: false,
        lane: Some(0x0a_0b_0c),
        bounds: Some(Bounds {
            memory: Some(1024),
            nice: 5,
            cpus: vec![0, 3],
            ..Bounds::default()
        }),
        spin_us: 50,
    });
    let (call_9, total) = (9, 1024);
    let progress = FromWorker::Progress {
        call: call_9,
        done: 3,
        total,
    };
    let note = FromWorker::Note {
        call: call_9,
        note: b"hi",
    };
    let lane_call = ToWorker::LaneCall {
        index: 300,
        call: Call {
            id: 9,
            task: "nansum",
            args: &COLUMN,
            input: CallInput::Stream,
            attempt: 2,
            arrays: &[],
        },
    };
    vec![
        frame("> set-up with a lane", &with_lane),
        frame("< progress", &progress),
        frame("< note", &note),
        frame("> the call of a lane's entry", &lane_call),
        frame("> wake", &ToWorker::Wake),
        frame("< wake", &FromWorker::Wake),
    ]
}

fn from_worker() -> Vec<Example> {
    let refused = FromWorker::Refused {
        step: SetupStep::Initializer,
        reason: "warm: no licence",
    };
    let done = FromWorker::Done {
        id: 7,
        output: &[42],
        began_ns: 1000,
        computed_ns: 2000,
        memory: None,
        arrays: &[],
    };
    let failed = FromWorker::Failed {
        id: 8,
        kind: FailureKind::Panic,
        message: "on purpose",
        location: "src/task.rs:7:9",
        backtrace: "0: main",
        arrays: &[],
    };
    let log = FromWorker::Log(LogRecord {
        level: 2,
        target: "warm",
        message: "cold",
        call: Some(8),
        at_ns: 3000,
    });
    vec![
        frame("< refused", &refused),
        frame("< part of an output", &FromWorker::OutputPart(&[1, 2, 3])),
        frame("< done without memory", &done),
        frame("< failed by a panic", &failed),
        frame("< log", &log),
    ]
}

fn forkserver() -> Vec<Example> {
    let failed = FromServer::Failed {
        request: 2,
        reason: "out of memory",
        permanent: false,
    };
    let ended = |pid, exit, signal| FromServer::Ended {
        pid,
        exit,
        signal,
        rss_peak: 1 << 20,
    };
    let forked = FromServer::Forked {
        request: 1,
        pid: 4244,
    };
    vec![
        frame("> fork", &ToServer::Fork { request: 1 }),
        frame("< forked", &forked),
        frame("< not forked", &failed),
        frame("< ended by exit", &ended(4244, Some(0), None)),
        frame("< ended by a signal", &ended(4245, None, Some(9))),
        frame("> shutdown", &ToServer::Shutdown),
    ]
}

/// The page numbers `FailureKind` in prose.
#[test]
fn failure_kinds_are_numbered_as_on_the_page() {
    let kinds = [
        FailureKind::Error,
        FailureKind::Panic,
        FailureKind::UnknownTask,
        FailureKind::BadArgs,
        FailureKind::BadInput,
    ];
    for (tag, kind) in (0..).zip(kinds) {
        assert_eq!(postcard::to_stdvec(&kind).unwrap(), [tag]);
        assert!(PAGE.contains(&format!("{tag} `{kind:?}`")), "{kind:?}");
    }
}
