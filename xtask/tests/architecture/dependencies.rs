//! Crates depend on each other as ARCHITECTURE.md's table says, and in no other way.

use crate::root;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Table = BTreeMap<String, BTreeSet<String>>;

/// Workspaces of their own, beside the main one.
const OTHERS: [&str; 2] = ["crates/cluster", "crates/python"];
/// Members that stand outside the table: they are other people's libraries in a program each.
const OUTSIDE: [&str; 2] = ["peer-rayon", "peer-procspawn"];

/// The rows of the table: a crate, and those it may depend on.
fn documented() -> Table {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let lines = page
        .lines()
        .skip_while(|line| !line.starts_with("| crate | depends on |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let names = |cell: &str| -> BTreeSet<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let name = names(cells[1]).into_iter().next().expect("a crate a row");
            (name, names(cells[2]))
        })
        .collect()
}

/// What the manifests say: normal and build dependencies on crates of ours.
fn declared() -> Table {
    let mut packages = metadata(&root());
    for other in OTHERS {
        packages.extend(metadata(&root().join(other)));
    }
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let packages = packages
        .iter()
        .filter(|package| !OUTSIDE.contains(&name(package).as_str()));
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let ours = dependencies
                .filter(|dependency| dependency["kind"] != "dev")
                .map(name)
                .filter(|name| ours.contains(name));
            (name(package), ours.collect())
        })
        .collect()
}

fn name(value: &Value) -> String {
    value["name"].as_str().unwrap().to_owned()
}

fn metadata(directory: &Path) -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn crates_depend_on_each_other_as_the_table_says() {
    let (documented, declared) = (documented(), declared());
    assert!(documented.len() > 10, "the table was not found");
    for (name, dependencies) in &declared {
        let row = documented.get(name);
        assert_eq!(
            Some(dependencies),
            row,
            "{name}: Cargo.toml (left) and ARCHITECTURE.md (right) differ"
        );
    }
    let gone: Vec<_> = documented
        .keys()
        .filter(|name| !declared.contains_key(*name))
        .collect();
    assert!(gone.is_empty(), "rows without a crate: {gone:?}");
}

#[test]
fn dependencies_have_an_order() {
    let mut left = declared();
    while !left.is_empty() {
        let before = left.len();
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.retain(|_, dependencies| dependencies.iter().any(|name| names.contains(name)));
        assert!(left.len() < before, "these form a cycle: {left:?}");
    }
}
