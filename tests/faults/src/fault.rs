//! The faults by name, and how each is done.

use crate::socket;
use std::io::Write;
use std::str::FromStr;
use std::time::Duration;
use wire::{FromWorker, LogRecord, Memory};

/// A way in which a worker goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Never answers: asleep, busy, or deaf to SIGTERM as well.
    Hang,
    /// Ends: by exit, abort, signal, a wild write or a stack that overflows.
    Crash,
    /// Sends a part of a frame, then ends, closes its socket, or stalls.
    Truncate,
    /// Sends frames that are wrong: too long, for other calls, out of turn, no messages at all.
    Lie,
    /// Sends far more than anyone asked for, on its socket or stderr, then goes on as if nothing
    /// had been.
    Flood,
    /// Takes its time.
    Slow,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 6] = [
        Fault::Hang,
        Fault::Crash,
        Fault::Truncate,
        Fault::Lie,
        Fault::Flood,
        Fault::Slow,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Hang => "hang",
            Fault::Crash => "crash",
            Fault::Truncate => "truncate",
            Fault::Lie => "lie",
            Fault::Flood => "flood",
            Fault::Slow => "slow",
        }
    }

    /// Does it, to the worker that this process is. Comes back where the fault is over, or shows
    /// later.
    pub(crate) fn strike(self, random: &mut fastrand::Rng) {
        match self {
            Fault::Hang => hang(random.u8(0..3)),
            Fault::Crash => crash(random.u8(0..6)),
            Fault::Truncate => truncate(random),
            Fault::Lie => lie(random.u8(0..6)),
            Fault::Flood => flood(random.u8(0..4)),
            Fault::Slow => std::thread::sleep(Duration::from_micros(random.u64(0..50_000))),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(word: &str) -> Result<Fault, String> {
        let known = Fault::ALL.into_iter().find(|fault| fault.name() == word);
        known.ok_or_else(|| {
            let names = Fault::ALL.map(Fault::name).join(", ");
            format!("`{word}` is no fault; there are {names}")
        })
    }
}

fn hang(way: u8) -> ! {
    if way == 1 {
        // SAFETY: ignoring a signal runs no handler.
        unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    }
    loop {
        if way == 2 {
            std::hint::spin_loop();
        } else {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

fn crash(way: u8) -> ! {
    let none = nix::sys::resource::Resource::RLIMIT_CORE;
    // A dump would be one more thing left behind, though not by us.
    let _ = nix::sys::resource::setrlimit(none, 0, 0);
    match way {
        0 => std::process::exit(0),
        1 => std::process::exit(7),
        2 => std::process::abort(),
        3 => drop(nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL)),
        // SAFETY: none; that is the point. The page at 8 is never mapped.
        4 => unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) },
        _ => drop(recurse(0)),
    }
    unreachable!("dead by now")
}

#[expect(unconditional_recursion, reason = "that is the fault")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + frame[(depth % 64) as usize]
}

fn truncate(random: &mut fastrand::Rng) {
    let whole = frames(&FromWorker::OutputPart(&[7; 5000]), 1);
    socket::write(&whole[..random.usize(1..whole.len())]);
    match random.u8(0..3) {
        0 => std::process::exit(0),
        1 => socket::close(),
        _ => hang(0),
    }
}

fn lie(way: u8) {
    let memory = Memory::default();
    socket::write(&match way {
        // A length that no frame has.
        0 => vec![0xff; 4],
        // No message.
        1 => vec![3, 0, 0, 0, 0xff, 0xff, 0xff],
        // An answer for a call that nobody made.
        2 => frames(&done(u64::MAX - 1), 1),
        // An answer for the very first call: to another worker, or to this one before its own.
        3 => frames(&done(0), 1),
        // A greeting, in the middle of things.
        4 => frames(
            &FromWorker::Ready {
                tasks: Vec::new(),
                build: 0,
                lane: false,
            },
            1,
        ),
        // The arrival of input for a call that nobody made.
        _ => frames(
            &FromWorker::Received {
                id: u64::MAX - 1,
                at_ns: 0,
                memory,
            },
            1,
        ),
    });
}

fn flood(way: u8) {
    match way {
        0 => {
            let mut stderr = std::io::stderr().lock();
            for number in 0..5000 {
                // Where nobody reads, the flood is over.
                let _ = writeln!(stderr, "line {number} of a flood that would fill any pipe");
            }
        }
        1 => {
            let record = LogRecord {
                level: 1,
                target: "flood",
                message: "nobody asked for this",
                call: None,
                at_ns: 0,
            };
            socket::write(&frames(&FromWorker::Log(record), 5000));
        }
        2 => socket::write(&frames(&FromWorker::Memory(Memory::default()), 20_000)),
        // Output that never ends would have to be cut off at the pool's bound; this is enough to
        // corrupt the answer that follows.
        _ => {
            let part = frames(&FromWorker::OutputPart(&[7; 250_000]), 1);
            for _ in 0..64 {
                socket::write(&part);
            }
        }
    }
}

fn done(id: u64) -> FromWorker<'static> {
    FromWorker::Done {
        id,
        output: &[],
        began_ns: 0,
        computed_ns: 0,
        memory: None,
        arrays: &[],
    }
}

/// A message as bytes, repeated `times` times.
fn frames(message: &FromWorker<'_>, times: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(message, &mut bytes).expect("short messages have frames");
    bytes.repeat(times)
}
