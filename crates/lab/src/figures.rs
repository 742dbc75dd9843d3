//! `cargo xtask figures`: puts the figures of README and docs in from the committed record, or checks that they
//! are those.
//!
//! A page marks what is generated, whole blocks and single figures within a sentence:
//!
//! ```text
//! <!-- figures: walls -->
//! | transport | …
//! <!-- end of figures -->
//! Eight workers take <!-- figure: wall mmap spawn 8 -->161 ms<!-- / -->.
//! ```

mod blocks;
mod inline;
mod others;
mod record;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use harness::exit;
use harness::workspace;

use record::Record;

/// The pages that have figures.
const PAGES: [&str; 4] = [
    "README.md",
    "docs/background.md",
    "docs/findings.md",
    "docs/laboratory.md",
];
/// The file that names the record: a folder of `results`.
const CURRENT: &str = "results/current";

/// The arguments of `figures`.
#[derive(Debug, Args)]
pub(crate) struct FiguresArgs {
    /// Change nothing, and fail where a page has other figures than the record
    #[arg(long)]
    check: bool,
    /// Make this folder of results the record that all pages are generated from
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    record: Option<PathBuf>,
}

/// Puts the figures in, or checks them.
///
/// # Errors
///
/// Where a page names a figure that the record does not have.
pub(crate) fn main(args: &FiguresArgs) -> anyhow::Result<ExitCode> {
    let root = workspace::root();
    if let Some(record) = &args.record {
        let name = record.file_name().context("name a folder of results")?;
        fs::write(root.join(CURRENT), format!("{}\n", name.display()))?;
    }
    let name = fs::read_to_string(root.join(CURRENT))
        .with_context(|| format!("cannot read {CURRENT} (see --record)"))?;
    let record = Record::open(&root.join("results").join(name.trim()))?;
    let mut stale = Vec::new();
    for page in PAGES {
        let path = root.join(page);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {page}"))?;
        let with_figures = filled(&text, &record).with_context(|| page.to_owned())?;
        if with_figures != text {
            stale.push(page);
            if !args.check {
                fs::write(&path, with_figures)?;
            }
        }
    }
    if args.check && !stale.is_empty() {
        eprintln!(
            "error: {} have other figures than results/{}: run cargo xtask figures",
            stale.join(", "),
            name.trim()
        );
        return Ok(ExitCode::from(exit::FAILED));
    }
    for page in stale {
        eprintln!("Changed: {page}");
    }
    Ok(ExitCode::from(exit::DONE))
}

/// A page with the figures of a record.
fn filled(page: &str, record: &Record) -> anyhow::Result<String> {
    let blocks = replaced(
        page,
        ("<!-- figures: ", "<!-- end of figures -->"),
        |name| Ok(format!("\n{}\n", blocks::block(record, name)?.trim_end())),
    )?;
    replaced(&blocks, ("<!-- figure: ", "<!-- / -->"), |name| {
        inline::figure(record, name)
    })
}

/// A page with what stands between a mark with a name and the next end replaced.
fn replaced(
    page: &str,
    (mark, end): (&str, &str),
    figure: impl Fn(&str) -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut rest = page;
    while let Some(at) = rest.find(mark) {
        let after = &rest[at + mark.len()..];
        let Some((name, body)) = after.split_once(" -->") else {
            bail!("a mark of a figure is not closed");
        };
        let Some(length) = body.find(end) else {
            bail!("the figure {name} has no end");
        };
        text += &rest[..at];
        text += &format!("{mark}{name} -->{}{end}", figure(name)?);
        rest = &body[length + end.len()..];
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_marks_is_replaced_and_nothing_else() {
        let page = "a <!-- figure: x y -->1<!-- / --> b <!-- figure: z --><!-- / --> c";
        let ends = ("<!-- figure: ", "<!-- / -->");
        let text = replaced(page, ends, |name| Ok(name.len().to_string())).unwrap();
        assert_eq!(
            text,
            "a <!-- figure: x y -->3<!-- / --> b <!-- figure: z -->1<!-- / --> c"
        );
        assert_eq!(
            replaced(&text, ends, |name| Ok(name.len().to_string())).unwrap(),
            text
        );
        let open = "<!-- figure: x -->1";
        assert!(replaced(open, ends, |_| Ok(String::new())).is_err());
    }
}
