//! The smallest useful program: functions become tasks, this program is its own worker.
use handoff::{StartMethod, task};
use handoff_cluster::Pool;

#[task]
fn word_count(text: String) -> usize {
    text.split_whitespace().count()
}

#[task]
fn divide(a: i64, b: i64) -> Result<i64, String> {
    a.checked_div(b)
        .ok_or_else(|| "division by zero".to_owned())
}

#[task]
fn crash() {
    std::process::abort()
}

fn main() -> Result<(), handoff::Error> {
    handoff::init(); // A worker process serves here and never returns.

    let mut pool = Pool::new()?; // Spawned workers, one for each processor.
    assert_eq!(pool.run(word_count("to be or not".into()))?, 4);

    let texts = (0..1000).map(|n| "word ".repeat(n));
    let counts = pool
        .map(texts.map(word_count))
        .collect::<Result<Vec<_>, _>>()?;
    assert_eq!(counts.iter().sum::<usize>(), 499_500);

    let failed = pool.run(divide(1, 0)).unwrap_err();
    assert!(failed.to_string().contains("division by zero"));

    let handle = pool.submit(divide(84, 2))?;
    assert!(pool.run(crash().retries(0)).is_err()); // One task's failure; the pool goes on.
    assert_eq!(pool.wait(handle)?, 42);

    // The same tasks without a process: for debuggers, sanitizers, tests, and as a baseline.
    let mut here = Pool::builder()
        .start_method(StartMethod::InProcess)
        .workers(2)
        .start()?;
    assert_eq!(here.run(word_count("to be".into()))?, 2);

    println!("ok");
    Ok(())
}
