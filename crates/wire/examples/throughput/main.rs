//! How fast the lane is between real processes, with wake bytes on sockets: calls per second of two workers, and one
//! call there and back with and without spinning, next to a bare socket and a bare shared word.
//!
//! `cargo run --release -p wire --example throughput [CALLS] [ROUNDS]`

mod bare;
mod crew;
mod sys;
mod worker;

use std::time::Instant;

use crew::Crew;

const WORKERS: usize = 2;
const RUNS: usize = 7;

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| {
        args.next()
            .map_or(default, |arg| arg.parse().expect("a number"))
    };
    let (calls, rounds) = (number(2_000_000), number(20_000) as usize);
    sys::watchdog(120);
    println!("{WORKERS} workers, {} processors", processors());
    println!("calls per second, in millions: least, median, most of {RUNS} runs;");
    println!("processor time of a call in ns: coordinator, workers; the rate that it allows;");
    println!("sleeps of the coordinator in a run:");
    for depth in [1, 16, 64, 256, 1024] {
        let calls = if depth == 1 { calls / 20 } else { calls };
        rate(&format!("map, {depth} calls a worker"), calls, depth, map);
    }
    rate("one handle each, 1024 calls a worker", calls, 1024, handles);
    println!("one call there and back (median, 99 %):");
    latency("bare socket, blocking", &bare::socket(rounds));
    latency("lane, asleep between calls", &lane_rounds(rounds, 0));
    // Spinning is for two processors.
    sys::pin(0);
    latency("bare shared word, polled", &bare::word(rounds));
    latency("lane, both sides spin", &lane_rounds(rounds, 20_000));
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn rate(name: &str, calls: u64, depth: u64, run: fn(&mut Crew, u64) -> u64) {
    let mut crew = Crew::start(WORKERS, depth, 0);
    let mut rates = Vec::new();
    let before = crew.processor_ns();
    for _ in 0..RUNS {
        let began = Instant::now();
        let sum = run(&mut crew, calls);
        rates.push(calls as f64 / began.elapsed().as_secs_f64() / 1e6);
        assert_eq!(sum, (1..=calls).sum::<u64>());
    }
    rates.sort_by(f64::total_cmp);
    let after = crew.processor_ns();
    let done = RUNS as u64 * calls;
    let used = [0, 1].map(|side| (after[side] - before[side]) / done);
    println!(
        "  {name:<38}{:8.2} {:8.2} {:8.2}   {:6} {:6} {:8.2}   {:6}",
        rates[0],
        rates[RUNS / 2],
        rates[RUNS - 1],
        used[0],
        used[1],
        processors() as f64 * 1e3 / (used[0] + used[1]) as f64,
        crew.sleeps / RUNS as u64,
    );
}

/// Results are used as they come.
fn map(crew: &mut Crew, calls: u64) -> u64 {
    let mut sum = 0;
    crew.run(&mut (0..calls), &mut |_, value| sum += value);
    sum
}

/// Every call has a place for its result, which is read after all were submitted.
fn handles(crew: &mut Crew, calls: u64) -> u64 {
    let mut results = vec![0; calls as usize];
    crew.run(&mut (0..calls), &mut |number, value| {
        results[number as usize] = value
    });
    results.iter().sum()
}

/// Nanoseconds of each call by one worker.
fn lane_rounds(rounds: usize, spin: u32) -> Vec<u64> {
    let mut crew = Crew::start(1, 1, spin);
    bare::timed(rounds, |n| {
        let mut call = std::iter::once(n);
        let mut result = 0;
        while result == 0 {
            crew.turn(&mut call, &mut |_, value| result = value);
        }
        assert_eq!(result, n + 1);
    })
}

fn latency(name: &str, times: &[u64]) {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize] as f64 / 1e3;
    println!("  {name:<38}{:8.2} µs {:8.2} µs", at(0.5), at(0.99));
}
