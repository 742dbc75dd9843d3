//! The smallest program with a runtime: a background pool, and results that are awaited.

use handoff::{Pool, task};

#[task]
fn fibonacci(n: u32) -> u64 {
    if n < 2 {
        u64::from(n)
    } else {
        fibonacci(n - 1) + fibonacci(n - 2)
    }
}

// A plain main, since workers serve in `init`, before there are a runtime's threads.
fn main() -> Result<(), handoff::Error> {
    handoff::init();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let pool = Pool::background()?;
        let (a, b) = tokio::join!(pool.run(fibonacci(30)), pool.run(fibonacci(31)));
        println!("{} {}", a?, b?);
        Ok(())
    })
}
