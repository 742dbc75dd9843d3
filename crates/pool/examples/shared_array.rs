//! A large array, shared by many tasks: copied once into memory that all workers map, never sent.
//!
//! `cargo run --release -p pool --example shared_array`

use pool::{Pool, Program, Shutdown, StartMethod};
use std::process::ExitCode;
use std::time::Instant;
use task::{Input, Reduce, Registry, Task, TaskError};

/// 160 MB of numbers.
const LEN: usize = 20_000_000;
/// Number of tasks.
const TASKS: usize = 200;

/// How many of the numbers are below a bound.
struct CountBelow;

impl Task for CountBelow {
    const NAME: &'static str = "count-below";
    type Args = f64;
    type Output = u64;

    fn run(bound: f64, input: Input<'_>) -> Result<u64, TaskError> {
        // Borrowed from the shared memory: there is no copy here either.
        let numbers = input.elements::<f64>()?;
        Ok(numbers.iter().filter(|&&number| number < bound).count() as u64)
    }
}

/// How the parts' counts become one.
impl Reduce for CountBelow {
    type Final = u64;

    fn empty() -> u64 {
        0
    }

    fn merge(merged: &mut u64, part: u64) {
        *merged += part;
    }

    fn finish(merged: u64) -> u64 {
        merged
    }
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let registry = Registry::new().with::<CountBelow>();
    if let Some(code) = runtime::run_if_worker(&registry) {
        return Ok(code);
    }
    let mut pool = Pool::builder(StartMethod::Spawn(Program::current()?)).start()?;
    let numbers: Vec<f64> = (0..LEN).map(|n| n as f64 / LEN as f64).collect();

    let began = Instant::now();
    // Also: `share_file` for a file of numbers, which is mapped and not even copied once, and
    // `Builder::inherit` for forked workers, who find the array in their own memory.
    let array = pool.share(&numbers)?;
    println!("shared {} MB in {:?}", LEN * 8 / 1_000_000, began.elapsed());

    // One task over a range of elements …
    let began = Instant::now();
    let first_half = pool.submit::<CountBelow>(&0.25, array.input(..LEN / 2))?;
    assert_eq!(pool.wait(first_half)?, LEN as u64 / 4);
    println!("one task over half of it: {:?}", began.elapsed());

    // … and many over all of it, merged into one result.
    let began = Instant::now();
    let below = pool.reduce::<CountBelow>(&0.75, array.chunks(LEN / TASKS))?;
    assert_eq!(below, LEN as u64 / 4 * 3);
    println!("{TASKS} tasks over all of it: {:?}", began.elapsed());

    // The workers release it; nothing is left behind.
    pool.detach(array.region());
    pool.shutdown(Shutdown::Drain)?;
    Ok(ExitCode::SUCCESS)
}
