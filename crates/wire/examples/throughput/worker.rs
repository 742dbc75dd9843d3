//! The worker: claims, runs, publishes, sleeps, as the documentation of `lane` has it.

use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::catch_unwind;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use wire::lane::{Body, Completion, Layout, Outcome, Reason, Rest, WorkerLane};

use crate::sys;

type Lane = WorkerLane<&'static [AtomicU64]>;

fn add_one(n: u64) -> u64 {
    n + 1
}

/// Decodes, runs and encodes, as the runner of a typed task does.
fn run(arguments: &[u8], output: &mut [u8; 16]) -> usize {
    let (n,): (u64,) = postcard::from_bytes(arguments).expect("arguments");
    let value = add_one(black_box(n));
    postcard::to_slice(&value, output).expect("room").len()
}

/// Serves until the coordinator closes its socket. `spin` is how often it looks before it sleeps.
pub(crate) fn serve(
    words: &'static [AtomicU64],
    layout: Layout,
    mut socket: UnixStream,
    base: Instant,
    spin: u32,
) {
    if spin > 0 {
        sys::pin(1);
    }
    let mut lane = Lane::new(words, layout).expect("enough words");
    let clock = || base.elapsed().as_nanos() as u64;
    let mut output = [0; 16];
    // The end of a call is the beginning of the next one: one look at the clock for each call.
    let mut now = clock();
    loop {
        let Some(call) = lane.next_call(|| now).expect("an honest coordinator") else {
            if !rest(&mut lane, &mut socket, Reason::Calls, spin) {
                return;
            }
            now = clock();
            continue;
        };
        let Body::Inline { value, .. } = call.body else {
            unreachable!("calls are small");
        };
        let ran = catch_unwind(std::panic::AssertUnwindSafe(|| run(value, &mut output)));
        let len = ran.expect("the task does not panic");
        lane.returned();
        let began = std::mem::replace(&mut now, clock());
        let outcome = Outcome {
            status: 0,
            ran_ns: (now - began).try_into().unwrap_or(u32::MAX),
            body: Body::Inline {
                arrays: &[],
                value: &output[..len],
            },
        };
        loop {
            match lane.complete(&outcome).expect("an honest coordinator") {
                Completion::Published { wake } => {
                    if wake {
                        socket.write_all(&[1]).expect("a wake byte");
                    }
                    break;
                }
                Completion::NoRoom => {
                    if !rest(&mut lane, &mut socket, Reason::Room, spin) {
                        return;
                    }
                }
                Completion::TooLong => unreachable!("results are small"),
            }
        }
    }
}

/// Spins, then sleeps. Returns false at the end of the socket.
fn rest(lane: &mut Lane, socket: &mut UnixStream, reason: Reason, spin: u32) -> bool {
    if spin > 0 {
        if lane.take_dry_wake() {
            socket.write_all(&[1]).expect("a wake byte");
        }
        if lane.spin(reason, spin) {
            return true;
        }
    }
    let Rest::Sleep { wake } = lane.rest(reason).expect("an honest coordinator") else {
        return true;
    };
    if wake {
        socket.write_all(&[1]).expect("a wake byte");
    }
    let alive = socket.read(&mut [0; 64]).is_ok_and(|read| read > 0);
    lane.woken();
    alive
}
