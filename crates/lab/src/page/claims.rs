//! The page of `coordinator traits`: what starting a child costs, and every claim with its verdict.

use maud::{Markup, html};
use report::{TraitCell, TraitRow, TraitStatement, Traits, Verdict};
use serde_json::Value;

use super::figures::Figure;
use super::html::{Made, Page, date, findings, foot, grid};
use super::start_cost::StartCost;
use super::table;
use harness::grid::binary_size;
use harness::grid::{seconds, times};

/// The page, with the figure of the start cost where that was measured.
pub(crate) fn page(
    traits: &Traits<Value>,
    cost: Option<&StartCost>,
    figure: Option<&Figure>,
) -> String {
    let made = Made {
        machine: &traits.machine,
        dataset: None,
        date: &traits.date,
        version: &traits.version,
        command: &traits.command,
        files: "traits.json",
    };
    Page {
        title: format!("Handoff: start methods on {}", traits.machine.cpu),
        head: html! {
            h1 { "Claims about start methods, measured" }
            p.facts {
                (traits.machine.cpu) ", " (traits.machine.cores) " cores, Linux "
                (traits.machine.kernel)
                @if !traits.date.is_empty() { "; " (date(&traits.date)) }
            }
            (findings(words(traits, cost)))
        },
        body: html! {
            @if let Some(cost) = cost { (start_cost(cost, figure)) }
            section {
                h2 #claims { "The claims" }
                p {
                    "Of what a claim says, a tick stands before what held here and a cross before \
                     what did not. Where the original study that Handoff grew from says something, that \
                     alone makes the verdict."
                }
                @for row in &traits.rows { (claim(row)) }
            }
        },
        foot: foot(&made),
    }
    .render()
}

/// What the figures say, in words.
fn words(traits: &Traits<Value>, cost: Option<&StartCost>) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    if let Some(cost) = cost {
        let parents = cost.parents();
        let ends = parents.first().copied().zip(parents.last().copied());
        let (small, large) = ends.unwrap_or_default();
        let at = |name: &str, parent| Some(cost.line(name)?.by(parent)?.median);
        said.extend(cheapest(cost, small).map(|text| ("Small parent", text)));
        said.extend(cheapest(cost, large).map(|text| ("Large parent", text)));
        if let (Some(first), Some(last)) = (at("fork", small), at("fork", large)) {
            let grown = times(last / first);
            said.push((
                "Fork and size",
                format!(
                    "A fork by a parent of {} takes {grown} as long as by one that holds nothing.",
                    binary_size(large)
                ),
            ));
        }
        if let (Some(base), Some(huge)) = (at("fork", large), at("fork, huge pages", large)) {
            let text = format!(
                "They bring a fork by a parent of {} from {} to {}.",
                binary_size(large),
                seconds(base),
                seconds(huge)
            );
            said.push(("Huge pages", text));
        }
    }
    said.push(("Claims", verdicts(traits)));
    said
}

/// `8 of 12 hold, 4 hold in part.`
fn verdicts(traits: &Traits<Value>) -> String {
    let said: Vec<String> = [
        (Verdict::Holds, "hold"),
        (Verdict::InPart, "hold in part"),
        (Verdict::DoesNotHold, "do not hold"),
        (Verdict::NotMeasured, "could not be measured"),
    ]
    .into_iter()
    .filter_map(|(verdict, words)| {
        let rows = traits.rows.iter().filter(|row| row.verdict == verdict);
        let count = rows.count();
        (count > 0).then(|| format!("{count} {words}"))
    })
    .collect();
    format!("Of {}: {}.", traits.rows.len(), said.join(", "))
}

/// Every start method with its cost, the cheapest first.
fn cheapest(cost: &StartCost, parent: u64) -> Option<String> {
    let mut ways: Vec<(&str, f64)> = cost
        .lines
        .iter()
        .filter_map(|line| Some((line.name, line.by(parent)?.median)))
        .collect();
    ways.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let said: Vec<String> = ways
        .iter()
        .map(|(name, median)| format!("{name} {}", seconds(*median)))
        .collect();
    let holds = match parent {
        0 => "that holds nothing".to_owned(),
        _ => format!("of {}", binary_size(parent)),
    };
    (!said.is_empty()).then(|| format!("One child by a parent {holds}: {}.", said.join(", ")))
}

fn start_cost(cost: &StartCost, figure: Option<&Figure>) -> Markup {
    html! {
        section {
            h2 #cost { "What starting a child costs" }
            p {
                "From the start call to the first byte of the child's answer, by the memory that \
                 its parent holds: in base pages, and for fork in huge ones as well where the \
                 kernel gave them. A mark is the median of 9 starts, its bar the minimum and the \
                 maximum. Both scales are logarithmic, but for a parent that holds nothing, which \
                 stands before the others."
            }
            div.pair {
                (grid(figure))
                div.wide tabindex="0" role="region" aria-labelledby="cost" { (table::starts(cost)) }
            }
        }
    }
}

fn claim(row: &TraitRow<Value>) -> Markup {
    let cells = [
        ("fork", &row.cells.fork),
        ("spawn", &row.cells.spawn),
        ("forkserver", &row.cells.forkserver),
    ];
    html! {
        article id=(row.claim) {
            h3 { (row.title) ": " span.verdict { (row.verdict.as_str()) } }
            ul.statements {
                @for statement in &row.statements { (said(statement)) }
            }
            dl.facts {
                @for (method, cell) in cells { (seen(method, cell)) }
                div { dt { "measured" } dd { (row.measured) } }
                @for skipped in &row.skipped { div { dt { "skipped" } dd { (skipped) } } }
            }
        }
    }
}

fn said(statement: &TraitStatement) -> Markup {
    let (mark, held) = if statement.holds {
        ("✓", "true")
    } else {
        ("✗", "false")
    };
    html! {
        li {
            span role="img" aria-label=(held) { (mark) } " " (statement.says)
            @if !statement.study { " " small { "(besides the original study)" } }
        }
    }
}

fn seen(method: &str, cell: &TraitCell<Value>) -> Markup {
    html! { div { dt { (method) } dd { (cell.text) } } }
}
