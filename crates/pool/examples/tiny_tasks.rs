//! How many tiny tasks a second the pool runs, and how long one alone takes there and back.
//!
//! `cargo run --release -p pool --example tiny_tasks -- [--start-method M] [--tasks N] [--workers N]`
//! prints one JSON line. One task alone is measured beside a byte to a process that does nothing but
//! send it back, turn by turn, with both pairs of processes held to the same processor, and then to
//! the same two: where the scheduler puts them moves either figure by several times.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use pool::{Input, Pool, Program, StartMethod};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};
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
        return Ok(runtime::run(&registry));
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

    let processors = processors()?;
    let (first, last) = (processors[0], processors[processors.len() - 1]);
    let mut alone = Vec::new();
    for (cores, theirs) in [(1, first), (2, last)] {
        if cores == 2 && first == last {
            continue;
        }
        hold(&[theirs])?;
        let mut echo = Echo::start()?;
        let one = Pool::builder(method.clone()).tasks(registry.clone());
        let mut one = one.workers(1).start()?;
        hold(&[first])?;
        let (task_us, ping_pong_us) = side_by_side(&mut one, &mut echo)?;
        drop(one);
        echo.end()?;
        alone.push(format!(
            "{{\"cores\":{cores},\"task_us\":{task_us:.2},\"ping_pong_us\":{ping_pong_us:.2}}}"
        ));
    }
    hold(&processors)?;

    let mut pool = Pool::builder(method)
        .tasks(registry)
        .workers(workers)
        .start()?;
    let seconds = all_at_once(&mut pool, tasks)?;
    println!(
        "{{\"name\":\"pool-{word}\",\"tasks\":{tasks},\"workers\":{workers},\"seconds\":{seconds:.4},\
         \"tasks_per_second\":{:.0},\"alone\":[{}]}}",
        tasks as f64 / seconds,
        alone.join(",")
    );
    Ok(ExitCode::SUCCESS)
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

/// Median microseconds of one task there and back, the pool being idle otherwise, and of one byte.
fn side_by_side(
    pool: &mut Pool,
    echo: &mut Echo,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let (mut tasks, mut bytes) = (Vec::new(), Vec::new());
    for turn in 0..40 {
        for _ in 0..100 {
            let began = Instant::now();
            let handle = pool.submit::<AddOne>(&1, ())?;
            assert_eq!(pool.wait(handle)?, 2);
            let task = began.elapsed();
            if turn > 0 {
                tasks.push(task);
            }
        }
        for _ in 0..100 {
            let began = Instant::now();
            echo.there_and_back()?;
            let byte = began.elapsed();
            if turn > 0 {
                bytes.push(byte);
            }
        }
    }
    Ok((median_us(tasks), median_us(bytes)))
}

/// A process that sends every byte back.
struct Echo {
    socket: UnixStream,
    pid: Pid,
}

impl Echo {
    fn start() -> Result<Echo, Box<dyn std::error::Error>> {
        let (socket, mut theirs) = UnixStream::pair()?;
        let child = runtime::fork(false, move || {
            let mut byte = [0];
            while theirs
                .read_exact(&mut byte)
                .and_then(|()| theirs.write_all(&byte))
                .is_ok()
            {}
            0
        })?;
        let pid = Pid::from_raw(i32::try_from(child.pid)?);
        Ok(Echo { socket, pid })
    }

    fn there_and_back(&mut self) -> std::io::Result<()> {
        let mut byte = [7];
        self.socket.write_all(&byte)?;
        self.socket.read_exact(&mut byte)
    }

    /// It holds a copy of our end too, so it is ended rather than waited for.
    fn end(self) -> nix::Result<()> {
        kill(self.pid, Signal::SIGKILL)?;
        waitpid(self.pid, None)?;
        Ok(())
    }
}

/// The processors that this process may use.
fn processors() -> nix::Result<Vec<usize>> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let all = 0..CpuSet::count();
    Ok(all.filter(|&cpu| allowed.is_set(cpu) == Ok(true)).collect())
}

/// Holds this process, and what it starts from now on, to these processors.
fn hold(processors: &[usize]) -> nix::Result<()> {
    let mut set = CpuSet::new();
    for &processor in processors {
        set.set(processor)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)
}

fn median_us(mut took: Vec<Duration>) -> f64 {
    took.sort();
    took[took.len() / 2].as_secs_f64() * 1e6
}
