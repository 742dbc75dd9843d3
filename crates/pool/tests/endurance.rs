//! Thousands of workers started and killed by one process: afterwards it holds what it held before.
//!
//! It forks, so there is no test harness with its threads here. `cargo test -p pool --test endurance
//! -- --starts 10000` is the long form; without it there are enough to tell a leak from none.

use pool::{Pool, Program, Region, Shutdown, StartMethod, TaskFailure};
use shmem::{ProcessMemory, Segment};
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use task::{Input, Registry, Task, TaskError};

/// Workers of a pool.
const WORKERS: usize = 8;
/// Kills before a pool is replaced by another.
const KILLS_A_POOL: u64 = 100;
/// Private memory that may have come to stay: what an allocator keeps for the next time.
const SLACK: u64 = 1 << 20;
/// Past this, an answer does not come.
const DEADLINE: Duration = Duration::from_secs(60);

/// Kills its own worker.
struct Die;

impl Task for Die {
    const NAME: &'static str = "die";
    type Args = ();
    type Output = ();

    fn run((): (), _input: Input<'_>) -> Result<(), TaskError> {
        // SAFETY: ends this process and no other.
        unsafe { libc::raise(libc::SIGKILL) };
        Ok(())
    }
}

/// Counts the bytes of its input.
struct Length;

impl Task for Length {
    const NAME: &'static str = "length";
    type Args = ();
    type Output = u64;

    fn run((): (), input: Input<'_>) -> Result<u64, TaskError> {
        Ok(input.bytes()?.len() as u64)
    }
}

fn main() -> ExitCode {
    let registry = Registry::new().with::<Die>().with::<Length>();
    if let Some(code) = runtime::run_if_worker(&registry) {
        return code;
    }
    let mut args = std::env::args().skip(1);
    let starts = match (args.next().as_deref(), args.next()) {
        (Some("--starts"), Some(number)) => number.parse().expect("--starts takes a number"),
        _ => 450,
    };
    let program = Program::current().unwrap();
    let methods = [
        StartMethod::Fork,
        StartMethod::Spawn(program.clone()),
        StartMethod::ForkServer(program),
    ];
    // What is set up once and kept is no leak.
    for method in &methods {
        start_and_kill(method, &registry, 2 * WORKERS as u64);
    }
    let before = Held::now();
    let began = Instant::now();
    let mut started = 0;
    for method in &methods {
        started += start_and_kill(method, &registry, starts / methods.len() as u64);
    }
    let after = Held::now();
    println!(
        "{started} workers started and killed in {:.1} s\nbefore: {before:?}\nafter:  {after:?}",
        began.elapsed().as_secs_f64()
    );
    assert!(started >= starts / 3 * 3);
    assert_eq!(after.descriptors, before.descriptors);
    assert_eq!(after.children, 0, "zombies among them");
    assert_eq!(after.segments, 0);
    assert!(
        after.private <= before.private + SLACK,
        "private memory has grown"
    );
    println!("endurance: passed");
    ExitCode::SUCCESS
}

/// Starts and kills at least `starts` workers in pools of this start method; returns how many.
fn start_and_kill(method: &StartMethod, registry: &Registry, starts: u64) -> u64 {
    let mut started = 0;
    while started < starts {
        let mut pool = Pool::builder(method.clone())
            .tasks(registry.clone())
            .workers(WORKERS)
            .retries(0)
            .start()
            .unwrap();
        let segment = Segment::create(1 << 16).unwrap();
        let region = pool.attach(Region::Segment(Arc::new(segment)));
        for kill in 0..KILLS_A_POOL.min(starts - started) {
            let killed = pool.submit::<Die>(&(), ()).unwrap();
            let input = pool::Input::Slice {
                region,
                offset: 0,
                len: 1 << 16,
            };
            let asked = pool.submit::<Length>(&(), input).unwrap();
            match pool.wait_for(killed, DEADLINE) {
                Ok(Err(TaskFailure::Died(_))) => {}
                Ok(other) => panic!("kill {kill}: {other:?}"),
                Err(_) => panic!("kill {kill}: nothing within {DEADLINE:?}"),
            }
            let answer = pool.wait_for(asked, DEADLINE);
            assert!(matches!(answer, Ok(Ok(65536))), "kill {kill}");
        }
        started += pool.counters().started;
        // Both ends of a pool are to leave nothing.
        if started % 2 == 0 {
            pool.shutdown(Shutdown::Drain).unwrap();
        }
    }
    started
}

/// What this process holds.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    /// Alive or not.
    children: usize,
    segments: usize,
    /// Bytes.
    private: u64,
}

impl Held {
    fn now() -> Held {
        let pid = std::process::id();
        let children = fs::read_to_string(format!("/proc/self/task/{pid}/children")).unwrap();
        let prefix = format!("handoff-{pid}-");
        let segments = fs::read_dir("/dev/shm").unwrap().flatten();
        Held {
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            children: children.split_whitespace().count(),
            segments: segments
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
                .count(),
            private: ProcessMemory::of(pid).unwrap().private,
        }
    }
}
