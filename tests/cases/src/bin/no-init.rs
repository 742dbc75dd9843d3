//! A program that builds a pool of itself and forgot to call `handoff::init`.

use handoff::{Pool, task};

#[task]
fn add_one(n: u64) -> u64 {
    n + 1
}

fn main() {
    // Each process that is started leaves a mark, so that a fork bomb can be counted.
    if let Some(path) = std::env::args().nth(1) {
        use std::io::Write;
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        let _ = file.and_then(|mut file| file.write_all(b"x"));
    }
    match Pool::new().and_then(|mut pool| pool.run(add_one(1))) {
        Ok(two) => println!("{two}"),
        Err(error) => println!("error: {error}"),
    }
}
