//! What the facade guarantees.
//!
//! A program of its own, without a harness: it forks, so it has to be single-threaded, and it is its
//! own worker program. `cargo test -p handoff --test api -- PART` runs the checks whose name has that
//! part. A hang ends it by SIGALRM.

mod arrays;
mod background;
mod errors;
mod fork_map;
mod pools;
mod starts;
mod streams;
mod tasks;

use handoff::StartMethod;

/// The longest that one check may take, in seconds.
const WATCHDOG_S: u32 = 60;

/// Every start method by which a pool can start workers of this program.
fn methods() -> [StartMethod; 4] {
    [
        StartMethod::Spawn,
        StartMethod::ForkServer,
        StartMethod::Fork,
        StartMethod::InProcess,
    ]
}

macro_rules! checks {
    ($($module:ident::$check:ident,)*) => {
        &[$((concat!(stringify!($module), "::", stringify!($check)), $module::$check as fn()),)*]
    };
}

/// Those that need a process without threads come first.
const CHECKS: &[(&str, fn())] = checks![
    fork_map::closures_and_items_are_inherited,
    fork_map::results_of_any_size_come_back_in_order,
    fork_map::many_tiny_items_are_each_run_once,
    fork_map::threads_that_were_joined_are_gone,
    fork_map::a_crash_names_item_and_signal,
    fork_map::an_exit_is_not_a_result,
    fork_map::a_panic_names_item_message_and_place,
    fork_map::a_result_that_cannot_travel_is_an_error,
    fork_map::no_items_need_no_process,
    fork_map::descriptors_of_the_program_stay_open,
    fork_map::a_grandchild_that_holds_the_pipe_holds_up_nobody,
    fork_map::nothing_is_left_behind,
    fork_map::works_where_sigchld_is_ignored,
    fork_map::memory_in_huge_pages_is_an_ordinary_vec,
    arrays::forked_children_have_arrays_of_their_own,
    arrays::parts_in_the_wrong_order_are_given_back,
    arrays::an_initializer_takes_no_arrays,
    arrays::memory_is_handed_over_and_returned,
    arrays::a_worker_keeps_and_returns_parts,
    arrays::a_forked_worker_has_what_was_alive,
    arrays::a_death_takes_what_was_handed_over,
    arrays::an_arena_that_is_full_fails_the_task_alone,
    arrays::the_bound_of_outputs_counts_arrays,
    pools::every_start_method_runs_tasks,
    pools::results_come_in_order_or_as_they_are,
    pools::results_of_threads_come_at_any_moment,
    pools::an_endless_map_can_be_left,
    pools::a_map_that_is_dropped_gives_up_what_has_not_begun,
    pools::large_arguments_and_results_travel,
    pools::a_reduction_merges_every_part,
    pools::the_initializer_runs_in_every_worker,
    pools::a_failing_initializer_is_an_error,
    pools::a_queue_bound_holds,
    pools::workers_know_their_name,
    pools::a_handle_of_another_pool_is_refused,
    pools::a_result_is_taken_once,
    pools::cancelling_a_queued_task,
    pools::every_answer_reaches_the_watcher,
    pools::records_and_lines_reach_the_watcher,
    tasks::recursion_calls_the_plain_function,
    tasks::an_argument_may_have_the_tasks_name,
    tasks::sources_of_errors_are_kept,
    tasks::sixteen_arguments,
    tasks::tasks_of_the_trait_are_called_too,
    errors::kinds_and_details,
    errors::threads_refuse_limits,
    errors::types_that_cannot_travel_say_so,
    starts::arguments_of_the_program_do_not_matter,
    starts::the_variable_is_gone_in_workers,
    starts::a_worker_program_of_another_build_is_refused,
    starts::a_worker_program_of_ones_own_serves,
    starts::a_task_knows_its_attempt,
    starts::stderr_passes_through_with_the_workers_name,
    starts::panics_of_a_tasks_threads_are_not_lost,
    background::handles_are_futures,
    background::waiting_for_room_blocks_no_executor,
    streams::results_come_in_order_and_calls_only_some_way_ahead,
    streams::results_come_as_they_are_ready,
    streams::a_call_that_cannot_be_sent_is_one_result,
    streams::a_dropped_stream_gives_up_what_has_not_begun,
    streams::a_stream_holds_up_nobody_while_it_is_not_asked,
    streams::a_stream_ends_with_its_pool,
    background::a_dropped_future_cancels_its_task,
    background::handles_can_be_polled_and_waited_for,
    background::who_is_woken_may_ask_a_pool_that_ends,
    background::a_watcher_does_not_wait_for_its_pool,
    background::the_last_clone_may_be_dropped_where_it_is_woken,
    background::shutdown_is_for_all_clones,
    fork_map::threads_are_refused,
];

fn main() {
    let registry = handoff::Registry::new();
    if std::env::args().nth(1).as_deref() == Some("--other-build") {
        // As a worker program whose task has changed since.
        handoff::init_with(registry.with::<tasks::OtherDouble>());
    } else {
        handoff::init_with(registry.with::<tasks::Double>());
    }
    starts::be_asked();
    let part = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let mut ran = 0;
    for (name, check) in CHECKS {
        if part
            .as_ref()
            .is_none_or(|part| name.contains(part.as_str()))
        {
            nix::unistd::alarm::set(WATCHDOG_S);
            check();
            println!("{name} ok");
            ran += 1;
        }
    }
    println!("{ran} checks passed");
    assert!(ran > 0, "no check has that name");
}
