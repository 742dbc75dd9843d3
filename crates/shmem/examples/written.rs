//! The reference for `rates results COUNT MEGABYTES`: two processes that fill shared memory and use it again,
//! while this one looks at the first and the last element of each. Three rounds, each in seconds.
//!
//! `cargo run --release -p shmem --example written -- 8 256`

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use shmem::{Arena, Span};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

/// Arrays of each process that are held at once.
const HELD: usize = 2;

fn main() {
    let args: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let [count, megabytes] = args[..] else {
        eprintln!("usage: written COUNT MEGABYTES");
        std::process::exit(2);
    };
    let (bytes, each) = (megabytes << 20, count / 2);
    let arena = Arc::new(Arena::create((2 * HELD * bytes) as u64).expect("an arena"));
    // SAFETY: the two processes and their arrays have places of their own, and take turns with this process.
    let span =
        |place: usize| unsafe { Span::of_arena(&arena, (place * bytes) as u64, bytes as u64) };
    let mut pipes = Vec::new();
    let mut children = Vec::new();
    for process in 0..2 {
        let (go_reader, go_writer) = std::io::pipe().expect("a pipe");
        let (done_reader, done_writer) = std::io::pipe().expect("a pipe");
        // SAFETY: this process has one thread.
        match unsafe { fork() }.expect("a child") {
            ForkResult::Child => {
                drop((go_writer, done_reader));
                let (mut go, mut done) = (go_reader, done_writer);
                let mut byte = [0];
                for n in 0.. {
                    if go.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    let place = process * HELD + n % HELD;
                    let mut span = span(place).expect("it lies inside");
                    let value = f64::from(byte[0]).to_ne_bytes();
                    for element in span.as_mut_slice().as_chunks_mut::<8>().0 {
                        *element = value;
                    }
                    done.write_all(&byte).expect("a reader");
                }
                std::process::exit(0);
            }
            ForkResult::Parent { child } => {
                drop((go_reader, done_writer));
                pipes.push((go_writer, done_reader));
                children.push(child);
            }
        }
    }
    let mut taken = [0; 2];
    for _ in 0..3 {
        let began = Instant::now();
        for (go, _) in &mut pipes {
            go.write_all(&[1; HELD][..each.min(HELD)])
                .expect("a reader");
        }
        for n in 0..each {
            for (process, (go, done)) in pipes.iter_mut().enumerate() {
                let mut byte = [0];
                done.read_exact(&mut byte).expect("a writer");
                let place = process * HELD + taken[process] % HELD;
                taken[process] += 1;
                let span = span(place).expect("it lies inside");
                let seen = span.as_slice();
                assert_eq!(seen[..8], seen[bytes - 8..]);
                if n + HELD < each {
                    go.write_all(&[n as u8]).expect("a reader");
                }
            }
        }
        println!("{:.6}", began.elapsed().as_secs_f64());
    }
    drop(pipes);
    for child in children {
        waitpid(child, None).expect("its end");
    }
}
