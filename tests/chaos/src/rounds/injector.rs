//! Holds the injections of a round until they are due, and executes them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::census::{self, Role};
use super::fault::{Fault, Injection, Mark};
use super::plan::Round;
use super::stage::Scene;
use super::tail::Tail;

/// Executes the injections of a round when they are due.
pub(crate) struct Injector<'a> {
    program: u32,
    scene: &'a Scene,
    /// Those whose mark has not been reached.
    waiting: Vec<Injection>,
    due: Vec<(Instant, Act)>,
    done: Vec<Injection>,
    stderr: Tail,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Inject(Injection),
    /// A stopped process continues.
    Continue(u32),
    /// The second of two interrupts.
    InterruptAgain,
}

impl<'a> Injector<'a> {
    pub(crate) fn new(program: u32, round: &Round, scene: &'a Scene) -> Injector<'a> {
        Injector {
            program,
            scene,
            waiting: round.injections.clone(),
            due: Vec::new(),
            done: Vec::new(),
            stderr: Tail::default(),
        }
    }

    /// A mark has been reached, for the first time or again.
    pub(crate) fn reached(&mut self, mark: Mark) {
        self.arm(|of| of == mark);
    }

    /// A line has come on stderr.
    pub(crate) fn read(&mut self, line: &str) {
        self.arm(|of| matches!(of, Mark::Line(text) if line.contains(text)));
        self.stderr.push(line);
    }

    /// How long until something is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let next = self.due.iter().map(|(at, _)| *at).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn inject_what_is_due(&mut self) {
        let now = Instant::now();
        let (now_due, later) = std::mem::take(&mut self.due)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.due = later;
        let mut now_due: Vec<(Instant, Act)> = now_due;
        now_due.sort_by_key(|(at, _)| *at);
        for (_, act) in now_due {
            match act {
                Act::Continue(pid) => drop(census::send(pid, libc::SIGCONT)),
                Act::InterruptAgain => drop(census::send(self.program, libc::SIGINT)),
                Act::Inject(injection) => {
                    if self.inject(injection.fault) {
                        self.done.push(injection);
                    }
                }
            }
        }
    }

    /// The program has ended. Stopped processes continue: one that was stopped before it could ask to
    /// die with the program is no leftover.
    pub(crate) fn continue_stopped(&mut self) {
        for (_, act) in self.due.drain(..) {
            if let Act::Continue(pid) = act {
                census::send(pid, libc::SIGCONT);
            }
        }
    }

    /// What has been done.
    pub(crate) fn done(&self) -> Vec<Injection> {
        self.done.clone()
    }

    /// The end of what has been read.
    pub(crate) fn take_stderr(&mut self) -> Tail {
        std::mem::take(&mut self.stderr)
    }

    fn arm(&mut self, is_reached: impl Fn(Mark) -> bool) {
        let now = Instant::now();
        let due = &mut self.due;
        self.waiting.retain(|injection| {
            if !is_reached(injection.mark) {
                return true;
            }
            let at = now + Duration::from_micros(injection.delay_us);
            due.push((at, Act::Inject(*injection)));
            false
        });
    }

    /// Does it; whether there was something to do it to.
    fn inject(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::SignalWorker { pick, signal } => self
                .pick(Role::Worker, pick)
                .is_some_and(|pid| census::send(pid, signal)),
            Fault::KillForkserver => self
                .pick(Role::Forkserver, 0)
                .is_some_and(|pid| census::send(pid, libc::SIGKILL)),
            Fault::KillGuardian => self
                .pick(Role::Guardian, 0)
                .is_some_and(|pid| census::send(pid, libc::SIGKILL)),
            Fault::StopWorker { pick, millis } => {
                let pid = self.pick(Role::Worker, pick);
                self.stop(pid, libc::SIGSTOP, millis)
            }
            Fault::StopForkserver { millis } => {
                let pid = self.pick(Role::Forkserver, 0);
                self.stop(pid, libc::SIGSTOP, millis)
            }
            Fault::StopProgram { signal, millis } => self.stop(Some(self.program), signal, millis),
            Fault::SignalProgram { signal } => census::send(self.program, signal),
            Fault::InterruptTwice => {
                let at = Instant::now() + Duration::from_millis(5);
                self.due.push((at, Act::InterruptAgain));
                census::send(self.program, libc::SIGINT)
            }
            Fault::TruncateData { per_mille } => self.truncate(per_mille).is_ok(),
            Fault::RemoveData => fs::remove_file(&self.scene.data).is_ok(),
            Fault::ReplaceData => self
                .scene
                .other
                .as_ref()
                .is_some_and(|other| fs::rename(other, &self.scene.data).is_ok()),
            Fault::TouchData => self.touch().is_ok(),
            Fault::RemovePrograms => self.each_program(|path| fs::remove_file(path)),
            Fault::ReplacePrograms => self.each_program(|path| {
                let other = path.with_extension("new");
                fs::write(&other, "#!/bin/sh\nexit 1\n")?;
                fs::set_permissions(&other, fs::Permissions::from_mode(0o755))?;
                fs::rename(&other, path)
            }),
        }
    }

    fn pick(&self, role: Role, pick: u32) -> Option<u32> {
        let all = census::with_role(self.program, role);
        let index = (pick as usize).checked_rem(all.len())?;
        Some(all[index])
    }

    fn stop(&mut self, pid: Option<u32>, signal: i32, millis: u64) -> bool {
        let Some(pid) = pid else { return false };
        let at = Instant::now() + Duration::from_millis(millis);
        self.due.push((at, Act::Continue(pid)));
        census::send(pid, signal)
    }

    /// Does it to the file of every program.
    fn each_program(&self, act: impl Fn(&Path) -> io::Result<()>) -> bool {
        let Some(programs) = &self.scene.programs else {
            return false;
        };
        let names = fs::read_dir(programs.path()).into_iter().flatten();
        let paths: Vec<_> = names.flatten().map(|entry| entry.path()).collect();
        !paths.is_empty() && paths.iter().all(|path| act(path).is_ok())
    }

    fn truncate(&self, per_mille: u64) -> io::Result<()> {
        let file = fs::File::options().write(true).open(&self.scene.data)?;
        let len = file.metadata()?.len();
        file.set_len(len / 1000 * per_mille)
    }

    fn touch(&self) -> io::Result<()> {
        let file = fs::File::options().write(true).open(&self.scene.data)?;
        file.set_modified(SystemTime::now())
    }
}
