//! The engine uses nothing that reaches outside: no descriptor, file, socket, process, thread or clock.

use std::path::Path;

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("the crate's sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = std::fs::read_to_string(&path).expect("a source");
            found.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn nothing_reaches_outside() {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    assert!(found.len() > 10, "{} sources", found.len());
    for (path, text) in found {
        for part in ["os", "fs", "net", "process", "thread", "time"] {
            assert!(
                !text.contains(&format!("std::{part}")),
                "{path}: std::{part}"
            );
        }
        assert!(
            !text.contains("use std::{"),
            "{path}: one import a line is checked"
        );
    }
}
