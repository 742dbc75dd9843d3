//! Where rounds are played: the programs, the datasets and their right answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use report::{Machine, StartMethod, Sum, SumResult, Transport};

use super::plan::Round;
use super::work::{LoadWork, SumWork, Work};
use harness::dataset::{GENERATED_FIELD, Job};
use harness::interrupt::Interrupt;
use harness::process;
use harness::workspace::Binaries;

/// A run without faults takes a moment; where one takes longer, injecting faults tests nothing.
const DEADLINE: Duration = Duration::from_secs(120);

/// The programs that are played.
pub(crate) const PROGRAMS: [&str; 5] = [
    "coordinator",
    "worker",
    "datagen",
    "faulty-worker",
    "mixed-load",
];

/// What all rounds share.
#[derive(Debug)]
pub(crate) struct Stage {
    binaries: Binaries,
    /// Holds everything below.
    directory: tempfile::TempDir,
    /// The dataset, and another of the same shape that takes its place at times.
    data: [PathBuf; 2],
    /// What their sums are.
    pub(crate) answers: [SumResult; 2],
    pub(crate) machine: Machine,
    /// Whether a mount of our own can make `/dev/shm` small.
    pub(crate) can_mount: bool,
    /// Whether the kernel can confine workers.
    pub(crate) can_confine: bool,
}

/// The files of one round.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Where the program runs, and its directory for temporary files.
    pub(crate) directory: tempfile::TempDir,
    /// The dataset that it is given.
    pub(crate) data: PathBuf,
    /// The one to replace it by, where it is to be replaced.
    pub(crate) other: Option<PathBuf>,
    /// The programs, where something is done to their files.
    pub(crate) programs: Option<tempfile::TempDir>,
}

impl Stage {
    /// Writes the datasets and has them summed without faults.
    ///
    /// # Errors
    ///
    /// Where that fails.
    pub(crate) fn set(
        binaries: Binaries,
        records: u64,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Stage> {
        let directory = tempfile::tempdir().context("cannot make a directory for datasets")?;
        let data = ["one.npy", "other.npy"].map(|name| directory.path().join(name));
        let mut sums = Vec::new();
        for (seed, path) in (1..).zip(&data) {
            let mut datagen = binaries.command("datagen");
            datagen.args(["--seed", &format!("{seed}")]);
            datagen.args(["--records", &records.to_string(), "--out"]);
            datagen.arg(path);
            process::run(datagen, DEADLINE, interrupt).context("datagen")?;
            let job = Job {
                start_method: StartMethod::Fork,
                transport: Transport::Mmap,
                workers: 1,
                batches: None,
            };
            let command = job.command(&binaries, path, Some(GENERATED_FIELD));
            let finished = process::run(command, DEADLINE, interrupt).context("coordinator sum")?;
            let sum: Sum = serde_json::from_str(&finished.stdout)
                .context("cannot read the coordinator's JSON")?;
            sums.push(sum);
        }
        let [one, other] = <[Sum; 2]>::try_from(sums).expect("one for each dataset");
        if one.result == other.result {
            bail!("two datasets have one sum: take more --records");
        }
        let mut confined = binaries.command("coordinator");
        confined.arg("sum").arg(&data[0]).arg("--sandbox");
        let can_confine = process::run(confined, DEADLINE, interrupt).is_ok();
        interrupt.check()?;
        let machine = one.machine;
        let answers = [one.result, other.result];
        Ok(Stage {
            binaries,
            directory,
            data,
            answers,
            machine,
            can_mount: can_mount(),
            can_confine,
        })
    }

    /// Lays out the files of a round.
    ///
    /// # Errors
    ///
    /// Where they cannot be written.
    pub(crate) fn scene(&self, round: &Round) -> anyhow::Result<Scene> {
        let directory = tempfile::tempdir_in(self.directory.path())?;
        let mut scene = Scene {
            directory,
            data: self.data[0].clone(),
            other: None,
            programs: None,
        };
        if round.harms_data() {
            let copy = |from: &Path, name: &str| {
                let to = self.directory.path().join(name);
                fs::copy(from, &to).with_context(|| format!("cannot write {}", to.display()))?;
                anyhow::Ok(to)
            };
            scene.data = copy(&self.data[0], "faulty.npy")?;
            scene.other = Some(copy(&self.data[1], "replacement.npy")?);
        }
        if round.harms_programs() {
            let programs = tempfile::tempdir_in(self.directory.path())?;
            for name in PROGRAMS {
                let (from, to) = (self.program(name, None), programs.path().join(name));
                // Another name of the same file, or a copy where that is on another file system.
                fs::hard_link(&from, &to)
                    .or_else(|_| fs::copy(&from, &to).map(drop))
                    .with_context(|| format!("cannot write {}", to.display()))?;
            }
            scene.programs = Some(programs);
        }
        Ok(scene)
    }

    /// Where a program is, of those that all rounds share or of a scene's own.
    fn program(&self, name: &str, scene: Option<&Scene>) -> PathBuf {
        match scene.and_then(|scene| scene.programs.as_ref()) {
            Some(programs) => programs.path().join(name),
            None => self.binaries.command(name).get_program().into(),
        }
    }

    /// The command of a round.
    pub(crate) fn command(&self, round: &Round, scene: &Scene) -> Command {
        let mut command = match &round.work {
            Work::Sum(sum) => self.sum(sum, round, scene),
            Work::Load(load) => self.load(load, scene),
        };
        if let (Some(megabytes), true) = (round.small_shm_mb, self.can_mount) {
            command = in_small_shm(&command, megabytes);
        }
        command.env("TMPDIR", scene.directory.path());
        for surrounding in &round.surroundings {
            surrounding.impose(&mut command);
        }
        command
            .current_dir(scene.directory.path())
            .env_remove("HANDOFF_WORKER")
            .env(
                "HANDOFF_FAULTS",
                round
                    .dice
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            )
            // A panic is to be seen.
            .env("RUST_BACKTRACE", "1");
        command
    }

    fn sum(&self, sum: &SumWork, round: &Round, scene: &Scene) -> Command {
        let mut command = Command::new(self.program("coordinator", Some(scene)));
        command.arg("sum").arg(&scene.data);
        command.args(["--field", GENERATED_FIELD]);
        command.args(["--start-method", sum.start_method.as_str()]);
        command.args(["--transport", sum.transport.as_str()]);
        for (flag, value) in [
            ("--workers", sum.workers),
            ("--batches", sum.batches),
            ("--repeat", sum.repeat),
            ("--retries", sum.retries),
        ] {
            command.args([flag, &value.to_string()]);
        }
        if let Some(timeout) = sum.timeout_ms {
            command.args(["--timeout", &seconds(timeout)]);
        }
        if sum.json {
            command.args(["--format", "json"]);
        }
        if sum.sandbox && self.can_confine {
            command.arg("--sandbox");
        }
        if round.dice.is_some() {
            let program = self.program("faulty-worker", Some(scene));
            command.arg("--worker-bin").arg(program);
        }
        command
    }

    fn load(&self, load: &LoadWork, scene: &Scene) -> Command {
        let mut command = Command::new(self.program("mixed-load", Some(scene)));
        command.args(["--start-method", load.start_method.as_str()]);
        for (flag, value) in [
            ("--workers", u64::from(load.workers)),
            ("--tasks", u64::from(load.tasks)),
            ("--retries", u64::from(load.retries)),
            ("--seed", load.seed),
        ] {
            command.args([flag, &value.to_string()]);
        }
        command.args(["--timeout", &seconds(load.timeout_ms)]);
        if load.background {
            command.arg("--background");
        }
        command
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// The same command where `/dev/shm` has little room. `unshare` executes it, so the pid stays.
fn in_small_shm(command: &Command, megabytes: u64) -> Command {
    let script = "mount -t tmpfs -o size=\"$1\"m tmpfs /dev/shm && shift && exec \"$@\"";
    let mut small = Command::new("unshare");
    small.args(["--mount", "sh", "-c", script, "sh"]);
    small.arg(megabytes.to_string());
    small.arg(command.get_program()).args(command.get_args());
    small
}

fn can_mount() -> bool {
    let mut nothing = in_small_shm(&Command::new("true"), 1);
    let status = nothing
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
