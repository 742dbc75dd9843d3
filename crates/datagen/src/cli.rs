//! The command line: arguments, progress, signals and exit codes.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use progress::Progress;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::exit;
use crate::records::RECORD_LEN;
use crate::write::{Plan, WriteError, Written, write};

/// Write a dataset of records with index, timestamp and val (0, 1 or NaN), 24 bytes each
///
/// The same seed gives the same bytes on any machine. The file appears under its name only when it
/// is whole.
#[derive(Debug, Parser)]
#[command(
    name = "datagen",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  datagen                                          # 10 million records, 240 MB
  datagen --records 200M --out data/records-200M.npy
  datagen --records 1k --seed 7 --out small.npy --force

Exit codes: 0 written, 1 not written, 2 usage, 128+n stopped by signal n."
)]
struct Args {
    /// How many records; takes _ and the suffixes k, M and G (200M)
    #[arg(long, short = 'n', value_name = "N", default_value = "10_000_000", value_parser = report::parse_count)]
    records: u64,
    /// Random seed of the values
    #[arg(long, short, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// The file to write; its directory is created if need be
    #[arg(long, short, value_name = "FILE", default_value = "data/records.npy")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long, short)]
    force: bool,
    /// Print only errors: no progress, no summary
    #[arg(long, short)]
    quiet: bool,
    /// Print this shell's completions, and write nothing
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
    /// Write the manual page to this directory, and nothing else
    #[arg(long, value_name = "DIR", exclusive = true)]
    man: Option<PathBuf>,
}

/// Runs the program with this process's arguments; gives the exit code (see [`exit`]).
pub fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(shell) = args.completions {
        return completions(shell);
    }
    if let Some(directory) = &args.man {
        return man(directory);
    }
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
    let bytes = plan.records.saturating_mul(RECORD_LEN as u64);
    let mut drawn = Progress::bytes("writing", bytes, progress::wanted(args.quiet));
    let result = write(&plan, &mut |written| {
        drawn.to(written);
        match signal.load(Ordering::Relaxed) {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    });
    drop(drawn);
    match result {
        Ok(written) => {
            let summary = (!args.quiet).then(|| format!("{}\n", summary(&plan, &written)));
            match summary.map_or(Ok(()), |summary| output::print(&summary)) {
                // The dataset is there, whether or not anyone reads of it.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&format_args!(
                    "{} is written, but its summary cannot be printed: {error}",
                    plan.out.display()
                )),
                _ => ExitCode::from(exit::DONE),
            }
        }
        Err(error @ WriteError::Stopped) => {
            fail(&error);
            ExitCode::from(exit::SIGNAL + signal.load(Ordering::Relaxed) as u8)
        }
        Err(error) => fail(&error),
    }
}

fn completions(shell: Shell) -> ExitCode {
    // The generator panics where its writer fails, which memory does not.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "datagen", &mut script);
    match output::print(&String::from_utf8_lossy(&script)) {
        Ok(()) => ExitCode::from(exit::DONE),
        Err(error) => fail(&format_args!("cannot print the completions: {error}")),
    }
}

fn man(directory: &Path) -> ExitCode {
    let written = fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Args::command(), directory));
    match written {
        Ok(()) => ExitCode::from(exit::DONE),
        Err(error) => fail(&format_args!(
            "cannot write the manual page to {}: {error}",
            directory.display()
        )),
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::from(exit::FAILED)
}

/// Holds the number of the signal that asked for an end, or 0. One that is ignored, as under `nohup`,
/// stays so.
fn catch_signals() -> io::Result<Arc<AtomicUsize>> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in signals::to_catch([SIGINT, SIGTERM, SIGHUP]) {
        flag::register_usize(number, Arc::clone(&signal), number as usize)?;
    }
    // Caught, it makes a write beyond `ulimit -f` an error that can be reported, instead of the end.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Ok(signal)
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
