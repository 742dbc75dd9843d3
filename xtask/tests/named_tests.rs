//! The tests that the documentation names exist: a guarantee whose test was renamed or removed would go on to look
//! tested.

use std::path::{Path, PathBuf};

const PAGES: [&str; 2] = ["docs/conformance.md", "docs/reliability.md"];

fn root() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.unwrap().to_owned()
}

/// All sources below a folder, and the names of their files.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            text.push_str(&format!("\nfn {stem}("));
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The names of tests on a page: `module::name`, in code.
fn names(page: &str) -> Vec<&str> {
    let code = page.split('`').skip(1).step_by(2);
    let is_name = |code: &&str| {
        let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
        code.contains("::") && code.chars().all(name)
    };
    code.filter(is_name).collect()
}

#[test]
fn tests_that_the_documentation_names_exist() {
    let root = root();
    let mut text = String::new();
    for folder in ["crates", "tests"] {
        sources(&root.join(folder), &mut text);
    }
    let mut missing = Vec::new();
    let mut found = 0;
    for page in PAGES {
        let content = std::fs::read_to_string(root.join(page)).unwrap();
        for name in names(&content) {
            let own = name.rsplit("::").next().unwrap();
            let is_there =
                text.contains(&format!("fn {own}(")) || text.contains(&format!("\"{own}\""));
            found += usize::from(is_there);
            if !is_there {
                missing.push(format!("{page}: {name}"));
            }
        }
    }
    assert_eq!(missing, [""; 0], "there is no such test");
    assert!(found > 50, "only {found} names were found");
}
