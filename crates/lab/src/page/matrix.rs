//! The sections of the sum over a file: every cell, where its time goes, what its processes did.

use maud::{Markup, html};
use report::{Limits, Matrix};

use super::figures::{Figure, Figures};
use super::html::grid;
use super::names::TRAITS_PAGE;
use super::table;
use crate::matrix::faster;

/// All of them.
pub(crate) fn sections(
    matrix: &Matrix,
    limits: Option<&Limits>,
    figures: &Figures,
    start_cost: Option<&Figure>,
) -> Markup {
    html! {
        (results(matrix))
        (glance(figures, start_cost))
        (lanes(figures))
        (machines(figures))
        (references(matrix, limits))
    }
}

fn results(matrix: &Matrix) -> Markup {
    html! {
        section {
            h2 #table { "Job: sum over a file" }
            p {
                "Workers sum a column of a file that is in the system's cache. Every run is a dot, the line is the \
                 median; below a time its 95 % interval, or the minimum and maximum of fewer than 6 runs. * is \
                 the fastest, = cannot be distinguished from it. Up to " (matrix.runs) " runs a row; a click on \
                 a column's name sorts by it."
            }
            label.toggle { input type="checkbox"; " all columns: phases, references, memory" }
            div.wide tabindex="0" role="region" aria-labelledby="table" { (table::results(matrix)) }
        }
    }
}

fn glance(figures: &Figures, start_cost: Option<&Figure>) -> Markup {
    html! {
        @if figures.overview.is_some() || start_cost.is_some() {
            section {
                h2 { "Where the time goes" }
                p {
                    "The fastest row of each transport: medians of its phases, and what starting and ending the \
                     program adds."
                    @if start_cost.is_some() {
                        " Then the time to start one child, by the memory of its parent: "
                        a href=(TRAITS_PAGE) { "more on start methods" } "."
                    }
                }
                (grid(figures.overview.iter().chain(start_cost)))
                details {
                    summary { "The phases of every row" }
                    p { "Medians; the bar at the end spans the smallest and the largest sum of a run. Every chart \
                         has its own scale." }
                    (grid(&figures.phases))
                }
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
                    "The fastest row of each transport, its run nearest to the median: a lane for each process. \
                     Where a worker's lane is a thin line, it waits. With bytes and serde a worker sums what has \
                     arrived while the rest of its batch is on its way."
                }
                (grid(&figures.lanes))
            }
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

fn references(matrix: &Matrix, limits: Option<&Limits>) -> Markup {
    let faster = faster::lines(matrix);
    html! {
        @if limits.is_some() || !faster.is_empty() {
            section {
                h2 { "Reference measurements" }
                p { "Plain programs that move the same bytes, measured between the runs. A reference is not a \
                     limit." }
                @if !faster.is_empty() {
                    h3 { "Rows that are faster than their reference, and why" }
                    ul #faster { @for line in &faster { li { (line) } } }
                }
                @if let Some(limits) = limits {
                    details {
                        summary { "All references" }
                        div.wide tabindex="0" role="region" aria-label="Reference measurements" { (table::limits(limits)) }
                    }
                }
            }
        }
    }
}
