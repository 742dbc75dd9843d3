//! Runs a probe in a process of its own, with a deadline: whatever it does to itself, and however
//! its children hang, the run goes on.

use super::catalog::{Entry, Probed};
use super::claim::{Settings, VARIABLE};
use crate::signals::Signals;
use anyhow::{Context, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use report::StartMethod;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a probe may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the probe of `entry` finds under `method`.
pub(super) fn run(
    entry: &Entry,
    method: StartMethod,
    settings: &Settings,
    signals: &Signals,
) -> anyhow::Result<Probed> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(&program);
    command.args(["trait-probe", entry.name, method.as_str()]);
    for (name, value) in settings {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    let child = command
        .env(VARIABLE, "set")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Running(child).finish(signals)
}

/// A probe under way; ended with all its children when dropped.
struct Running(Child);

impl Running {
    fn finish(mut self, signals: &Signals) -> anyhow::Result<Probed> {
        let interrupt = signals.descriptor()?;
        let deadline = Instant::now() + DEADLINE;
        let mut output = Vec::new();
        let stdout = self.0.stdout.as_mut().context("no pipe from the probe")?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left.as_millis() as i32)?;
            let mut wanted = [
                PollFd::new(stdout.as_fd(), PollFlags::POLLIN),
                PollFd::new(interrupt.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut wanted, timeout) {
                Ok(0) => bail!("no result in {} s; it was ended", DEADLINE.as_secs()),
                Ok(_) => {}
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if wanted[1].any() == Some(true) {
                bail!("interrupted");
            }
            let mut buffer = [0; 65536];
            match stdout.read(&mut buffer)? {
                0 => break,
                read => output.extend_from_slice(&buffer[..read]),
            }
        }
        let status = self.0.wait()?;
        if !status.success() {
            bail!("the probe failed: {status}");
        }
        Ok(serde_json::from_slice(&output)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where all have ended already.
        let _ = killpg(Pid::from_raw(self.0.id() as i32), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}
