//! The processors of the machine.

/// The processors that this process may use; none where the kernel does not say.
pub(super) fn processors() -> Vec<u32> {
    let this = nix::unistd::Pid::from_raw(0);
    let Ok(set) = nix::sched::sched_getaffinity(this) else {
        return Vec::new();
    };
    let allowed = (0..nix::sched::CpuSet::count()).filter(|&cpu| set.is_set(cpu) == Ok(true));
    allowed.map(|cpu| cpu as u32).collect()
}
