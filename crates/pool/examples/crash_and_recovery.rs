//! Workers that crash, panic, or never come back: each touches its own task alone.
//!
//! `cargo run -p pool --example crash_and_recovery`

use pool::{Pool, Program, Shutdown, StartMethod, TaskFailure, What};
use std::process::ExitCode;
use std::time::Duration;
use task::{Input, Registry, Task, TaskError};

/// Misbehaves as its argument says.
struct Risky;

impl Task for Risky {
    const NAME: &'static str = "risky";
    type Args = String;
    type Output = String;

    fn run(how: String, _: Input<'_>) -> Result<String, TaskError> {
        match how.as_str() {
            "panic" => panic!("the task has a bug"),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            "abort" => {
                eprintln!("about to go down");
                std::process::abort();
            }
            // Crashes the first time only, as something might that ran out of memory.
            path if path.starts_with('/') && std::fs::remove_file(path).is_ok() => {
                std::process::abort();
            }
            _ => {}
        }
        Ok(format!("{how} went well"))
    }
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    // This program is its own worker program: started by a pool, it serves.
    let registry = Registry::new().with::<Risky>();
    if let Some(code) = runtime::run_if_worker(&registry) {
        return Ok(code);
    }
    let mut pool = Pool::builder(StartMethod::ForkServer(Program::current()?))
        .workers(2)
        .retries(1)
        .watch(|event| match &event.what {
            What::Stderr(line) => println!("  {} wrote: {line}", event.name),
            What::Retried { task } => println!("  task {task} is run again"),
            What::Ended(how) => println!("  {} {how}", event.name),
            _ => {}
        })
        .start()?;
    let mut submit = |how: &str| pool.call::<Risky>(&how.to_owned()).submit();

    let marker = std::env::temp_dir().join(format!("risky-{}", std::process::id()));
    std::fs::write(&marker, "")?;
    let crashes_once = submit(marker.to_str().ok_or("a path that is text")?)?;
    let crashes_always = submit("abort")?;
    let panics = submit("panic")?;
    let fine = submit("nothing special")?;
    // A task may have a time limit, and retries, of its own.
    let hangs = pool
        .call::<Risky>(&"hang".to_owned())
        .timeout(Duration::from_millis(200))
        .submit()?;

    // Its worker died; another one ran it again.
    println!("{}", pool.wait(crashes_once)?);
    // What kills every worker that runs it is given up, with a certificate of the last death.
    match pool.wait(crashes_always) {
        Err(TaskFailure::Died(certificate)) => {
            println!("given up: {certificate}");
            assert_eq!(certificate.deaths, 2);
            assert_eq!(certificate.stderr, ["about to go down"]);
        }
        other => panic!("expected a death, got {other:?}"),
    }
    // A panic is an error of its task; the worker lives on.
    match pool.wait(panics) {
        Err(TaskFailure::Failed(failed)) => println!("failed: {failed}"),
        other => panic!("expected a panic, got {other:?}"),
    }
    match pool.wait(hangs) {
        Err(TaskFailure::TimedOut(limit)) => println!("ended after {limit:?}"),
        other => panic!("expected a time-out, got {other:?}"),
    }
    assert_eq!(pool.wait(fine)?, "nothing special went well");

    let counters = pool.counters();
    println!("{} workers were replaced", counters.respawned);
    // One crash, and two more; the worker that hung may still be on its way out.
    assert!(counters.died >= 3);
    assert_eq!((counters.done, counters.failed), (2, 3));
    pool.shutdown(Shutdown::Drain)?;
    Ok(ExitCode::SUCCESS)
}
