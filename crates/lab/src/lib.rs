//! The laboratory: measures what starting processes and handing them data costs on this machine, and
//! draws pages of the results.
//!
//! The program `lab` (`cargo xtask matrix` and its kin) measures a sum over a file, for which it runs the
//! programs of the workspace, and a few jobs of its own. The library is for benchmarks of tasks of one's own:
//! see [`bench!`](crate::bench).

#[macro_use(println, print, eprintln)]
extern crate harness;

mod advice;
#[doc(hidden)]
pub mod bench;
mod cli;
mod compare;
mod ending;
mod figures;
mod job;
mod job_timeline;
mod jobs;
mod limits;
mod matrix;
#[doc(hidden)]
pub mod own;
mod page;
mod peers;
mod record;
mod stats;
mod terms;
mod values;

use std::process::ExitCode;

/// The program: reads the command line, runs the command, prints its error.
pub fn main() -> ExitCode {
    // The trivial program of the spawn probe: nothing may come before it.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == limits::ANSWER)
    {
        return match std::io::Write::write_all(&mut std::io::stdout(), b"\n") {
            Ok(()) => ExitCode::from(harness::exit::DONE),
            Err(_) => ExitCode::from(harness::exit::FAILED),
        };
    }
    // A worker of one of the laboratory's own jobs serves here.
    handoff::init();
    harness::finish(cli::run())
}

/// The whole of a benchmark of one's own tasks: runs them by a plain loop, by threads and by workers of every
/// start method, compares all results, and writes tables and a report to `target/handoff` (or `--out`).
///
/// A task stands with what gives its arguments, which is evaluated for each use of them; that is the fill of the
/// tables, so what takes long and is no part of handing over belongs into `setup`. How
/// arguments are handed over follows from their type: with `Array` or `ArrayMut` in shared memory, with a `Path` or
/// `PathBuf` by file, which the task opens or maps, otherwise as bytes. Several tasks that do the same for arguments of different types can be compared:
///
/// ```no_run
/// use handoff::{Array, task};
/// use std::sync::LazyLock;
///
/// fn sum(numbers: &[f64]) -> f64 {
///     numbers.iter().sum()
/// }
///
/// #[task]
/// fn sum_vec(part: Vec<f64>) -> f64 {
///     sum(&part)
/// }
///
/// #[task]
/// fn sum_array(part: Array<f64>) -> f64 {
///     sum(&part)
/// }
///
/// static NUMBERS: LazyLock<Vec<f64>> = LazyLock::new(|| (0..1_000_000).map(f64::from).collect());
///
/// fn main() -> std::process::ExitCode {
///     lab::bench!(
///         setup: LazyLock::force(&NUMBERS);
///         sum_vec(NUMBERS.chunks(10_000).map(<[f64]>::to_vec)),
///         sum_array(Array::from_slice(&NUMBERS).unwrap().chunks(10_000));
///         plain: sum, NUMBERS.chunks(10_000)
///     )
/// }
/// ```
///
/// `setup` is evaluated before the clock runs, in each process that measures and in no worker. With `plain`, a function and what gives its arguments, the loop and the threads run that: without it they run
/// the first task, which then encodes its arguments and its result although nobody needs them encoded.
///
/// The macro is all of `main`: nothing stands before it. It reads the command line (`--help` has the flags).
#[macro_export]
macro_rules! bench {
    (@run $setup:expr; $($task:ident($arguments:expr)),+ $(; plain: $plain:expr, $given:expr)? $(,)?) => {{
        let names = [$(stringify!($task)),+];
        let ways = [$($crate::own::way($task, || $arguments)),+];
        let plain = $crate::own::first([$($crate::own::plain($plain, || $given))?]);
        $crate::bench::main(names[0], &ways, plain.as_ref(), &|| {
            let _ = $setup;
        })
    }};
    (@run $setup:expr; $task:ident, $arguments:expr $(,)?) => {
        $crate::bench!(@run $setup; $task($arguments))
    };
    (setup: $setup:expr; $($rest:tt)+) => {
        $crate::bench!(@run $setup; $($rest)+)
    };
    ($($rest:tt)+) => {
        $crate::bench!(@run (); $($rest)+)
    };
}
