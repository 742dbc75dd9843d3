//! A result on stdout.

use crate::cli::Format;
use report::{Sum, format_count};
use std::io;

/// Prints the report whole on stdout, or says why it could not.
///
/// # Errors
/// Those of stdout.
pub fn print(report: &Sum, format: Format) -> io::Result<()> {
    let mut text = match format {
        Format::Json => serde_json::to_string(report)?,
        Format::Text => as_text(report),
    };
    text.push('\n');
    output::print(&text)
}

fn as_text(report: &Sum) -> String {
    let (result, seconds) = (&report.result, &report.seconds);
    let sum = result
        .sum
        .map_or_else(|| result.sum_hex.clone(), |sum| format!("{sum}"));
    let mut lines = vec![format!("sum      {sum} ({})", result.sum_hex)];
    if let Some(exact) = result.sum_int.as_ref().filter(|&exact| *exact != sum) {
        lines.push(format!("sum_int  {exact}"));
    }
    lines.extend([
        format!("count    {}", format_count(result.count)),
        format!("nan      {}", format_count(result.nan_count)),
        format!(
            "seconds  load {:.3}, share {:.3}, start {:.3}, run {:.3}; total (start + run) {:.3}",
            seconds.load, seconds.share, seconds.start, seconds.run, seconds.total
        ),
    ]);
    if let Some(gather) = seconds.gather {
        lines.push(format!(
            "gather   {gather:.3}; total + gather {:.3}",
            seconds.total + gather
        ));
        lines.push(format!("ranks    {}", report.ranks.len()));
    }
    if !seconds.repeats.is_empty() {
        let each: Vec<String> = seconds
            .repeats
            .iter()
            .map(|run| format!("{run:.3}"))
            .collect();
        lines.push(format!("runs     {}", each.join(", ")));
    }
    if report.retries > 0 {
        lines.push(format!("retries  {}", report.retries));
    }
    lines.join("\n")
}
