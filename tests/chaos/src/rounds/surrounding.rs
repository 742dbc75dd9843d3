//! What a program inherits or lacks from its start: signal dispositions, descriptors, limits, its
//! environment.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use fastrand::Rng;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::sys::stat::{Mode, umask};

/// One thing that is unusual about a program's surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surrounding {
    /// SIGCHLD is ignored: nobody gets the exit status of a child.
    IgnoredSigchld,
    /// Every signal is blocked that can be.
    BlockedSignals,
    /// Descriptors 0 to 2 of which these are closed.
    Closed(&'static [i32]),
    /// `RLIMIT_NOFILE`.
    FewFiles(u64),
    /// `RLIMIT_FSIZE`, bytes.
    SmallFiles(u64),
    /// New files are for their owner only, and may not even be written.
    StrictUmask,
    /// No variables but a locale and a directory for temporary files, neither of which exists.
    BareEnvironment,
}

/// What `HANDOFF_FAULTS` needs is set after the environment was cleared.
const NO_DIRECTORY: &str = "/nonexistent";

impl Surrounding {
    /// What is unusual in a round, which is nothing in most. Where nothing of `sum` is run, the program
    /// is a user of the library, whose own output is none of the guarantees.
    pub(crate) fn derive(random: &mut Rng, is_sum: bool) -> Vec<Surrounding> {
        let count = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2][random.usize(0..10)];
        let mut all: Vec<Surrounding> = Vec::new();
        for _ in 0..count {
            let one = Surrounding::one(random, is_sum);
            if all.iter().all(|other| other.kind() != one.kind()) {
                all.push(one);
            }
        }
        all
    }

    fn one(random: &mut Rng, is_sum: bool) -> Surrounding {
        const OF_A_SUM: [&[i32]; 4] = [&[0], &[1], &[2], &[0, 1, 2]];
        const OF_A_LOAD: [&[i32]; 3] = [&[0], &[2], &[0, 2]];
        match random.u8(0..9) {
            0..2 => Surrounding::IgnoredSigchld,
            2 => Surrounding::BlockedSignals,
            3..5 if is_sum => Surrounding::Closed(OF_A_SUM[random.usize(0..4)]),
            3..5 => Surrounding::Closed(OF_A_LOAD[random.usize(0..3)]),
            5 => Surrounding::FewFiles(random.u64(24..=64)),
            6 => Surrounding::SmallFiles(random.u64(512..1024) << random.u64(0..16)),
            7 => Surrounding::StrictUmask,
            _ => Surrounding::BareEnvironment,
        }
    }

    /// The name under which it is counted.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Surrounding::IgnoredSigchld => "ignored-sigchld",
            Surrounding::BlockedSignals => "blocked-signals",
            Surrounding::Closed(_) => "closed-descriptors",
            Surrounding::FewFiles(_) => "few-files",
            Surrounding::SmallFiles(_) => "small-files",
            Surrounding::StrictUmask => "strict-umask",
            Surrounding::BareEnvironment => "bare-environment",
        }
    }

    /// Whether a round may end with an error because of it.
    pub(crate) fn may_cost_the_answer(self) -> bool {
        match self {
            Surrounding::FewFiles(_) | Surrounding::SmallFiles(_) => true,
            Surrounding::Closed(_) => self.closes(libc::STDOUT_FILENO),
            _ => false,
        }
    }

    /// What an error because of a limit says.
    pub(crate) fn remedy(self) -> Option<&'static str> {
        match self {
            Surrounding::FewFiles(_) => Some("ulimit -n"),
            Surrounding::SmallFiles(_) => Some("ulimit -f"),
            _ => None,
        }
    }

    /// Whether this descriptor is closed.
    pub(crate) fn closes(self, descriptor: i32) -> bool {
        matches!(self, Surrounding::Closed(closed) if closed.contains(&descriptor))
    }

    /// Changes a command so that its program starts in these surroundings.
    pub(crate) fn impose(self, command: &mut Command) {
        if self == Surrounding::BareEnvironment {
            command.env_clear();
            command.env("TMPDIR", NO_DIRECTORY).env("LC_ALL", "xx_XX");
            return;
        }
        // SAFETY: system calls on plain numbers; nothing here allocates or takes a lock.
        unsafe { command.pre_exec(move || self.take_effect()) };
    }

    /// In the process that becomes the program.
    fn take_effect(self) -> io::Result<()> {
        match self {
            Surrounding::IgnoredSigchld => {
                // SAFETY: no handler is set.
                unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
            }
            Surrounding::BlockedSignals => {
                sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?;
            }
            Surrounding::Closed(descriptors) => {
                for &descriptor in descriptors {
                    // SAFETY: nothing uses it before the program is executed.
                    unsafe { libc::close(descriptor) };
                }
            }
            Surrounding::FewFiles(files) => {
                setrlimit(Resource::RLIMIT_NOFILE, files, files)?;
            }
            Surrounding::SmallFiles(bytes) => {
                setrlimit(Resource::RLIMIT_FSIZE, bytes, bytes)?;
            }
            Surrounding::StrictUmask => {
                umask(Mode::from_bits_truncate(0o277));
            }
            Surrounding::BareEnvironment => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What a shell says that was started in these surroundings.
    fn said(surrounding: Surrounding, script: &str) -> String {
        let mut command = Command::new("/bin/sh");
        output(command.args(["-c", script]), surrounding)
    }

    fn output(command: &mut Command, surrounding: Surrounding) -> String {
        surrounding.impose(command);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    #[test]
    fn each_takes_effect() {
        // A shell would handle SIGCHLD itself.
        let signals = |surrounding| {
            let mut grep = Command::new("grep");
            output(grep.args(["^Sig", "/proc/self/status"]), surrounding)
        };
        let ignored = signals(Surrounding::IgnoredSigchld);
        let mask = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
        };
        let bit = |signal: i32| 1 << (signal - 1);
        assert_ne!(mask(&ignored, "SigIgn:") & bit(libc::SIGCHLD), 0);
        let blocked = mask(&signals(Surrounding::BlockedSignals), "SigBlk:");
        assert_ne!(blocked & bit(libc::SIGTERM), 0);
        assert_eq!(blocked & bit(libc::SIGKILL), 0);
        let open = "for fd in 0 1 2; do test -e /proc/$$/fd/$fd && echo $fd; done";
        assert_eq!(said(Surrounding::Closed(&[0, 2]), open), "1\n");
        assert_eq!(said(Surrounding::FewFiles(40), "ulimit -n"), "40\n");
        // In blocks of 512 bytes.
        assert_eq!(said(Surrounding::SmallFiles(2048), "ulimit -f"), "4\n");
        assert_eq!(said(Surrounding::StrictUmask, "umask"), "0277\n");
        let variables = "echo \"$TMPDIR ${HOME-none} ${USER-none}\"";
        assert_eq!(
            said(Surrounding::BareEnvironment, variables),
            "/nonexistent none none\n"
        );
    }

    #[test]
    fn only_what_takes_something_away_may_cost_the_answer() {
        let mut random = Rng::with_seed(1);
        let (mut kinds, mut free) = (BTreeSet::new(), BTreeSet::new());
        for round in 0..2000 {
            for one in Surrounding::derive(&mut random, round % 2 == 0) {
                kinds.insert(one.kind());
                if !one.may_cost_the_answer() {
                    free.insert(one.kind());
                }
                assert!(round % 2 == 0 || !one.closes(libc::STDOUT_FILENO));
            }
        }
        assert_eq!(kinds.len(), 7, "{kinds:?}");
        kinds.remove("few-files");
        kinds.remove("small-files");
        assert_eq!(free, kinds);
    }
}
