//! A service under tokio: calls with a deadline, of which some hang, and an executor that never waits.

use anyhow::Result;
use handoff::{Background, Pool, Shutdown, StartMethod, task};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(1);

/// Takes some time, as rendering a page might.
#[task]
fn render(millis: u64) -> String {
    std::thread::sleep(Duration::from_millis(millis));
    format!("slept {millis} ms")
}

/// The deadline counts the wait for room, the queue and the task; dropping the future cancels the task.
async fn call(pool: Background, millis: u64) -> Result<String> {
    let work = pool.run(render(millis).timeout(DEADLINE / 4));
    Ok(timeout(DEADLINE, work).await??)
}

/// The longest time that the executor kept a ticker of 10 ms waiting.
async fn longest_gap() -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        sleep(Duration::from_millis(10)).await;
        longest = longest.max(began.elapsed());
    }
    longest
}

// Workers serve before there is a runtime.
fn main() -> Result<()> {
    handoff::init();
    serve()
}

#[tokio::main]
async fn serve() -> Result<()> {
    let builder = Pool::builder().start_method(StartMethod::ForkServer);
    let pool = builder.workers(4).queue_bound(16).background()?;
    let ticker = tokio::spawn(longest_gap());
    let millis = |n: u64| if n % 50 == 7 { 10_000 } else { n % 20 };
    let calls: Vec<_> = (0..200)
        .map(|n| tokio::spawn(call(pool.clone(), millis(n))))
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        if let Err(error) = call.await? {
            println!("{n}: {error}");
        }
    }
    println!("longest gap of a 10 ms ticker: {:?}", ticker.await?);
    println!("{:?}", pool.counters());
    pool.shutdown(Shutdown::Drain)?;
    Ok(())
}
