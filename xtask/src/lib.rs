//! Handoff's own development commands: the matrix, the machine's limits, the peers, chaos, tests
//! and CI.
//!
//! It runs the programs and shares only the types of their reports with them.

/// As the standard library's, but without a panic where the terminal or pipe is gone: a command goes
/// on when its reader has had enough.
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// As [`println`], without the end of the line.
macro_rules! print {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($text)*);
    }};
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

use std::process::ExitCode;

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
    match cli::run() {
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
