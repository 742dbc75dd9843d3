//! Measures the operations at 100,000 live ranges: `speed [LIVE]`. Prints nanoseconds for each round, of wall and
//! of processor time.

use std::time::Instant;

use holds::alloc::Alloc;
use holds::{
    Access, CallId, Config, Entry, Holds, Placement, Range, RegionId, RegionKind, Start, Worker,
};

const ROUNDS: usize = 500_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let live: usize = std::env::args()
        .nth(1)
        .map_or(Ok(100_000), |arg| arg.parse())?;
    println!("{live} live ranges, {ROUNDS} rounds");
    allocator(live)?;
    coordinator(live)
}

fn measure(
    what: &str,
    mut round: impl FnMut(usize) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let (began, cpu) = (Instant::now(), cpu_ns());
    for n in 0..ROUNDS {
        round(n)?;
    }
    let wall = began.elapsed().as_secs_f64() * 1e9 / ROUNDS as f64;
    let cpu = cpu_ns()
        .zip(cpu)
        .map(|(now, then)| (now - then) / ROUNDS as u64);
    let cpu = cpu.map_or_else(|| "unknown".into(), |ns| format!("{ns} ns"));
    println!("{what:<64} {wall:>7.0} ns, on the processor {cpu:>8}");
    Ok(())
}

/// Processor time of this thread, which other programs do not change.
fn cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// 64 bytes to 256 KiB, small ones more often.
fn size(rng: &mut fastrand::Rng) -> u64 {
    let most = 64u64 << rng.u32(..13);
    rng.u64(64..=most)
}

fn allocator(live: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut alloc = Alloc::new(1 << 40, 4096);
    let mut blocks = Vec::with_capacity(live);
    for _ in 0..live {
        blocks.push(alloc.allocate(size(&mut rng), Placement::Granules)?.block);
    }
    for (name, placement) in [
        ("granules", Placement::Granules),
        ("pages", Placement::Pages),
    ] {
        measure(&format!("allocator: free and allocate, {name}"), |round| {
            let at = rng.usize(..blocks.len());
            alloc.free(blocks[at], round as u64)?;
            blocks[at] = alloc.allocate(size(&mut rng), placement)?.block;
            Ok(())
        })?;
    }
    println!("  {} free ranges in the end", alloc.free_ranges().len());
    Ok(())
}

fn coordinator(live: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = fastrand::Rng::with_seed(2);
    let (ours, theirs) = (RegionId(0), RegionId(1));
    let worker = Worker { id: 0, epoch: 0 };
    let mut holds = Holds::new(Config::default());
    holds.add_region(ours, RegionKind::ArrayMut, 1 << 40)?;
    holds.add_worker(
        worker,
        Start {
            forked: false,
            writable: true,
        },
    )?;
    holds.add_region(theirs, RegionKind::Worker(worker), 1 << 40)?;
    holds.attach(worker, ours, Access::Write)?;
    let mut handles: Vec<Range> = Vec::with_capacity(live);
    for _ in 0..live {
        handles.push(
            holds
                .allocate(ours, size(&mut rng), Placement::Granules)?
                .range,
        );
    }
    measure("coordinator: drop and allocate", |round| {
        holds.advance(round as u64);
        let at = rng.usize(..handles.len());
        holds.drop_handle(ours, handles[at])?;
        handles[at] = holds
            .allocate(ours, size(&mut rng), Placement::Granules)?
            .range;
        while holds.poll_effect().is_some() {}
        Ok(())
    })?;
    measure(
        "coordinator: a call hands an array over and gets it back",
        |round| {
            let range = handles[rng.usize(..handles.len())];
            let entry = Entry {
                region: ours,
                range,
                mutable: true,
            };
            holds.open(CallId(round as u64), &[entry])?;
            holds.send(CallId(round as u64), worker)?;
            holds.finished(CallId(round as u64), worker, &[entry], &[])?;
            Ok(())
        },
    )?;
    for n in 0..live as u64 {
        lend(&mut holds, worker, CallId(n), theirs, n)?;
    }
    measure(
        "coordinator: a result lends an array, which is dropped",
        |round| {
            let array = live as u64 + round as u64;
            let range = lend(&mut holds, worker, CallId(array), theirs, array)?;
            holds.drop_handle(theirs, range)?;
            while holds.poll_effect().is_some() {}
            Ok(())
        },
    )
}

fn lend(
    holds: &mut Holds,
    worker: Worker,
    call: CallId,
    region: RegionId,
    array: u64,
) -> Result<Range, Box<dyn std::error::Error>> {
    let range = Range::new(array * 8192, 8192);
    holds.open(call, &[])?;
    holds.send(call, worker)?;
    holds.finished(
        call,
        worker,
        &[Entry {
            region,
            range,
            mutable: false,
        }],
        &[],
    )?;
    Ok(range)
}
