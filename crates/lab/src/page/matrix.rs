//! The page of a matrix: what is fastest in words, then everything that was measured.

use maud::{Markup, html};
use report::{Limits, Matrix, format_count};

use super::figures::{Figure, Figures};
use super::html::{Made, Page, date, findings, foot, grid};
use super::names::TRAITS_PAGE;
use super::{table, words};
use harness::grid::size;

/// The page, with the figure of the start cost where it was measured beside the matrix.
pub(crate) fn page(
    matrix: &Matrix,
    limits: Option<&Limits>,
    figures: &Figures,
    start_cost: Option<&Figure>,
) -> String {
    let title = format!(
        "Handoff: {} records on {}",
        format_count(matrix.dataset.records),
        matrix.machine.cpu
    );
    let made = Made {
        machine: &matrix.machine,
        dataset: Some(&matrix.dataset.path),
        date: &matrix.date,
        version: &matrix.version,
        command: &matrix.command,
        files: "matrix.json, limits.json, timelines.json and traits.json",
    };
    Page {
        title,
        head: head(matrix),
        body: html! {
            (glance(figures, start_cost))
            (results(matrix))
            (times(limits, figures))
            (memory(figures))
            (lanes(figures))
            (machines(figures))
            (machine(limits))
        },
        foot: foot(&made),
    }
    .render()
}

fn head(matrix: &Matrix) -> Markup {
    html! {
        h1 { "What it costs to hand over data" }
        p.facts {
            (format_count(matrix.dataset.records)) " records, " (size(matrix.dataset.bytes)) "; "
            (matrix.machine.cpu) ", " (matrix.machine.cores) " cores; " (date(&matrix.date))
        }
        (findings(words::findings(matrix)))
    }
}

fn glance(figures: &Figures, start_cost: Option<&Figure>) -> Markup {
    html! {
        @if figures.overview.is_some() || start_cost.is_some() {
            section {
                h2 { "At a glance" }
                p {
                    "Of each transport the cell with the least wall: medians of its phases, and \
                     what starting and ending the program adds."
                    @if start_cost.is_some() {
                        " Then what one child costs, by the memory of its parent: "
                        a href=(TRAITS_PAGE) { "more on start methods" } "."
                    }
                }
                (grid(figures.overview.iter().chain(start_cost)))
            }
        }
    }
}

fn results(matrix: &Matrix) -> Markup {
    html! {
        section {
            h2 #table { "Results" }
            p {
                "Medians of up to " (matrix.runs) " runs, below them the 95 % confidence interval, or the \
                 minimum and maximum of fewer than 6 runs. A click on a column's name sorts by it."
            }
            div.wide tabindex="0" role="region" aria-labelledby="table" { (table::results(matrix)) }
        }
    }
}

fn times(limits: Option<&Limits>, figures: &Figures) -> Markup {
    html! {
        section {
            h2 { "Start and run by number of workers" }
            p {
                "Without loading and filling. A mark is the median, its bar the minimum and maximum. \
                 The scale is logarithmic and the same in all charts."
                @if limits.is_some() {
                    " The dashed line is the reference, a plain program that moves the same bytes."
                }
            }
            (grid(&figures.totals))
        }
        section {
            h2 { "Where the time goes" }
            p {
                "Medians of the phases, in the order load, fill, start, run; the bar at the end \
                 spans the smallest and the largest sum of a run, the figure behind it is the \
                 median of the sums. Every chart has its own scale."
            }
            (grid(&figures.phases))
        }
    }
}

fn memory(figures: &Figures) -> Markup {
    html! {
        section {
            h2 { "Memory per process" }
            p {
                "A mark for each process of each run: filled is the peak of its heap, \
                 hollow the private memory that it had after the run. The scale is logarithmic."
            }
            (grid(&figures.memory))
        }
    }
}

fn machines(figures: &Figures) -> Markup {
    html! {
        @if let Some(machines) = &figures.machines {
            section {
                h2 { "Over several machines" }
                p {
                    "A run of the cluster, the lanes of a machine together. All times are those of \
                     rank 0's clock; those of other machines are off by at most what cluster.json \
                     says of each rank."
                }
                (grid([machines]))
            }
        }
    }
}

fn lanes(figures: &Figures) -> Markup {
    html! {
        @if !figures.lanes.is_empty() {
            section {
                h2 { "Who did what when" }
                p {
                    "The run nearest to each cell's median, one lane a process. Where a worker's \
                     lane is a thin line, it waits. While a batch is on its way with bytes or \
                     serde, its worker sums what has come of it already. The coordinator's phases \
                     are placed by their lengths and the workers' events."
                }
                @for (place, (transport, lanes)) in figures.lanes.iter().enumerate() {
                    details open[place == 0] {
                        summary { (transport) }
                        (grid(lanes))
                    }
                }
            }
        }
    }
}

fn machine(limits: Option<&Limits>) -> Markup {
    html! {
        @if let Some(limits) = limits {
            section {
                h2 { "Reference measurements" }
                p { "Plain programs that move the same bytes, measured in the same session." }
                div.wide tabindex="0" role="region" aria-label="Reference measurements" { (table::limits(limits)) }
            }
        }
    }
}
