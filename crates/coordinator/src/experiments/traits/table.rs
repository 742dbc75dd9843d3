//! The claims as text and as Markdown.

use comfy_table::{ContentArrangement, Table, TableStyle, presets};
use report::{TraitRow, Traits};
use serde_json::Value;
use std::fmt::Write as _;

/// Columns of a table for people, where stdout is no terminal that says otherwise.
const WIDTH: u16 = 132;

/// For people.
pub(super) fn text(traits: &Traits<Value>) -> String {
    let mut text = draw(traits, presets::UTF8_FULL, ContentArrangement::Dynamic);
    for row in &traits.rows {
        let _ = writeln!(text, "\n{}: {}", row.title, row.verdict.as_str());
        for line in details(row) {
            let _ = writeln!(text, "  {line}");
        }
    }
    let _ = writeln!(text, "\n{:.0} s", traits.seconds);
    text
}

/// For a Markdown file.
pub(super) fn markdown(traits: &Traits<Value>) -> String {
    let mut text = draw(
        traits,
        presets::ASCII_MARKDOWN,
        ContentArrangement::Disabled,
    );
    for row in &traits.rows {
        let _ = writeln!(text, "\n**{}: {}.**\n", row.title, row.verdict.as_str());
        for line in details(row) {
            let _ = writeln!(text, "- {line}");
        }
    }
    let machine = &traits.machine;
    let _ = writeln!(
        text,
        "\n{}, {} cores, Linux {}; {:.0} s.",
        machine.cpu, machine.cores, machine.kernel, traits.seconds
    );
    text
}

/// What stands below the table on a claim.
fn details(row: &TraitRow<Value>) -> Vec<String> {
    let statements = row.statements.iter().map(|statement| {
        let whose = if statement.study { "study" } else { "besides" };
        let held = if statement.holds { "true" } else { "false" };
        format!("{held} ({whose}): {}", statement.says)
    });
    let measured = [format!("measured: {}", row.measured)];
    let skipped = row.skipped.iter().map(|what| format!("skipped: {what}"));
    statements.chain(measured).chain(skipped).collect()
}

fn draw(traits: &Traits<Value>, style: TableStyle, arrangement: ContentArrangement) -> String {
    let mut table = Table::new();
    table
        .load_style(style)
        .set_content_arrangement(arrangement)
        .set_header(["claim", "fork", "spawn", "forkserver", "verdict"]);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    for row in &traits.rows {
        let cells = &row.cells;
        table.add_row([
            row.title.as_str(),
            &cells.fork.text,
            &cells.spawn.text,
            &cells.forkserver.text,
            row.verdict.as_str(),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}
