//! What the laboratory, the chaos harness and xtask share: exit codes, signals, building the
//! workspace's programs, running one of them with a deadline, the dataset they run on, the folder for
//! results, and tables.
//!
//! It runs the programs and shares only the types of their reports with them.

/// Like the standard library's macro, but a closed terminal or pipe is no panic: a command goes on
/// after its reader has left. Any other failure is noted, and [`finish`] reports it.
#[macro_export]
macro_rules! println {
    () => { $crate::print_noted("\n") };
    ($($text:tt)*) => { $crate::print_noted(&(format!($($text)*) + "\n")) };
}

/// [`println`] without the end of the line.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::print_noted(&format!($($text)*)) };
}

/// [`println`] to stderr; a failure is ignored.
#[macro_export]
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub mod dataset;
pub mod exit;
pub mod format;
pub mod grid;
pub mod interrupt;
pub mod process;
pub mod results;
pub mod workspace;

use std::io;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use interrupt::Interrupted;

/// A command's exit code; prints its error, if it has one, also where its result was not printed.
pub fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    let mut unprinted = UNPRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    match (result, unprinted.take()) {
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

#[doc(hidden)]
pub fn print_noted(text: &str) {
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
