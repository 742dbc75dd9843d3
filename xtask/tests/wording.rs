//! Refuses phrases without technical meaning in documentation, comments, messages and help texts.
//!
//! `wording/phrases.txt` lists the phrases with what to write instead. `wording/exempt.txt` lists the
//! places that still contain some: one path prefix a line. A prefix under which nothing is found fails
//! as well, so that the list only gets shorter. `WORDING_ALL=1 cargo test -p xtask --test wording`
//! shows the findings of exempt places too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Directories of generated files and data, and programs whose text is fixed (`tests/contract`).
const SKIPPED: [&str; 6] = [
    "target",
    "results",
    "corpus",
    "__pycache__",
    "contract",
    "known-cycles.txt",
];
/// Files with sentences.
const EXTENSIONS: [&str; 4] = ["md", "rs", "py", "txt"];
/// This test's own files.
const OWN: &str = "xtask/tests/wording";

/// The phrases that are refused, by their first word.
type Phrases = BTreeMap<String, Vec<Phrase>>;

/// A phrase that is refused.
struct Phrase {
    words: Vec<String>,
    instead: String,
    /// Texts that may contain it.
    allowed: Vec<String>,
}

/// A word of a file, or a place that no phrase extends across.
enum Token {
    Word {
        /// In lower case.
        text: String,
        line: usize,
        start: usize,
    },
    Break,
}

/// A phrase that was found.
struct Finding {
    path: String,
    line: usize,
    phrase: String,
    instead: String,
}

fn root() -> &'static Path {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.expect("xtask is a directory of the workspace")
}

/// The lines of a list that are not comments.
fn list(name: &str) -> Vec<String> {
    let path = root().join(OWN).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn phrases(lines: &[String]) -> Phrases {
    let mut phrases: Vec<Phrase> = Vec::new();
    let mut group = 0;
    for line in lines {
        if let Some(text) = line.strip_prefix("+ ") {
            for phrase in &mut phrases[group..] {
                phrase.allowed.push(text.to_owned());
            }
            continue;
        }
        let (names, instead) = line.split_once('=').expect("phrases = what to write");
        group = phrases.len();
        phrases.extend(names.split(',').map(|name| Phrase {
            words: name.split_whitespace().map(str::to_lowercase).collect(),
            instead: instead.trim().to_owned(),
            allowed: Vec::new(),
        }));
    }
    let mut by_first_word = Phrases::new();
    for phrase in phrases {
        let first = phrase.words.first().expect("a phrase has words").clone();
        by_first_word.entry(first).or_default().push(phrase);
    }
    by_first_word
}

/// The files to look at, by path from the root.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = name.starts_with('.') && name != ".github";
        if hidden
            || SKIPPED.contains(&&*name)
            || path.starts_with(root().join(OWN))
            || path.is_symlink()
        {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
            && path != root().join(OWN).with_extension("rs")
        {
            found.push(path);
        }
    }
}

/// The words of a text. What opens a line of a comment, a quotation or a list is passed over.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let markers = |c: char| c.is_whitespace() || "/!#>*-".contains(c);
        let body = line.trim_start_matches(markers);
        let indent = line.len() - body.len();
        if body.is_empty() {
            tokens.push(Token::Break);
        }
        let mut rest = body;
        while let Some(first) = rest.chars().next() {
            let at = indent + body.len() - rest.len();
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '\'';
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if end > 0 {
                tokens.push(Token::Word {
                    text: rest[..end].to_lowercase(),
                    line: number,
                    start: at,
                });
                rest = &rest[end..];
            } else {
                if !first.is_whitespace() {
                    tokens.push(Token::Break);
                }
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    tokens
}

fn findings(path: &str, text: &str, phrases: &Phrases) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().collect();
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word { text, line, start } = token else {
            continue;
        };
        for phrase in phrases.get(text).into_iter().flatten() {
            let window = tokens[at..].iter().take(phrase.words.len());
            let is_here = window.len() == phrase.words.len()
                && window
                    .zip(&phrase.words)
                    .all(|(token, word)| matches!(token, Token::Word { text, .. } if text == word));
            let allowed = |text: &String| {
                let occurrences = lines[*line].match_indices(text.as_str());
                occurrences
                    .map(|(begin, text)| begin..begin + text.len())
                    .any(|range| range.contains(start))
            };
            if is_here && !phrase.allowed.iter().any(allowed) {
                found.push(Finding {
                    path: path.to_owned(),
                    line: line + 1,
                    phrase: phrase.words.join(" "),
                    instead: phrase.instead.clone(),
                });
            }
        }
    }
    found
}

fn all_findings() -> Vec<Finding> {
    let phrases = phrases(&list("phrases.txt"));
    let mut paths = Vec::new();
    files(root(), &mut paths);
    paths.sort();
    assert!(paths.len() > 100, "the files were not found");
    let found = paths.iter().flat_map(|path| {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let name = path.strip_prefix(root()).unwrap().to_string_lossy();
        findings(&name, &text, &phrases)
    });
    found.collect()
}

fn show(findings: &[&Finding]) -> String {
    let line = |finding: &&Finding| {
        let Finding {
            path,
            line,
            phrase,
            instead,
        } = finding;
        format!("{path}:{line}: \"{phrase}\" (write: {instead})\n")
    };
    findings.iter().map(line).collect()
}

#[test]
fn phrases_without_technical_meaning_are_not_used() {
    let (exempt, found) = (list("exempt.txt"), all_findings());
    if std::env::var_os("WORDING_ALL").is_some() {
        println!("{}", show(&found.iter().collect::<Vec<_>>()));
    }
    let is_exempt =
        |finding: &Finding| exempt.iter().any(|prefix| finding.path.starts_with(prefix));
    let refused: Vec<_> = found.iter().filter(|finding| !is_exempt(finding)).collect();
    assert!(
        refused.is_empty(),
        "{} phrases without technical meaning:\n{}",
        refused.len(),
        show(&refused)
    );
}

#[test]
fn exempt_places_contain_phrases() {
    let found = all_findings();
    let clean: Vec<_> = list("exempt.txt")
        .into_iter()
        .filter(|prefix| !found.iter().any(|finding| finding.path.starts_with(prefix)))
        .collect();
    assert!(
        clean.is_empty(),
        "nothing is left to exempt here, remove these lines from {OWN}/exempt.txt: {clean:?}"
    );
}

#[test]
fn a_phrase_is_found_across_lines_and_not_inside_names() {
    let listed = ["hands out, told by = dispatches", "+ fn hands out("];
    let phrases = phrases(&listed.map(str::to_owned));
    let lines = |text: &str| -> Vec<usize> {
        let found = findings("a.rs", text, &phrases);
        found.iter().map(|finding| finding.line).collect()
    };
    assert_eq!(
        lines("//! It Hands\n//! out tasks, and is told\n/// by them."),
        [1, 2]
    );
    assert_eq!(
        lines("It hands\n\nout. It hands, out. hands_out(told_by)"),
        [0; 0]
    );
    assert_eq!(lines("fn hands out() { hands out }"), [1]);
    assert_eq!(lines("fn hands out()"), [0; 0]);
}
