//! The smallest Rust version is one number: the workspaces state it, the hosted workflow builds with
//! it, and no dependency in `Cargo.lock` needs a newer one.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.unwrap().to_owned()
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a manifest states.
fn stated(manifest: &str) -> String {
    let text = read(manifest);
    let line = text
        .lines()
        .find(|line| line.starts_with("rust-version = "));
    let line = line.unwrap_or_else(|| panic!("{manifest} states no version"));
    line.split('"').nth(1).unwrap().to_owned()
}

/// Major and minor number.
fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

/// Every package that any of ours needs on any platform.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn one_version_is_stated_everywhere() {
    let version = stated("Cargo.toml");
    assert_eq!(stated("crates/cluster/Cargo.toml"), version);
    let workflow = read(".github/workflows/ci.yml");
    let toolchain = format!("dtolnay/rust-toolchain@{version}\n");
    assert!(
        workflow.contains(&toolchain),
        "no job builds with {version}"
    );
    assert!(!workflow.contains("--ignore-rust-version"));
    for page in ["README.md", "crates/handoff/src/lib.rs"] {
        let said = format!("Rust {version}");
        assert!(read(page).contains(&said), "{page} does not say {said}");
    }
}

#[test]
fn no_dependency_needs_a_newer_version() {
    let version = number(&stated("Cargo.toml"));
    let packages = packages();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let newer: Vec<_> = packages
        .iter()
        .filter_map(|package| {
            let needs = package["rust_version"].as_str()?;
            let text = format!("{} {} needs {needs}", package["name"], package["version"]);
            (number(needs) > version).then_some(text)
        })
        .collect();
    assert!(
        newer.is_empty(),
        "too new (`cargo update -p NAME --precise VERSION`): {newer:#?}"
    );
}
