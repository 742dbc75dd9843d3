//! What the library promises its users, under every start method.
//!
//! A program of its own, without a harness: it forks, so it has to be single-threaded, and it is
//! its own worker program. `cargo test -p pool --test api -- PART` runs the checks whose name has
//! that part.

mod background;
mod ends;
mod logging;
mod maps;
mod points;
mod regions;
mod supervision;
mod tasks;

use pool::{Program, StartMethod};
use std::process::ExitCode;

/// A check that runs once for every start method.
type Check = fn(StartMethod);

const CHECKS: &[(&str, Check)] = &[
    (
        "logging::records_arrive_with_worker_and_task",
        logging::records_arrive_with_worker_and_task,
    ),
    (
        "logging::nothing_is_sent_unless_wanted",
        logging::nothing_is_sent_unless_wanted,
    ),
    (
        "regions::an_array_is_shared_by_many_tasks",
        regions::an_array_is_shared_by_many_tasks,
    ),
    (
        "regions::a_file_is_mapped_or_copied",
        regions::a_file_is_mapped_or_copied,
    ),
    (
        "regions::memory_is_inherited_by_forked_workers_only",
        regions::memory_is_inherited_by_forked_workers_only,
    ),
    (
        "supervision::a_time_limit_of_one_task",
        supervision::a_time_limit_of_one_task,
    ),
    (
        "supervision::retries_of_one_task",
        supervision::retries_of_one_task,
    ),
    (
        "supervision::the_certificate_tells_the_memory",
        supervision::the_certificate_tells_the_memory,
    ),
    (
        "supervision::counters_tell_respawned_and_memory",
        supervision::counters_tell_respawned_and_memory,
    ),
    (
        "background::many_threads_share_a_pool",
        background::many_threads_share_a_pool,
    ),
    (
        "background::the_queue_bound_holds",
        background::the_queue_bound_holds,
    ),
    (
        "background::one_task_has_its_own_terms",
        background::one_task_has_its_own_terms,
    ),
    (
        "background::handles_are_futures",
        background::handles_are_futures,
    ),
    (
        "background::submit_cancel_and_shutdown_race",
        background::submit_cancel_and_shutdown_race,
    ),
    (
        "supervision::a_worker_above_its_memory_limit_is_replaced",
        supervision::a_worker_above_its_memory_limit_is_replaced,
    ),
    (
        "supervision::the_initializer_runs_first_in_every_worker",
        supervision::the_initializer_runs_first_in_every_worker,
    ),
    (
        "supervision::an_initializer_that_fails_later_breaks_the_pool_once",
        supervision::an_initializer_that_fails_later_breaks_the_pool_once,
    ),
    (
        "maps::an_endless_iterator_is_taken_as_it_is_used",
        maps::an_endless_iterator_is_taken_as_it_is_used,
    ),
    (
        "maps::memory_is_flat_over_an_endless_iterator",
        maps::memory_is_flat_over_an_endless_iterator,
    ),
    (
        "maps::order_is_kept_or_not_as_asked",
        maps::order_is_kept_or_not_as_asked,
    ),
    (
        "points::harm_at_every_point_is_one_tasks_failure",
        points::harm_at_every_point_is_one_tasks_failure,
    ),
    (
        "points::death_with_much_in_flight",
        points::death_with_much_in_flight,
    ),
    (
        "ends::workers_that_die_while_the_pool_drains",
        ends::workers_that_die_while_the_pool_drains,
    ),
    (
        "ends::shut_down_while_a_worker_starts",
        ends::shut_down_while_a_worker_starts,
    ),
    (
        "ends::a_wait_may_end_before_the_task",
        ends::a_wait_may_end_before_the_task,
    ),
    (
        "ends::a_killed_program_leaves_no_worker",
        ends::a_killed_program_leaves_no_worker,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args
        .iter()
        .any(|arg| arg == "--fd" || arg == "--forkserver")
    {
        return runtime::run(&tasks::registry());
    }
    let itself = Program::current().expect("/proc tells");
    let methods = [
        StartMethod::Fork,
        StartMethod::Spawn(itself.clone()),
        StartMethod::ForkServer(itself),
    ];
    if let [how, stem] = &args[..]
        && how == "--be-killed"
    {
        let method = methods.iter().find(|method| method.stem() == stem);
        ends::be_killed(method.expect("a start method's stem").clone());
    }
    // What a program does that logs; forked workers inherit it.
    logging::begin();
    let part = args.iter().find(|arg| !arg.starts_with('-'));
    let mut ran = 0;
    for (name, check) in CHECKS {
        for method in &methods {
            let name = format!("{name} ({})", method.stem());
            if part.is_none_or(|part| name.contains(part.as_str())) {
                check(method.clone());
                println!("{name} ok");
                ran += 1;
            }
        }
    }
    println!("{ran} checks passed");
    ExitCode::SUCCESS
}
