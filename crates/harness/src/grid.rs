//! A table of words, drawn for a terminal or as Markdown, and numbers as tables write them.

use comfy_table::{CellAlignment, ContentArrangement, Table, TableStyle, presets};
use report::Spread;

/// Rows of words under a head. The first `labels` columns stand left, the others right.
#[derive(Debug, Clone)]
pub struct Grid {
    /// The columns' names.
    pub head: Vec<String>,
    /// One entry a column.
    pub rows: Vec<Vec<String>>,
    /// Columns that are names, not figures.
    pub labels: usize,
}

impl Grid {
    /// An empty table.
    pub fn new(head: &[&str], labels: usize) -> Grid {
        Grid {
            head: head.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
            labels,
        }
    }

    /// For people at a terminal.
    pub fn for_terminal(&self) -> String {
        self.draw(presets::UTF8_FULL_CONDENSED)
    }

    /// For a Markdown file.
    pub fn for_markdown(&self) -> String {
        self.draw(presets::ASCII_MARKDOWN)
    }

    fn draw(&self, style: TableStyle) -> String {
        let mut table = Table::new();
        table
            .load_style(style)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(&self.head)
            .add_rows(&self.rows);
        for column in table.column_iter_mut().skip(self.labels) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{}\n", table.trim_fmt())
    }
}

/// Seconds with three digits that count: `12.7 s`, `0.982 s`, `1.24 ms`.
pub fn seconds(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v.abs() < 1e-3 => format!("{} µs", three_digits(v * 1e6)),
        v if v.abs() < 1.0 => format!("{} ms", three_digits(v * 1e3)),
        v => format!("{} s", three_digits(v)),
    }
}

/// A median in seconds, with its ends where they differ from it.
pub fn seconds_spread(spread: &Spread) -> String {
    let median = seconds(spread.median);
    let (min, max) = (seconds(spread.min), seconds(spread.max));
    if min == median && max == median {
        median
    } else {
        format!("{median} ({min} – {max})")
    }
}

/// Bytes in MB (10⁶), the unit of the timeline aside: tables compare, they do not count pages.
pub fn megabytes(bytes: f64) -> String {
    format!("{} MB", three_digits(bytes / 1e6))
}

/// Bytes in the unit that suits them, powers of ten: `4.80 GB`, `0.54 MB` as `540 kB`.
#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
pub fn size(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e3 => format!("{b} bytes"),
        b if b < 1e6 => format!("{} kB", three_digits(b / 1e3)),
        b if b < 1e9 => format!("{} MB", three_digits(b / 1e6)),
        b => format!("{} GB", three_digits(b / 1e9)),
    }
}

/// A multiple: `1.07 ×`.
pub fn times(ratio: f64) -> String {
    format!("{} ×", three_digits(ratio))
}

/// Three digits that count, and never an exponent.
pub fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(seconds(0.0), "0");
        assert_eq!(seconds(0.000_012_34), "12.3 µs");
        assert_eq!(seconds(0.98249), "982 ms");
        assert_eq!(seconds(12.688), "12.7 s");
        assert_eq!(times(1.074), "1.07 ×");
        assert_eq!(megabytes(4_800_000_000.0), "4800 MB");
    }

    #[test]
    fn a_spread_of_nothing_is_one_figure() {
        assert_eq!(
            seconds_spread(&Spread {
                median: 1.0,
                min: 1.0,
                max: 1.0
            }),
            "1.00 s"
        );
        assert_eq!(
            seconds_spread(&Spread {
                median: 1.0,
                min: 0.5,
                max: 2.0
            }),
            "1.00 s (500 ms – 2.00 s)"
        );
    }

    #[test]
    fn markdown_is_markdown() {
        let mut grid = Grid::new(&["cell", "total"], 1);
        grid.rows.push(vec!["mmap".to_owned(), "1.00 s".to_owned()]);
        assert_eq!(
            grid.for_markdown(),
            "| cell |  total |\n|------|--------|\n| mmap | 1.00 s |\n"
        );
    }
}
