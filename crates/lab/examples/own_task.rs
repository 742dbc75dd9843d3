//! A benchmark of one's own: a task that is sent its part of the data, and one that reads it in shared memory.
//!
//! `cargo run --release -p lab --example own_task -- --out /tmp/own`

use std::process::ExitCode;
use std::sync::LazyLock;

use handoff::{Array, task};

static NUMBERS: LazyLock<Vec<f64>> = LazyLock::new(|| (0..4_000_000).map(f64::from).collect());

#[task]
fn sum_vec(part: Vec<f64>) -> f64 {
    part.iter().sum()
}

#[task]
fn sum_array(part: Array<f64>) -> f64 {
    part.iter().sum()
}

fn main() -> ExitCode {
    lab::bench!(
        setup: LazyLock::force(&NUMBERS);
        sum_vec(NUMBERS.chunks(100_000).map(<[f64]>::to_vec)),
        sum_array(Array::from_slice(&NUMBERS).expect("room for the array").chunks(100_000));
        plain: |part: &'static [f64]| part.iter().sum::<f64>(), NUMBERS.chunks(100_000)
    )
}
