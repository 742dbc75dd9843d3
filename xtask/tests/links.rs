//! Links between the pages lead somewhere, and what a newcomer looks for is at most two of them away from README.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What a newcomer wants to do, the page that says how, and the heading there.
const WANTED: [(&str, &str, &str); 10] = [
    ("install the library", "README.md", "rust"),
    ("write a first program", "README.md", "rust"),
    ("use their own data", "docs/programs.md", "your-own-data"),
    (
        "measure a task of their own",
        "docs/laboratory.md",
        "your-own-task",
    ),
    (
        "choose a start method",
        "docs/findings.md",
        "which-start-method-when",
    ),
    ("read a report", "docs/laboratory.md", "reading-the-report"),
    ("use Python", "docs/python.md", "what-stays"),
    (
        "contribute a start method",
        "CONTRIBUTING.md",
        "add-a-start-method",
    ),
    (
        "report a vulnerability",
        "SECURITY.md",
        "reporting-a-vulnerability",
    ),
    ("find the protocol", "crates/wire/PROTOCOL.md", "frames"),
];

fn root() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.unwrap().to_owned()
}

/// The folder of `page` and a link there, as one path from the root.
fn resolve(page: &str, link: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let path = Path::new(page).parent().unwrap().join(link);
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(part) => parts.push(part.to_str().unwrap().to_owned()),
            _ => {}
        }
    }
    parts.join("/")
}

/// The links of a page: where to, and to which heading.
fn links(page: &str, text: &str) -> Vec<(String, String)> {
    let ends = text.split("](").skip(1);
    let targets = ends.filter_map(|rest| rest.split([')', ' ', '\n']).next());
    let inner = targets.filter(|target| !target.contains("://") && !target.is_empty());
    let split = inner.map(|target| target.split_once('#').unwrap_or((target, "")));
    let own = |path: &str| match path {
        "" => page.to_owned(),
        path => resolve(page, path),
    };
    split
        .map(|(path, heading)| (own(path), heading.to_owned()))
        .collect()
}

/// The headings of a page, as links name them.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let name = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.replace(' ', "-");
        kept.chars()
            .filter(|c| c.is_alphanumeric() || "-_".contains(*c))
            .collect()
    };
    lines.map(name).collect()
}

/// Every page that README leads to, with its text and how many links away it is.
fn pages() -> BTreeMap<String, (usize, String)> {
    let mut pages: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut next = vec!["README.md".to_owned()];
    for hops in 0.. {
        let mut beyond = Vec::new();
        for page in std::mem::take(&mut next) {
            if pages.contains_key(&page) || !page.ends_with(".md") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(root().join(&page)) else {
                continue;
            };
            beyond.extend(links(&page, &text).into_iter().map(|(path, _)| path));
            pages.insert(page, (hops, text));
        }
        if beyond.is_empty() {
            break;
        }
        next = beyond;
    }
    pages
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let mut broken = Vec::new();
    for (page, (_, text)) in &pages {
        for (path, heading) in links(page, text) {
            let known = pages.get(&path).map(|(_, text)| headings(text));
            let has = known.is_none_or(|known| heading.is_empty() || known.contains(&heading));
            if !root().join(&path).exists() || !has {
                broken.push(format!("{page}: {path}#{heading}"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
    assert!(pages.len() > 40, "only {} pages", pages.len());
}

#[test]
fn what_newcomers_look_for_is_two_links_away() {
    let pages = pages();
    for (what, page, heading) in WANTED {
        let found = pages.get(page);
        let (hops, text) = found.unwrap_or_else(|| panic!("README does not lead to {page}"));
        assert!(*hops <= 2, "to {what}: {page} is {hops} links away");
        let has = headings(text).contains(heading);
        assert!(has, "to {what}: {page} has no heading {heading}");
    }
}
