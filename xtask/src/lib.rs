//! Handoff's own development commands: the matrix, the machine's limits, the peers, chaos, tests
//! and CI.
//!
//! It runs the programs and shares only the types of their reports with them.

/// As the standard library's, but without a panic where the terminal or pipe is gone: a command goes
/// on when its reader has had enough. Any other failure is noted, and the exit code reports it.
macro_rules! println {
    () => { $crate::print_noted("\n") };
    ($($text:tt)*) => { $crate::print_noted(&(format!($($text)*) + "\n")) };
}

/// As [`println`], without the end of the line.
macro_rules! print {
    ($($text:tt)*) => { $crate::print_noted(&format!($($text)*)) };
}

/// As [`println`], on stderr.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod chaos;
mod ci;
mod cli;
mod compare;
mod dataset;
mod dist;
mod exit;
mod grid;
mod interrupt;
mod kills;
mod limits;
mod matrix;
mod page;
mod peers;
mod process;
mod results;
mod stats;
mod test;
mod workspace;

use std::io;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use interrupt::Interrupted;

/// The program: reads the command line, runs the command, tells its error.
pub fn main() -> ExitCode {
    // The trivial program of the spawn probe: nothing may come before it.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == limits::ANSWER)
    {
        return match std::io::Write::write_all(&mut std::io::stdout(), b"\n") {
            Ok(()) => ExitCode::from(exit::DONE),
            Err(_) => ExitCode::from(exit::FAILED),
        };
    }
    let ran = cli::run();
    let unprinted = UNPRINTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match (ran, unprinted) {
        (Ok(code), Some(error)) if code == ExitCode::SUCCESS => {
            eprintln!("error: cannot print the result: {error}");
            ExitCode::from(exit::FAILED)
        }
        (Ok(code), _) => code,
        (Err(error), _) => {
            if let Some(interrupted) = stopped(&error) {
                eprintln!("{interrupted}");
                return exit::stopped_by(interrupted.0);
            }
            eprintln!("error: {error:#}");
            ExitCode::from(exit::FAILED)
        }
    }
}

/// Why something could not be printed, the first time.
static UNPRINTED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints `text` on stdout.
fn print_noted(text: &str) {
    match output::print(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let mut noted = UNPRINTED.lock().unwrap_or_else(PoisonError::into_inner);
            noted.get_or_insert(error);
        }
        _ => {}
    }
}

/// The signal behind an error, however it is wrapped.
fn stopped(error: &anyhow::Error) -> Option<Interrupted> {
    error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<process::RunError>() {
            Some(process::RunError::Interrupted(interrupted)) => Some(*interrupted),
            _ => cause.downcast_ref::<Interrupted>().copied(),
        })
}
