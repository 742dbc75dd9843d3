//! The report of a folder: what to choose, then what was measured, then what the words mean.

use maud::{Markup, html};
use report::{Bench, Limits, Machine, Matrix};

use super::figures::{Figure, Figures};
use super::html::{Made, Page, date, findings, foot};
use super::names::people;
use super::{glossary, jobs, matrix, memory, recommend, words};
use harness::grid::size;

/// What a folder holds.
pub(crate) struct Material<'a> {
    /// The sum over a file.
    pub(crate) matrix: Option<&'a Matrix>,
    /// The other jobs.
    pub(crate) jobs: &'a [Bench],
    /// The timelines of each job.
    pub(crate) lanes: &'a [Vec<Figure>],
    /// The reference measurements.
    pub(crate) limits: Option<&'a Limits>,
    /// The figures of the matrix.
    pub(crate) figures: Option<&'a Figures>,
    /// The figure of what starting costs.
    pub(crate) start_cost: Option<&'a Figure>,
}

/// The page; none where there is neither a matrix nor a job.
pub(crate) fn page(material: &Material<'_>) -> Option<String> {
    let made = made(material)?;
    let what = match (material.matrix, material.jobs) {
        (Some(matrix), _) => format!("{} records", people(matrix.dataset.records)),
        (None, [bench]) => bench.job.name.clone(),
        (None, _) => "jobs".to_owned(),
    };
    let page = Page {
        title: format!("Handoff: {what} on {}", made.machine.cpu),
        head: head(material, &made),
        body: html! {
            (recommend::section(material.matrix, material.jobs))
            @if let Some(matrix) = material.matrix {
                section { h2 { "What was found" } (findings(words::findings(matrix))) }
            }
            (jobs::isolation(material.matrix, material.jobs))
            (jobs::by_size(material.jobs))
            (memory::section(material.matrix, material.jobs))
            @if let (Some(matrix), Some(figures)) = (material.matrix, material.figures) {
                (matrix::sections(matrix, material.limits, figures, material.start_cost))
            }
            (jobs::tables(material.jobs, material.lanes))
            (glossary::section())
        },
        foot: foot(&made),
    };
    Some(page.render())
}

fn made<'a>(material: &Material<'a>) -> Option<Made<'a>> {
    let files = "matrix.json, limits.json, timelines*.json, traits.json and job-*.json";
    if let Some(matrix) = material.matrix {
        return Some(Made {
            machine: &matrix.machine,
            dataset: Some(&matrix.dataset.path),
            date: &matrix.date,
            version: &matrix.version,
            command: &matrix.command,
            files,
        });
    }
    let bench = material.jobs.first()?;
    Some(Made {
        machine: &bench.machine,
        dataset: None,
        date: &bench.date,
        version: &bench.version,
        command: &bench.command,
        files,
    })
}

fn head(material: &Material<'_>, made: &Made<'_>) -> Markup {
    html! {
        h1 { "What it costs to hand work and data to processes" }
        p.facts {
            @if let Some(matrix) = material.matrix {
                (people(matrix.dataset.records)) " records, " (size(matrix.dataset.bytes)) "; "
            }
            (made.machine.cpu) ", " (made.machine.cores) " processors; " (date(made.date)) ". "
            a href="#glossary" { "What the words mean" }
        }
        (warning(made.machine))
    }
}

/// What a reader has to know of the machine before he believes a figure.
fn warning(machine: &Machine) -> Markup {
    html! {
        @if machine.virtual_machine == Some(true) {
            p.warning {
                "Measured on a virtual machine. Its host supplies memory and processor time at a rate that \
                 changes: what fills fresh memory may vary several times from run to run. Ratios within this \
                 page hold better than its seconds."
            }
        }
        @if machine.governor.as_deref().is_some_and(|governor| governor == "powersave") {
            p.warning { "The processor's frequency is governed by powersave: short runs are slower than need be." }
        }
    }
}
