//! The command line: arguments, progress, signals and exit codes.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::exit;
use crate::records::RECORD_LEN;
use crate::write::{Plan, WriteError, Written, write};

/// Write a dataset of the study's records: index, timestamp and val (0, 1 or NaN), 24 bytes each.
///
/// The same seed gives the same bytes on any machine. The file appears under its name only when it
/// is whole.
#[derive(Debug, Parser)]
#[command(name = "datagen", version)]
struct Args {
    /// How many records; takes `_` and the suffixes k, M and G (200M).
    #[arg(long, value_name = "N", default_value = "10_000_000", value_parser = report::parse_count)]
    records: u64,
    /// The number that the values are drawn from.
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// The file to write; its directory is created if need be.
    #[arg(long, value_name = "FILE", default_value = "data/records.npy")]
    out: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
    /// Print errors only.
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the program with this process's arguments; gives the exit code (see [`exit`]).
pub fn main() -> ExitCode {
    let args = Args::parse();
    let signal = match catch_signals() {
        Ok(signal) => signal,
        Err(error) => return fail(&format_args!("cannot catch signals: {error}")),
    };
    let plan = Plan {
        records: args.records,
        seed: args.seed,
        out: args.out,
        force: args.force,
    };
    let bar = progress_bar(plan.records.saturating_mul(RECORD_LEN as u64), args.quiet);
    let result = write(&plan, &mut |written| {
        bar.set_position(written);
        match signal.load(Ordering::Relaxed) {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    });
    bar.finish_and_clear();
    match result {
        Ok(written) => {
            if !args.quiet {
                // The dataset is there, whether or not anyone reads of it.
                let _ = writeln!(io::stdout(), "{}", summary(&plan, &written));
            }
            ExitCode::from(exit::DONE)
        }
        Err(error @ WriteError::Stopped) => {
            fail(&error);
            ExitCode::from(exit::SIGNAL + signal.load(Ordering::Relaxed) as u8)
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "datagen: {error}");
    ExitCode::from(exit::FAILED)
}

/// Holds the number of the signal that asked for an end, or 0.
fn catch_signals() -> io::Result<Arc<AtomicUsize>> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_usize(number, Arc::clone(&signal), number as usize)?;
    }
    // Caught, it makes a write beyond `ulimit -f` an error that can be told, instead of the end.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Ok(signal)
}

/// A bar on stderr, drawn by the writer's own calls, if stderr is a terminal that can show it. It
/// has no colours.
fn progress_bar(bytes: u64, quiet: bool) -> ProgressBar {
    let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    if quiet || dumb || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{wide_bar} {percent:>3}% {decimal_bytes_per_sec:>12} {eta:>4} left";
    ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr()).with_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

fn summary(plan: &Plan, written: &Written) -> String {
    let seconds = written.elapsed.as_secs_f64();
    let megabytes = written.bytes as f64 / 1e6;
    format!(
        "wrote {}: {} records, {megabytes:.1} MB, seed {}, in {seconds:.2} s ({:.2} GB/s)",
        written.path.display(),
        report::format_count(plan.records),
        plan.seed,
        megabytes / 1e3 / seconds,
    )
}
