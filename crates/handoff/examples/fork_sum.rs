//! What forking costs: one sum over memory of this process by `fork_map`, by scoped threads, and an empty
//! `fork_map`, in turns. `cargo xtask peers` runs this program and reads the line that it prints.
//!
//! `cargo run --release -p handoff --example fork_sum -- BYTES WORKERS ROUNDS [huge]`

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Numbers that are summed at a time: 4 MB.
const PART: usize = 1 << 19;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = || -> Result<usize, Box<dyn std::error::Error>> {
        let text = args
            .next()
            .ok_or("usage: fork_sum BYTES WORKERS ROUNDS [huge]")?;
        Ok(text.parse()?)
    };
    let (bytes, workers, rounds) = (number()?, number()?, number()?);
    // Allocated and written once: every round finds the same memory.
    let mut numbers: Vec<f64> = match args.next().as_deref() {
        Some("huge") => handoff::vec_in_huge_pages(bytes / 8),
        _ => Vec::with_capacity(bytes / 8),
    };
    numbers.extend((0..bytes / 8).map(|n| (n % 1009) as f64));
    let parts: Vec<&[f64]> = numbers.chunks(PART).collect();
    let expected: f64 = parts.iter().map(|part| sum(part)).sum();
    let nothing = vec![(); workers];

    let mut lines = Vec::new();
    for round in 0..=rounds {
        let mut seconds = [0.0; 3];
        // Another one goes first in each round.
        for turn in 0..3 {
            let which = (round + turn) % 3;
            let began = Instant::now();
            let total = match which {
                0 => by_threads(workers, &parts),
                1 => handoff::fork_map(workers, &parts, |part| sum(part))?
                    .iter()
                    .sum(),
                _ => {
                    handoff::fork_map(workers, &nothing, |()| ())?;
                    expected
                }
            };
            seconds[which] = began.elapsed().as_secs_f64();
            if total != expected {
                return Err(format!("summed {total} instead of {expected}").into());
            }
        }
        let [threads, fork_map, empty] = seconds;
        // The first is a warm-up.
        if round > 0 {
            lines.push(format!(
                r#"{{"threads":{threads},"fork_map":{fork_map},"empty":{empty}}}"#
            ));
        }
    }
    println!(
        r#"{{"bytes":{},"workers":{workers},"rounds":[{}]}}"#,
        size_of_val(&numbers[..]),
        lines.join(",")
    );
    Ok(())
}

fn sum(part: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (chunks, rest) = part.as_chunks::<8>();
    for chunk in chunks {
        for (lane, number) in lanes.iter_mut().zip(chunk) {
            *lane += number;
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

/// Threads that take part after part, as the processes of `fork_map` do.
fn by_threads(workers: usize, parts: &[&[f64]]) -> f64 {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut sums = Vec::new();
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            sums.push(sum(part));
        }
        sums
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(take)).collect();
        let sums = threads.into_iter().map(|thread| thread.join().unwrap());
        sums.flatten().sum()
    })
}
