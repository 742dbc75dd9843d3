//! Runs programs and reads what they print.

use report::Sum;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// `mpirun -n RANKS cluster sum`, to be given arguments.
pub(crate) fn cluster(ranks: u32) -> Command {
    let mut command = mpirun(ranks, "cluster");
    command.arg("sum");
    command
}

/// `mpirun -n RANKS PROGRAM`, to be given arguments.
pub(crate) fn mpirun(ranks: u32, program: &str) -> Command {
    let mut command = Command::new("mpirun");
    command
        .args(["-n", &ranks.to_string(), "--bind-to", "none"])
        .arg(beside(program))
        // What Open MPI requires before it runs as root, and with more ranks than cores.
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .env("OMPI_MCA_rmaps_base_oversubscribe", "1")
        .stdin(Stdio::null());
    command
}

/// The program on four hosts, one rank each.
pub(crate) fn on_hosts(program: &str, args: &[&str]) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/cluster/run");
    let mut command = Command::new(script);
    command.args(["4", "4"]).arg(beside(program)).args(args);
    command
}

/// The program of this name beside `cluster`.
pub(crate) fn beside(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_cluster")).with_file_name(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build -p coordinator -p worker --bins; (cd crates/cluster && cargo build --examples)",
        path.display()
    );
    path
}

/// What the coordinator says of a dataset.
pub(crate) fn coordinator(path: &Path) -> Sum {
    let mut command = Command::new(beside("coordinator"));
    command
        .arg("sum")
        .arg(path)
        .args(["-q", "--format", "json"]);
    report(&finish(command))
}

/// Runs to the end.
pub(crate) fn finish(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().unwrap()).finish()
}

/// The report of a run that went well.
pub(crate) fn report(output: &Output) -> Sum {
    assert!(output.status.success(), "{}", words(output));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", words(output)))
}

/// The report of the cluster.
pub(crate) fn cluster_report(ranks: u32, args: &[&str]) -> Sum {
    let mut command = cluster(ranks);
    command.args(args).args(["-q", "--format", "json"]);
    report(&finish(command))
}

/// What a run printed.
pub(crate) fn words(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{}\n{stderr}", output.status)
}

/// What a run printed on stdout.
pub(crate) fn finish_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines that the program itself has printed about what went wrong.
pub(crate) fn complaints(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let ours = stderr.lines().filter(|line| line.starts_with("error: "));
    ours.map(str::to_owned).collect()
}

/// A run that is under way, ended with this.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().unwrap())
    }

    /// Waits for the end, with its output.
    pub(crate) fn finish(mut self) -> Output {
        let mut stdout = self.0.stdout.take().unwrap();
        let mut stderr = self.0.stderr.take().unwrap();
        let read = |from: &mut dyn std::io::Read| {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            bytes
        };
        std::thread::scope(|scope| {
            let stdout = scope.spawn(move || read(&mut stdout));
            let stderr = scope.spawn(move || read(&mut stderr));
            until("mpirun ends", || self.0.try_wait().unwrap().is_some());
            Output {
                status: self.0.wait().unwrap(),
                stdout: stdout.join().unwrap(),
                stderr: stderr.join().unwrap(),
            }
        })
    }

    /// The pids of the ranks that are there, rank 0 first.
    pub(crate) fn ranks(&self) -> Vec<i32> {
        self.programs("cluster")
    }

    /// The pids of the ranks of a program of that name, rank 0 first.
    pub(crate) fn programs(&self, program: &str) -> Vec<i32> {
        let mut children = children(self.0.id() as i32);
        children.retain(|pid| name(*pid) == program);
        children.sort_by_key(|pid| rank(*pid));
        children
    }

    /// The pids of the workers of all ranks of a program that is its own worker.
    pub(crate) fn workers_named(&self, program: &str) -> Vec<i32> {
        let ranks = self.programs(program).into_iter();
        let mut workers: Vec<i32> = ranks.flat_map(children).collect();
        workers.retain(|pid| name(*pid) == program);
        workers
    }

    /// The pids of the workers of all ranks.
    pub(crate) fn workers(&self) -> Vec<i32> {
        let ranks = self.ranks();
        ranks.into_iter().flat_map(workers_of).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // mpirun takes its ranks along.
        if let Ok(None) = self.0.try_wait() {
            kill(self.0.id() as i32, nix::sys::signal::SIGTERM);
            let _ = self.0.wait();
        }
    }
}

pub(crate) fn kill(pid: i32, signal: nix::sys::signal::Signal) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}

/// Waits until that is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process is there and has not ended.
pub(crate) fn lives(pid: i32) -> bool {
    stat(pid).is_some_and(|fields| !matches!(fields[0].as_str(), "Z" | "X"))
}

/// Clock ticks of processor time that a process has used.
pub(crate) fn ticks(pid: i32) -> u64 {
    let fields = stat(pid).expect("it lives");
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// The pids of programs of this name that have `word` on their command line, rank 0 first.
pub(crate) fn programs(program: &str, word: &str) -> Vec<i32> {
    let command_line = |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut found = pids();
    found.retain(|pid| {
        name(*pid) == program && String::from_utf8_lossy(&command_line(*pid)).contains(word)
    });
    found.sort_by_key(|pid| rank(*pid));
    found
}

/// The pids of living programs of this name that have `word` on their command line, rank 0 first.
pub(crate) fn all_named(program: &str, word: &str) -> Vec<i32> {
    let mut all = programs(program, word);
    all.retain(|pid| lives(*pid));
    all
}

/// The pids of living processes that run the program of this name beside `cluster`: not another's of that name.
pub(crate) fn all_of(program: &str) -> Vec<i32> {
    let path = beside(program).canonicalize().unwrap();
    let mut all = pids();
    all.retain(|pid| {
        fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == path) && lives(*pid)
    });
    all
}

/// Which rank a process is, or belongs to, as its launcher has written into its environment. Pids need not be in that
/// order: they start again at the low ones.
fn rank(pid: i32) -> Option<u32> {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).find_map(|variable| {
        let variable = std::str::from_utf8(variable).ok()?;
        let (name, value) = variable.split_once('=')?;
        // Of Open MPI, and of MPICH.
        matches!(name, "OMPI_COMM_WORLD_RANK" | "PMI_RANK").then(|| value.parse().ok())?
    })
}

/// The pids of the workers of a rank.
pub(crate) fn workers_of(rank: i32) -> Vec<i32> {
    let mut children = children(rank);
    children.retain(|pid| name(*pid) == "worker");
    children
}

fn children(parent: i32) -> Vec<i32> {
    let parent = parent.to_string();
    pids()
        .into_iter()
        .filter(|pid| stat(*pid).is_some_and(|fields| fields[1] == parent))
        .collect()
}

/// Of all processes, lowest first.
fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    let mut pids: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

fn name(pid: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim().to_owned()
}

/// The fields of `/proc/PID/stat` after the name: state, parent, …
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
