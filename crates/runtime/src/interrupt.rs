//! The signal that interrupts a task that is asked to end, for hosts that can raise an error in it: an
//! interpreter, say. When the hook is called is decided in `soft`.

use std::ptr;
use std::sync::OnceLock;

/// What a coordinator sends to a worker's process, without its group, when it asks the running task to end.
/// The kernel discards it where there is no handler for it.
pub const CANCEL_SIGNAL: i32 = libc::SIGURG;

static HOOK: OnceLock<fn()> = OnceLock::new();

/// Sets the hook, once. `false` where it was set before.
pub(crate) fn set(hook: fn()) -> bool {
    HOOK.set(hook).is_ok()
}

/// The hook. May be called in a signal handler.
pub(crate) fn hook() -> Option<fn()> {
    HOOK.get().copied()
}

/// Installs the signal's handler, if there is a hook.
pub(crate) fn install(handler: extern "C" fn(libc::c_int)) {
    if hook().is_none() {
        return;
    }
    // SAFETY: zero is valid for all fields. The handler does only what a handler may: it reads atomics, and
    // calls the hook, whose setter guarantees the same.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        // Without SA_RESTART: the system call that the task waits in returns.
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(CANCEL_SIGNAL, &raw const action, ptr::null_mut());
    }
}
