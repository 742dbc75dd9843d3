//! Files are small, and the modules of a crate are laid out in one style.

use crate::root;
use std::path::{Path, PathBuf};

/// The longest file, in lines.
const LINES: usize = 400;

/// Directories that hold no source of ours.
const SKIPPED: [&str; 3] = ["target", "results", "corpus"];

/// All Rust and Python files of the repository.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.sort();
    assert!(found.len() > 400, "the files were not found");
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || SKIPPED.contains(&&*name) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if path
            .extension()
            .is_some_and(|ext| ext == "rs" || ext == "py")
        {
            found.push(path);
        }
    }
}

/// The path from the root of the repository.
fn short(path: &Path) -> String {
    let root = root();
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// A file that is too long, with its length.
fn too_long(name: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > LINES).then(|| format!("{name}: {lines} lines"))
}

#[test]
fn files_are_short() {
    let long: Vec<_> = sources()
        .iter()
        .filter_map(|path| too_long(&short(path), &std::fs::read_to_string(path).unwrap()))
        .collect();
    assert!(long.is_empty(), "more than {LINES} lines: {long:#?}");
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(too_long("a.rs", &"\n".repeat(LINES)), None);
    let found = too_long("a.rs", &"\n".repeat(LINES + 1));
    assert_eq!(found.as_deref(), Some("a.rs: 401 lines"));
}

/// What is a program of its own, as the laboratory is, does not belong to the development commands.
#[test]
fn the_development_commands_are_small() {
    let folder = root().join("xtask/src");
    let of_xtask = sources()
        .into_iter()
        .filter(|path| path.starts_with(&folder));
    let lines: usize = of_xtask
        .map(|path| std::fs::read_to_string(path).unwrap().lines().count())
        .sum();
    assert!((100..=600).contains(&lines), "xtask has {lines} lines");
}

/// A module with children is `name.rs` beside `name/`.
#[test]
fn no_module_is_called_mod() {
    let called_mod: Vec<_> = sources()
        .into_iter()
        .filter(|path| path.ends_with("mod.rs"))
        .map(|path| short(&path))
        .collect();
    assert!(called_mod.is_empty(), "write name.rs: {called_mod:#?}");
}
