//! How many tiny tasks a second the pool runs, and how long one alone takes there and back.
//!
//! `cargo run --release -p pool --example tiny_tasks -- [--start-method M] [--tasks N] [--workers N]`
//! prints one JSON line. The socket's own ping-pong, with processes that do nothing else, is
//! measured in the same run.

use pool::{Input, Pool, Program, StartMethod};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Instant;
use task::{Registry, Task, TaskError};

struct AddOne;

impl Task for AddOne {
    const NAME: &'static str = "add_one";
    type Args = u64;
    type Output = u64;
    fn run(args: u64, _: task::Input<'_>) -> Result<u64, TaskError> {
        Ok(args + 1)
    }
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let registry = Registry::new().with::<AddOne>();
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args
        .iter()
        .any(|arg| arg == "--fd" || arg == "--forkserver")
    {
        return Ok(task::run(&registry));
    }
    let value = |name: &str, default: &str| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1))
            .map_or(default.to_owned(), Clone::clone)
    };
    let word = value("--start-method", "fork");
    let method = match word.as_str() {
        "fork" => StartMethod::Fork,
        "spawn" => StartMethod::Spawn(Program::current()?),
        "forkserver" => StartMethod::ForkServer(Program::current()?),
        other => return Err(format!("unknown start method {other}").into()),
    };
    let (tasks, workers): (u64, usize) = (
        value("--tasks", "1000000").parse()?,
        value("--workers", "2").parse()?,
    );

    let ping_pong_us = ping_pong(2_000)?;
    let mut pool = Pool::builder(method)
        .tasks(registry)
        .workers(workers)
        .start()?;
    let one_task_us = alone(&mut pool, 2_000)?;
    let seconds = all_at_once(&mut pool, tasks)?;
    println!(
        "{{\"name\":\"pool-{word}\",\"tasks\":{tasks},\"workers\":{workers},\"seconds\":{seconds:.4},\
         \"tasks_per_second\":{:.0},\"one_task_us\":{one_task_us:.2},\"ping_pong_us\":{ping_pong_us:.2}}}",
        tasks as f64 / seconds
    );
    Ok(ExitCode::SUCCESS)
}

/// Median microseconds of one task there and back, the pool being idle otherwise.
fn alone(pool: &mut Pool, times: usize) -> Result<f64, Box<dyn std::error::Error>> {
    median(times, || {
        let handle = pool.submit::<AddOne>(&1, ())?;
        assert_eq!(pool.wait(handle)?, 2);
        Ok(())
    })
}

/// Seconds from the first submission to the last result, with all tasks queued at once.
fn all_at_once(pool: &mut Pool, tasks: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let began = Instant::now();
    let handles = (0..tasks)
        .map(|number| pool.submit::<AddOne>(&number, Input::None))
        .collect::<Result<Vec<_>, _>>()?;
    for (number, handle) in (0..).zip(handles) {
        assert_eq!(pool.wait(handle)?, number + 1);
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Median microseconds of one byte to another process and back.
fn ping_pong(times: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    let echo = task::fork(false, move || {
        let mut byte = [0];
        while theirs
            .read_exact(&mut byte)
            .and_then(|()| theirs.write_all(&byte))
            .is_ok()
        {}
        0
    })?;
    let mut byte = [7];
    let took = median(times, || {
        ours.write_all(&byte)?;
        Ok(ours.read_exact(&mut byte)?)
    });
    drop(ours);
    // The echo holds its own copy of our end; it is ended rather than waited for.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(echo.pid as i32),
        nix::sys::signal::Signal::SIGKILL,
    )?;
    nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(echo.pid as i32), None)?;
    took
}

fn median(
    times: usize,
    mut work: impl FnMut() -> Result<(), Box<dyn std::error::Error>>,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        work()?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[times / 2])
}
