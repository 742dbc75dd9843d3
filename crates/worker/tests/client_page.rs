//! What `crates/wire/PROTOCOL.md` says of the built-in tasks, held against the worker itself: a
//! client in another language has nothing else.

#[path = "../../wire/tests/protocol_page/markdown.rs"]
mod markdown;

use dataset::{Column, Kind, Order, Scalar};
use markdown::{Example, examples};
use serde::Serialize;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use wire::FromWorker;
use worker::records::{Record, StudyField};
use worker::sum::{Partial, Summer};

#[test]
fn every_argument_and_answer_on_the_page_is_the_real_encoding() {
    let column = |offset, stride, kind, order| Column {
        offset,
        stride,
        scalar: Scalar::new(kind, order),
    };
    let record = Record {
        index: 1,
        timestamp: -2,
        val: 0.5,
    };
    let inf = f64::INFINITY;
    let real = [
        example(
            "Column of val in datagen's records",
            &column(16, 24, Kind::F8, Order::Little),
        ),
        example(
            "Column of a plain >i4 array",
            &column(0, 4, Kind::I4, Order::Big),
        ),
        example("StudyField::Index", &StudyField::Index),
        example("StudyField::Val", &StudyField::Val),
        example("record 1, -2, 0.5", &record),
        example("sum of nothing", &sum(&[])),
        example("sum of 1.0, 2.0, NaN", &sum(&[1.0, 2.0, f64::NAN])),
        example("sum of -1.0", &sum(&[-1.0])),
        example("sum of 5e-324", &sum(&[5e-324])),
        example(
            "sum of -2^63, 2^-1074",
            &sum(&[-9_223_372_036_854_775_808.0, 5e-324]),
        ),
        example("sum of inf, 1.0", &sum(&[inf, 1.0])),
        example("sum of inf, -inf", &sum(&[inf, -inf])),
    ];
    let page = examples("tasks");
    for (page, real) in page.iter().zip(&real) {
        assert_eq!(page, real);
    }
    assert_eq!(page.len(), real.len());
}

#[test]
fn kinds_are_numbered_as_on_the_page() {
    for (tag, kind) in (0..).zip(Kind::ALL) {
        assert_eq!(postcard::to_stdvec(&kind).unwrap(), [tag]);
        let name = match kind {
            Kind::Bool => "bool".to_owned(),
            _ => format!("`{}`", format!("{kind:?}").to_lowercase()),
        };
        let numbered = format!("{tag} {name}");
        assert!(markdown::PAGE.contains(&numbered), "{numbered}");
    }
}

/// Sends the coordinator's side of the page's session to a real worker, all at once.
#[test]
fn the_worker_answers_the_session_on_the_page_as_the_page_says() {
    let frames = examples("frames");
    let end = frames
        .iter()
        .position(|frame| frame.title == "> shutdown")
        .expect("the session ends with a shutdown");
    let session = &frames[..=end];
    let said = replay(session);
    let due: Vec<&Example> = session
        .iter()
        .filter(|frame| frame.title.starts_with('<'))
        .collect();
    assert_eq!(said.len(), due.len(), "{said:?}");
    for (said, due) in said.iter().zip(due) {
        if due.title == "< ready" {
            assert_eq!(ready(said), ready(&due.bytes));
            continue;
        }
        // The rest is times, memory and pids, which differ.
        let same = match due.title.as_str() {
            "< greeting" => 4 + 5,
            "< received 1" | "< received 2" => 4 + 2,
            "< done 1" => 4 + 3 + 14,
            "< memory" => 4 + 1,
            "< failed 2" => due.bytes.len(),
            other => panic!("{other} is new in the session"),
        };
        // Without the length, which depends on what follows.
        assert_eq!(said[4..same], due.bytes[4..same], "{}", due.title);
        if same == due.bytes.len() {
            assert_eq!(said, &due.bytes, "{}", due.title);
        }
    }
}

/// The names of the tasks in a `Ready` frame. Fingerprints and build differ with the compiler.
fn ready(frame: &[u8]) -> Vec<String> {
    match wire::decode(&frame[4..]).unwrap() {
        FromWorker::Ready { tasks, .. } => tasks.iter().map(|task| task.name.to_owned()).collect(),
        other => panic!("{other:?} came where the worker was to be ready"),
    }
}

/// The frames that a worker sends, up to the end of its stream.
fn replay(session: &[Example]) -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_worker"))
        .arg("--connect")
        .arg(&path)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    drop(directory);
    for frame in session.iter().filter(|frame| frame.title.starts_with('>')) {
        socket.write_all(&frame.bytes).unwrap();
    }
    let mut said = Vec::new();
    socket.read_to_end(&mut said).unwrap();
    assert_eq!(worker.wait().unwrap().code(), Some(0));
    let mut frames = Vec::new();
    while let Some(prefix) = said.first_chunk::<4>() {
        let rest = said.split_off(4 + u32::from_le_bytes(*prefix) as usize);
        frames.push(std::mem::replace(&mut said, rest));
    }
    frames
}

fn example(title: &str, value: &impl Serialize) -> Example {
    Example {
        title: title.to_owned(),
        bytes: postcard::to_stdvec(value).unwrap(),
    }
}

fn sum(values: &[f64]) -> Partial {
    let mut summer = Summer::new(&Column {
        offset: 0,
        stride: 8,
        scalar: Scalar::new(Kind::F8, Order::Little),
    });
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    summer.add(&bytes);
    summer.finish()
}
