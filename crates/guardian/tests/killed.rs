//! Owners that are killed, each a process of its own: this program again, with a role. Some fork,
//! so there is no test harness with its threads here.

use guardian::{GuardedGroup, GuardedPath, Guardian, NAME};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Past this, whatever is awaited does not come.
const DEADLINE: Duration = Duration::from_secs(20);

fn main() {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("owner") {
        let (role, directory) = (args.next().unwrap(), args.next().unwrap());
        return own(&role, Path::new(&directory));
    }
    for role in ["plain", "large", "threads", "forks", "replaced"] {
        nothing_is_left_of(role);
    }
    an_orderly_end_takes_the_guardian_along();
    what_was_taken_back_stays();
    signals_of_the_terminal_do_not_reach_it();
    it_holds_next_to_nothing();
    println!("killed: 9 passed");
}

/// What an owner has set up.
struct Guarded {
    _guardian: Guardian,
    _path: GuardedPath,
    _group: GuardedGroup,
    _shell: Child,
}

/// A file, and a group of two processes.
fn guard(directory: &Path) -> Guarded {
    let guardian = Guardian::join().unwrap();
    let path = directory.join("scratch");
    let guarded_path = guardian.path(&path).unwrap();
    fs::write(&path, "").unwrap();
    let group = guardian.group().unwrap();
    let shell = Command::new("sh")
        .args(["-c", "sleep 1000 & echo $!; wait"])
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn();
    let mut shell = shell.unwrap();
    group.set(shell.id());
    let mut grandchild = String::new();
    let mut said = BufReader::new(shell.stdout.take().unwrap());
    said.read_line(&mut grandchild).unwrap();
    println!("{} {}", shell.id(), grandchild.trim());
    Guarded {
        _guardian: guardian,
        _path: guarded_path,
        _group: group,
        _shell: shell,
    }
}

/// The life of an owner: sets something up, says which processes there are, and waits to be killed.
fn own(role: &str, directory: &Path) {
    let ballast = vec![1u8; if role == "large" { 64 << 20 } else { 1 }];
    if role == "threads" {
        // They hold the allocator's locks at almost any time.
        for size in 1..=3 {
            thread::spawn(move || {
                loop {
                    std::hint::black_box(vec![0u8; size * 1000]);
                }
            });
        }
    }
    let guardian = Guardian::join().unwrap();
    let mut guarded = guard(directory);
    match role {
        "forks" => {
            // SAFETY: this process has one thread.
            match unsafe { nix::unistd::fork() }.unwrap() {
                nix::unistd::ForkResult::Child => {
                    // None of this may reach what is the parent's.
                    guarded._guardian.signal_groups(libc::SIGKILL);
                    assert!(guarded._guardian.group().is_err());
                    drop((guarded._path, guarded._group, guarded._guardian, guardian));
                    // SAFETY: ends this process alone.
                    unsafe { libc::_exit(0) }
                }
                nix::unistd::ForkResult::Parent { child } => {
                    let ended = nix::sys::wait::waitpid(child, None).unwrap();
                    assert!(matches!(ended, nix::sys::wait::WaitStatus::Exited(_, 0)));
                }
            }
        }
        "replaced" => {
            let first = guardian.pid();
            kill(first, libc::SIGKILL);
            // The next registration finds it dead, sooner or later.
            let started = Instant::now();
            while guardian.pid() == first {
                assert!(started.elapsed() < DEADLINE);
                drop(guardian.group().unwrap());
            }
        }
        "dropped" => {
            let path = directory.join("scratch");
            assert!(path.exists());
            fs::remove_file(&path).unwrap();
            kill_group(guarded._shell.id());
            guarded._shell.wait().unwrap();
            let pid = guardian.pid();
            drop((guarded, guardian));
            assert!(state(pid).is_none(), "the guardian is there after its end");
            println!("{pid}");
            return;
        }
        "taken-back" => {
            let path = directory.join("kept");
            let taken = guardian.path(&path).unwrap();
            fs::write(&path, "").unwrap();
            drop(taken);
        }
        _ => {}
    }
    println!("{}", guardian.pid());
    std::io::stdout().flush().unwrap();
    loop {
        thread::sleep(DEADLINE);
        std::hint::black_box(&ballast);
    }
}

/// An owner, and what it has said: the group's leader, its grandchild, the guardian.
struct Owner {
    process: Child,
    pids: Vec<u32>,
    directory: Option<tempfile::TempDir>,
}

impl Owner {
    fn start(role: &str) -> Owner {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["owner", role])
            .arg(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut pids = Vec::new();
        for line in said.lines().take(2) {
            pids.extend(
                line.unwrap()
                    .split(' ')
                    .map(|pid| pid.parse::<u32>().unwrap()),
            );
        }
        assert_eq!(pids.len(), 3, "{role}");
        Owner {
            process,
            pids,
            directory: Some(directory),
        }
    }

    fn scratch(&self) -> PathBuf {
        self.directory.as_ref().unwrap().path().join("scratch")
    }

    fn guardian(&self) -> u32 {
        self.pids[2]
    }

    /// Kills it, and sees that nothing is left.
    fn end(mut self) -> tempfile::TempDir {
        assert!(self.scratch().exists());
        self.process.kill().unwrap();
        let killed = Instant::now();
        self.process.wait().unwrap();
        while self.scratch().exists() || self.pids.iter().any(|&pid| state(pid).is_some()) {
            assert!(
                killed.elapsed() < DEADLINE,
                "{:?} or a file is left",
                self.pids
            );
            thread::sleep(Duration::from_millis(1));
        }
        self.directory.take().unwrap()
    }
}

impl Drop for Owner {
    /// Where a test fails.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn nothing_is_left_of(role: &str) {
    Owner::start(role).end();
}

fn an_orderly_end_takes_the_guardian_along() {
    let mut owner = Owner::start("dropped");
    assert!(owner.process.wait().unwrap().success());
}

fn what_was_taken_back_stays() {
    let directory = Owner::start("taken-back").end();
    assert!(directory.path().join("kept").exists());
}

fn signals_of_the_terminal_do_not_reach_it() {
    let owner = Owner::start("plain");
    for signal in [
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGPIPE,
        libc::SIGTSTP,
    ] {
        kill(owner.guardian(), signal);
    }
    // None of them wakes it: it neither ends nor stops, but may still be on the way to its first wait.
    let started = Instant::now();
    loop {
        match state(owner.guardian()) {
            Some('S') => break,
            Some('R' | 'D') if started.elapsed() < DEADLINE => {
                thread::sleep(Duration::from_millis(1));
            }
            other => panic!("the guardian's state is {other:?}"),
        }
    }
    owner.end();
}

fn it_holds_next_to_nothing() {
    let owner = Owner::start("large");
    let of = |file: &str| PathBuf::from(format!("/proc/{}/{file}", owner.guardian()));
    assert_eq!(fs::read_to_string(of("comm")).unwrap().trim(), NAME);
    assert_eq!(fs::read_link(of("cwd")).unwrap(), Path::new("/"));
    let started = Instant::now();
    // It starts with a copy of all descriptors and memory, and releases both.
    let (descriptors, anonymous) = loop {
        let descriptors = fs::read_dir(of("fd")).unwrap().count();
        let rollup = fs::read_to_string(of("smaps_rollup")).unwrap();
        let line = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:"));
        let kb: u64 = line
            .unwrap()
            .trim()
            .strip_suffix(" kB")
            .unwrap()
            .parse()
            .unwrap();
        if (descriptors == 1 && kb < 1024) || started.elapsed() > DEADLINE {
            break (descriptors, kb);
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(descriptors, 1, "its owner's process, and nothing else");
    assert!(anonymous < 1024, "{anonymous} kB of its own");
    owner.end();
}

fn kill(pid: u32, signal: i32) {
    // SAFETY: passes no memory.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

fn kill_group(leader: u32) {
    // SAFETY: passes no memory.
    assert_eq!(unsafe { libc::kill(-(leader as i32), libc::SIGKILL) }, 0);
}

/// The state letter of a process that lives.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    (!matches!(state, 'Z' | 'X')).then_some(state)
}
