//! A worker program that speaks the protocol by hand, and wrong in one way.
//!
//! `--hostile MODE START DIRECTORY` goes wrong at its START-th start, counted by files in DIRECTORY,
//! and is an honest worker at any other. Only a program that is started by exec can be one.

use crate::tasks;
use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use wire::{FromWorker, Hello, Memory, ToWorker};

/// What a worker that was let in does with its first call.
pub(crate) const AFTER_READY: &[&str] = &[
    "never-answers",
    "stalls-mid-frame",
    "answers-twice",
    "answers-another",
    "sends-no-message",
    "floods-output",
    "stops-reading",
    "gets-ready-again",
];

/// How a worker fails to get ready.
pub(crate) const BEFORE_READY: &[&str] = &[
    "says-nothing",
    "greets-half",
    "greets-wrong",
    "speaks-another-protocol",
    "announces-too-much",
    "floods-before-ready",
];

/// Takes requests for memory and does not answer them.
pub(crate) const HIDES_MEMORY: &str = "hides-memory";

pub(crate) fn main(mut args: impl Iterator<Item = String>) -> ExitCode {
    let mut next = || {
        args.next()
            .expect("--hostile MODE START DIRECTORY --fd N --parent PID")
    };
    let (mode, start, directory) = (next(), next().parse::<u32>().unwrap(), next());
    assert_eq!(next(), "--fd");
    let fd = next().parse().unwrap();
    if count(Path::new(&directory)) != start {
        let served = runtime::run_at(&runtime::Endpoint::Fd(fd), None, &tasks::registry());
        return ExitCode::from(u8::from(served.is_err()));
    }
    // SAFETY: the pool gave this descriptor to us alone.
    let socket = unsafe { UnixStream::from_raw_fd(fd) };
    go_wrong(&mode, Peer { socket });
    ExitCode::SUCCESS
}

/// The number of this start, from 1.
fn count(directory: &Path) -> u32 {
    (1..)
        .find(|number| File::create_new(directory.join(number.to_string())).is_ok())
        .expect("a free number")
}

fn go_wrong(mode: &str, mut peer: Peer) {
    match mode {
        "says-nothing" => {}
        "greets-half" => peer.write(&[9, 0, 0, 0, b'h', b'a']),
        "greets-wrong" => peer.write(b"\x10\0\0\0GET / HTTP/1.1\r\n"),
        "speaks-another-protocol" => peer.write(b"\x09\0\0\0hand\x63\x01\x02v9"),
        "announces-too-much" => peer.write(&[0xff; 8]),
        "floods-before-ready" => {
            peer.say(&Hello::ours());
            peer.flood(&FromWorker::Memory(Memory::default()));
        }
        HIDES_MEMORY => {
            peer.get_ready();
            while let Some(id) = peer.next_call() {
                peer.done(id);
            }
        }
        _ => {
            peer.get_ready();
            if mode != "stops-reading" {
                let id = peer.next_call().expect("a call");
                peer.answer(mode, id);
            }
        }
    }
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

/// The worker's end of the socket.
struct Peer {
    socket: UnixStream,
}

impl Peer {
    fn answer(&mut self, mode: &str, id: u64) {
        match mode {
            "never-answers" => {}
            "stalls-mid-frame" => self.write(&[200, 0, 0, 0, 4, id as u8]),
            "answers-twice" => {
                self.done(id);
                self.done(id);
            }
            "answers-another" => self.done(id + 1),
            "sends-no-message" => self.write(&[3, 0, 0, 0, 4, 0xff, 0xff]),
            "floods-output" => self.flood(&FromWorker::OutputPart(&[1; 60_000])),
            "gets-ready-again" => self.say(&FromWorker::Ready {
                tasks: vec![],
                build: 0,
                lane: false,
            }),
            _ => panic!("no mode {mode}"),
        }
    }

    fn get_ready(&mut self) {
        self.say(&Hello::ours());
        self.say(&FromWorker::Ready {
            tasks: vec![],
            build: 0,
            lane: false,
        });
    }

    /// The number of the next call, other messages passed over; none at the end.
    fn next_call(&mut self) -> Option<u64> {
        let mut body = Vec::new();
        loop {
            wire::read_frame(&mut self.socket, &mut body)
                .ok()?
                .then_some(())?;
            if let Ok(ToWorker::Call(call)) = wire::decode(&body) {
                return Some(call.id);
            }
        }
    }

    /// An answer that no `Double` of a small number gives.
    fn done(&mut self, id: u64) {
        self.say(&FromWorker::Done {
            id,
            output: &[99],
            began_ns: 1,
            computed_ns: 2,
            memory: None,
            arrays: &[],
        });
    }

    fn say(&mut self, message: &impl serde::Serialize) {
        let mut frame = Vec::new();
        wire::encode(message, &mut frame).unwrap();
        self.write(&frame);
    }

    /// The same message until nobody reads any more.
    fn flood(&mut self, message: &impl serde::Serialize) {
        let mut frame = Vec::new();
        wire::encode(message, &mut frame).unwrap();
        while self.socket.write_all(&frame).is_ok() {}
    }

    fn write(&mut self, bytes: &[u8]) {
        // A coordinator that has had enough is gone.
        let _ = self.socket.write_all(bytes);
    }
}
