//! Signals, which are for Python alone.

/// Signals are for Python's main thread, which would not be woken from a wait by one that comes here.
pub(crate) fn block() {
    // SAFETY: both sets are this function's own.
    unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
}
