//! The limits as a table.

use report::{Limit, Limits, Pages, Touch, Unit, Width};

use harness::grid::{Grid, seconds_spread, three_digits};

/// The table for a terminal.
pub(crate) fn terminal(limits: &Limits) -> String {
    format!("\n{}\n{}", heading(limits), grid(limits).for_terminal())
}

/// The table as a Markdown page.
pub(crate) fn markdown(limits: &Limits) -> String {
    format!(
        "# Limits\n\n{}\n\nMedian (least – most). First: page tables are filled on the way; again: \
         they are there.\n\n{}",
        heading(limits),
        grid(limits).for_markdown(),
    )
}

/// `1 thread`, `8 processes`.
pub(crate) fn width(width: Width) -> String {
    match width {
        Width::Threads(1) => "1 thread".to_owned(),
        Width::Threads(n) => format!("{n} threads"),
        Width::Processes(1) => "1 process".to_owned(),
        Width::Processes(n) => format!("{n} processes"),
    }
}

fn heading(limits: &Limits) -> String {
    let machine = &limits.machine;
    format!(
        "{}, {} cores, Linux {}; {} of {} MB; {}",
        machine.cpu,
        machine.cores,
        machine.kernel,
        limits.data.path,
        limits.data.bytes / 1_000_000,
        limits.date,
    )
}

fn grid(limits: &Limits) -> Grid {
    let mut grid = Grid::new(&["limit", "by", "pages", "touch", "value"], 4);
    for limit in &limits.limits {
        let pages = match limit.pages {
            None => "",
            Some(Pages::Base) => "base",
            Some(Pages::Huge) => "huge",
        };
        let touch = match limit.touch {
            None => "",
            Some(Touch::First) => "first",
            Some(Touch::Again) => "again",
        };
        grid.rows.push(vec![
            limit.probe.clone(),
            width(limit.width),
            pages.to_owned(),
            touch.to_owned(),
            value(limit),
        ]);
    }
    grid
}

fn value(limit: &Limit) -> String {
    let Some(spread) = limit.value else {
        let reason = limit.note.as_deref().unwrap_or("no reason given");
        return format!("not measured: {reason}");
    };
    match limit.unit {
        Unit::GigabytesPerSecond => format!(
            "{} GB/s ({} – {})",
            three_digits(spread.median),
            three_digits(spread.min),
            three_digits(spread.max),
        ),
        Unit::Microseconds => seconds_spread(&report::Spread {
            median: spread.median / 1e6,
            min: spread.min / 1e6,
            max: spread.max / 1e6,
        }),
    }
}
