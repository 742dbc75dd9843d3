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
    if value == 0.0 {
        return "0".to_owned();
    }
    let (factor, unit) = seconds_unit(value);
    format!("{} {unit}", three_digits(value * factor))
}

/// Seconds at a mark of an axis, which is a round number: `50 ms`, `1.5 s`, `2 s`.
pub fn tick(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let (factor, unit) = seconds_unit(value * (1.0 + 1e-9));
    let text = format!("{:.2}", value * factor);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {unit}")
}

/// What stands behind a median in a table, for the text above it.
pub const SPREAD_MEANS: &str = "median [95 % confidence interval] n runs; (min–max) where there are too \
                                few runs for an interval";

/// A median in seconds with its interval and the number of runs: `178 ms [171–190] n 12`.
pub fn seconds_spread(spread: &Spread) -> String {
    let (factor, unit) = seconds_unit(spread.median);
    figures(&spread.scaled(factor), unit)
}

/// A median with its interval, or with the range of all measurements where there is none, and with the
/// number of measurements.
pub fn figures(spread: &Spread, unit: &str) -> String {
    let mut text = format!("{} {unit}", three_digits(spread.median));
    let ends = |[low, high]: [f64; 2]| format!("{}–{}", three_digits(low), three_digits(high));
    match spread.interval {
        Some(interval) => text += &format!(" [{}]", ends(interval)),
        None if spread.min < spread.max => {
            text += &format!(" ({})", ends([spread.min, spread.max]))
        }
        None => {}
    }
    if let Some(n) = spread.n {
        text += &format!(" n {n}");
    }
    text
}

/// The ends of an interval of seconds, in the unit of its middle: `171–190 ms`.
pub fn seconds_range(middle: f64, [low, high]: [f64; 2]) -> String {
    let (factor, unit) = seconds_unit(middle);
    format!(
        "{}–{} {unit}",
        three_digits(low * factor),
        three_digits(high * factor)
    )
}

/// What to multiply seconds with, and the unit that they have then.
fn seconds_unit(value: f64) -> (f64, &'static str) {
    match value.abs() {
        v if v > 0.0 && v < 1e-3 => (1e6, "µs"),
        v if v < 1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    }
}

/// Bytes in MB (10⁶), the unit of the timeline aside: tables compare, they do not count pages.
pub fn megabytes(bytes: f64) -> String {
    format!("{} MB", three_digits(bytes / 1e6))
}

/// A parent's or dataset's size in powers of two, as a user types it: `64 MiB`, `4 GiB`.
pub fn binary_size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => "0".to_owned(),
        mib if mib % 1024 == 0 => format!("{} GiB", mib / 1024),
        mib => format!("{mib} MiB"),
    }
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
    if value.abs() >= 999.5 {
        let unit = 10_f64.powf(value.abs().log10().floor() - 2.0);
        return format!("{:.0}", (value / unit).round() * unit);
    }
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
        assert_eq!(three_digits(6189.4), "6190");
        assert_eq!(three_digits(999.6), "1000");
    }

    #[test]
    fn marks_of_an_axis_are_round() {
        for (value, text) in [
            (0.0, "0"),
            (0.1, "100 ms"),
            (1.0, "1 s"),
            (1.5, "1.5 s"),
            (10.0, "10 s"),
            (0.001, "1 ms"),
        ] {
            assert_eq!(tick(value), text);
        }
    }

    #[test]
    fn a_median_stands_with_its_interval_or_its_range_and_its_number() {
        let alone = Spread::of(1.0, 1.0, 1.0);
        assert_eq!(seconds_spread(&alone), "1.00 s");
        let few = Spread {
            n: Some(3),
            ..Spread::of(1.0, 0.5, 2.0)
        };
        assert_eq!(seconds_spread(&few), "1.00 s (0.50–2.00) n 3");
        let many = Spread {
            n: Some(12),
            interval: Some([0.98, 1.03]),
            ..few
        };
        assert_eq!(seconds_spread(&many), "1.00 s [0.98–1.03] n 12");
        assert_eq!(figures(&many, "×"), "1.00 × [0.98–1.03] n 12");
        let small = many.scaled(1e-3);
        assert_eq!(seconds_spread(&small), "1.00 ms [0.98–1.03] n 12");
        assert_eq!(seconds_range(0.178, small.ends()), "0.98–1.03 ms");
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
