//! `coordinator doctor`: what works well on this machine, what does not, and the command that fixes it.
//!
//! One file a subject. Each reads what the kernel reports, and judges it by functions of that text or
//! number alone, which are what the tests call. No setting is ever changed.

mod dataset;
mod finding;
mod kernel;
mod limits;
mod memory;
mod print;
mod processors;
mod programs;
mod trial;

use crate::cli::{DoctorArgs, Format};
use crate::datasets;
use crate::exit::Failure;
use ::dataset::Dataset;
use anyhow::Context;
use machine::machine;
use report::{Doctor, Finding, Grade};

/// Looks, and prints what was found.
pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let dataset = args.data.as_deref().map(datasets::open).transpose()?;
    let trial = args.try_it.then(trial::run).transpose();
    let machine = machine();
    let mut findings: Vec<Finding> = Vec::new();
    let bytes = dataset.as_ref().map(Dataset::data_len);
    findings.extend(memory::findings(&machine, bytes, &trial));
    findings.extend(limits::findings(bytes));
    findings.extend(processors::findings());
    findings.extend(kernel::findings());
    findings.extend(programs::findings(args.worker_bin.as_deref()));
    if let Some(dataset) = &dataset {
        findings.extend(dataset::findings(dataset));
    }
    findings.sort_by_key(|finding| finding.grade);
    let doctor = Doctor {
        schema: report::SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: pool::PROTOCOL,
        machine,
        dataset: args.data.as_ref().map(|path| path.display().to_string()),
        findings,
        trial: trial.ok().flatten(),
    };
    let text = match args.format {
        Format::Text => print::text(&doctor, args.all),
        Format::Json => format!("{}\n", serde_json::to_string(&doctor)?),
    };
    output::print(&text).context("cannot print the findings")?;
    let failed = doctor.findings.iter().filter(|f| f.grade == Grade::Bad);
    match failed.count() {
        failed if failed > 0 && args.strict => {
            Err(anyhow::anyhow!("{failed} of the checks failed").into())
        }
        _ => Ok(()),
    }
}
