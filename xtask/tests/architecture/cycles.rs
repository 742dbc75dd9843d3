//! No file imports in a circle, but for those that are known and to be dissolved.

use crate::imports::imports;
use crate::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Graph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// Sets of files that import each other, as `tests/architecture/known-cycles.txt` lists them.
fn known() -> BTreeSet<String> {
    let list = include_str!("known-cycles.txt").lines();
    list.map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The root files of all crates.
fn crate_roots() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let folders = ["crates", "tests"].map(|folder| root().join(folder));
    let crates = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .chain([root().join("xtask")]);
    for member in crates {
        let roots = ["src/lib.rs", "src/main.rs"].map(|name| member.join(name));
        found.extend(roots.into_iter().filter(|path| path.is_file()));
    }
    found.sort();
    found
}

/// Every set of at least two files that reach each other.
fn cycles(graph: &Graph) -> Vec<Vec<&PathBuf>> {
    let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = graph
        .keys()
        .map(|start| {
            let mut seen = BTreeSet::new();
            let mut next: Vec<&PathBuf> = graph[start].iter().collect();
            while let Some(file) = next.pop() {
                if seen.insert(file) {
                    next.extend(graph.get(file).into_iter().flatten());
                }
            }
            (start, seen)
        })
        .collect();
    let mut sets: Vec<Vec<&PathBuf>> = Vec::new();
    for (file, reached) in &reach {
        if !reached.contains(file) || sets.iter().any(|set| set.contains(file)) {
            continue;
        }
        let mutual = reached
            .iter()
            .filter(|other| reach[**other].contains(*file));
        sets.push(mutual.copied().collect());
    }
    sets
}

/// The pairs of files of a cycle that import each other or are on one: what a list can hold.
fn edges<'a>(graph: &'a Graph, set: &[&'a PathBuf]) -> Vec<String> {
    let name = |path: &Path| {
        let short = path.strip_prefix(root()).unwrap_or(path);
        short.display().to_string()
    };
    let mut found = Vec::new();
    for from in set {
        for to in graph[*from].iter().filter(|to| set.contains(to)) {
            found.push(format!("{} -> {}", name(from), name(to)));
        }
    }
    found
}

#[test]
fn no_new_cycle_of_imports() {
    let mut found = BTreeSet::new();
    for crate_root in crate_roots() {
        let graph = imports(&crate_root);
        for set in cycles(&graph) {
            found.extend(edges(&graph, &set));
        }
    }
    let known = known();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(
        new.is_empty(),
        "imports that are part of a cycle; turn one around or move what both need into a file of \
         its own:\n{new:#?}"
    );
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        gone.is_empty(),
        "no longer part of a cycle; remove them from known-cycles.txt:\n{gone:#?}"
    );
}

#[test]
fn a_cycle_is_found() {
    let path = PathBuf::from;
    let graph: Graph = [
        (path("a"), [path("b")].into()),
        (path("b"), [path("c")].into()),
        (path("c"), [path("b")].into()),
    ]
    .into();
    assert_eq!(cycles(&graph), [[&path("b"), &path("c")]]);
}
