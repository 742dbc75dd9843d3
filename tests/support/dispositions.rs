//! Starts the programs of a test with default signal dispositions. Under `nohup`, or in the background of a
//! script, the test runner ignores signals, and the programs would inherit that.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Lets `command` start with the default of every signal that these tests send.
pub(crate) fn by_default(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only signal dispositions are set, which is allowed there.
    unsafe {
        command.pre_exec(|| {
            for number in [
                Signal::SIGHUP,
                Signal::SIGINT,
                Signal::SIGTERM,
                Signal::SIGTSTP,
            ] {
                signal(number, SigHandler::SigDfl)?;
            }
            Ok(())
        })
    }
}
