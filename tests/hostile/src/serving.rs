//! A worker's whole loop, with the built-in tasks, under a hostile coordinator.

use crate::gauge::bounded;
use crate::pieces::pieces;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{Shutdown, shutdown};
use runtime::{Inherited, send_all, serve};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use wire::{FailureKind, FromWorker, Hello, Setup, Source, ToWorker};

/// Bytes that a coordinator may make a worker hold: what it reads at once, a frame, an answer.
const BOUND: usize = 8 * 1024 * 1024;
/// Messages of one input: the answers have to fit into the socket.
const MESSAGES: usize = 64;

/// Each piece is the body of a frame that follows a proper greeting and set-up. The worker answers
/// what is a call, ends or goes on as it should, and no task panics.
pub(crate) fn run(input: &[u8]) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    send(&ours, input);
    shutdown(ours.as_raw_fd(), Shutdown::Write).expect("a connected socket");
    let memory: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(vec![0u8; 4096]);
    let inherited = Inherited::from([(1, memory)]);
    let registry = worker::registry();
    bounded(BOUND, || {
        // Whatever it makes of it, it comes back.
        let _ = serve(theirs.into(), &registry, inherited);
    });
    check_answers(ours);
}

fn send(ours: &UnixStream, input: &[u8]) {
    let mut stream = Vec::new();
    let setup = ToWorker::Setup(Setup {
        name: "Hostile",
        events: false,
        log_level: 0,
        board: None,
        initializer: None,
        sandbox: false,
        lane: None,
        bounds: None,
        spin_us: 0,
    });
    wire::encode(&Hello::ours(), &mut stream).expect("a short message");
    wire::encode(&setup, &mut stream).expect("a short message");
    for piece in pieces(input).take(MESSAGES) {
        // A path would be opened, wherever it leads.
        if let Ok(ToWorker::Attach {
            source: Source::Path { .. },
            ..
        }) = wire::decode(piece)
        {
            continue;
        }
        stream.extend_from_slice(&(piece.len() as u32).to_le_bytes());
        stream.extend_from_slice(piece);
    }
    let files = [file(), file()];
    send_all(ours.as_fd(), &stream, &[files[0].as_fd(), files[1].as_fd()])
        .expect("the socket holds it");
}

/// All that the worker said is frames, and no task panicked.
fn check_answers(mut ours: UnixStream) {
    let mut said = Vec::new();
    ours.read_to_end(&mut said).expect("the worker's end");
    let (mut rest, mut body, mut greeted) = (&said[..], Vec::new(), false);
    while wire::read_frame(&mut rest, &mut body).expect("frames") {
        if !std::mem::replace(&mut greeted, true) {
            Hello::accept(&body).expect("a greeting");
            continue;
        }
        if let FromWorker::Failed {
            kind: FailureKind::Panic,
            message,
            location,
            ..
        } = wire::decode(&body).expect("a message")
        {
            panic!("a task panicked at {location}: {message}");
        }
    }
}

fn file() -> OwnedFd {
    let memfd = memfd_create("hostile", MFdFlags::MFD_CLOEXEC).expect("a memfd");
    let mut file = File::from(memfd);
    file.write_all(&[0x3f; 4096]).expect("room for some bytes");
    file.into()
}
