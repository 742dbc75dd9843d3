//! Prints results on stdout: whole, or with an error, also where stdout was closed before the program
//! started (`>&-`). What is printed is left to each program. The exit codes are in [`exit`].
//!
//! Rust's runtime opens `/dev/null` in place of a closed stdout before `main`, so that a result that is
//! printed there is lost without an error. This crate looks before the runtime does.
//!
//! ```
//! output::print("sum 3\n")?;
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod exit;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before the runtime's own initialisation, as the C library runs everything in this section.
#[used]
// SAFETY: the section holds pointers to functions of this type, and nothing else.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: asks about a number, and touches no memory.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
}

/// Prints `text` on stdout, whole.
///
/// # Errors
/// Those of stdout; EBADF where it was closed when the program started.
pub fn print(text: &str) -> io::Result<()> {
    if WAS_CLOSED.load(Ordering::Relaxed) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
