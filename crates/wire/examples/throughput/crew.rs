//! The coordinator: deals calls to the lanes of its workers, collects results, sleeps until a wake byte.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use wire::lane::{Armed, Body, CoordinatorLane, Layout, WakeAt};

use crate::{sys, worker};

struct Peer {
    pid: i32,
    lane: CoordinatorLane<&'static [AtomicU64]>,
    socket: UnixStream,
    /// The numbers of the calls in the lane, by their indices.
    numbers: Box<[u64]>,
    in_flight: u64,
    /// A wake byte will come: there is no need to ask for one.
    byte_due: bool,
}

/// The workers.
pub(crate) struct Crew {
    peers: Vec<Peer>,
    /// How many calls each worker has at a time.
    depth: u64,
    wake_at: WakeAt,
    /// How often to look for results before sleeping.
    spin: u32,
    /// Times that this side blocked.
    pub(crate) sleeps: u64,
}

impl Crew {
    pub(crate) fn start(workers: usize, depth: u64, spin: u32) -> Crew {
        let layout = Layout::default();
        let base = Instant::now();
        let peers = (0..workers).map(|_| {
            let words = sys::shared_words(layout.words());
            let (ours, theirs) = UnixStream::pair().expect("a socket pair");
            let lane = CoordinatorLane::new(words, layout).expect("enough words");
            let pid = sys::fork(|| worker::serve(words, layout, theirs, base, spin));
            ours.set_nonblocking(true).expect("a socket");
            Peer {
                pid,
                lane,
                socket: ours,
                numbers: vec![0; layout.slots() as usize].into(),
                in_flight: 0,
                byte_due: false,
            }
        });
        Crew {
            peers: peers.collect(),
            depth: depth.min(layout.slots()),
            wake_at: if depth > 1 {
                WakeAt::Dry
            } else {
                WakeAt::NextResult
            },
            spin,
            sleeps: 0,
        }
    }

    /// Processor time that the coordinator and all workers have used, in nanoseconds.
    pub(crate) fn processor_ns(&self) -> [u64; 2] {
        let workers = self.peers.iter().map(|peer| sys::processor_ns(peer.pid));
        [sys::processor_ns(0), workers.sum()]
    }

    /// Runs all calls, and gives each result to `sink` with the call's number.
    pub(crate) fn run(
        &mut self,
        calls: &mut impl Iterator<Item = u64>,
        sink: &mut impl FnMut(u64, u64),
    ) {
        while self.turn(calls, sink) {}
    }

    /// Deals, collects, and sleeps where nothing else can be done. Returns false when nothing is left.
    pub(crate) fn turn(
        &mut self,
        calls: &mut impl Iterator<Item = u64>,
        sink: &mut impl FnMut(u64, u64),
    ) -> bool {
        let mut moved = false;
        for peer in &mut self.peers {
            moved |= peer.collect(sink) > 0;
            moved |= peer.deal(self.depth, calls) > 0;
            if peer.lane.take_wake() {
                peer.wake();
            }
        }
        if moved || self.spin() {
            return true;
        }
        if self.peers.iter().all(|peer| peer.in_flight == 0) {
            return false;
        }
        self.sleep();
        true
    }

    fn spin(&self) -> bool {
        (0..self.spin).any(|_| {
            std::hint::spin_loop();
            self.peers.iter().any(|peer| peer.lane.has_results())
        })
    }

    fn sleep(&mut self) {
        let mut fds = [0; 8];
        let mut ready = false;
        for (peer, fd) in self.peers.iter_mut().zip(&mut fds) {
            *fd = sys::number(&peer.socket);
            if !peer.byte_due && peer.in_flight > 0 {
                ready |= peer.lane.arm(self.wake_at).expect("an honest worker") == Armed::Ready;
            }
        }
        if !ready {
            let timeout_ms = if self.wake_at == WakeAt::Dry {
                1
            } else {
                10_000
            };
            self.sleeps += 1;
            sys::poll(&fds[..self.peers.len()], timeout_ms);
        }
        for peer in &mut self.peers {
            peer.byte_due |= peer.lane.disarm();
            if peer.socket.read(&mut [0; 64]).is_ok_and(|read| read > 0) {
                peer.byte_due = false;
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Forked workers hold copies of this end: closing it would not end the stream.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Peer {
    fn deal(&mut self, depth: u64, calls: &mut impl Iterator<Item = u64>) -> u64 {
        // Few calls are worth no turn while there are others.
        if self.in_flight > depth / 2 {
            return 0;
        }
        let mut dealt = 0;
        let mut value = [0; 16];
        while self.in_flight < depth && self.lane.free_slots() > 0 {
            let Some(n) = calls.next() else {
                break;
            };
            let value = &*postcard::to_slice(&(n,), &mut value).expect("room");
            let index = self
                .lane
                .push(1, Body::Inline { arrays: &[], value })
                .expect("room for small calls");
            let slot = index as usize & (self.numbers.len() - 1);
            self.numbers[slot] = n;
            self.in_flight += 1;
            dealt += 1;
        }
        if dealt > 0 {
            self.lane.publish();
        }
        dealt
    }

    fn collect(&mut self, sink: &mut impl FnMut(u64, u64)) -> u64 {
        let mut taken = 0;
        while let Some(record) = self.lane.next_result().expect("an honest worker") {
            let Body::Inline { value, .. } = record.body else {
                unreachable!("results are small");
            };
            let value: u64 = postcard::from_bytes(value).expect("a number");
            sink(
                self.numbers[record.index as usize & (self.numbers.len() - 1)],
                value,
            );
            taken += 1;
        }
        self.in_flight -= taken;
        self.lane.release();
        taken
    }

    fn wake(&mut self) {
        // A full socket is readable: the worker wakes anyway.
        let _ = self.socket.write(&[1]);
    }
}
