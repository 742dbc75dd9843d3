//! The logger experiment as its users read it: the original study's five runs and the forkserver's,
//! from the real program's stdout.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

#[test]
fn spawned_workers_have_no_handler() {
    let run = run(&["--start-method", "spawn"]);
    run.check_module_lines(&["MainProcess", "SpawnProcess-1", "SpawnProcess-2"]);
    assert!(run.executed().is_empty(), "{}", run.text);
    assert_eq!(run.agreeing(), 2);
}

#[test]
fn an_initializer_gives_spawned_workers_a_handler_and_their_own_ids() {
    let run = run(&["--start-method", "spawn", "--initializer"]);
    run.check_module_lines(&["MainProcess", "SpawnProcess-1", "SpawnProcess-2"]);
    let executed = run.executed();
    assert_eq!(
        lines(&executed),
        [("SpawnProcess-1", 1), ("SpawnProcess-2", 1)]
    );
    let mut ids = ids(&executed);
    ids.insert(run.coordinators_id());
    assert_eq!(ids.len(), 3, "{}", run.text);
    assert_eq!(run.agreeing(), 3);
}

#[test]
fn forked_workers_have_the_coordinators_handler_and_ids() {
    let run = run(&["--start-method", "fork"]);
    run.check_module_lines(&["MainProcess"]);
    let executed = run.executed();
    assert_eq!(
        lines(&executed),
        [("ForkProcess-1", 1), ("ForkProcess-2", 1)]
    );
    assert_eq!(ids(&executed), BTreeSet::from([run.coordinators_id()]));
    assert_eq!(run.agreeing(), 3);
}

#[test]
fn a_module_of_its_own_has_a_logger_of_its_own() {
    let run = run(&["--start-method", "fork", "--own-module"]);
    run.check_module_lines(&["MainProcess"]);
    let executed = run.executed();
    assert_eq!(
        lines(&executed),
        [("ForkProcess-1", 1), ("ForkProcess-2", 1)]
    );
    assert!(executed.iter().all(|line| line.contains(" separate: ")));
    let ids = ids(&executed);
    assert_eq!(ids.len(), 1);
    assert!(!ids.contains(&run.coordinators_id()), "{}", run.text);
    assert_eq!(run.agreeing(), 3);
}

#[test]
fn forked_workers_with_an_initializer_write_every_line_twice() {
    let run = run(&["--start-method", "fork", "--own-module", "--initializer"]);
    run.check_module_lines(&["MainProcess"]);
    let executed = run.executed();
    assert_eq!(
        lines(&executed),
        [("ForkProcess-1", 2), ("ForkProcess-2", 2)]
    );
    let ids = ids(&executed);
    assert_eq!(ids.len(), 1);
    assert!(!ids.contains(&run.coordinators_id()), "{}", run.text);
    assert_eq!(run.agreeing(), 4);
}

#[test]
fn workers_of_a_forkserver_are_as_spawned_ones_but_share_ids() {
    let run = run(&["--start-method", "forkserver", "--initializer"]);
    run.check_module_lines(&["MainProcess", "ForkServer"]);
    let executed = run.executed();
    let once = [("ForkServerProcess-1", 1), ("ForkServerProcess-2", 1)];
    assert_eq!(lines(&executed), once);
    let ids = ids(&executed);
    assert_eq!(ids.len(), 1);
    assert!(!ids.contains(&run.coordinators_id()), "{}", run.text);
}

#[test]
fn all_runs_stand_side_by_side() {
    let run = run(&["--all"]);
    let row = |title: &str| {
        let title = format!("logger --start-method {title} ");
        let rows = run.text.lines().filter(|line| line.contains(&title));
        // A run with more options begins with the same words.
        let row = rows.map(|row| {
            row.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
        });
        row.map(Vec::from_iter)
            .find(|cells| cells.len() > 1 && cells[0] == title.trim())
            .map(|cells| cells[1].to_owned())
    };
    for (title, lines) in [
        ("spawn", "0"),
        ("spawn --initializer", "1"),
        ("fork", "1"),
        ("fork --own-module", "1"),
        ("fork --own-module --initializer", "2"),
        ("forkserver", "0"),
        ("forkserver --initializer", "1"),
    ] {
        assert_eq!(row(title).as_deref(), Some(lines), "{title}: {}", run.text);
    }
}

#[test]
fn a_start_method_is_needed_and_known() {
    for args in [&[][..], &["--start-method", "thread"]] {
        let output = start(args);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("--start-method"), "{said}");
    }
}

/// What a run printed.
struct Run {
    text: String,
}

impl Run {
    fn executed(&self) -> Vec<&str> {
        let lines = self.text.lines();
        lines
            .filter(|line| line.contains("function executed"))
            .collect()
    }

    /// The id in the coordinator's line.
    fn coordinators_id(&self) -> String {
        let mut lines = self.text.lines();
        let line = lines.find(|line| name(line) == "MainProcess" && line.contains("id: 0x"));
        id(line.expect(&self.text))
    }

    fn check_module_lines(&self, expected: &[&str]) {
        let lines = self
            .text
            .lines()
            .filter(|line| line.contains("[MODULE SCOPE]"));
        let mut names: Vec<&str> = lines.map(name).collect();
        assert_eq!(names[0], "MainProcess");
        names[1..].sort_unstable();
        assert_eq!(names, expected, "{}", self.text);
    }

    /// Observations that agree with the original study's; none may differ.
    fn agreeing(&self) -> usize {
        assert!(!self.text.contains("differs"), "{}", self.text);
        self.text.matches("agrees with the original study").count()
    }
}

fn start(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .arg("logger")
        .args(args)
        .output()
        .unwrap()
}

fn run(args: &[&str]) -> Run {
    let output = start(args);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("0x").count(), text.matches("id: 0x").count());
    Run { text }
}

fn name(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

fn id(line: &str) -> String {
    let (_, rest) = line.split_once("id: 0x").expect(line);
    let digits = rest.split(|c: char| !c.is_ascii_hexdigit());
    digits.take(1).collect()
}

fn ids(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| id(line)).collect()
}

/// How many lines each process wrote.
fn lines<'a>(executed: &[&'a str]) -> Vec<(&'a str, usize)> {
    let mut lines = BTreeMap::new();
    for line in executed {
        *lines.entry(name(line)).or_default() += 1;
    }
    lines.into_iter().collect()
}
