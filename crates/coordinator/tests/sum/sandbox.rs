//! `sum --sandbox`: bit-identical results from workers that hold their socket and their inputs alone,
//! and a clear error where the kernel cannot confine them.

use crate::fixtures::{assert_answer, facts};
use crate::programs::{Running, coordinator, fixture, sum};
use crate::soundness::{Asked, report_of};
use seccompiler::{SeccompAction, SeccompFilter, apply_filter};
use std::os::unix::process::CommandExt;

const PAIRS: &[(&str, &str)] = &[
    ("fork", "bytes"),
    ("fork", "serde"),
    ("fork", "shm"),
    ("fork", "mmap"),
    ("fork", "inherit"),
    ("spawn", "bytes"),
    ("spawn", "serde"),
    ("spawn", "shm"),
    ("spawn", "mmap"),
    ("forkserver", "bytes"),
    ("forkserver", "serde"),
    ("forkserver", "shm"),
    ("forkserver", "mmap"),
];

/// The report's own assertions hold too: events with memory figures, and figures in full at the end.
#[test]
fn confined_workers_give_the_same_bits() {
    let name = "study_layout.npy";
    let facts = &facts()[name];
    for &(start_method, transport) in PAIRS {
        let arguments = ["--sandbox", "--field", "val", "--format", "json"];
        let how = ["--start-method", start_method, "--transport", transport];
        let counts = ["--workers", "3", "--batches", "8", "--repeat", "2"];
        let asked = Asked {
            start_method,
            transport,
            workers: 3,
            batches: 8,
            repeat: 2,
        };
        let ended = sum(&fixture(name), &[&arguments[..], &how, &counts].concat());
        let report = report_of(&ended, asked);
        assert_answer(&report, facts);
        for memory in &report.memory.workers {
            assert!(memory.pss > 0 && memory.rss > 0, "{memory:?}");
        }
    }
}

/// A kernel without landlock, or with it switched off, as the coordinator would see it.
#[test]
fn a_kernel_that_cannot_confine_is_an_error() {
    for errno in [libc::ENOSYS, libc::EOPNOTSUPP] {
        let calls = [(libc::SYS_landlock_create_ruleset, Vec::new())];
        let filter: seccompiler::BpfProgram = SeccompFilter::new(
            calls.into(),
            SeccompAction::Allow,
            SeccompAction::Errno(errno as u32),
            std::env::consts::ARCH.try_into().unwrap(),
        )
        .and_then(TryInto::try_into)
        .unwrap();
        let mut command = coordinator();
        command.arg("sum").arg(fixture("study_layout.npy"));
        command.args(["--sandbox", "--format", "json"]);
        let deny = move || apply_filter(&filter).map_err(std::io::Error::other);
        // SAFETY: makes two system calls and, unless they fail, allocates nothing.
        unsafe { command.pre_exec(deny) };
        let ended = Running::start(&mut command).end();
        assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
        let last = ended.stderr.lines().last().unwrap();
        assert!(
            last.contains("no landlock") && last.contains("lsm=landlock"),
            "{last}"
        );
        assert!(!ended.stderr.contains("Process-1"), "{}", ended.stderr);
    }
}
