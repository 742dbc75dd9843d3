//! Who this process is in an experiment, and the lines that it prints itself.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// When the coordinator began, on the clock of all processes of the machine.
static BEGAN_NS: AtomicU64 = AtomicU64::new(0);
/// What this process is called; a forked child is called as its parent until it is renamed.
static NAME: Mutex<String> = Mutex::new(String::new());

/// Why something could not be written to stdout, the first time.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// This process is `name`, in a run that began at `began_ns`.
pub(super) fn begin(name: &str, began_ns: u64) {
    BEGAN_NS.store(began_ns, Ordering::Relaxed);
    rename(name);
}

/// This process is `name` from now on.
pub(super) fn rename(name: &str) {
    name.clone_into(&mut NAME.lock().unwrap_or_else(PoisonError::into_inner));
}

pub(super) fn name() -> String {
    NAME.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(super) fn began_ns() -> u64 {
    BEGAN_NS.load(Ordering::Relaxed)
}

/// What every line begins with: `   ForkProcess-1 [ 1.00s]`.
pub(super) fn prefix() -> String {
    let name = name();
    let seconds = runtime::now_ns().saturating_sub(began_ns()) as f64 / 1e9;
    let name = if name == "MainProcess" {
        format!("{name:<16}")
    } else {
        format!("{name:>16}")
    };
    format!("{name} [{seconds:>5.2}s]")
}

/// Prints a line of this process to stdout, whole: workers share it with the coordinator.
pub(super) fn say(text: &str) {
    write_whole(&format!("{} {text}\n", prefix()));
}

/// Writes to stdout at once. What goes wrong is noted for [`printed`]; a reader that has gone away is no
/// reason to stop.
pub(super) fn write_whole(text: &str) {
    match output::print(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let mut noted = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
            noted.get_or_insert(error);
        }
        _ => {}
    }
}

/// Whether all that this process wrote to stdout went there.
///
/// # Errors
/// The first that came.
pub(super) fn printed() -> io::Result<()> {
    let mut noted = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    noted.take().map_or(Ok(()), Err)
}
