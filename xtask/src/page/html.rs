//! The page itself: one file that needs no other and no network.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use report::{Cell, Limits, Machine, Matrix, StartMethod, Transport, format_count};

use super::figures::{Figure, Figures, palette};
use super::{FIGURES, table, words};
use crate::grid::megabytes;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("sort.js");

/// The whole page.
pub(crate) fn page(matrix: &Matrix, limits: Option<&Limits>, figures: &Figures) -> String {
    let title = format!(
        "Handoff: {} records on {}",
        format_count(matrix.dataset.records),
        matrix.machine.cpu
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(palette::style("figure svg "))) }
            }
            body {
                header { (head(matrix)) }
                main { (body(matrix, limits, figures)) }
                footer { (foot(matrix)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn head(matrix: &Matrix) -> Markup {
    html! {
        h1 { "What it costs to hand over data" }
        p.facts {
            (format_count(matrix.dataset.records)) " records, "
            (megabytes(float(matrix.dataset.bytes))) "; "
            (matrix.machine.cpu) ", " (matrix.machine.cores) " cores; " (matrix.date)
        }
        dl.findings {
            @for finding in words::findings(matrix) {
                div { dt { (finding.about) } dd { (finding.text) } }
            }
        }
    }
}

fn body(matrix: &Matrix, limits: Option<&Limits>, figures: &Figures) -> Markup {
    html! {
        section {
            h2 #table { "Results" }
            p {
                "Medians of " (matrix.runs) " runs, the least and the greatest below them. "
                "A click on a column's name sorts by it."
            }
            div.wide tabindex="0" role="region" aria-labelledby="table" { (table::results(matrix)) }
        }
        section {
            h2 { "Total time by number of workers" }
            p {
                "Start and run. A mark is the median, its bar the least and the greatest run. \
                 The scale is logarithmic and the same in all charts."
                @if limits.is_some() {
                    " The dashed line is what the machine itself needs for the bytes."
                }
            }
            (grid(&figures.totals))
        }
        section {
            h2 { "Where the time goes" }
            p {
                "Medians of the phases, in the order load, share, start, run; the bar at the end \
                 spans the least and the greatest sum of a run. Every chart has its own scale."
            }
            (grid(&figures.phases))
        }
        section {
            h2 { "Memory per process" }
            p {
                "A mark for each process of each run: filled is the greatest heap that it ever \
                 had, hollow the private memory that it had after the run. The scale is logarithmic."
            }
            (grid(&figures.memory))
        }
        @if !figures.lanes.is_empty() {
            section {
                h2 { "Who did what when" }
                p {
                    "The run nearest to each cell's median, one lane a process. Where a worker's \
                     lane is a thin line, it waits; with bytes and serde it then sums what has \
                     come of its batch, and computes what is left once all of it has. The \
                     coordinator's phases are placed by their lengths and the workers' events."
                }
                @for (place, (transport, lanes)) in figures.lanes.iter().enumerate() {
                    details open[place == 0] {
                        summary { (transport) }
                        (grid(lanes))
                    }
                }
            }
        }
        @if let Some(limits) = limits {
            section {
                h2 { "What the machine can do" }
                p { "Measured in the same run, with a few lines of straight code each." }
                div.wide tabindex="0" role="region" aria-label="Limits" { (table::limits(limits)) }
            }
        }
    }
}

fn grid(figures: &[Figure]) -> Markup {
    html! {
        div.grid {
            @for figure in figures {
                figure {
                    (PreEscaped(figure.inline()))
                    figcaption {
                        a href=(format!("{FIGURES}/{}.svg", figure.name)) { "as a file" }
                    }
                }
            }
        }
    }
}

fn foot(matrix: &Matrix) -> Markup {
    html! {
        h2 { "How this was made" }
        dl.facts {
            @for (name, value) in facts(&matrix.machine) { div { dt { (name) } dd { (value) } } }
            div { dt { "dataset" } dd { (matrix.dataset.path) } }
            div { dt { "date" } dd { (matrix.date) } }
            div { dt { "version" } dd { "Handoff " (matrix.version) } }
            div { dt { "command" } dd { code { (command(matrix)) } } }
        }
        p { "The figures are those of matrix.json, limits.json and timelines.json beside this page." }
    }
}

fn facts(machine: &Machine) -> Vec<(&'static str, String)> {
    let setting =
        |word: &Option<String>| word.clone().unwrap_or_else(|| "no such setting".to_owned());
    let shm = machine
        .dev_shm_bytes
        .map_or_else(|| "none".to_owned(), |bytes| megabytes(float(bytes)));
    vec![
        ("processor", format!("{}, {}", machine.cpu, machine.arch)),
        ("cores", machine.cores.to_string()),
        ("memory", megabytes(float(machine.memory_bytes))),
        ("kernel", format!("Linux {}", machine.kernel)),
        ("pages", format!("{} bytes", machine.page_size)),
        ("huge pages", setting(&machine.huge_pages.enabled)),
        (
            "huge pages, shared memory",
            setting(&machine.huge_pages.shmem_enabled),
        ),
        ("/dev/shm", shm),
    ]
}

/// A command that makes such a matrix.
fn command(matrix: &Matrix) -> String {
    let among = |of: &dyn Fn(Cell) -> String, order: Vec<String>| -> String {
        let used: Vec<String> = matrix.cells.iter().map(|cell| of(cell.cell)).collect();
        let used: Vec<String> = order
            .into_iter()
            .filter(|word| used.contains(word))
            .collect();
        used.join(",")
    };
    let methods = among(
        &|cell| cell.start_method.to_string(),
        StartMethod::ALL.map(|method| method.to_string()).to_vec(),
    );
    let transports = among(
        &|cell| cell.transport.to_string(),
        Transport::ALL
            .map(|transport| transport.to_string())
            .to_vec(),
    );
    let mut workers: Vec<u32> = matrix.cells.iter().map(|cell| cell.cell.workers).collect();
    workers.sort_unstable();
    workers.dedup();
    let workers: Vec<String> = workers.iter().map(u32::to_string).collect();
    format!(
        "cargo xtask matrix{} --start-methods {methods} --transports {transports} --workers {} \
         --runs {} --seed {}",
        dataset(&matrix.dataset.path),
        workers.join(","),
        matrix.runs,
        matrix.seed,
    )
}

/// How the dataset is asked for: one of the workspace's own by its size, others by their path.
fn dataset(path: &str) -> String {
    let own = path
        .strip_prefix("data/records-")
        .and_then(|rest| rest.strip_suffix(".npy"));
    match (path, own) {
        ("data/records.npy", _) => String::new(),
        (_, Some(records)) => format!(" --records {records}"),
        (_, None) => format!(" --data {path}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}
