//! A sweep of 200,000 parameters, of which some fail, panic or crash, and a summary of which did.

use handoff::{ErrorKind, Pool, task};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Params {
    n: u32,
    rate: f64,
    depth: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    mean: f64,
    worst: f64,
}

#[task]
fn simulate(p: Params) -> Result<Outcome, String> {
    match p.n % 10_000 {
        17 => log::warn!("rate {} is close to the edge", p.rate),
        42 | 43 => return Err(format!("no convergence at rate {:.3}", p.rate)),
        99 => panic!("depth {} out of range", p.depth),
        // Crashes the first time only.
        1234 if std::fs::remove_file(format!("flaky/{}", p.n)).is_ok() => std::process::abort(),
        7777 if p.n > 100_000 => std::process::abort(),
        _ => {}
    }
    let (mut x, mut sum, mut worst) = (0.5, 0.0, 0f64);
    for _ in 0..p.depth {
        x = p.rate * x * (1.0 - x);
        sum += x;
        worst = worst.max(x);
    }
    let mean = sum / f64::from(p.depth);
    Ok(Outcome { mean, worst })
}

fn main() -> anyhow::Result<()> {
    handoff::init();
    env_logger::init();
    std::fs::create_dir_all("flaky")?;
    let params = |n| Params {
        n,
        rate: 2.5 + f64::from(n) / 140_000.0,
        depth: 50 + n % 50,
    };
    for n in (1234..200_000).step_by(10_000) {
        std::fs::write(format!("flaky/{n}"), "")?;
    }
    let mut pool = Pool::builder().log_level(log::LevelFilter::Info).start()?;
    let mut failures: HashMap<ErrorKind, Vec<String>> = HashMap::new();
    let mut best = (0.0, None);
    let results = pool.map((0..200_000).map(|n| simulate(params(n))));
    for (n, result) in (0..).zip(results) {
        match result {
            Ok(outcome) if outcome.mean > best.0 => best = (outcome.mean, Some(params(n))),
            Ok(_) => {}
            Err(error) => failures
                .entry(error.kind())
                .or_default()
                .push(format!("{n}: {error}")),
        }
    }
    println!("best {best:?}");
    for (kind, list) in &failures {
        println!("{} {kind:?}, for example {}", list.len(), list[0]);
    }
    println!("{:?}", pool.counters());
    Ok(std::fs::remove_dir("flaky")?)
}
