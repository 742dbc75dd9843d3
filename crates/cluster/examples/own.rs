//! What the tests of own tasks run under `mpirun`: each mode checks its results, and prints what was counted.
//!
//! `mpirun -n 4 target/debug/examples/own MODE [ARGUMENT]…`

use handoff::{Array, ArrayMut, ErrorKind, Shutdown, task};
use handoff_cluster::Pool;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[task]
fn square(n: u64) -> u64 {
    n * n
}

#[task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[task]
fn odd_only(n: u64) -> Result<u64, String> {
    if n % 2 == 1 {
        Ok(n)
    } else {
        Err(format!("{n} is even"))
    }
}

#[task]
fn crash() {
    std::process::abort()
}

/// Ends its worker for some numbers, and takes long for others.
#[task]
fn moody(n: u64) -> u64 {
    match n % 1000 {
        500 => std::process::abort(),
        700 => std::thread::sleep(Duration::from_millis(20)),
        _ => {}
    }
    n + 1
}

#[task]
fn text(n: u64) -> String {
    "x".repeat((n % 300) as usize)
}

#[task]
fn nap(millis: u64) -> (u64, u32) {
    std::thread::sleep(Duration::from_millis(millis));
    (millis, std::os::unix::process::parent_id())
}

#[task]
fn total(array: Array<u64>) -> u64 {
    array.iter().sum()
}

/// One element of each page, beginning with one of the first page.
#[task]
fn sampled(array: Array<u64>, first: usize) -> u64 {
    array.iter().skip(first).step_by(512).sum()
}

/// Doubles what it was handed.
#[task]
fn double(mut array: ArrayMut<u64>) -> ArrayMut<u64> {
    array.iter_mut().for_each(|n| *n *= 2);
    array
}

/// The two halves of what it was handed, the second first and immutable.
#[task]
fn swapped(array: ArrayMut<u64>) -> (Array<u64>, ArrayMut<u64>) {
    let middle = array.len() / 2;
    let (low, high) = array.split_at(middle);
    (high.freeze(), low)
}

/// A part of what it was lent, and something new.
#[task]
fn tail(array: Array<u64>, from: usize) -> (Array<u64>, Array<u64>) {
    let new = Array::from_vec(vec![from as u64; 10_000]).expect("there is room");
    (array.slice(from..), new)
}

fn main() -> Outcome {
    handoff::init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize| args.get(n).and_then(|arg| arg.parse().ok()).unwrap_or(0u64);
    let mut builder = Pool::builder().workers(1);
    if args[0] == "big" && number(3) > 0 {
        builder = builder.arena_bytes(number(3));
    }
    if args[0].starts_with("lossy") {
        builder = builder.rank_timeout(Duration::from_secs(2));
    }
    let mut pool = builder.start()?;
    match args[0].as_str() {
        "many" => many(&mut pool, number(1))?,
        "batches" => batches(&mut pool, number(1))?,
        "even" => even(&mut pool, number(1))?,
        "arrays" => arrays(&mut pool)?,
        "big" => big(&mut pool, number(1), number(2))?,
        "file" => file(&mut pool, &args[1])?,
        "kept" => kept(&mut pool, &args[1], number(2), number(3))?,
        "lossy" => lossy(&mut pool, number(1))?,
        "lossy-batches" => lossy_batches(&mut pool, number(1))?,
        "exit" => std::process::exit(3),
        "panic" => panic!("on purpose"),
        mode => return Err(format!("no mode {mode}").into()),
    }
    for rank in pool.ranks() {
        println!(
            "rank {} on {}: done {} arrays {} recalled {}",
            rank.rank, rank.host, rank.done, rank.array_bytes, rank.recalled
        );
    }
    pool.shutdown(Shutdown::Drain)?;
    println!("ok");
    Ok(())
}

/// Calls of all kinds, and everything that a pool does with them.
fn many(pool: &mut Pool, count: u64) -> Outcome {
    let squares = pool
        .map((0..count).map(square))
        .collect::<Result<Vec<_>, _>>()?;
    assert!(squares.iter().zip(0..).all(|(&square, n)| square == n * n));
    let mut seen = BTreeSet::new();
    for (n, result) in pool.map_unordered((0..count).map(odd_only)) {
        assert!(seen.insert(n));
        match result {
            Ok(odd) => assert_eq!((odd, odd % 2), (n as u64, 1)),
            Err(error) => assert_eq!(error.to_string(), format!("{n} is even")),
        }
    }
    assert_eq!(seen.len() as u64, count);
    let sum = pool.reduce((0..count).map(square), 0, |a, b| a + b)?;
    assert_eq!(sum, squares.iter().sum::<u64>());
    for _ in 0..2 {
        assert_eq!(pool.reduce_by((0..count).map(square), 0, add)?, sum);
    }
    let failed = pool.reduce_by((0..count).map(odd_only), 0, add);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Failed);
    assert_eq!(pool.reduce_by((0..0).map(square), 7, add)?, 7);

    let dead = pool.map((0..6).map(|_| crash().retries(0)));
    assert!(
        dead.into_iter()
            .all(|dead| dead.unwrap_err().kind() == ErrorKind::Died)
    );
    let handles: Vec<_> = (0..20)
        .map(|n| pool.submit(square(n)))
        .collect::<Result<_, _>>()?;
    for (handle, n) in handles.into_iter().zip(0..) {
        assert_eq!(pool.wait(handle)?, n * n);
    }
    let slow = pool.submit(nap(60_000).timeout(Duration::from_millis(50)))?;
    assert_eq!(pool.wait(slow).unwrap_err().kind(), ErrorKind::TimedOut);
    let slow: Vec<_> = (0..10)
        .map(|_| pool.submit(nap(60_000)))
        .collect::<Result<_, _>>()?;
    assert!(slow.iter().all(|slow| pool.cancel(slow)));
    for slow in slow {
        assert_eq!(pool.wait(slow).unwrap_err().kind(), ErrorKind::Cancelled);
    }
    // What was given up does not stand in the way.
    drop(pool.map((0..50).map(|_| nap(5))).next());
    let late = pool.run(square(3).deadline(Duration::from_secs(60)))?;
    assert_eq!(late, 9);
    // Arguments that do not fit into a frame.
    let again = odd_only(2).retry_if(2, Duration::from_millis(1), |_| true);
    assert!(pool.run(again).is_err());
    Ok(())
}

/// Small calls that travel in batches once their task's time is known, and what happens to single ones of them.
fn batches(pool: &mut Pool, count: u64) -> Outcome {
    for _ in 0..3 {
        for (text, n) in pool.map((0..count).map(text)).zip(0..) {
            assert_eq!(text?.len(), n % 300);
        }
    }
    pool.map((0..400).map(moody)).for_each(drop);
    let mut died = 0;
    for (n, result) in pool.map_unordered((0..count).map(moody)) {
        match result {
            Ok(next) => assert_eq!(next, n as u64 + 1),
            Err(error) => {
                assert_eq!((n % 1000, error.kind()), (500, ErrorKind::Died));
                died += 1;
            }
        }
    }
    assert_eq!(died, (count + 499) / 1000);
    // What was given up does not stand in the way, nor is it given to others.
    for _ in 0..5 {
        let begun = pool.map((0..20 * count).map(square)).take(10);
        assert!(begun.map(Result::unwrap).eq((0..10).map(|n| n * n)));
        let squares = pool.map((0..count).map(square));
        assert!(squares.map(Result::unwrap).eq((0..count).map(|n| n * n)));
    }
    let sums = count * (count + 1) / 2;
    for _ in 0..2 {
        let calls = (0..count).map(|n| add(n, 1));
        assert_eq!(pool.reduce_by(calls, 0, add)?, sums);
    }
    Ok(())
}

/// Tasks of very different length: all ranks end together.
fn even(pool: &mut Pool, count: u64) -> Outcome {
    let calls = (0..count).map(|n| nap(if n % 16 == 0 { 40 } else { 2 }));
    let pids: BTreeSet<u32> = pool
        .map(calls)
        .map(|nap| Ok::<_, handoff::Error>(nap?.1))
        .collect::<Result<_, _>>()?;
    assert_eq!(
        pids.len(),
        pool.ranks().len().max(1),
        "every rank has done some"
    );
    Ok(())
}

/// Arrays there and back, on whatever rank.
fn arrays(pool: &mut Pool) -> Outcome {
    const PART: usize = 20_000;
    let all = ArrayMut::from_fn(16 * PART, |n| n as u64)?;
    let address = all.as_ptr();
    let parts = pool
        .map(all.split(PART).into_iter().map(double))
        .collect::<Result<Vec<_>, _>>()?;
    // Every part is where it was.
    let all = ArrayMut::join(parts)?;
    assert_eq!(all.as_ptr(), address);
    let all = all.freeze();
    assert!(all.iter().zip(0..).all(|(&value, n)| value == 2 * n));
    let sums = pool
        .map(all.chunks(PART).map(total))
        .sum::<Result<u64, _>>()?;
    assert_eq!(sums, all.iter().sum::<u64>());
    let tails = pool.map((0..16).map(|n| tail(all.clone(), n * PART)));
    for (n, result) in tails.enumerate() {
        let (end, new) = result?;
        assert_eq!(end, all.slice(n * PART..));
        // No copy: the memory that was lent.
        assert_eq!(end.as_ptr(), all[n * PART..].as_ptr());
        assert!(new.len() == 10_000 && new.iter().all(|&value| value == (n * PART) as u64));
    }
    let halves = (0..8u64).map(|n| Ok(swapped(ArrayMut::from_fn(PART, |m| n + m as u64)?)));
    let halves = halves.collect::<Result<Vec<_>, handoff::Error>>()?;
    for (n, result) in (0..).zip(pool.map(halves)) {
        let (high, mut low) = result?;
        low[0] += 1;
        assert_eq!((low[0], high[0]), (n + 1, n + (PART / 2) as u64));
        assert_eq!(high.len() + low.len(), PART);
    }
    // Small ones, and none at all.
    let small =
        pool.map((0..20).map(|n| total(Array::from_vec(vec![n; 3]).expect("there is room"))));
    assert_eq!(small.sum::<Result<u64, _>>()?, 3 * 190);
    assert_eq!(pool.run(total(Array::default()))?, 0);
    Ok(())
}

/// One large array, of all of which every task has something to read.
fn big(pool: &mut Pool, bytes: u64, calls: u64) -> Outcome {
    let len = (bytes / 8) as usize;
    let array = ArrayMut::from_fn(len, |n| n as u64 & 7)?.freeze();
    let sampled_here = |first: usize| array.iter().skip(first).step_by(512).sum::<u64>();
    let sums: Vec<u64> = (0..8).map(sampled_here).collect();
    let calls = (0..calls as usize).map(|n| sampled(array.clone(), n % 8));
    for (n, result) in pool.map(calls).enumerate() {
        assert_eq!(result?, sums[n % 8]);
    }
    Ok(())
}

/// Slices of a file that all machines have.
fn file(pool: &mut Pool, path: &str) -> Outcome {
    // SAFETY: nobody changes the file while this runs.
    let array = unsafe { Array::<u64>::map_file(path)? };
    let sums = pool
        .map(array.chunks(50_000).map(total))
        .sum::<Result<u64, _>>()?;
    assert_eq!(sums, array.iter().sum::<u64>());
    Ok(())
}

/// A map during which a rank is lost: its calls run elsewhere, but for those that must not run twice.
fn lossy(pool: &mut Pool, calls: u64) -> Outcome {
    println!("begun");
    let all = pool.map((0..calls).map(|n| {
        if n % 8 == 0 {
            nap(20).retries(0)
        } else {
            nap(20)
        }
    }));
    let mut lost = 0;
    for (n, result) in all.enumerate() {
        match result {
            Ok((millis, _)) => assert_eq!(millis, 20),
            Err(error) => {
                assert!(
                    n % 8 == 0 && error.kind() == ErrorKind::Died,
                    "call {n}: {error:?}"
                );
                assert!(error.to_string().contains("rank 1 on "), "{error}");
                lost += 1;
            }
        }
    }
    println!("lost {lost}");
    Ok(())
}

/// Maps of small calls during which a rank is lost: nothing is lost with it, and nothing is done twice.
fn lossy_batches(pool: &mut Pool, millis: u64) -> Outcome {
    println!("begun");
    let until = Instant::now() + Duration::from_millis(millis);
    while Instant::now() < until {
        let squares = pool.map((0..50_000).map(square));
        for (square, n) in squares.zip(0u64..) {
            assert_eq!(square?, n * n);
        }
    }
    println!("lost 0");
    Ok(())
}

/// A map that is kept, of tasks that take so long.
fn kept(pool: &mut Pool, dir: &str, calls: u64, millis: u64) -> Outcome {
    let results = pool.map_checkpointed(dir, (0..calls).map(|_| nap(millis)))?;
    let slept = results
        .into_iter()
        .map(|nap| Ok::<_, handoff::Error>(nap?.0));
    assert_eq!(slept.sum::<Result<u64, _>>()?, calls * millis);
    println!("ran {} of {calls}", pool.counters().done);
    Ok(())
}
