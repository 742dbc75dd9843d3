//! Every run of the experiment, each in a process of its own, and how they compare.
//!
//! The comparison reads what the runs printed, as another program would.

use super::variant::Run;
use crate::exit::Failure;
use crate::experiments::process::write_whole;
use crate::experiments::workers::{WORKERS, with_signals};
use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use report::StartMethod::{Fork, ForkServer, Spawn};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::{Child, Command, Stdio};

/// The original study's five, then the same for the forkserver.
const RUNS: [Run; 8] = [
    new(Spawn, false, false),
    new(Spawn, false, true),
    new(Fork, false, false),
    new(Fork, true, false),
    new(Fork, true, true),
    new(ForkServer, false, false),
    new(ForkServer, false, true),
    new(ForkServer, true, true),
];

const fn new(method: report::StartMethod, own_module: bool, initializer: bool) -> Run {
    Run {
        method,
        own_module,
        initializer,
    }
}

/// Runs them all at once, for they mostly wait, then prints each and the comparison.
pub(super) fn run() -> Result<(), Failure> {
    with_signals(|signals| {
        let started: Vec<Running> = RUNS.iter().map(Running::start).collect::<Result<_, _>>()?;
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["run", "lines of a worker's call", "the workers' logger ids"]);
        for (run, running) in RUNS.iter().zip(started) {
            let title = title(run);
            let listing = running.finish().context(title.clone())?;
            if let Some(signal) = signals.came() {
                return Err(Failure::Signal(signal));
            }
            let read = Listing::read(&listing).context(title.clone())?;
            write_whole(&format!("{title}\n{listing}\n"));
            table.add_row([title, read.lines_of_a_call(), read.ids()]);
        }
        write_whole(&format!("{table}\n"));
        Ok(())
    })
}

/// A run under way; ended when dropped.
struct Running(Child);

impl Running {
    fn start(run: &Run) -> anyhow::Result<Running> {
        let program = std::env::current_exe()?;
        let child = Command::new(&program)
            .args(title(run).split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Running(child))
    }

    /// What it prints, once it has ended well.
    fn finish(mut self) -> anyhow::Result<String> {
        let mut listing = String::new();
        if let Some(stdout) = &mut self.0.stdout {
            stdout.read_to_string(&mut listing)?;
        }
        let status = self.0.wait()?;
        if !status.success() {
            bail!("failed: {status}");
        }
        Ok(listing)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command line of a run; it is its title too.
fn title(run: &Run) -> String {
    let mut title = format!("logger --start-method {}", run.method);
    if run.own_module {
        title.push_str(" --own-module");
    }
    if run.initializer {
        title.push_str(" --initializer");
    }
    title
}

/// What a listing shows of the loggers.
#[derive(Debug, PartialEq)]
struct Listing {
    coordinator: String,
    /// Process and logger id, line by line.
    workers: Vec<(String, String)>,
}

impl Listing {
    fn read(listing: &str) -> anyhow::Result<Listing> {
        let mut coordinator = None;
        let mut workers = Vec::new();
        for line in listing.lines().filter(|line| line.contains("Logger(id: ")) {
            let name = line.split_whitespace().next().unwrap_or_default();
            let (_, rest) = line.split_once("id: ").unwrap_or_default();
            let (id, _) = rest.split_once(')').unwrap_or_default();
            if name == "MainProcess" {
                coordinator = Some(id.to_owned());
            } else {
                workers.push((name.to_owned(), id.to_owned()));
            }
        }
        let Some(coordinator) = coordinator else {
            bail!("the coordinator logged no line");
        };
        Ok(Listing {
            coordinator,
            workers,
        })
    }

    fn lines_of_a_call(&self) -> String {
        let mut lines: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, _) in &self.workers {
            *lines.entry(name).or_default() += 1;
        }
        let mut each: Vec<u64> = lines.into_values().collect();
        // A worker without a line is not in the listing.
        each.resize(WORKERS as usize, 0);
        each.dedup();
        let each: Vec<String> = each.iter().map(u64::to_string).collect();
        each.join(" or ")
    }

    fn ids(&self) -> String {
        let ids: BTreeSet<&String> = self.workers.iter().map(|(_, id)| id).collect();
        match (ids.len(), ids.contains(&self.coordinator)) {
            (0, _) => "not to be seen".to_owned(),
            (1, true) => "the coordinator's".to_owned(),
            (1, false) => "one, not the coordinator's".to_owned(),
            (count, _) => format!("{count} of them"),
        }
    }
}
