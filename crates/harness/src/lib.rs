//! What the laboratory, the chaos harness and xtask share: exit codes, signals, building the
//! workspace's programs, running one of them with a deadline, the dataset they run on, the folder for
//! results, and tables.
//!
//! It runs the programs and shares only the types of their reports with them.

/// Like the standard library's macro, but a closed terminal or pipe is no panic: a command goes on
/// after its reader has left.
#[macro_export]
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// [`println`] without the end of the line.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($text)*);
    }};
}

/// [`println`] to stderr.
#[macro_export]
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub mod dataset;
pub mod exit;
pub mod grid;
pub mod interrupt;
pub mod process;
pub mod results;
pub mod workspace;

use std::process::ExitCode;

use interrupt::Interrupted;

/// A command's exit code; prints its error, if it has one.
pub fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            if let Some(interrupted) = stopped(&error) {
                eprintln!("{interrupted}");
                return exit::stopped_by(interrupted.0);
            }
            eprintln!("error: {error:#}");
            ExitCode::from(exit::FAILED)
        }
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
