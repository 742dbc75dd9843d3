//! Peer: how many tasks that do nothing procspawn's pool runs in a second, its workers being ready.
//!
//! At most [`QUEUED`] tasks wait at a time: every task that is queued holds descriptors of its own,
//! and with some ten thousand of them procspawn panics. So this is its rate from a full queue, not
//! with all tasks queued at once as the other peers have it.

use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use procspawn::{JoinHandle, Pool};

/// Tasks queued at once: enough that no worker waits for work, few enough for the descriptors that
/// a process may usually have.
const QUEUED: u64 = 2_000;

#[derive(Parser)]
#[command(about = "Run tasks that do nothing")]
struct Cli {
    /// How many
    #[arg(long, default_value_t = 10_000)]
    tasks: u64,
    /// Worker processes
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

fn main() -> anyhow::Result<()> {
    // In a worker, this never returns.
    procspawn::init();
    let cli = Cli::parse();

    let pool = Pool::new(cli.workers).context("cannot start the workers")?;
    // Some tasks for each worker bring all of them to life.
    run(&pool, 8 * cli.workers as u64)?;
    let began = Instant::now();
    run(&pool, cli.tasks)?;
    let seconds = began.elapsed().as_secs_f64();
    let tasks = cli.tasks;
    println!(r#"{{"name":"tiny-procspawn","tasks":{tasks},"seconds":{seconds}}}"#);
    pool.kill();
    Ok(())
}

/// Runs `tasks` tasks, each of which returns its own number.
fn run(pool: &Pool, tasks: u64) -> anyhow::Result<()> {
    let mut queued: std::collections::VecDeque<(u64, JoinHandle<u64>)> = Default::default();
    for number in 0..tasks {
        if number >= QUEUED {
            finish(queued.pop_front())?;
        }
        queued.push_back((number, pool.spawn(number, |number| number)));
    }
    while !queued.is_empty() {
        finish(queued.pop_front())?;
    }
    Ok(())
}

fn finish(task: Option<(u64, JoinHandle<u64>)>) -> anyhow::Result<()> {
    let (number, handle) = task.context("nothing is queued")?;
    let answer = handle.join()?;
    ensure!(answer == number, "task {number} gave {answer}");
    Ok(())
}
