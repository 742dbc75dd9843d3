//! The system calls of a confined worker: those on this list go through, all others fail with
//! EPERM, so that a task gets an error and its worker lives on.

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op,
    SeccompCondition as Condition, SeccompFilter, SeccompRule as Rule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;
use std::io;

/// Calls that go through whatever their arguments: none of them takes a path, makes a socket or a
/// process, or reaches another one.
const FREE: &[c_long] = &[
    // memory
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_membarrier,
    // what is open
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_fadvise64,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    // the socket
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_shutdown,
    // threads and signals of its own
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // time, and who it is
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getcpu,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
];

/// The same calls under names that only older machines have.
#[cfg(target_arch = "x86_64")]
const FREE_HERE: &[c_long] = &[
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_dup2,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const FREE_HERE: &[c_long] = &[];

/// Whether the kernel can filter at all, and answer with an error number.
pub(super) fn available() -> io::Result<()> {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: asks about the action behind the pointer and changes nothing.
    let told = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &raw const action,
        )
    };
    nix::errno::Errno::result(told)?;
    Ok(())
}

/// Lets this thread, and those it starts from now on, make the calls of the list alone.
pub(super) fn confine() -> Result<(), Error> {
    let (absent, listed) = (absent()?, listed()?);
    apply_filter(&absent)?;
    apply_filter(&listed)
}

/// clone3(2) has its flags in memory, where a filter cannot look. The C library uses clone(2) where
/// a kernel does not have it.
fn absent() -> Result<BpfProgram, BackendError> {
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let action = SeccompAction::Errno(libc::ENOSYS as u32);
    SeccompFilter::new(absent, SeccompAction::Allow, action, arch()?)?.try_into()
}

fn listed() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<c_long, Vec<Rule>> = FREE
        .iter()
        .chain(FREE_HERE)
        .map(|&call| (call, Vec::new()))
        .collect();
    // Answered by the other filter.
    rules.insert(libc::SYS_clone3, Vec::new());
    // Threads, not processes.
    rules.insert(
        libc::SYS_clone,
        when([all_of(0, libc::CLONE_THREAD as u64)])?,
    );
    // Data, not code.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, when([none_of(2, libc::PROT_EXEC as u64)])?);
    }
    // As abort(3) and raise(3) do.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, when([is(0, own)])?);
    // Asks for limits, of this process.
    rules.insert(libc::SYS_prlimit64, when([is(0, 0), is_null(2)])?);
    rules.insert(libc::SYS_prctl, when([is(0, libc::PR_SET_NAME as u64)])?);
    // Not F_SETOWN and F_SETSIG, which have the kernel signal others.
    let mut commands = Vec::new();
    for command in [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
    ] {
        commands.extend(when([is(1, command as u64)])?);
    }
    rules.insert(libc::SYS_fcntl, commands);
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, denied, SeccompAction::Allow, arch()?)?.try_into()
}

fn arch() -> Result<TargetArch, BackendError> {
    std::env::consts::ARCH.try_into()
}

type Checked = Result<Condition, BackendError>;

/// One rule: all of these hold.
fn when<const N: usize>(conditions: [Checked; N]) -> Result<Vec<Rule>, BackendError> {
    let conditions = conditions.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(vec![Rule::new(conditions)?])
}

fn is(argument: u8, value: u64) -> Checked {
    Condition::new(argument, Len::Dword, Op::Eq, value)
}

fn is_null(argument: u8) -> Checked {
    Condition::new(argument, Len::Qword, Op::Eq, 0)
}

fn all_of(argument: u8, bits: u64) -> Checked {
    Condition::new(argument, Len::Qword, Op::MaskedEq(bits), bits)
}

fn none_of(argument: u8, bits: u64) -> Checked {
    Condition::new(argument, Len::Qword, Op::MaskedEq(bits), 0)
}
