//! The module-scope experiment as its users read it: from the real program's stdout.

use std::collections::BTreeSet;
use std::process::{Command, Output};

#[test]
fn a_forked_worker_has_the_coordinators_list() {
    let listing = run("fork");
    let module = listing.lines_with("[MODULE SCOPE]");
    assert_eq!(names(&module), ["MainProcess"]);
    for worker in ["ForkProcess-1", "ForkProcess-2"] {
        assert_eq!(listing.ids_of(worker), listing.ids_of("MainProcess"));
        let found = listing.found_by(worker);
        assert_eq!(items(&found), ["Initial value", "Parent process update"]);
    }
    listing.check_the_rest("fork", "Fork");
    assert_eq!(listing.agreeing(), 4);
}

#[test]
fn a_spawned_worker_has_its_own_list() {
    let listing = run("spawn");
    let mut module = names(&listing.lines_with("[MODULE SCOPE]"));
    assert_eq!(module.remove(0), "MainProcess", "{}", listing.text);
    module.sort_unstable();
    assert_eq!(module, ["SpawnProcess-1", "SpawnProcess-2"]);
    let ids: BTreeSet<String> = ["MainProcess", "SpawnProcess-1", "SpawnProcess-2"]
        .iter()
        .flat_map(|name| listing.ids_of(name))
        .collect();
    assert_eq!(ids.len(), 3, "{}", listing.text);
    for worker in ["SpawnProcess-1", "SpawnProcess-2"] {
        assert_eq!(items(&listing.found_by(worker)), ["Initial value"]);
    }
    listing.check_the_rest("spawn", "Spawn");
    assert_eq!(listing.agreeing(), 4);
}

#[test]
fn workers_of_a_forkserver_share_its_list() {
    let listing = run("forkserver");
    let module = names(&listing.lines_with("[MODULE SCOPE]"));
    assert_eq!(module, ["MainProcess", "ForkServer"]);
    assert_ne!(listing.ids_of("MainProcess"), listing.ids_of("ForkServer"));
    for worker in ["ForkServerProcess-1", "ForkServerProcess-2"] {
        assert_eq!(listing.ids_of(worker), listing.ids_of("ForkServer"));
        assert_eq!(items(&listing.found_by(worker)), ["Initial value"]);
    }
    listing.check_the_rest("forkserver", "ForkServer");
}

#[test]
fn an_unknown_start_method_is_told_those_there_are() {
    let output = start("thread");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("fork, spawn, forkserver"), "{said}");
}

/// What a run printed.
struct Listing {
    text: String,
}

impl Listing {
    fn lines_with(&self, token: &str) -> Vec<&str> {
        self.text
            .lines()
            .filter(|line| line.contains(token))
            .collect()
    }

    /// The lines of one process, in order.
    fn lines_of(&self, name: &str) -> Vec<&str> {
        let lines = self.text.lines();
        lines.filter(|line| names(&[line]) == [name]).collect()
    }

    /// Every id that a process printed; always the same.
    fn ids_of(&self, name: &str) -> BTreeSet<String> {
        let ids: BTreeSet<String> = self
            .lines_of(name)
            .iter()
            .flat_map(|line| id(line))
            .collect();
        assert_eq!(ids.len(), 1, "{name}: {}", self.text);
        ids
    }

    /// What a worker found before it changed anything.
    fn found_by(&self, name: &str) -> String {
        let lines = self.lines_of(name);
        let line = lines.iter().find(|line| line.contains("[FUNC SCOPE]"));
        (*line.expect(&self.text)).to_owned()
    }

    /// What is so under any start method.
    fn check_the_rest(&self, method: &str, stem: &str) {
        let main = self.lines_of("MainProcess");
        assert!(main[1].contains(&format!("'{method}'")), "{}", main[1]);
        let coordinators = ["Initial value", "Parent process update"];
        assert_eq!(items(main[2]), coordinators);
        assert!(main[3].contains("finally"), "{}", main[3]);
        assert_eq!(items(main[3]), coordinators);
        for number in [1, 2] {
            let name = format!("{stem}Process-{number}");
            let lines = self.lines_of(&name);
            let updated = items(lines.last().unwrap());
            let own: Vec<&String> = updated
                .iter()
                .filter(|item| item.starts_with("Child process"))
                .collect();
            assert_eq!(own, [&format!("Child process {number} update")]);
            assert!(
                lines[0].starts_with(&format!("{name:>16} [")),
                "{}",
                lines[0]
            );
        }
        assert!(main[0].starts_with("MainProcess      ["), "{}", main[0]);
        let addresses = self.text.matches("0x").count();
        assert_eq!(addresses, self.text.matches("id: 0x").count());
    }

    /// Observations that agree with the original study's; none may differ.
    fn agreeing(&self) -> usize {
        assert!(!self.text.contains("differs"), "{}", self.text);
        self.lines_with("agrees with the original study").len()
    }
}

fn start(method: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .args(["module-scope", "--start-method", method])
        .output()
        .unwrap()
}

fn run(method: &str) -> Listing {
    let output = start(method);
    assert!(output.status.success(), "{output:?}");
    Listing {
        text: String::from_utf8(output.stdout).unwrap(),
    }
}

fn names<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let first = |line: &&'a str| line.split_whitespace().next().unwrap_or_default();
    lines.iter().map(first).collect()
}

fn id(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("id: 0x")?;
    Some(
        rest.split(|c: char| !c.is_ascii_hexdigit())
            .next()?
            .to_owned(),
    )
}

/// The list at the end of a line.
fn items(line: &str) -> Vec<String> {
    let (_, list) = line.split_once(": [").expect(line);
    let items = list.trim_end_matches(']').split(", ");
    items
        .map(|item| item.trim_matches('"').to_owned())
        .collect()
}
