//! Limits of the machine and the process: a run that cannot have what it needs says so before it
//! starts anything, with the limit, its value and a command; and what that command asks for is enough.

use crate::programs::{Ended, Running, coordinator, fixture};
use nix::sys::resource::{Resource, setrlimit};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const METHODS: &[&str] = &["fork", "spawn", "forkserver"];

/// A user without other processes, so that only the test's processes count: not even those of the same test in
/// another job on this machine.
fn uid() -> u32 {
    30_000 + std::process::id() % 30_000
}

/// Runs `sum` after the child has done `prepare` for itself.
fn sum_after(
    data: &Path,
    arguments: &[&str],
    prepare: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> Ended {
    let mut command = coordinator();
    command.arg("sum").arg(data).args(arguments);
    // SAFETY: what is prepared are limits, the user and the control group, by a few system calls; the
    // C library has its allocator in order after a fork.
    unsafe { command.pre_exec(prepare) };
    Running::start(&mut command).end()
}

fn limited(resource: Resource, limit: u64) -> impl FnMut() -> io::Result<()> + Send + Sync {
    move || Ok(setrlimit(resource, limit, limit)?)
}

/// Asserts that it failed before a worker was started, and gives the last line.
fn refused(ended: &Ended) -> &str {
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.contains("Process-1"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("Started"), "{}", ended.stderr);
    ended.stderr.lines().last().unwrap()
}

/// The number behind `before` in a message.
fn number_after(before: &str, text: &str) -> u64 {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn so_many_descriptors_as_it_asks_for_are_enough() {
    let data = fixture("study_layout.npy");
    for &method in METHODS {
        for transport in ["mmap", "bytes", "shm"] {
            let arguments = [
                "--workers",
                "24",
                "--start-method",
                method,
                "--transport",
                transport,
            ];
            let ended = sum_after(&data, &arguments, limited(Resource::RLIMIT_NOFILE, 40));
            let said = refused(&ended);
            assert!(
                said.contains("24 workers") && said.contains("may have 40"),
                "{said}"
            );
            let enough = number_after("`ulimit -n ", said);
            let ended = sum_after(&data, &arguments, limited(Resource::RLIMIT_NOFILE, enough));
            assert_eq!(
                ended.code(),
                Some(0),
                "{method}, {enough}: {}",
                ended.stderr
            );
        }
    }
}

/// Too few even to look around: still no panic, and the limit is named.
#[test]
fn hardly_any_descriptors() {
    for limit in 4..14 {
        let arguments = ["--workers", "1", "--quiet"];
        let limit = limited(Resource::RLIMIT_NOFILE, limit);
        let ended = sum_after(&fixture("study_layout.npy"), &arguments, limit);
        let said = refused(&ended);
        assert!(said.contains("open files"), "{said}");
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

/// Root is not held to the limit, so another user has to be: one who can reach the programs.
#[test]
fn so_many_processes_as_it_asks_for_are_enough() {
    let Some((_kept, data)) = as_another_user() else {
        eprintln!("skipped: needs root, and programs that every user can run");
        return;
    };
    let uid = uid();
    for &method in METHODS {
        let arguments = ["--workers", "6", "--start-method", method];
        let run = |limit: u64| {
            sum_after(&data, &arguments, move || {
                setrlimit(Resource::RLIMIT_NPROC, limit, limit)?;
                become_another_user(uid)
            })
        };
        let ended = run(3);
        let said = refused(&ended);
        assert!(
            said.contains("6 workers") && said.contains("may have 3"),
            "{said}"
        );
        let ended = run(number_after("`ulimit -u ", said));
        assert_eq!(ended.code(), Some(0), "{method}: {}", ended.stderr);
    }
}

/// A dataset that every user can read, if there can be other users here.
fn as_another_user() -> Option<(tempfile::TempDir, PathBuf)> {
    if !nix::unistd::getuid().is_root() {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), all).unwrap();
    let data = directory.path().join("data.npy");
    fs::copy(fixture("study_layout.npy"), &data).unwrap();
    let mut help: Command = coordinator();
    help.args(["sum", "--help"]);
    help.stdout(Stdio::null()).stderr(Stdio::null());
    let uid = uid();
    // SAFETY: one system call each.
    unsafe { help.pre_exec(move || become_another_user(uid)) };
    help.status()
        .is_ok_and(|status| status.success())
        .then_some((directory, data))
}

fn become_another_user(uid: u32) -> io::Result<()> {
    nix::unistd::setgroups(&[])?;
    nix::unistd::setgid(uid.into())?;
    Ok(nix::unistd::setuid(uid.into())?)
}

/// What takes memory says what is short; what does not goes on, reading what it may not map.
#[test]
fn an_address_space_too_small_for_the_dataset() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.npy");
    write_dataset(&data, 8 << 20);
    let small = 120 << 20;
    for transport in ["inherit", "shm"] {
        let arguments = ["--workers", "2", "--transport", transport];
        let ended = sum_after(&data, &arguments, limited(Resource::RLIMIT_AS, small));
        let said = refused(&ended);
        assert!(
            said.contains("RLIMIT_AS") && said.contains(&small.to_string()),
            "{said}"
        );
        let enough = number_after("`ulimit -v ", said) * 1024;
        let ended = sum_after(&data, &arguments, limited(Resource::RLIMIT_AS, enough));
        assert_eq!(
            ended.code(),
            Some(0),
            "{transport}, {enough}: {}",
            ended.stderr
        );
    }
    for transport in ["mmap", "bytes"] {
        for method in METHODS {
            let arguments = ["--start-method", method, "--transport", transport];
            let ended = sum_after(&data, &arguments, limited(Resource::RLIMIT_AS, small));
            assert_eq!(
                ended.code(),
                Some(0),
                "{method}, {transport}: {}",
                ended.stderr
            );
        }
    }
}

/// A plain array of zeros.
fn write_dataset(path: &Path, records: u64) {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({records},), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&118u16.to_le_bytes());
    bytes.extend_from_slice(format!("{header:<117}\n").as_bytes());
    fs::write(path, &bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(bytes.len() as u64 + records * 8).unwrap();
}

#[test]
fn files_too_short_for_a_segment() {
    let arguments = ["--workers", "2", "--transport", "shm"];
    let limit = limited(Resource::RLIMIT_FSIZE, 100_000);
    let ended = sum_after(&fixture("study_layout.npy"), &arguments, limit);
    let said = refused(&ended);
    assert!(
        said.contains("RLIMIT_FSIZE") && said.contains("`ulimit -f 235`"),
        "{said}"
    );
}

/// In a mount namespace of its own, for which the system's own tool is asked.
#[test]
fn a_tmpfs_too_small_for_a_segment() {
    let script = "mount -t tmpfs -o size=64k tmpfs /dev/shm || exit 99; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(coordinator().get_program()).arg("sum");
    command
        .arg(fixture("study_layout.npy"))
        .args(["--transport", "shm"]);
    if !is_there("unshare") {
        eprintln!("skipped: no unshare");
        return;
    }
    let ended = Running::start(&mut command).end();
    if ended.code() == Some(99) || ended.stderr.contains("unshare:") {
        eprintln!("skipped: no mounts here");
        return;
    }
    let said = refused(&ended);
    assert!(
        said.contains("65536") && said.contains("remount,size=1M /dev/shm"),
        "{said}"
    );
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}

/// A memory limit and a limit on processes, where there are groups of version 1 that we may make.
#[test]
fn control_groups() {
    let cases: [(&str, &str, &str, &[&str], &str); 2] = [
        (
            "memory",
            "memory.limit_in_bytes",
            "20971520",
            &["--transport", "shm"],
            "memory limit is 20971520",
        ),
        ("pids", "pids.max", "5", &["--workers", "8"], "limit of 5"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.npy");
    write_dataset(&data, 4 << 20);
    for (controller, file, limit, arguments, word) in cases {
        let name = format!("handoff-test-{}", std::process::id());
        let group = Path::new("/sys/fs/cgroup").join(controller).join(name);
        if fs::create_dir(&group).is_err() || fs::write(group.join(file), limit).is_err() {
            eprintln!("skipped: no control group {}", group.display());
            let _ = fs::remove_dir(&group);
            continue;
        }
        let members = group.join("cgroup.procs");
        let ended = sum_after(&data, arguments, move || fs::write(&members, "0"));
        fs::remove_dir(&group).unwrap();
        let said = refused(&ended);
        assert!(
            said.contains(word) && said.contains(file) && said.contains("echo "),
            "{said}"
        );
    }
}

/// Nothing is computed first whose trace could not be kept.
#[test]
fn a_trace_that_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere/trace.json");
    for path in [directory.path(), &nowhere] {
        let arguments = ["--trace", path.to_str().unwrap()];
        let ended = sum_after(&fixture("study_layout.npy"), &arguments, || Ok(()));
        let said = refused(&ended);
        assert!(
            said.contains("--trace") && said.contains(path.to_str().unwrap()),
            "{said}"
        );
    }
}
