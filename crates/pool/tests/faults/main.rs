//! Faults by real kills: what a task can do to its worker, and what its pool makes of it.
//!
//! One list of cases, instantiated for every start method. Only a single-threaded process may
//! fork, so each case runs in a process of its own, which this program starts with a deadline; the
//! same program is the worker of those that spawn.

mod cases;
mod escapes;
mod harness;
mod hostile;
mod pools;
mod tasks;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("--fd" | "--forkserver") => runtime::run(&tasks::registry()),
        Some("--hostile") => hostile::main(args),
        Some("--case") => {
            let (name, method) = (args.next().unwrap(), args.next().unwrap());
            harness::run_case(cases::named(&name), &method);
            ExitCode::SUCCESS
        }
        _ => harness::run_all(cases::ALL),
    }
}
