//! What every page has: its frame, its figures, and how it was made. One file that needs no other
//! and no network.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use report::Machine;

use super::figures::{Figure, palette};
use super::names::FIGURES;
use harness::grid::size;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("sort.js");

/// The parts of a page.
#[derive(Debug)]
pub(crate) struct Page {
    /// What a browser's tab says.
    pub(crate) title: String,
    /// Its heading, and what there is to say in words.
    pub(crate) head: Markup,
    /// What it shows.
    pub(crate) body: Markup,
    /// How it was made.
    pub(crate) foot: Markup,
}

/// What stands at the foot of a page.
#[derive(Debug)]
pub(crate) struct Made<'a> {
    /// Where it was measured.
    pub(crate) machine: &'a Machine,
    /// The dataset's path, where there is one.
    pub(crate) dataset: Option<&'a str>,
    /// When.
    pub(crate) date: &'a str,
    /// By which version.
    pub(crate) version: &'a str,
    /// By which words.
    pub(crate) command: &'a [String],
    /// The files that the page shows.
    pub(crate) files: &'a str,
}

impl Page {
    /// The whole page.
    pub(crate) fn render(self) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(palette::style("figure svg "))) }
                }
                body {
                    header { (self.head) }
                    main { (self.body) }
                    footer { (self.foot) }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
        .into_string()
    }
}

/// What the figures say, thing by thing.
pub(crate) fn findings(findings: impl IntoIterator<Item = (&'static str, String)>) -> Markup {
    html! {
        dl.findings {
            @for (about, text) in findings {
                div { dt { (about) } dd { (text) } }
            }
        }
    }
}

/// Figures side by side, as many as there is room for.
pub(crate) fn grid<'a>(figures: impl IntoIterator<Item = &'a Figure>) -> Markup {
    html! {
        div.grid {
            @for figure in figures {
                figure {
                    (PreEscaped(figure.inline()))
                    figcaption {
                        a href=(format!("{FIGURES}/{}.svg", figure.name)) { "SVG" }
                    }
                }
            }
        }
    }
}

/// How a page was made.
pub(crate) fn foot(made: &Made<'_>) -> Markup {
    let command = match made.command {
        [] => "not kept by that version".to_owned(),
        words => typed(words),
    };
    html! {
        h2 { "How this was made" }
        dl.facts {
            @for (name, value) in facts(made.machine) { div { dt { (name) } dd { (value) } } }
            @if let Some(dataset) = made.dataset { div { dt { "dataset" } dd { (dataset) } } }
            div { dt { "date" } dd { (date(made.date)) } }
            div { dt { "version" } dd { "Handoff " (made.version) } }
            div { dt { "command" } dd { code { (command) } } }
        }
        p { "Everything shown is read from " (made.files) " beside this page." }
    }
}

/// `2026-11-22 04:46:05 UTC`.
pub(crate) fn date(rfc3339: &str) -> String {
    match rfc3339.strip_suffix('Z') {
        Some(utc) => utc.replacen('T', " ", 1) + " UTC",
        None => rfc3339.to_owned(),
    }
}

fn facts(machine: &Machine) -> Vec<(&'static str, String)> {
    let setting =
        |word: &Option<String>| word.clone().unwrap_or_else(|| "no such setting".to_owned());
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), size);
    vec![
        ("processor", format!("{}, {}", machine.cpu, machine.arch)),
        ("cores", machine.cores.to_string()),
        ("memory", size(machine.memory_bytes)),
        ("kernel", format!("Linux {}", machine.kernel)),
        ("pages", format!("{} bytes", machine.page_size)),
        ("huge pages", setting(&machine.huge_pages.enabled)),
        (
            "huge pages, shared memory",
            setting(&machine.huge_pages.shmem_enabled),
        ),
        ("/dev/shm", bytes(machine.dev_shm_bytes)),
        (
            "virtual machine",
            match machine.virtual_machine {
                Some(true) => "yes",
                Some(false) => "no",
                None => "unknown",
            }
            .to_owned(),
        ),
        (
            "frequency governor",
            machine
                .governor
                .clone()
                .unwrap_or_else(|| "unknown".to_owned()),
        ),
    ]
}

/// A command as a shell would take it.
fn typed(words: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_where_a_shell_needs_it() {
        let words = ["cargo", "xtask", "--data", "my file.npy", "", "it's"];
        assert_eq!(
            typed(&words.map(str::to_owned)),
            r"cargo xtask --data 'my file.npy' '' 'it'\''s'"
        );
    }

    #[test]
    fn a_date_is_for_people() {
        assert_eq!(date("2026-11-22T04:46:05Z"), "2026-11-22 04:46:05 UTC");
        assert_eq!(date(""), "");
    }
}
