//! Situations that broke this pool or others, each tried from outside in a process of its own, for
//! every start method, with a watchdog of ten seconds.
//!
//! `expected-failures.txt` lists the trials that are known to fail; one that passes unexpectedly fails
//! too, so that the list stays true.

mod api;
mod arrays;
mod batches;
mod bounds;
mod broadcasts;
mod callers;
mod containers;
mod costs;
mod either;
mod elastic;
mod engine;
mod given;
mod handles;
mod limits;
mod narrow;
mod order;
mod output;
mod programs;
mod soft;
mod storm;
mod surroundings;
mod tasks;
mod waits;

use handoff::StartMethod;
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long a trial may take. None of them needs more than a few seconds.
const WATCHDOG: Duration = Duration::from_secs(10);
const METHODS: [StartMethod; 3] = [
    StartMethod::Fork,
    StartMethod::Spawn,
    StartMethod::ForkServer,
];

/// A situation, run in a process of its own. A panic fails it.
struct Case {
    name: &'static str,
    run: fn(StartMethod),
    /// The start methods that it is about.
    methods: &'static [StartMethod],
}

const fn case(name: &'static str, run: fn(StartMethod)) -> Case {
    Case {
        name,
        run,
        methods: &METHODS,
    }
}

/// For pools in the background, which have a thread and so cannot fork.
const fn background(name: &'static str, run: fn(StartMethod)) -> Case {
    Case {
        name,
        run,
        methods: &[StartMethod::Spawn, StartMethod::ForkServer],
    }
}

fn cases() -> Vec<Case> {
    let both = [
        arrays::BOTH,
        bounds::BOTH,
        broadcasts::BOTH,
        elastic::BOTH,
        given::BOTH,
        narrow::BOTH,
        order::BOTH,
        output::BOTH,
        soft::BOTH,
        storm::BOTH,
        waits::BOTH,
    ];
    let both = both.into_iter().flatten().flatten();
    let lists = [
        arrays::CASES,
        batches::CASES,
        handles::CASES,
        surroundings::CASES,
        elastic::CASES,
        engine::CASES,
        callers::CASES,
        containers::CASES,
        costs::CASES,
        limits::CASES,
        narrow::CASES,
        programs::CASES,
        soft::CASES,
        output::CASES,
        api::CASES,
        waits::CASES,
    ];
    let single = lists.into_iter().flatten();
    both.chain(single).map(|case| Case { ..*case }).collect()
}

fn word(method: &StartMethod) -> &'static str {
    match method {
        StartMethod::Fork => "fork",
        StartMethod::Spawn => "spawn",
        _ => "forkserver",
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, method] = &arguments[..]
        && flag == "--case"
    {
        return inside(name, method);
    }
    if let [_, flag, name] = &arguments[..]
        && flag == "--inner"
    {
        return programs::inner(name);
    }
    // A worker of a pool that is built below.
    handoff::init();
    let expected: BTreeSet<&str> = include_str!("expected-failures.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let trials = cases().into_iter().flat_map(|case| {
        let name = case.name;
        case.methods.iter().map(move |method| (name, word(method)))
    });
    let trials = trials.map(|(name, method)| {
        let full = format!("{name}::{method}");
        let fails = expected.contains(full.as_str());
        Trial::test(full, move || outside(name, method, fails))
    });
    let mut arguments = Arguments::from_args();
    // Some trials set limits of the user or count processes.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The trial itself, in its own process.
fn inside(name: &str, method: &str) -> ExitCode {
    if std::env::var_os("CASES_LATE_INIT").is_none() {
        handoff::init();
    }
    let all = cases();
    let case = all.iter().find(|case| case.name == name).expect("a case");
    let method = METHODS.into_iter().find(|known| word(known) == method);
    (case.run)(method.expect("a start method"));
    ExitCode::SUCCESS
}

/// Runs a trial, and compares how it ended with what is expected of it.
fn outside(name: &str, method: &str, fails: bool) -> Result<(), Failed> {
    let ended = run(name, method);
    match (ended, fails) {
        (Ok(()), false) | (Err(_), true) => Ok(()),
        (Ok(()), true) => {
            Err(format!("{name}::{method} passes; remove it from expected-failures.txt").into())
        }
        (Err(why), false) => Err(why.into()),
    }
}

fn run(name: &str, method: &str) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(own)
        .args(["--case", name, method])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stderr = child.stderr.take().expect("piped above");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break Some(status);
        }
        if began.elapsed() > WATCHDOG {
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    // Workers are in groups of their own: the guardian ends them with their coordinator.
    let group = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    let _ = child.wait();
    let said = reader.join().unwrap_or_default();
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("{status} (signal {:?}): {said}", status.signal())),
        None => Err(format!("still running after {WATCHDOG:?}: {said}")),
    }
}
