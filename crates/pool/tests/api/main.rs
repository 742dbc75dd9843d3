//! What the library guarantees to its users, under every start method.
//!
//! A program of its own, without a harness: it forks, so it has to be single-threaded, and it is
//! its own worker program. `cargo test -p pool --test api -- PART` runs the checks whose name has
//! that part.

mod background;
mod descriptors;
mod ends;
mod logging;
mod maps;
mod points;
mod regions;
mod soft;
mod supervision;
mod surroundings;
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
        "descriptors::a_region_lost_for_want_of_one_is_sent_again",
        descriptors::a_region_lost_for_want_of_one_is_sent_again,
    ),
    (
        "descriptors::a_call_that_was_not_sent_uses_up_no_budget",
        descriptors::a_call_that_was_not_sent_uses_up_no_budget,
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
        "supervision::a_worker_answers_what_came_behind_a_long_call",
        supervision::a_worker_answers_what_came_behind_a_long_call,
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
        "supervision::an_initializer_that_fails_later_breaks_the_pool_in_the_end",
        supervision::an_initializer_that_fails_later_breaks_the_pool_in_the_end,
    ),
    (
        "soft::a_hook_interrupts_a_task_that_is_to_end",
        soft::a_hook_interrupts_a_task_that_is_to_end,
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
    (
        "surroundings::an_event_loop_needs_the_descriptor_alone",
        surroundings::an_event_loop_needs_the_descriptor_alone,
    ),
    (
        "surroundings::a_task_runs_while_the_caller_is_busy",
        surroundings::a_task_runs_while_the_caller_is_busy,
    ),
    (
        "surroundings::nobody_is_late_because_the_caller_was_away",
        surroundings::nobody_is_late_because_the_caller_was_away,
    ),
    (
        "surroundings::a_dropped_map_withdraws_what_has_not_begun",
        surroundings::a_dropped_map_withdraws_what_has_not_begun,
    ),
    (
        "surroundings::a_map_reads_ahead_by_bytes",
        surroundings::a_map_reads_ahead_by_bytes,
    ),
    (
        "surroundings::a_watcher_that_panics_is_reported_once",
        surroundings::a_watcher_that_panics_is_reported_once,
    ),
    (
        "surroundings::what_belongs_to_another_pool_is_refused",
        surroundings::what_belongs_to_another_pool_is_refused,
    ),
    (
        "surroundings::a_budget_of_no_task_is_refused",
        surroundings::a_budget_of_no_task_is_refused,
    ),
    (
        "surroundings::a_cancelled_task_takes_no_other_with_it",
        surroundings::a_cancelled_task_takes_no_other_with_it,
    ),
    (
        "surroundings::a_death_whose_status_nobody_gets",
        surroundings::a_death_whose_status_nobody_gets,
    ),
    (
        "surroundings::very_many_workers",
        surroundings::very_many_workers,
    ),
    (
        "surroundings::a_worker_program_that_is_gone",
        surroundings::a_worker_program_that_is_gone,
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
    let itself = Program::current().expect("/proc is mounted");
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
