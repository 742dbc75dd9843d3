//! The reference measurements as a table.

use report::{Limit, Limits, Pages, Touch, Unit};

use super::names::{unit, width};

use harness::grid::{Grid, SPREAD_MEANS, figures, seconds_spread};

/// The table for a terminal.
pub(crate) fn terminal(limits: &Limits) -> String {
    format!("\n{}\n{}", heading(limits), grid(limits).for_terminal())
}

/// The table as a Markdown page.
pub(crate) fn markdown(limits: &Limits) -> String {
    format!(
        "# Reference measurements\n\n{}\n\nA value is the {SPREAD_MEANS}. First: page tables are \
         filled during the measurement; again: they are there.\n\n{}",
        heading(limits),
        grid(limits).for_markdown(),
    )
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
    let mut grid = Grid::new(&["reference", "by", "pages", "touch", "value"], 4);
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
        Unit::GigabytesPerSecond => figures(&spread, unit(limit.unit)),
        Unit::Microseconds => seconds_spread(&spread.scaled(1e-6)),
    }
}
